"""`mcd export`: a folder that plain kubectl applies on a cluster that has nothing but Kubernetes, blanks filled in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcd.cli.export.contents import Exported, blanks_of, files_of
from mcd.cli.export.readme import readme
from scripts.cluster.api import kubectl
from tests.appyaml.evidence import Evidence, everything
from tests.cli.conftest import Mcd, Ran
from tests.kube import apiserver

WHOLE = """\
appname: shop
env: {TOKEN: {secret: payment/token}, CERT: {secret: payment/tls.crt}}
files:
  /etc/app.conf: {template: true, content: "password={{ .Env.TOKEN }}\\n"}
permdir: true
components:
  web: {type: web, replicas: 2, health: /h, autoscale: ~}
  migrate: {type: job, trigger: pre_deploy, command: ./migrate}
  tool: {type: job, command: ./tool}
""".replace(", autoscale: ~", "")
HELLO = "appname: hello\ncomponents: {web: {type: web, image: 'r.test/hello:1'}}\n"
INGRESS = "cluster: {gateway_api: false, prometheus_operator: false, ingress_class: nginx, base_domain: example.com}\n"


@dataclass
class Person:
    """Somebody with a folder, the command and kubectl."""

    folder: Path
    mcd: Mcd

    def export(self, *words: str, app: str = WHOLE, image: str = "r.test/shop:1") -> Ran:
        (self.folder / "app.yaml").write_text(app)
        return self.mcd("export", "out", *(["--image", image] if image else []), *words, cwd=self.folder)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def files(self) -> dict[str, bytes]:
        return {p.relative_to(self.out).as_posix(): p.read_bytes() for p in self.out.rglob("*") if p.is_file()}

    def fill_in(self) -> None:
        """What the README asks for: every example copied, every line replaced."""
        for sample in [p for p in self.out.rglob("*.example") if p.is_file()]:
            lines = sample.read_text().splitlines(keepends=True)
            filled = [line.replace(": FILL IN", "=a value") for line in lines if not line.startswith("#")]
            sample.with_suffix("").write_text("".join(filled))

    def kubectl(self, *words: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
        flags = ["--kubeconfig", str(config)] if config else []
        return subprocess.run(
            [kubectl(), *flags, *words], cwd=self.folder, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def person(tmp_path: Path, here: Mcd) -> Person:
    folder = tmp_path / "person"
    folder.mkdir()
    return Person(folder, here)


# --- real kubectl, real API server ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster with nothing but Kubernetes, and its kubeconfig."""
    if apiserver.binary("kube-apiserver") is None or apiserver.binary("etcd") is None:
        pytest.skip("etcd and kube-apiserver are not built yet: make servers")
    with apiserver.running() as server:
        file = tmp_path_factory.mktemp("kube") / "config"
        file.write_text(server.kubeconfig())
        yield file


@pytest.mark.cluster
def test_a_plain_cluster_takes_the_folder_once_it_is_filled_in(person: Person, config: Path) -> None:
    assert person.export().code == 0
    assert person.kubectl("create", "namespace", "demo", config=config).returncode == 0
    empty = person.kubectl("apply", "-k", "out", config=config)
    assert empty.returncode != 0
    assert "before/secrets/shop-migrate-secfiles" in empty.stderr
    assert "no such file or directory" in empty.stderr
    assert person.kubectl("get", "all,secrets,pvc", "-n", "demo", config=config).stdout == ""
    person.fill_in()
    dry = person.kubectl("apply", "-k", "out", "--dry-run=server", config=config)
    assert dry.returncode == 0, dry.stderr
    done = person.kubectl("apply", "-k", "out", config=config)
    assert done.returncode == 0, done.stderr
    assert person.kubectl("apply", "-k", "out", config=config).returncode == 0
    told = person.kubectl("get", "secret", "-n", "demo", "shop-secret-payment", "-o", "json", config=config).stdout
    assert json.loads(told)["data"].keys() == {"token", "tls.crt"}


@pytest.mark.cluster
def test_a_line_that_was_forgotten_is_refused_by_the_cluster(person: Person, config: Path) -> None:
    person.export()
    person.fill_in()
    env = person.out / "before/secrets/shop-secret-payment.env"
    env.write_text((person.out / "before/secrets/shop-secret-payment.env.example").read_text())
    done = person.kubectl("apply", "-k", "out", "--namespace", "demo", "--dry-run=server", config=config)
    assert done.returncode != 0
    assert "token: FILL IN" in done.stderr


