"""The environment of one component: who wins (app-yaml 4.3), what the platform adds (5.3), in which order (5.4).

It must not hold the value of a secret: one becomes a reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcd.appyaml.context import Context
from mcd.appyaml.names import line_secret, settings_secret
from mcd.appyaml.resolve.commands import for_kubernetes
from mcd.appyaml.resolve.templates import InPod, Piece, Scope, TemplateError, expand
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.spec.pod import EnvEntry, SecretNeed
from mcd.appyaml.text.braces import template_place
from mcd.appyaml.text.nodes import Path, place_of
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

_CREDENTIAL = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{10}|\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}"
)
_LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#:@]*):([^\s/?#@]+)@")
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY")


@dataclass(slots=True, repr=False, eq=False)
class Environment:
    """The variables of one component while they are resolved."""

    findings: Findings
    source: str
    names: Mapping[str, str]
    """What templates may name besides variables: App, Commit, …"""
    written: dict[str, tuple[Variable, Path]] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)
    """Values that nobody wrote: the platform's and the line's."""
    in_pod: dict[str, str] = field(default_factory=dict)
    """Name → field path of the pod."""
    needs: dict[str, SecretNeed] = field(default_factory=dict)
    _done: dict[str, tuple[Piece, ...]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _circles: set[frozenset[str]] = field(default_factory=set)

    def has(self, name: str) -> bool:
        return name in self.written or name in self.plain or name in self.in_pod

    def scope(self) -> Scope:
        return Scope(self.names, self.lookup)

    def lookup(self, name: str) -> tuple[Piece, ...] | None:
        """The pieces of a variable as this component sees it."""
        if name in self.in_pod:
            return (InPod(name, secret=False),)
        entry = self.written.get(name)
        if entry is None:
            value = self.plain.get(name)
            return None if value is None else ((value,) if value else ())
        if entry[0].secret is not None:
            return (InPod(name),)
        if name not in self._done:
            self._done[name] = self._resolve(name, entry[0].value or "", entry[1])
        return self._done[name]

    def _resolve(self, name: str, text: str, path: Path) -> tuple[Piece, ...]:
        if "{{" not in text:
            return (text,) if text else ()
        if name in self._open:
            self._circle(self._open[self._open.index(name) :])
            return ()
        self._open.append(name)
        try:
            return expand(text, self.scope())
        except TemplateError as wrong:
            report_template(self.findings, self.source, path, wrong)
            return ()
        finally:
            self._open.pop()

    def _circle(self, names: list[str]) -> None:
        if frozenset(names) in self._circles:
            return
        self._circles.add(frozenset(names))
        start = names.index(min(names))
        ring = [*names[start:], *names[:start]]
        chain = f"{ring[0]} uses {', which uses '.join([*ring[1:], ring[0]])}."
        self.findings.refuse("env.cycle", self.written[ring[0]][1], chain, "Break the circle.")

    def entries(self) -> tuple[EnvEntry, ...]:
        """In order of name, except that one which uses `$(X)` waits for X."""
        ready: dict[str, EnvEntry] = {}
        uses: dict[str, set[str]] = {}
        for name in sorted({*self.written, *self.plain, *self.in_pod}):
            pieces = self.lookup(name) or ()
            if name in self.in_pod:
                ready[name] = EnvEntry(name, field_path=self.in_pod[name])
            elif name in self.written and self.written[name][0].secret is not None:
                ready[name] = self._secret_entry(name)
            else:
                ready[name] = EnvEntry(name, for_kubernetes(pieces))
                waits = {p.name for p in pieces if isinstance(p, InPod)} - {name}
                if waits:
                    uses[name] = waits
        return _in_order(ready, uses)

    def _secret_entry(self, name: str) -> EnvEntry:
        secret, _, secret_key = (self.written[name][0].secret or "").partition("/")
        return EnvEntry(name, secret=(self.needs[secret].name if secret in self.needs else secret, secret_key))


def _in_order(ready: dict[str, EnvEntry], uses: dict[str, set[str]]) -> tuple[EnvEntry, ...]:
    if not uses:
        return tuple(ready.values())
    ordered: list[EnvEntry] = []
    waiting = list(ready)
    stands: set[str] = set()
    while waiting:
        # A circle through the pod cannot be: a reference ends at a secret or a field, which wait for nothing.
        name = next((n for n in waiting if uses.get(n, set()) <= stands), waiting[0])
        waiting.remove(name)
        stands.add(name)
        ordered.append(ready[name])
    return tuple(ordered)


def report_template(findings: Findings, source: str, path: Path, wrong: TemplateError) -> None:
    """A template problem at its two braces."""
    place = template_place(findings.root, source, path, wrong.offset) or place_of(findings.root, path)
    findings.report.refuse(wrong.code, place, path, wrong.message, wrong.hint)


def check_literal(findings: Findings, name: str, variable: Variable, path: Path) -> None:
    """A credential in plain sight is refused, a name that sounds like one is warned."""
    text = variable.value
    if text is None:
        return
    login = _LOGIN.search(text)
    literal_login = login and not ("{{" in login[1] or "{{" in login[2])
    if _CREDENTIAL.search(text) or literal_login:
        message = "this looks like a credential."
        findings.refuse("secret.literal", path, message, "Put it into a secret and write {secret: name/key}.")
    elif text and name.upper().endswith(_SECRET_NAMES) and "{{" not in text:
        message = f"{echo(name)} sounds like a secret, and this value is readable."
        findings.warn("secret.name", path, message, "Put it into a secret and write {secret: name/key}.")


def secret_need(findings: Findings, context: Context, app: str, variable: Variable, path: Path) -> SecretNeed | None:
    """The Secret behind `{secret: name/key}`: the App's own, else the product line's."""
    name, _, wanted = (variable.secret or "").partition("/")
    for source, facts, object_name in (
        ("settings", context.settings.secrets, settings_secret(app, name)),
        ("line", context.product_line.secrets, line_secret(name)),
    ):
        if name in facts:
            fact = facts[name]
            if wanted not in fact.keys:
                near = nearest(wanted, fact.keys)
                hint = f'Did you mean "{echo(near)}"?' if near else f"Known: {', '.join(sorted(fact.keys))}."
                findings.refuse("secret.unknown", path, f'secret "{name}" has no "{echo(wanted)}".', hint)
                return None
            return SecretNeed(object_name, (wanted,), source, fact.version, name)
    if context.known:
        near = nearest(name, {*context.settings.secrets, *context.product_line.secrets})
        hint = f'Did you mean "{echo(near)}"?' if near else "Set it with mcd secret set."
        findings.refuse("secret.unknown", path, f'there is no secret "{echo(name)}".', hint)
        return None
    return SecretNeed(settings_secret(app, name), (wanted,), "settings", "0", name)
