"""What every component of one run shares, and the names that follow from it.

It must not resolve anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from mcd.appyaml.context import Context
from mcd.appyaml.record import record
from mcd.appyaml.resolve.blocks import Compiled
from mcd.appyaml.resolve.injected import NOTHING_INJECTED, Injected
from mcd.appyaml.resolve.pieces import Piece, Spent
from mcd.appyaml.resolve.variables import Environment
from mcd.appyaml.schema.app import App
from mcd.appyaml.spec.app import Source
from mcd.appyaml.spec.app_dep import AppDepSpec
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.spec.pod import SecretNeed
from mcd.appyaml.spec.storage import FileSpec, PermdirSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings


@record
class AskedHost:
    """One item of `domains`, its templates expanded. `where` is its path in the file."""

    component: str
    host: str
    path: str
    tls: str
    where: Path


@record
class MadeFile:
    """A file of the top level as one component has it: what the variables were that it asked for, and how many bytes
    came out of its templates."""

    file: FileSpec
    asked: Mapping[str, tuple[Piece, ...] | None]
    length: int

    def is_for(self, look: Callable[[str], tuple[Piece, ...] | None]) -> bool:
        """Whether who sees these variables has the same file."""
        return all(look(name) == pieces for name, pieces in self.asked.items())


@record
class Resolving:
    """What every component of one run shares."""

    app: App
    name: str
    parent: str
    """The App whose image it is: of a Pre App its parent, else itself."""
    line: str
    namespace: str
    context: Context
    source: Source
    text: str
    findings: Findings
    webs: int
    """How many web components there are: the only one gets the short domain."""
    infra: Mapping[str, InfraSpec] = field(default_factory=dict)
    app_dep: Mapping[str, AppDepSpec] = field(default_factory=dict)
    injected: Injected = NOTHING_INJECTED
    credentials: Mapping[str, SecretNeed] = field(default_factory=dict)
    """Of infra: Secret object → need."""
    generated: dict[str, int] = field(default_factory=dict)
    """Variables that are made once → characters."""
    told: set[Path] = field(default_factory=set)
    """Top-level variables that are refused for several components, with words of each: told of the first."""
    looked_at: set[Path] = field(default_factory=set)
    """Variables whose text was looked at for a credential: those of the top level are every component's."""
    permdir: PermdirSpec | None = None
    top: list[Environment] = field(default_factory=list)
    """One at most: the variables of the top level, as every component begins with them."""
    spent: Spent = field(default_factory=Spent)
    templates: dict[str, Compiled] = field(default_factory=dict)
    """The texts of files as they were read: those of the top level are every component's."""
    held: dict[str, int] = field(default_factory=dict)
    """What the files of each component come to so far, in bytes."""
    files: dict[str, MadeFile] = field(default_factory=dict)
    """The files of the top level by path, as the last component had them that saw other variables."""
    reads: dict[tuple[tuple[str, str], ...], list[SecretNeed]] = field(default_factory=dict)
    """What containers read of Secrets: objects and keys in the order of their variables → the needs."""
    hosts: list[AskedHost] = field(default_factory=list)
    """What the web components ask for, one after the other; settled when all of them have."""


def template_names(run: Resolving) -> dict[str, str]:
    """What templates may name besides variables."""
    source = run.source
    return {
        "App": run.name,
        "Commit": source.commit,
        "Branch": source.branch,
        "Tag": source.tag,
        "ProductLine": run.line,
        "Cluster": run.context.cluster.name,
    }
