"""What `infra` and `app_dep` put into the environment of every component, each name once (app-yaml 4.3, 5.1, 5.2).

Who wins over it is decided in variables.py. It must not hold the value of a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcd.appyaml.record import record
from mcd.appyaml.spec.app_dep import AppDepSpec
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.text.nodes import Path, place_of
from mcd.appyaml.text.problems import Findings


@record
class Injected:
    """One variable: who gives it (`infra.mysql`), and its value, or the Secret object and key that hold it."""

    holder: Path
    value: str = ""
    secret: tuple[str, str] | None = None

    @property
    def who(self) -> str:
        return ".".join(map(str, self.holder))


def injected(
    infra: Mapping[str, InfraSpec], app_dep: Mapping[str, AppDepSpec], findings: Findings
) -> dict[str, Injected]:
    """By name. A name that two of them give is told at the later one."""
    found: dict[str, Injected] = {}
    twice = False
    for name, one in _all(infra, app_dep):
        twice = twice or name in found
        found.setdefault(name, one)
    if twice:
        _tell_collisions(infra, app_dep, findings)
    return found


def _all(infra: Mapping[str, InfraSpec], app_dep: Mapping[str, AppDepSpec]) -> Iterator[tuple[str, Injected]]:
    for need in infra.values():
        for word in need.words:
            yield need.variable(word), Injected(("infra", need.name), secret=(need.secret, word))
    for other in app_dep.values():
        for name, value in other.variables.items():
            yield name, Injected(("app_dep", other.name), value)


def _tell_collisions(infra: Mapping[str, InfraSpec], app_dep: Mapping[str, AppDepSpec], findings: Findings) -> None:
    """One problem for each that comes later in the file, at the first of its names that somebody before it gives."""
    names: dict[Path, list[str]] = {}
    for name, one in _all(infra, app_dep):
        names.setdefault(one.holder, []).append(name)
    first: dict[str, Path] = {}
    for holder in sorted(names, key=lambda path: place_of(findings.root, path, key=True)):
        taken = next((name for name in names[holder] if name in first), None)
        if taken is not None:
            key = "env_prefix" if holder[0] == "infra" else "as"
            message = f"{taken} also comes from {'.'.join(map(str, first[taken]))}."
            findings.refuse("env.collision", holder, message, f"Set {key} on one of them.", key=True)
        for name in names[holder]:
            first.setdefault(name, holder)
