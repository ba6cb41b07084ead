"""The environment of one component: who wins (app-yaml 4.3), what the platform adds (5.3), in which order (5.4).

It must not hold the value of a secret: one becomes a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from mcd.appyaml.context import Context
from mcd.appyaml.names import SIGN_IN_SECRET, is_ours, line_secret, settings_secret
from mcd.appyaml.resolve.commands import for_kubernetes
from mcd.appyaml.resolve.injected import NOTHING_INJECTED, Injected
from mcd.appyaml.resolve.pieces import (
    MAX_OF_ALL,
    MAX_OUTPUT,
    InPod,
    Piece,
    Scope,
    Spent,
    TemplateError,
    length_of,
    too_much,
)
from mcd.appyaml.resolve.templates import expand
from mcd.appyaml.schema.variable import LONGEST_VALUE, Variable
from mcd.appyaml.spec.pod import EnvEntry, Origin, SecretNeed
from mcd.appyaml.text.braces import template_place
from mcd.appyaml.text.nodes import Path, node_at, place_of
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

_CREDENTIAL = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{10}|\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}"
)
_LOGIN = re.compile(r"(?<=[A-Za-z0-9+.-])://([^\s/?#:@]*):([^\s/?#@]+)@")
"""Looks for the slashes and behind them: a text that only might be the name of a protocol costs nothing."""
_SHORTEST = 15
"""Characters of the shortest credential."""
_USED = re.compile(r"\.Env\.([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY")


@dataclass(slots=True, repr=False, eq=False)
class Environment:
    """The variables of one component while they are resolved."""

    findings: Findings
    source: str
    names: Mapping[str, str]
    """What templates may name besides variables: App, Commit, …"""
    injected: Injected = NOTHING_INJECTED
    """What infra and app_dep give: weaker than the line's, and shared by all components."""
    reserved: dict[str, str] = field(default_factory=dict)
    """Names that the platform sets itself → what they come from."""
    line: Mapping[str, str] = field(default_factory=dict)
    """Values of the product line: stronger than what is injected."""
    written: dict[str, tuple[Variable, Path]] = field(default_factory=dict)
    refs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of those written: name → Secret object and key."""
    plain: dict[str, str] = field(default_factory=dict)
    """Values of the platform, that nobody wrote."""
    in_pod: Mapping[str, EnvEntry] = field(default_factory=dict)
    """What only the pod knows."""
    needs: dict[str, SecretNeed] = field(default_factory=dict)
    """Every Secret that a variable may be read from, by its object."""
    beside: Environment | None = None
    """Of a sidecar: the component's. Templates may use its values, never a secret, which only the component has."""
    spent: Spent = field(default_factory=Spent)
    """By the templates of all components."""
    _length: int = 0
    """What the templates of this one came to, in characters."""
    _done: dict[str, tuple[Piece, ...]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _circles: set[frozenset[str]] = field(default_factory=set)
    _settled: dict[str, EnvEntry] = field(default_factory=dict)
    """What stands whatever else is written, unless that has the same name."""
    _unsettled: dict[str, None] = field(default_factory=dict)
    """Of those written, in their order: what is still to be made an entry of."""

    def for_a_component(self) -> Environment:
        """The same variables for a component to write its own over. What no other variable can change is an entry that
        all components share."""
        settled, open_ones = self._settle()
        return Environment(
            self.findings, self.source, self.names, self.injected, line=self.line, spent=self.spent,
            written=self.written.copy(), refs=self.refs.copy(), needs=self.needs.copy(), _done=self._done.copy(),
            _settled=settled.copy(), _unsettled=open_ones.copy(),
        )  # fmt: skip

    def _settle(self) -> tuple[dict[str, EnvEntry], dict[str, None]]:
        if not self._settled:
            self._settled = {**self.injected.entries}
            for name, value in self.line.items():
                self._settled[name] = _plain_entry(name, value)
            for name, (variable, _) in self.written.items():
                if name in self.refs:
                    self._settled[name] = EnvEntry(name, "", "", self.refs[name])
                elif name not in self._done and "{{" not in (variable.value or ""):
                    self._settled[name] = _plain_entry(name, variable.value or "")
            for name in self._settled:
                self._unsettled.pop(name, None)
        return self._settled, self._unsettled

    def has(self, name: str) -> bool:
        return name in self.written or self._is_given(name) or name in self.in_pod or name in self.injected.entries

    def _is_given(self, name: str) -> bool:
        return name in self.plain or name in self.line

    def scope(self) -> Scope:
        return Scope(self.names, self.lookup)

    def lookup(self, name: str) -> tuple[Piece, ...] | None:
        """The pieces of a variable as this component sees it."""
        if name in self.in_pod:
            return (InPod(name, secret=False),)
        entry = self.written.get(name)
        if entry is None:
            return self._given(name)
        if name in self.refs or entry[0].secret is not None:  # also one that is not there: that is told already
            return (InPod(name),)
        if name not in self._done:
            text = entry[0].value or ""
            if "{{" in text:
                return self._resolve(name)
            self._done[name] = (text,) if text else ()
        return self._done[name]

    def _given(self, name: str) -> tuple[Piece, ...] | None:
        """The pieces of a variable that the file does not set."""
        value = self.plain.get(name, self.line.get(name))
        if value is None:
            one = self.injected.entries.get(name)
            if one is None:
                return self._value_beside(name)
            if one.secret is not None:
                return (InPod(name),)
            value = one.value
        return (value,) if value else ()

    def _value_beside(self, name: str) -> tuple[Piece, ...] | None:
        pieces = self.beside.lookup(name) if self.beside is not None else None
        return pieces if pieces is not None and all(isinstance(piece, str) for piece in pieces) else None

    def write(self, name: str, variable: Variable, path: Path) -> None:
        """Sets a variable of the file over whatever had its name."""
        if name in self.written:
            self.refs.pop(name, None)
            self._done.pop(name, None)
        self.written[name] = (variable, path)
        self._unsettled[name] = None

    def write_value(self, name: str, value: str) -> None:
        """Says what a written variable is that has no text of its own: nothing in it is a template."""
        self._done[name] = (value,) if value else ()

    def _resolve(self, name: str) -> tuple[Piece, ...]:
        """Those that a variable uses first, one after the other: a chain of hundreds is as good as one of two."""
        if name in self._open:
            self._circle(self._open[self._open.index(name) :])
            return ()
        self._open.append(name)
        waiting = [self._used(name)]
        while waiting:
            used = next((one for one in waiting[-1] if self._is_open_template(one)), None)
            if used is not None:
                self._open.append(used)
                waiting.append(self._used(used))
                continue
            waiting.pop()
            one = self._open[-1]
            self._done[one] = self._expanded(*self.written[one])
            self._open.pop()
        return self._done[name]

    def _used(self, name: str) -> Iterator[str]:
        text = self.written[name][0].value or ""
        return (found[1] for found in _USED.finditer(text))

    def _is_open_template(self, name: str) -> bool:
        """Whether a name is a variable of the file that is still to be expanded, and not being expanded now."""
        if name not in self.written or name in self._done or name in self.refs or name in self.in_pod:
            return False
        return "{{" in (self.written[name][0].value or "") and name not in self._open

    def _expanded(self, variable: Variable, path: Path) -> tuple[Piece, ...]:
        if self.is_spent():
            return ()
        try:
            pieces = expand(variable.value or "", self.scope())
        except TemplateError as wrong:
            report_template(self.findings, self.source, path, wrong)
            return ()
        size = sum(len(piece.encode()) if isinstance(piece, str) else length_of(piece) for piece in pieces)
        if size > LONGEST_VALUE:
            message = f"{size:,} bytes come out."
            self.findings.refuse("value.range", path, message, f"Use at most {LONGEST_VALUE:,}.")
            return ()
        try:
            self.spend(pieces)
        except TemplateError as wrong:
            report_template(self.findings, self.source, path, wrong)
            return ()
        return pieces

    def is_spent(self) -> bool:
        """Whether so much came out that nothing more does: that is told already."""
        return self._length > MAX_OUTPUT or self.spent.length > MAX_OF_ALL

    def spend(self, pieces: Iterable[Piece]) -> None:
        """Counts what a variable or a word came to. Raises TemplateError when it becomes too much: a few lines that
        double each other are as much as a disk holds."""
        length = sum(map(length_of, pieces))
        self._length += length
        self.spent.length += length
        if self._length > MAX_OUTPUT:
            raise too_much(0, "1 MiB comes out of all variables and words of a component")
        if self.spent.length > MAX_OF_ALL:
            raise too_much(0, "16 MiB comes out of all variables and words of all components")

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
        ready = self._settle()[0].copy()
        for name, value in self.plain.items():
            if name not in self.written:
                ready[name] = _plain_entry(name, value)
        uses: dict[str, set[str]] = {}
        for name in self._unsettled:
            secret = self.refs.get(name)
            if secret is not None:
                ready[name] = EnvEntry(name, "", "", secret)
                continue
            pieces = self.lookup(name) or ()
            ready[name] = EnvEntry(name, for_kubernetes(pieces))
            if len(pieces) > 1 or (pieces and type(pieces[0]) is InPod):
                waits = {p.name for p in pieces if isinstance(p, InPod)} - {name}
                if waits:
                    uses[name] = waits
        ready |= self.in_pod
        return tuple(map(ready.__getitem__, _in_turn(ready, uses) if uses else sorted(ready)))

    def unset(self, name: str) -> None:
        """Takes a variable of the file away again: what is weaker shows."""
        del self.written[name]
        del self._unsettled[name]
        if self._settled.pop(name, None) is not None:
            if name in self.line:
                self._settled[name] = _plain_entry(name, self.line[name])
            elif name in self.injected.entries:
                self._settled[name] = self.injected.entries[name]


def _plain_entry(name: str, value: str) -> EnvEntry:
    return EnvEntry(name, for_kubernetes((value,)) if "$" in value else value)


def _in_turn(names: Iterable[str], uses: Mapping[str, set[str]]) -> list[str]:
    """Always the first by name whose used variables stand. A circle through the pod cannot be: a reference ends at a
    secret or a field, which wait for nothing. What waits for a name that is not there comes last."""
    open_ones = {name: len(waits) for name, waits in uses.items()}
    users: dict[str, list[str]] = {}
    for name, waits in uses.items():
        for used in waits:
            users.setdefault(used, []).append(name)
    free = sorted(name for name in names if name not in uses)
    ordered: list[str] = []
    while free:
        name = heappop(free)
        ordered.append(name)
        for user in users.get(name, ()):
            open_ones[user] -= 1
            if not open_ones[user]:
                heappush(free, user)
    return [*ordered, *sorted(name for name, left in open_ones.items() if left)]


def report_template(findings: Findings, source: str, path: Path, wrong: TemplateError) -> None:
    """The template problems of a text, each at its two braces."""
    for one in (wrong, *wrong.others):
        place = template_place(findings.root, source, path, one.offset) or place_of(findings.root, path)
        findings.report.refuse(one.code, place, path, one.message, one.hint)


def check_literal(findings: Findings, name: str, variable: Variable, path: Path) -> None:
    """A credential in plain sight is refused, a name that sounds like one is warned."""
    text = variable.value
    if text is None:
        return
    login = _LOGIN.search(text) if "://" in text else None
    literal_login = login and not ("{{" in login[1] or "{{" in login[2])
    if literal_login or (len(text) >= _SHORTEST and _CREDENTIAL.search(text)):
        message = "this looks like a credential."
        where = (*path, "value") if node_at(findings.root, (*path, "value")) is not None else path
        findings.refuse("secret.literal", where, message, "Put it into a secret and write {secret: name/key}.")
    elif text and name.upper().endswith(_SECRET_NAMES) and "{{" not in text:
        message = f"{echo(name)} sounds like a secret, and this value is readable."
        findings.warn("secret.name", path, message, "Put it into a secret and write {secret: name/key}.")


def secret_need(findings: Findings, context: Context, app: str, variable: Variable, path: Path) -> SecretNeed | None:
    """The Secret behind `{secret: name/key}`: the App's own, else the product line's."""
    name, _, wanted = (variable.secret or "").partition("/")
    return named_secret(findings, context, app, (name, (wanted,)), path)


def named_secret(
    findings: Findings, context: Context, app: str, wanted: tuple[str, tuple[str, ...]], path: Path
) -> SecretNeed | None:
    """A secret by its name and the keys that are read. One that is not there, or lacks a key, is told."""
    name, keys = wanted
    if (name in context.settings.secrets or not context.known) and not _is_free(findings, context, app, name, path):
        return None
    for source, facts, object_name in (
        (Origin.SETTINGS, context.settings.secrets, settings_secret(app, name)),
        (Origin.LINE, context.product_line.secrets, line_secret(name)),
    ):
        if name in facts:
            fact = facts[name]
            if object_name == SIGN_IN_SECRET:
                # Whoever reads its cookie secret can sign in as anybody, at every App of the line.
                findings.refuse("name.reserved", path, f'"{name}" belongs to the platform.', "Use another secret.")
                return None
            for wanted_key in keys:
                if wanted_key not in fact.keys:
                    near = nearest(wanted_key, fact.keys)
                    hint = f'Did you mean "{echo(near)}"?' if near else f"Known: {', '.join(sorted(fact.keys))}."
                    findings.refuse("secret.unknown", path, f'secret "{name}" has no "{echo(wanted_key)}".', hint)
                    return None
            return SecretNeed(object_name, keys, source, fact.version, name)
    if context.known:
        near = nearest(name, {*context.settings.secrets, *context.product_line.secrets})
        hint = f'Did you mean "{echo(near)}"?' if near else ""
        if context.new:
            make = f"`mcd app create {app} -p {context.product_line.name}`"
            first = f"The App is new. First {make} and `mcd secret set {app} {echo(name)} KEY=VALUE`, then push again."
            hint = f"{hint} {first}".lstrip()
        message = f'there is no secret "{echo(name)}".'
        findings.refuse("secret.unknown", path, message, hint or "Set it with mcd secret set.")
        return None
    return SecretNeed(settings_secret(app, name), keys, Origin.SETTINGS, "0", name)


def _is_free(findings: Findings, context: Context, app: str, name: str, path: Path) -> bool:
    """Whether a secret of the App's own may have its object. If not, that is told."""
    made = settings_secret(app, name)
    owner = context.names.get(made, app)
    if is_ours(name):
        findings.refuse("name.reserved", path, f'"{echo(name)}" belongs to the platform.', "Use another secret.")
    elif owner != app:
        message = f'{made} already belongs to App "{echo(owner)}".'
        findings.refuse("name.taken", path, message, "Rename the secret.")
    else:
        return True
    return False
