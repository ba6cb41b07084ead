"""What can be looked up about app.yaml: `mcd explain`, made from the schema's own classes and the table of codes.

It must not say anything that they do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcd.appyaml.schema.aliases import COMPONENT_KEYS, CRON_KEYS, TOP_KEYS
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.fields import Json, Key, keys_of
from mcd.appyaml.text.codes import CODES, WARNINGS, Meaning
from mcd.appyaml.text.words import nearest

ELSEWHERE = {
    **{theirs.lower(): ours for theirs, ours in (COMPONENT_KEYS | CRON_KEYS | TOP_KEYS).items()},
    "probe": "health", "probes": "health", "livenessprobe": "health", "readinessprobe": "health",
    "volume": "permdir", "volumes": "permdir", "storage": "permdir", "disk": "permdir",
    "ingress": "domains", "route": "domains", "host": "domains", "hosts": "domains", "expose": "ports",
    "limits": "resources", "requests": "resources", "configmap": "files", "config": "files", "hpa": "autoscale",
    "entrypoint": "command", "environment": "env", "initcontainers": "sidecars", "args": "command",
}  # fmt: skip
"""What other systems call our keys, in small letters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and where it stands, as `components.NAME.health.readiness`."""

    where: str
    key: Key

    @property
    def word(self) -> str:
        """The key itself: `readiness`."""
        return self.where.rpartition(".")[2]

    @property
    def keys(self) -> tuple[str, ...]:
        """What may be written inside."""
        model = self.key.kind.model
        return tuple(keys_of(model)) if model is not None else ()


def _walk(model: type, where: str, seen: tuple[type, ...]) -> Iterator[Entry]:
    for word, known in keys_of(model).items():
        here = f"{where}.{word}" if where else word
        yield Entry(here, known)
        inner = known.kind.model
        if inner is not None and inner not in seen:
            yield from _walk(inner, here + step_into(known), (*seen, inner))
        if inner is None and word == "components":
            yield from _walk(Component, f"{here}.NAME", (*seen, Component))


def step_into(known: Key) -> str:
    """What stands between a key and those of its value: the name of an entry, the number of an item, or nothing."""
    return "[N]" if known.kind.many else ".NAME" if known.kind.inner is not None else ""


def entries() -> list[Entry]:
    """Every key that may be written, in the order of the specification."""
    return list(_walk(App, "", (App,)))


def find(field: str) -> list[Entry]:
    """The entries of a dotted path (`components.web.health`, any component name), of the end of one
    (`rollout.canary`) or of a bare word (`health`)."""
    steps = [step.partition("[")[0] for step in field.split(".")]
    whole, ending = [], []
    for entry in entries():
        theirs = [step.removesuffix("[N]") for step in entry.where.split(".")]
        if len(theirs) == len(steps) > 1 and all(b in ("NAME", a) for a, b in zip(steps, theirs, strict=True)):
            whole.append(entry)
        elif theirs[-len(steps) :] == steps:
            ending.append(entry)
    return whole or ending


def meaning_of(code: str) -> Meaning | None:
    """What a code of a problem means, or None when it is none."""
    return CODES.get(code)


def suggestion(asked: str) -> str:
    """The known field or code that was probably meant, or ""."""
    word = asked.rpartition(".")[2]
    if theirs := ELSEWHERE.get(word.lower()):
        return theirs
    return nearest(word, {entry.word for entry in entries()}) or nearest(asked, CODES)


def limits_of(known: Key) -> str:
    """The smallest and largest value in words, or ""."""
    return known.limits or known.kind.limits


def told(known: Key) -> str:
    """A key in a few sentences, as an editor shows it."""
    said = [known.meaning]
    if known.only:
        said.append(f"For {', '.join(known.only)}.")
    default = "required" if known.required else known.default or "none"
    said.append(f"{default.capitalize()}." if default.startswith("required") else f"Default: {default}.")
    said += [f"{label}: {text}." for label, text in (("Limits", limits_of(known)), ("Becomes", known.effect)) if text]
    return " ".join(said)


def explain(entry: Entry) -> str:
    """Type, default, limits, meaning, effect and example of one key, one to a line."""
    known = entry.key
    rows = [
        ("type", known.kind.name),
        ("for", ", ".join(known.only)),
        ("default", "required" if known.required else known.default or "none"),
        ("limits", limits_of(known) or "none"),
        ("meaning", known.meaning),
        ("effect", known.effect),
        ("example", f"{entry.word}: {known.example}"),
        ("keys", ", ".join(entry.keys)),
    ]
    return "\n".join([entry.where, *(f"  {label:<8} {text}" for label, text in rows if text)]) + "\n"


def overview(known: list[Entry]) -> str:
    """All keys, a line each, with the first sentence of what they mean."""
    width = max(len(entry.where) for entry in known)
    return "".join(f"{e.where:<{width}}  {e.key.meaning.partition('. ')[0].rstrip('.')}\n" for e in known)


def explain_code(code: str, meaning: Meaning) -> str:
    """Cause and cure of a problem."""
    severity = "warning" if code in WARNINGS else "error"
    return f"{code}\n  severity {severity}\n  cause    {meaning.cause}\n  cure     {meaning.cure}\n"


def as_json(found: list[Entry], code: str, meaning: Meaning | None) -> Json:
    """The same for a program."""
    fields = [
        {
            "field": entry.where,
            "type": entry.key.kind.name,
            "for": list(entry.key.only),
            "required": bool(entry.key.required) or entry.key.default == "required",
            "default": entry.key.default,
            "limits": limits_of(entry.key),
            "meaning": entry.key.meaning,
            "effect": entry.key.effect,
            "example": entry.key.example,
            "keys": list(entry.keys),
        }
        for entry in found
    ]
    codes = [{"code": code, "warning": code in WARNINGS, **meaning._asdict()}] if meaning is not None else []
    return {"fields": fields, "codes": codes}
