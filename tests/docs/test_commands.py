"""Every command of every page is typed by something: here, or by an acceptance row on the real cluster. A page that is
new, or gains a command, has to say where it is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from mcd.kube.memory import MemoryCluster
from tests.cli.conftest import TWO, Mcd, Platform, here
from tests.docs.typing import DOCS, Terminal, blocks, lines

__all__ = ["here"]

ROOT = DOCS.parent
SHOP = f"appname: shop\ncomponents:\n  {TWO.replace(chr(10), chr(10) + '  ')}\n"
POOL = "labels: {mcd/pool: gpu-t4}\n"


@dataclass(frozen=True)
class Typed:
    """How a page is typed here: by whom, over what, and which of its lines end with another code than 0."""

    person: str = "olaf"
    files: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Terminal], None] = lambda _: None
    codes: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """A line, or its beginning → the file that types it, and what stands there."""


def shop(terminal: Terminal) -> None:
    terminal.platform.deployed("shop", TWO)


def twice(terminal: Terminal) -> None:
    """An App with a Release to go back to, and a clone of it at hand."""
    shop(terminal)
    cluster: MemoryCluster = terminal.platform.world.kube
    for ref in cluster.objects():
        if ref.kind == "Pod":
            cluster.set_logs("demo", ref.name, "web", [b"listening"])
    cluster.set_commands(lambda command: (b"uid=10001\n", b"", 0))


def repository(terminal: Terminal) -> None:
    """A folder of a developer's own, with a commit of it deployed by a push."""
    assert terminal.type("git init -q -b main . && git add . && git commit -q -m one") == 0
    assert terminal.type("git push -q -o product-line=demo http://127.0.0.1:7070/git/shop.git main") == 0, terminal.said
    terminal.platform.until(lambda: terminal.platform.is_ready("shop"))
    assert terminal.type("sed -i s/x:1/x:2/ app.yaml && git commit -qam two") == 0


GENERATES = "web: {type: web, image: 'registry.test/x:1', env: {SESSION_KEY: {generate: secret, length: 64}}}"


def six_times(terminal: Terminal) -> None:
    for number in range(6):
        terminal.platform.deployed("shop", GENERATES.replace("x:1", f"x:{number}"))


def required(terminal: Terminal) -> None:
    """A push that is refused, because nobody has filled in what its app.yaml requires."""
    repository(terminal)
    assert terminal.type("printf 'env:\\n  SITE_NAME: {required: true}\\n' >> app.yaml && git commit -qam three") == 0
    remote = "git config remote.origin.url http://127.0.0.1:7070/git/shop.git && git config branch.main.remote origin"
    assert terminal.type(f"{remote} && git config branch.main.merge refs/heads/main") == 0
    assert terminal.type("git push") != 0
    assert "SITE_NAME is required" in terminal.said["git push"]


def versions(terminal: Terminal) -> None:
    """A repository with two tags, and the context that the page shows."""
    (context,) = re.findall(r"^```yaml\n(product_line.*?)^```$", (DOCS / "how-to/export.md").read_text(), re.M | re.S)
    (terminal.folder / "harbour.yaml").write_text(context)
    assert terminal.type("git init -q -b main . && git add . && git commit -q -m one && git tag v1.2") == 0
    assert terminal.type("sed -i s/x:1/x:2/ app.yaml && git commit -qam two && git tag v1.3") == 0


def kept(terminal: Terminal) -> None:
    """A data folder beside that of the platform, with an App that is gone."""
    data = terminal.folder / ".local" / "mcd" / "data"
    terminal.swaps["shop.0198c2a1-….git"] = "shop.0198c2a1-0000-7000-8000-000000000000.git"
    gone = data / "git" / ".gone" / terminal.swaps["shop.0198c2a1-….git"]
    assert terminal.type(f"MCD_DATA={data} mcd admin migrate && git init -q --bare {gone}") == 0, terminal.said


def whole(terminal: Terminal) -> None:
    """A data folder to back up and restore; an App with a commit; a cluster that is to get another credential."""
    repository(terminal)
    terminal.swaps |= {"/another/place": str(terminal.folder), "06177cdea5ec": "$(git rev-parse HEAD~1 | cut -c1-12)"}
    data = terminal.folder / "data"
    terminal.env["MCD_DATA"] = str(data)
    assert terminal.type(f"mcd admin migrate && git init -q --bare -b main {data}/git/shop.git") == 0, terminal.said
    assert terminal.type(f"git push -q {data}/git/shop.git main") == 0, terminal.said
    assert terminal.type("mcd cluster create north --kubeconfig new.yaml") == 0, terminal.said


KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://north.test"}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
POSTGRES = ("docs/how-to/install.md", "pg_restore --exit-on-error")
"""The same program, typed by the acceptance of that page."""
EXPORTED = ("tests/cli/test_export.py", '"apply", "-k", "out", "--dry-run=server"')