@pytest.mark.cluster
def test_the_product_line_comes_along_and_ingress_if_the_context_says_so(person: Person, config: Path) -> None:
    (person.folder / "context.yaml").write_text(INGRESS)
    told = person.export("--line", "--environment", "site-9", "--context", "context.yaml", app=HELLO, image="")
    assert told.code == 0
    assert person.kubectl("apply", "-f", "out/objects/01-namespace-site-9.yaml", config=config).returncode == 0
    done = person.kubectl("apply", "-k", "out", "--dry-run=server", config=config)
    assert done.returncode == 0, done.stderr
    assert "ingress.networking.k8s.io/hello-web" in done.stdout
    assert "An ingress class `nginx`." in (person.out / "README.md").read_text()


# --- what stands in the folder ----------------------------------------------------------------------------------------


def test_the_objects_are_those_of_render_one_file_each_in_their_order(person: Person) -> None:
    (person.folder / "context.yaml").write_text(INGRESS)
    person.export("--context", "context.yaml", app=HELLO, image="")
    rendered = person.mcd("render", "--context", "context.yaml", cwd=person.folder).out
    kustomization = yaml.safe_load((person.out / "kustomization.yaml").read_text())
    texts = [(person.out / name).read_text() for name in kustomization["resources"]]
    assert "---\n".join(texts) == rendered
    assert (person.out / "images.txt").read_text() == "r.test/hello:1\n"


def test_two_exports_are_the_same_bytes_in_any_locale(person: Person) -> None:
    person.export()
    first = person.files()
    subprocess.run(
        [sys.executable, "-m", "mcd", "export", "out2", "--image", "r.test/shop:1"], cwd=person.folder, check=True,
        env={"LC_ALL": "C", "PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"}, capture_output=True, timeout=60,
    )  # fmt: skip
    second = {p.relative_to(person.folder / "out2").as_posix(): p.read_bytes()
              for p in (person.folder / "out2").rglob("*") if p.is_file()}  # fmt: skip
    assert first == second


def test_no_blank_is_empty_and_each_is_named_in_the_readme_and_kept_out_of_git(person: Person) -> None:
    person.export()
    page = (person.out / "README.md").read_text()
    ignored = (person.out / ".gitignore").read_text().splitlines()
    samples = [name for name in person.files() if name.endswith(".example")]
    assert len(samples) == 5
    for name in samples:
        path = name.removesuffix(".example")
        assert f"| `{path}` |" in page
        assert f"/{path}" in ignored
        assert not (person.out / path).exists()
        lines = (person.out / name).read_text().splitlines()
        assert not any(line.rstrip().endswith("=") for line in lines)
    secret = person.out / "before/secrets/shop-web-secfiles"
    (template,) = [p.read_text() for p in secret.iterdir()]
    assert template == "password=<<secret:shop-secret-payment/token>>\n"


def test_the_readme_says_what_is_needed_in_which_order_and_what_is_not_included(person: Person) -> None:
    person.export()
    page = (person.out / "README.md").read_text()
    for said in (
        "The namespace `demo`",
        "A storage class `shared`.",
        "job/shop-migrate",
        "rollout status deployment/shop-web",
        "`shop-tool` is there and suspended",
        "An address from outside",
        "secret `payment` of the App",
    ):
        assert said in page, said
    assert page.index("apply -k before") < page.index("wait --for=condition=complete") < page.index("apply -k .\n")
    assert "None" not in page
    assert "canary" not in page, "this App has no steps"


EVERY = [case for case in everything() if case.accepted and case.compiled.spec is not None]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_every_case_makes_a_folder_whose_parts_fit(case: Evidence) -> None:
    assert case.compiled.spec is not None
    exported = Exported(case.compiled.spec, case.compiled.objects, case.compiled.secrets)
    files = files_of(exported)
    blanks = {blank.path for blank in blanks_of(exported)}
    found: list[Any] = []
    for folder in ("", "before/"):
        if f"{folder}kustomization.yaml" not in files:
            continue
        told = yaml.safe_load(files[f"{folder}kustomization.yaml"])
        found += [yaml.safe_load(files[folder + name]) for name in told["resources"] if name != "before"]
        for made in told.get("secretGenerator", ()):
            sources = [*made.get("envs", ()), *(entry.partition("=")[2] for entry in made.get("files", ()))]
            assert sources
            assert {folder + source for source in sources} <= blanks
            blanks -= {folder + source for source in sources}
    assert not blanks
    assert len(found) == len(exported.objects)
    for blank in blanks_of(exported):
        assert blank.sample[1].strip()
        assert blank.named, blank
    assert all(len(line) < 400 for line in readme(exported, case.compiled.problems).splitlines())


# --- the folder on the disk -------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_left_alone(person: Person) -> None:
    person.out.mkdir()
    (person.out / "mine").write_text("x")
    told = person.export()
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        "mcd: out is not empty. Nothing was written. Name another folder, or say --force: what you filled in stays.\n"
    )
    assert person.files() == {"mine": b"x"}


