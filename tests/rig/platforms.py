"""The platforms that a fuzzed file is compiled for, and the files of its repository.

Contexts are those of the cases on disk, so that each capability of a cluster is there and absent. It must not decide
which one is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mcd.appyaml.compiler import Context, Source, check, compile_app
from mcd.appyaml.context import NO_CONTEXT, read_context
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.fields import keys_of
from mcd.infra.catalog import KINDS
from tests.schemas.strict import VERSIONS

CASES = Path(__file__).parents[1] / "appyaml"
COMMIT = "3f2c1a9d5e8b7c6a4f0e1d2c3b4a59687f6e5d4c"


class _Repository(Mapping[str, bytes]):
    """A repository that has nearly every file; what is in one follows from its name."""

    def __getitem__(self, path: str) -> bytes:
        if "absent" in path:
            raise KeyError(path)
        if path.endswith((".bin", ".jks")):
            return bytes(range(256))
        return b"" if "empty" in path else f"{path}: {{{{ .App }}}}\n".encode()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


SOURCE = Source(COMMIT, branch="main", tag="v1.2.3", files=_Repository())


@dataclass(frozen=True)
class Platform:
    """A context, its text (empty: none was given), and the Kubernetes that it is for."""

    text: bytes
    context: Context
    kubernetes: str


@cache
def platforms() -> tuple[Platform, ...]:
    """None first; then each different context of the cases, in their order."""
    texts = [(CASES / "page" / "context.yaml").read_bytes()]
    for folder in (CASES / "cases", CASES / "page" / "cases"):
        texts += [file.read_bytes() for file in sorted(folder.glob("*/context.yaml"))]
    found = [Platform(b"", _with_catalogue(NO_CONTEXT), "")]
    for text in dict.fromkeys(texts):
        context, _ = read_context(text, "context.yaml")
        if context is not None:
            found.append(Platform(text, _with_catalogue(context), _version(context)))
    return tuple(found)


def platform_of(text: bytes) -> Platform:
    """The platform of a context file. Raises ValueError when the text is none."""
    if not text:
        return platforms()[0]
    context, problems = read_context(text, "context.yaml")
    if context is None:
        raise ValueError("\n".join(str(problem) for problem in problems))
    return Platform(text, _with_catalogue(context), _version(context))


def _with_catalogue(context: Context) -> Context:
    return replace(context, kinds=KINDS)


def _version(context: Context) -> str:
    """The newest Kubernetes that has schemas here and is not newer than the cluster's."""
    fits = [v for v in VERSIONS if int(v.partition(".")[2]) <= context.cluster.minor]
    return fits[-1] if fits else VERSIONS[0]


@cache
def accepted_alone(model: type, kind: str) -> tuple[str, ...]:
    """The keys whose example is accepted when nothing else is written, on the platform of the page."""
    good = []
    for word, key in keys_of(model).items():
        if not key.example or (kind and key.only and kind not in key.only):
            continue
        head = "appname: shop\n"
        needs = {"service": ", ports: {grpc: 9000}", "cron": ', schedule: "@daily"'}.get(kind, "")
        if model is App:
            text = f"{head}{word}: {key.example}\ncomponents: {{web: {{type: web}}}}\n"
        elif model is Component:
            text = f"{head}components: {{web: {{type: {kind}{needs}, {word}: {key.example}}}}}\n"
        else:
            continue
        if compile_app(check(text, "app.yaml"), platforms()[1].context, SOURCE).ok:
            good.append(word)
    return tuple(good)
