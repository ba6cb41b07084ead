"""What stands in an exported folder: objects one file each, a kustomization, blanks for secrets, a list of images.

Pure and deterministic: values in, path → bytes out. A secret is a named blank that makes kubectl stop until a person
has filled it in, never an empty value. It must not touch a disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mcd.appyaml.render.files import placeholders
from mcd.appyaml.spec.app import AppSpec
from mcd.appyaml.spec.pod import Origin, SecretNeed
from mcd.cli.export.needs import images
from mcd.objects import FIRST_WAVE, TRIGGER, Object, to_yaml

BEFORE = "before/"
"""The folder of what must have run before the rest: there is one when a job is to run before each deploy."""
FILL_IN = "FILL IN"


@dataclass(frozen=True, slots=True)
class Exported:
    """An App with everything that is known of it: `objects` in apply order, those of the product line first."""

    spec: AppSpec
    objects: Sequence[Object]
    secrets: Sequence[SecretNeed]

    @property
    def has_before(self) -> bool:
        return any(_runs_before(obj) for obj in self.objects)


@dataclass(frozen=True, slots=True)
class Blank:
    """A file that a person writes. `path` is where, `sample` what lies there instead (path and text), `keys` what the
    Secret `secret` takes from it; `named` is the secret in the portal, the infra, or the place of a file."""

    secret: str
    source: Origin
    named: str
    path: str
    keys: tuple[str, ...]
    sample: tuple[str, str]


def _runs_before(obj: Object) -> bool:
    trigger: str = obj["metadata"].get("annotations", {}).get(TRIGGER, "")
    return obj["kind"] == "Job" and trigger == "pre_deploy"


def files_of(exported: Exported) -> dict[str, bytes]:
    """Every file but README.md: path from the folder → bytes."""
    files: dict[str, bytes] = {}
    first: list[str] = []
    rest: list[str] = []
    for number, obj in enumerate(exported.objects, 1):
        path = place_of(exported, number, obj)
        files[path] = to_yaml([obj]).encode()
        (first if path.startswith(BEFORE) else rest).append(path.removeprefix(BEFORE))
    secrets = [_generator(exported, need) for need in exported.secrets]
    if exported.has_before:
        files[f"{BEFORE}kustomization.yaml"] = _kustomization(first, secrets)
        files["kustomization.yaml"] = _kustomization(["before", *rest], [])
    else:
        files["kustomization.yaml"] = _kustomization(rest, secrets)
    for blank in blanks_of(exported):
        path, text = blank.sample
        files[path] = text.encode()
    files[".gitignore"] = "".join(f"/{blank.path}\n" for blank in blanks_of(exported)).encode()
    files["images.txt"] = "".join(f"{image}\n" for image in images(exported.objects)).encode()
    return dict(sorted(files.items()))


def place_of(exported: Exported, number: int, obj: Object) -> str:
    """The path of an object, which is the `number`th from 1."""
    digits = max(2, len(str(len(exported.objects))))
    early = exported.has_before and (obj["kind"] in FIRST_WAVE or _runs_before(obj))
    name = f"objects/{number:0{digits}}-{obj['kind'].lower()}-{obj['metadata']['name']}.yaml"
    return (BEFORE if early else "") + name


def _kustomization(resources: Sequence[str], secrets: Sequence[Object]) -> bytes:
    whole: Object = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
        "sortOptions": {"order": "fifo"},
    }
    if secrets:
        whole |= {"generatorOptions": {"disableNameSuffixHash": True}, "secretGenerator": list(secrets)}
    return to_yaml([whole]).encode()


# --- secrets ----------------------------------------------------------------------------------------------------------


def _is_file(key: str) -> bool:
    """Whether a value is rather a file than a word: tls.crt, config.json. A file may have several lines."""
    return "." in key


def _generator(exported: Exported, need: SecretNeed) -> Object:
    """What kustomize makes a Secret of."""
    made: Object = {"name": need.name, "namespace": exported.spec.namespace}
    words = [key for key in need.keys if not _is_word_file(need, key)]
    files = [key for key in need.keys if _is_word_file(need, key)]
    if words:
        made["envs"] = [f"secrets/{need.name}.env"]
    if files:
        made["files"] = [f"{key}=secrets/{need.name}/{key}" for key in files]
    if set(need.keys) == {"tls.crt", "tls.key"}:
        made["type"] = "kubernetes.io/tls"
    return made


def _is_word_file(need: SecretNeed, key: str) -> bool:
    return need.source is Origin.FILES or _is_file(key)


def blanks_of(exported: Exported) -> list[Blank]:
    """What a person fills in, in order of the Secrets."""
    base = BEFORE if exported.has_before else ""
    texts = _texts(exported.spec)
    return [blank for need in exported.secrets for blank in _blanks(exported.spec, need, base, texts)]


def _blanks(
    spec: AppSpec, need: SecretNeed, base: str, texts: Mapping[tuple[str, str], tuple[str, str]]
) -> Iterator[Blank]:
    words = tuple(key for key in need.keys if not _is_word_file(need, key))
    if words:
        path = f"{base}secrets/{need.name}.env"
        named = need.secret or ", ".join(f"{key}: {spec.generated[key]}" for key in words if key in spec.generated)
        head = f"# {described(need)}\n# Copy this file to {need.name}.env and replace every line below by KEY=VALUE.\n"
        lines = "".join(f"{key}: {FILL_IN}\n" for key in words)
        yield Blank(need.name, need.source, named, path, words, (f"{path}.example", head + lines))
    for key in need.keys:
        if _is_word_file(need, key):
            path = f"{base}secrets/{need.name}/{key}"
            where, sample = texts.get((need.name, key), ("", f"{FILL_IN}: {described(need)}, key {key}\n"))
            yield Blank(need.name, need.source, need.secret or where, path, (key,), (f"{path}.example", sample))


def _texts(spec: AppSpec) -> dict[tuple[str, str], tuple[str, str]]:
    """Files with secrets in them: Secret and key → path in the container, and the text with `<<secret:OBJECT/KEY>>`
    where a value belongs."""
    return {
        (component.files.secret, file.key): (f"{file.path} of {component.name}", placeholders(file.pieces))
        for each in spec.components
        for component in (each, each.newest)
        for volume in component.files.volumes
        for file in volume.files
        if file.pieces
    }


def described(need: SecretNeed) -> str:
    """What a Secret is, for a person."""
    return {
        Origin.SETTINGS: f'Secret "{need.secret}" of the App',
        Origin.LINE: f'Secret "{need.secret}" of the product line',
        Origin.INFRA: f'Address and account of infra "{need.secret}"',
        Origin.GENERATED: "Texts that are made once: letters and digits of your own, never changed again",
        Origin.FILES: "Files that contain secrets",
    }[need.source]
