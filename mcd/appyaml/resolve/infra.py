"""`infra` with nothing left open (app-yaml 3.5, 5.1): the kind, the names, where it runs as far as anybody knows.

Which kinds there are comes with the context, as a value. It must not know any kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.context import Context, InfraFacts, InfraKind
from mcd.appyaml.names import infra_secret, is_ours
from mcd.appyaml.schema.infra import Infra
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.words import known_words, nearest
from mcd.errors import echo

_OPTIONS = ("database", "bucket", "access")
_RESERVED = ("MCD", "KUBERNETES")
_UNKNOWN = InfraFacts()


def resolve_infra(asked: Mapping[str, Infra], app: str, context: Context, findings: Findings) -> dict[str, InfraSpec]:
    """Each need by its name. One whose kind nobody can guess is left out; its problem is told."""
    found = {}
    for name, infra in asked.items():
        path: Path = ("infra", name)
        kind = _kind(infra, name, context, findings)
        if kind is None:
            continue
        owner = context.names.get(infra_secret(app, name), app)
        if is_ours(name):
            findings.refuse("name.reserved", path, f'"{name}" belongs to the platform.', "Choose another.", key=True)
        elif owner != app:
            message = f'{infra_secret(app, name)} already belongs to App "{echo(owner)}".'
            findings.refuse("name.taken", path, message, "Rename the infra.", key=True)
        prefix = infra.env_prefix or name.upper().replace("-", "_")
        if infra.env_prefix is None:
            check_prefix(prefix, "Set env_prefix.", path, findings, key=True)
        else:
            check_prefix(prefix, "Choose another.", (*path, "env_prefix"), findings, key=False)
        facts = context.infra.get(name, _UNKNOWN)
        found[name] = InfraSpec(
            name=name,
            type=kind.name,
            prefix=prefix,
            secret=infra_secret(app, name),
            words=kind.words,
            version=infra.version,
            plan=infra.plan,
            ha=infra.ha,
            isolation=infra.isolation,
            options=_options(infra, kind, app, path, findings),
            params=infra.params,
            namespace=facts.namespace,
            port=facts.port,
            credentials=facts.version,
        )
    return found


def _kind(infra: Infra, name: str, context: Context, findings: Findings) -> InfraKind | None:
    word = infra.type or name
    kind = context.kinds.get(word)
    if kind is None:
        near = nearest(word, context.kinds)
        hint = f'Did you mean "{near}"?' if near else known_words({kind.name for kind in context.kinds.values()})
        path: Path = ("infra", name, "type") if infra.type else ("infra", name)
        findings.refuse("value.choice", path, f'there is no "{echo(word)}".', hint, key=infra.type is None)
        # What was probably meant stands for it, so that none of its variables is said to be missing.
        kind = context.kinds.get(near)
    return kind


def check_prefix(prefix: str, hint: str, path: Path, findings: Findings, *, key: bool) -> None:
    """Whether names that begin with it may be given to a program: MCD_ and KUBERNETES_ may not."""
    for reserved in _RESERVED:
        if prefix == reserved or prefix.startswith(f"{reserved}_"):
            findings.refuse("env.reserved", path, f"{reserved}_ names belong to the platform.", hint, key=key)


def _options(infra: Infra, kind: InfraKind, app: str, path: Path, findings: Findings) -> dict[str, str]:
    """What only some kinds have, each with its default."""
    defaults = {"database": app.replace("-", "_"), "bucket": app, "access": "write"}
    options = {}
    for option in _OPTIONS:
        written: str | None = getattr(infra, option)
        if option in kind.options:
            options[option] = defaults[option] if written is None else written
        elif written is not None:
            article = "an" if kind.name[0] in "aeiou" else "a"
            message = f"{article} {kind.name} has no {option}."
            findings.refuse("schema.not_for_type", (*path, option), message, "Remove it.", key=True)
    return options