def test_force_replaces_what_was_exported_and_keeps_what_was_filled_in(person: Person) -> None:
    person.export()
    person.fill_in()
    (person.out / "mine").write_text("x")
    filled = (person.out / "before/secrets/shop-secret-payment.env").read_bytes()
    less = WHOLE.replace("TOKEN: {secret: payment/token}", "TOKEN: {secret: payment/token}, KEY: {secret: payment/key}")
    told = person.export("--force", app=less.replace("  tool: {type: job, command: ./tool}\n", ""))
    assert told.code == 0
    files = person.files()
    assert files["mine"] == b"x"
    assert files["before/secrets/shop-secret-payment.env"] == filled
    assert "before/secrets/shop-secret-payment.env: it is yours and was kept. Add key.\n" in told.err
    assert not any("shop-tool" in name and name.endswith(".yaml") for name in files)


@pytest.mark.parametrize("link", ["objects", "before", "before/secrets"])
def test_force_never_writes_through_a_link_out_of_the_folder(person: Person, link: str) -> None:
    elsewhere = person.folder / "elsewhere"
    elsewhere.mkdir()
    (person.out / link).parent.mkdir(parents=True)
    (person.out / link).symlink_to(elsewhere, target_is_directory=True)
    told = person.export("--force")
    said = f"mcd: out/{link} is a link to another folder. Nothing was written. Remove the link, or name another folder."
    assert (told.code, told.out, told.err.splitlines()[-1]) == (2, "", said)
    assert (list(elsewhere.iterdir()), person.files()) == ([], {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("app.yaml",), "mcd: app.yaml is a file. Name a folder."),
        (("nowhere/out",), "mcd: nowhere is not a folder. Make it first."),
        (("a" * 300,), "file name too long. Check the path."),
        (("out", "--commit", "x"), '--commit: "x" is not a commit.'),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(person: Person, words: tuple[str, ...], said: str) -> None:
    (person.folder / "app.yaml").write_text(HELLO)
    told = person.mcd("export", *words, cwd=person.folder)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert len(told.err.splitlines()) == 1


def test_an_image_that_nobody_built_is_asked_for(person: Person) -> None:
    told = person.export(image="")
    assert told.code == 2
    assert told.err.splitlines()[-1] == (
        "no image is named for migrate, tool, web. Write --image REF, or --commit SHA of a build."
    )
    assert not person.out.exists()


def test_a_secret_need_not_be_known_and_the_text_of_a_config_map_must_be(person: Person) -> None:
    (person.folder / "context.yaml").write_text(INGRESS)
    assert person.export("--context", "context.yaml").code == 0
    app = HELLO + "files: {/etc/motd: {config: texts/motd}}\n"
    told = person.export("--context", "context.yaml", "--force", app=app)
    assert told.code == 1
    assert told.err.splitlines()[-1].endswith(
        'motd"].config: there is no config map "texts". Write it into --context, as settings.configs.'
    )
    elsewhere = HELLO + "environments: {other: {files: {/etc/motd: {config: texts/motd}}}}\n"
    assert person.export("--context", "context.yaml", "--force", app=elsewhere).code == 0
    files = "{type: daemon, image: 'r.test/x:1', files: {/m: {config: t/m}}}"
    called = f"appname: hello\ncomponents: {{files: {files}}}\n"
    told = person.export("--context", "context.yaml", "--force", app=called)
    assert (told.code, 'there is no config map "t"' in told.err) == (1, True)
    (person.folder / "context.yaml").write_text(INGRESS + "settings: {configs: {texts: {motd: Good day}}}\n")
    assert person.export("--context", "context.yaml", "--force", app=app).code == 0
    assert b"Good day" in b"".join(person.files().values())


def test_a_file_with_errors_writes_nothing(person: Person) -> None:
    told = person.export(app="appname: shop\ncomponents: {web: {type: web, portt: 1}}\n")
    assert told.code == 1
    assert 'app.yaml:2:31: components.web.portt: there is no "portt" here. Did you mean "port"?' in told.err
    assert not person.out.exists()


def test_a_disk_that_refuses_leaves_nothing_behind(person: Person) -> None:
    """The last file cannot take its place: what a full disk would do."""
    person.out.mkdir()
    (person.out / "README.md").mkdir()
    (person.out / "README.md" / "x").write_text("x")
    told = person.export("--force")
    assert told.code == 2
    assert "out cannot be written: " in told.err
    assert not [p for p in person.out.iterdir() if p.name.startswith(".mcd")]


def test_a_program_reads_what_was_written_and_what_is_missing(person: Person) -> None:
    answer = json.loads(person.export("-o", "json").out)
    assert answer["folder"] == "out"
    assert answer["files"] == sorted(person.files())
    assert "before/secrets/shop-secret-payment.env" in answer["fill_in"]