TYPED: Mapping[str, Typed] = {
    "how-to/deleted-apps.md": Typed(before=kept),
    "how-to/export.md": Typed(files={"app.yaml": SHOP}, before=versions, elsewhere={"kubectl ": EXPORTED}),
    "how-to/operate.md": Typed(
        person="root", files={"app.yaml": SHOP, "new.yaml": KUBECONFIG}, before=whole,
        codes={"mcd doctor": 1},  # the clock of the platform is not that of this machine: the token is long over
        elsewhere={
            "(umask 077; pg_dump": POSTGRES,
            "pg_restore": POSTGRES,
            "mcd serve": ("tests/acceptance/processes.py", '("api",)'),
            "MCD_HOLDER=": ("tests/acceptance/processes.py", '("controllers",)'),
        },
    ),
    "how-to/rollback.md": Typed(before=six_times),
    "how-to/secrets.md": Typed(
        files={"payment.env": "token=a\n", "token.txt": "b\n", "database.env": "url=c\n"}, before=six_times
    ),
    "how-to/settings.md": Typed(files={"app.yaml": SHOP, "nginx.conf": "events {}\n"}, before=required),
    "reference/app-yaml.md": Typed(
        files={"client.env": "OAUTH2_PROXY_CLIENT_ID=a\nOAUTH2_PROXY_CLIENT_SECRET=b\nOAUTH2_PROXY_COOKIE_SECRET=c\n"}
    ),
    "how-to/deploy.md": Typed(files={"app.yaml": SHOP}, before=repository),
    "how-to/scale.md": Typed(before=shop),
    "how-to/logs-and-shell.md": Typed(before=twice, codes={"mcd logs shop/web --previous": 3}),
    "how-to/domains.md": Typed(before=shop, files={"tls.crt": "certificate", "tls.key": "key"}),
    "how-to/gpu.md": Typed(
        person="root", files={"pool.yaml": POOL},
        before=lambda t: (
            t.platform.deployed("face", "engine: {type: daemon, image: 'registry.test/x:1', command: run}"),
            t.type("mcd node-pool set gpu-t4 --cluster local -f pool.yaml"),
        )[0],
    ),
    "how-to/pools.md": Typed(person="root"),
    "how-to/members.md": Typed(person="root"),
    "how-to/tokens.md": Typed(),
    "how-to/why.md": Typed(before=shop),
    "how-to/remove.md": Typed(before=shop),
}  # fmt: skip
"""Pages that are typed here, whole and in their order."""

ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "quick-start.md": ("tests/acceptance/page.py", "tests/docs/test_quick_start.py"),
    "quick-start.zh.md": ("tests/docs/test_translations.py",),
    "how-to/install.md": ("tests/acceptance/medicine.py", "tests/docs/test_install.py"),
}
"""Pages that are typed word for word by the acceptance; the tests beside say that no block is left out."""

GENERATED = {"reference/command.md"}
"""Its examples are those of the commands' own help: tests/cli/test_reference.py."""


def pages() -> Iterator[str]:
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        if blocks(name):
            yield name


def test_every_page_with_a_command_says_where_it_is_typed() -> None:
    assert set(pages()) == set(TYPED) | set(ACCEPTED) | GENERATED


@pytest.mark.parametrize("file", sorted({file for files in ACCEPTED.values() for file in files}))
def test_what_is_said_to_type_a_page_is_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_nothing_to_type_hides_in_a_block_without_a_language() -> None:
    """`sh` is what is typed; what a command says, and what stands in a file, is another block."""
    found = []
    for path in sorted(DOCS.rglob("*.md")):
        if "reference" in path.parts or "adr" in path.parts:
            continue
        for kind, block in re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S):
            if kind in ("", "text") and re.search(r"^\$ ", block, re.M):
                found.append(f"{path.name}: {block}")
    assert found == []


@pytest.fixture
def terminal(here: Mcd, tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """A platform of the page's own, so that a page finds only what it says."""
    from tests.controllers.world import migrated

    folder = tmp_path / "platform"
    folder.mkdir()
    platform = Platform(folder, migrated(folder / "template.db"))
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # its log is not the command's output
    platform.start()
    work = tmp_path / "terminal" / "shop"
    work.mkdir(parents=True)
    yield lambda person: Terminal(here, platform, work, person)
    platform.end()
    structlog.reset_defaults()


@pytest.mark.parametrize("page", sorted(TYPED))
def test_each_command_does_what_the_page_says(page: str, terminal: Callable[[str], Terminal]) -> None:
    how = TYPED[page]
    at = terminal(how.person)
    for name, text in how.files.items():
        (at.folder / name).write_text(text)
    how.before(at)
    for block in blocks(page):
        for line in lines(block):
            if any(line.startswith(start) for start in how.elsewhere):
                continue
            plain = re.sub(r" +#.*$", "", line)
            if plain.startswith("mcd why"):  # it tells of a change under way, too
                at.platform.until(lambda: at.platform.is_ready(plain.split()[2]))  # noqa: B023
            code = at.type(line)
            assert code == how.codes.get(plain, 0), f"{line}: {at.said[line]}"


def test_what_is_typed_elsewhere_stands_in_the_page_and_there() -> None:
    for page, how in TYPED.items():
        typed = [line for block in blocks(page) for line in lines(block)]
        for start, (file, words) in how.elsewhere.items():
            assert any(line.startswith(start) for line in typed), f"{page} has no line {start}"
            assert words in (ROOT / file).read_text(encoding="utf-8"), f"{file} does not type {start}"
