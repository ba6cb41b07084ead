"""Which Secrets must exist before the workloads do, each once, with the keys that anyone reads (app-yaml 6.4).

It must not hold a value, and not decide who makes the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mcd.appyaml.record import replace
from mcd.appyaml.resolve.app_dep import resolve_app_dep
from mcd.appyaml.resolve.infra import resolve_infra
from mcd.appyaml.resolve.injected import injected
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.spec.pod import EnvEntry, Origin, SecretNeed


def with_needs(run: Resolving) -> Resolving:
    """The run with what the App needs from others: infra and other Apps, and the variables that they give."""
    if not run.app.infra and not run.app.app_dep:
        return run
    infra = resolve_infra(run.app.infra, run.name, run.context, run.findings)
    app_dep = resolve_app_dep(run)
    return replace(
        run,
        infra=infra,
        app_dep=app_dep,
        injected=injected(infra, app_dep, run.findings),
        credentials=_credentials(infra),
    )


def merged(*groups: Iterable[SecretNeed]) -> dict[str, SecretNeed]:
    """Object → need with the keys of all of them, in order of name."""
    found: dict[str, SecretNeed] = {}
    for group in groups:
        for need in group:
            before = found.get(need.name)
            if before is not None and before.keys != need.keys:
                need = _with_keys(need, {*before.keys, *need.keys})
            found[need.name] = need
    return {name: found[name] for name in sorted(found)}


def read_by(run: Resolving, entries: Iterable[EnvEntry], known: Mapping[str, SecretNeed]) -> list[SecretNeed]:
    """What the variables of a container read. One that is not known is no need: its problem is told already. Most
    components of an App read the same."""
    secrets = tuple([entry.secret for entry in entries if entry.secret is not None])
    if secrets not in run.reads:
        keys: dict[str, set[str]] = {}
        for name, key in secrets:
            if name in known:
                keys.setdefault(name, set()).add(key)
        run.reads[secrets] = [_with_keys(known[name], found) for name, found in keys.items()]
    return run.reads[secrets]


def _with_keys(need: SecretNeed, keys: Iterable[str]) -> SecretNeed:
    """Credentials of infra are one whole, whoever reads how much of them."""
    if need.source == Origin.INFRA:
        return need
    held = tuple(sorted(keys))
    turns = need.turns
    version = need.version if turns is None else str(sum(turns.get(key, 0) for key in held))
    return SecretNeed(need.name, held, need.source, version, need.secret, turns)


def _credentials(infra: Mapping[str, InfraSpec]) -> dict[str, SecretNeed]:
    """What Claims make, whole: object → need."""
    return {
        need.secret: SecretNeed(need.secret, tuple(sorted(need.words)), Origin.INFRA, need.credentials, need.name)
        for need in infra.values()
    }
