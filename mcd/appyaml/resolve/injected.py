"""What `infra` and `app_dep` put into the environment of every component, each name once (app-yaml 4.3, 5.1, 5.2).

Who wins over it is decided in variables.py. It must not hold the value of a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.spec.app_dep import AppDepSpec
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.spec.pod import EnvEntry
from mcd.appyaml.text.nodes import Path, place_of
from mcd.appyaml.text.problems import Findings


@record
class Injected:
    """Every variable by its name, and who gives it: `("infra", "mysql")`. All components share the entries."""

    entries: Mapping[str, EnvEntry]
    holders: Mapping[str, Path]

    def who(self, name: str) -> str:
        """`infra.mysql`, of a variable that is injected."""
        return _said(self.holders[name])


NOTHING_INJECTED = Injected({}, {})


def injected(infra: Mapping[str, InfraSpec], app_dep: Mapping[str, AppDepSpec], findings: Findings) -> Injected:
    """All of them. A name that two give is told at the later one of the file."""
    entries: dict[str, EnvEntry] = {}
    holders: dict[str, Path] = {}
    given: dict[Path, tuple[str, ...]] = {}
    for need in infra.values():
        path: Path = ("infra", need.name)
        names = given[path] = tuple(need.variable(word) for word in need.words)
        for name, word in zip(names, need.words, strict=True):
            holders[name] = path
            entries[name] = EnvEntry(name, "", "", (need.secret, word))
    for other in app_dep.values():
        path = ("app_dep", other.name)
        values = other.variables
        given[path] = tuple(values)
        for name, value in values.items():
            holders[name] = path
            entries[name] = EnvEntry(name, value)
    if len(entries) < sum(map(len, given.values())):
        _tell_collisions(given, findings)
    return Injected(entries, holders)


def _tell_collisions(given: Mapping[Path, tuple[str, ...]], findings: Findings) -> None:
    """One problem for each that comes later in the file, at the first of its names that somebody before it gives."""
    first: dict[str, Path] = {}
    for holder in sorted(given, key=lambda path: place_of(findings.root, path, key=True)):
        taken = next((name for name in given[holder] if name in first), None)
        if taken is not None:
            key = "env_prefix" if holder[0] == "infra" else "as"
            message = f"{taken} also comes from {_said(first[taken])}."
            findings.refuse("env.collision", holder, message, f"Set {key} on one of them.", key=True)
        for name in given[holder]:
            first.setdefault(name, holder)


def _said(holder: Path) -> str:
    return ".".join(map(str, holder))
