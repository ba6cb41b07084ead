"""Kubernetes objects as plain dicts: how one is referred to, named, ordered, hashed, masked.

Pure functions over the dicts that become YAML or JSON. It must not know a cluster, a noun of ours or app.yaml.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Object = dict[str, Any]
"""One Kubernetes object, in the shape of the YAML that it becomes."""

OLDEST_MINOR = 29
"""The oldest Kubernetes is 1.29: native sidecars and the sleep action of preStop are on since then."""

PREFIX = "mcd.internal/"
"""The prefix of our labels and annotations. Nobody else can own `.internal`."""

INSTANCE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
VERSION = "app.kubernetes.io/version"
TYPE = PREFIX + "type"
TRACK = PREFIX + "track"
COMMIT = PREFIX + "commit"
HASH = PREFIX + "hash"
"""Annotation: the hash of the applied set that we sent last (`content_hash`). Added by the apply step only."""
ROLLOUT = PREFIX + "rollout"
"""Annotation of what an App's Rollout wrote: its number and when it was asked for (`kube/newer.py`). Added to what is
written anyway, never a reason to write, and never part of a pod template or of the hash."""
OWNER = PREFIX + "owner"
"""Annotation: the id of the MCD that made the object. Added by the apply step only."""
PRODUCT_LINE = PREFIX + "product-line"
SECRET = PREFIX + "secret"
SECRET_VERSION = PREFIX + "secret-version"
"""Annotations of a Secret that we fill: which secret of the portal it holds, and which version of it."""
GENERATE = PREFIX + "generate"
"""Annotation of the Secret with what is made once and kept: a JSON object, key → characters."""
MADE_ONCE = "/generated"
WITH_SECRETS = "/files"
"""What `SECRET` says of a Secret that holds no secret of the portal, but what is made once for an App, or its files
with secrets in them. No secret of the portal can have these names."""

APPLY_ORDER = (
    "Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "ConfigMap",
    "Secret", "PersistentVolumeClaim", "Job/pre_deploy", "Service", "Deployment", "StatefulSet", "CronJob",
    "PodDisruptionBudget", "HorizontalPodAutoscaler", "TriggerAuthentication", "ScaledObject", "Certificate",
    "ListenerSet", "HTTPRoute", "Ingress", "PodMonitor", "PrometheusRule", "Job/post_deploy", "Job/on_failure",
    "Job/manual",
)  # fmt: skip
"""The order of app-yaml 6.3. Deletion goes backwards. A Job stands where its trigger says."""

_RANK = {kind: rank for rank, kind in enumerate(APPLY_ORDER)}

FIRST_WAVE = frozenset(APPLY_ORDER[: APPLY_ORDER.index("PersistentVolumeClaim") + 1])
"""What must exist before any workload: it is applied and answered before the rest is sent."""

KEPT = frozenset({"PersistentVolumeClaim"})
"""Kinds that hold data. Never pruned; what is no longer wanted becomes "unclaimed"."""

SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
"""Kinds that say how many pods a workload has; one of them has the name of the workload."""

TRIGGER = PREFIX + "trigger"
"""Annotation of a Job: pre_deploy, post_deploy, on_failure or manual."""

DRAIN = 5
"""Seconds in which everybody who sends requests forgets a pod that is to stop: it serves them still, and only then is
its program told to stop."""
TAKES_REQUESTS = frozenset({"web", "service"})
"""The types (label `TYPE`) of components that are sent requests."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """What names one object in one cluster. `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Deployment/hello-web`, as it is said to people who know their namespace."""
        return f"{self.kind}/{self.name}"

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]


def ref_of(obj: Mapping[str, Any]) -> Ref:
    meta = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])


def _rank(obj: Mapping[str, Any]) -> int:
    kind = obj["kind"]
    if kind == "Job":
        trigger = obj["metadata"].get("annotations", {}).get(TRIGGER, "manual")
        kind = f"Job/{trigger}"
    return _RANK.get(kind, len(_RANK))


def in_apply_order(objects: Iterable[Object]) -> list[Object]:
    """Sorted by app-yaml 6.3, ties by kind, namespace, name: the output never depends on the order of the input."""
    return sorted(
        objects,
        key=lambda o: (_rank(o), o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]),
    )


def kind_rank(kind: str) -> int:
    """The place of a kind in the apply order, for references whose object is not at hand. A Job ranks as manual."""
    return _RANK.get("Job/manual" if kind == "Job" else kind, len(_RANK))


_OF_THE_PLATFORM = frozenset({"default", "mcd"})
_LINE_OR_APP = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")


def is_name(text: str) -> bool:
    """Whether an App, a product line, a cluster or a node pool may be called so: 2 to 40 of a-z, 0-9 and single
    hyphens, a letter first. Such names become those of objects and of namespaces."""
    return 2 <= len(text) <= 40 and _LINE_OR_APP.fullmatch(text) is not None and "--" not in text


def is_reserved(text: str) -> bool:
    """Whether a name belongs to Kubernetes or to MCD: nobody's App, product line or namespace is called so."""
    return text in _OF_THE_PLATFORM or text.startswith(("mcd-", "kube-"))


def h8(text: str) -> str:
    """The first 8 hex digits of SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def short(text: str, limit: int) -> str:
    """The text if it has at most `limit` characters, else its beginning and `-` and `h8` of the whole."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 9].rstrip('-')}-{h8(text)}"


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no blanks, UTF-8. What is hashed, stored and compared. Of texts, whole
    numbers, booleans and nothing; a fraction is written as the JSON library likes."""
    # The same bytes, seven times as fast, where orjson is loaded anyway: on every server. Loading it here would cost a
    # command that hashes one text more than all that it does.
    fast = sys.modules.get("orjson")
    if fast is not None:
        how = fast.OPT_SORT_KEYS | fast.OPT_PASSTHROUGH_DATACLASS | fast.OPT_PASSTHROUGH_DATETIME
        try:
            return bytes(fast.dumps(value, option=how))
        except TypeError:
            pass  # half a character, more than 64 bits, a key that is no text: written below, or refused there
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_hash(obj: Mapping[str, Any]) -> str:
    """32 hex digits that change when, and only when, what is wished of this object changes. The annotations that carry
    the hash itself and the Rollout that wrote it are not part of that."""
    annotations = obj["metadata"].get("annotations")
    if annotations and (HASH in annotations or ROLLOUT in annotations):
        meta = {**obj["metadata"], "annotations": {k: v for k, v in annotations.items() if k not in (HASH, ROLLOUT)}}
        obj = {**obj, "metadata": meta}
    return hashlib.sha256(canonical(obj)).hexdigest()[:32]


MASK = "***"


def masked(obj: Object) -> Object:
    """The object as a person may see it: every value of a Secret is `***`. Keys stay, so that a change of shape
    shows."""
    if obj.get("kind") != "Secret":
        return obj
    clean = dict(obj)
    for field in ("data", "stringData"):
        if isinstance(clean.get(field), dict):
            clean[field] = dict.fromkeys(clean[field], MASK)
    annotations = clean.get("metadata", {}).get("annotations")
    if annotations and "kubectl.kubernetes.io/last-applied-configuration" in annotations:
        # kubectl keeps the whole Secret in this annotation.
        kept = {k: v for k, v in annotations.items() if k != "kubectl.kubernetes.io/last-applied-configuration"}
        clean["metadata"] = {**clean["metadata"], "annotations": kept}
    return clean


# ── stable YAML (app-yaml 8.1) ───────────────────────────────────────────────────────────────────────────────────

_HEAD = ("apiVersion", "kind", "metadata")

_HIDDEN = r"\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Marks that turn the direction of a text, and characters without a width: what a person sees of a text with one is
something else than what a machine reads, so that they are always written as escapes."""

_PLAIN = (
    rf"(?:[^\s\-?:,\[\]{{}}#&*!|>'\"%@`\x00-\x1f\x7f-\xa0{_HIDDEN}\ud800-\udfff\ufffe\uffff]|[-?:](?=[^\s]))"
    rf"(?:[^\n\r\t\x00-\x1f\x7f-\xa0{_HIDDEN}\ud800-\udfff\ufffe\uffff]*)"
)
"""What may stand without quotes in block style, before the tests for `: `, ` #` and for words that are no text. The
expressions are compiled with the first text that is written: most commands write none."""

_PRINTABLE = (
    "[\x20-\x7e\xa1-\u061b\u061d-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]*"
)

_NOT_TEXT = r"""(?ix: ~ | null | true | false | yes | no | on | off | y | n | = | <<
    | [-+]?0b[01]+ | [-+]?0o?[0-7]+ | [-+]?0x[0-9a-f]+ | [-+]?[0-9]+ | [-+]?[1-9][0-9]*(?: :[0-5]?[0-9])+ (?:\.[0-9]*)?
    | [-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)? | [-+]?[0-9]+(?: :[0-5]?[0-9])+ (?:\.[0-9]*)?
    | [-+]?\.inf | \.nan | [-+]\.? | \.
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} (?:(?:t|\s+)[0-9]{1,2}:.*)? )"""
"""Plain scalars that a YAML 1.1 or a YAML 1.2 reader takes for something else. Underscores are dropped first: YAML 1.1
allows them in numbers."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def to_yaml(documents: Iterable[Any]) -> str:
    """Documents as YAML: block style, two spaces, list items not indented under their key, no folding, no anchors; keys
    in a fixed order, quotes only where a YAML 1.1 or 1.2 reader would not read text. Same input, same bytes."""
    texts = []
    for document in documents:
        lines: list[str] = []
        if isinstance(document, Mapping) and document:
            _write_map(lines, document, "", "", top=True)
        else:
            _write(lines, "", document, "", "")
        texts.append("\n".join(lines) + "\n")
    return "---\n".join(texts)


def to_json(value: Any) -> str:
    """A value as indented JSON with sorted keys: UTF-8 as it is but for what cannot be seen, which is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return re.sub(f"[{_HIDDEN}]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _ordered(value: Mapping[str, Any], *, top: bool) -> list[str]:
    words = sorted(value)
    if top:
        front = [word for word in _HEAD if word in value]
        return [*front, *(word for word in words if word not in front)]
    if "name" in value and words[0] != "name":
        words.remove("name")
        words.insert(0, "name")
    return words


def _write_map(lines: list[str], value: Mapping[str, Any], indent: str, lead: str, *, top: bool = False) -> None:
    """The entries of a mapping. `lead` stands before the first one: the dash of a list item."""
    before = lead or indent
    for key in _ordered(value, top=top):
        item = value[key]
        kind = type(item)
        if kind is str and "\n" not in item:  # nearly all that is written
            lines.append(f"{before}{_text(key)}: {_text(item)}")
        elif kind is dict and item:
            lines.append(f"{before}{_text(key)}:")
            _write_map(lines, item, f"{indent}  ", "")
        elif kind is list and item:
            lines.append(f"{before}{_text(key)}:")
            _write_items(lines, item, indent, indent)
        else:
            _write(lines, before, item, _scalar(key) + ":", indent)
        before = indent


def _write_items(lines: list[str], items: Iterable[Any], before: str, indent: str) -> None:
    """The items of a list, the first one behind `before`, the others behind `indent`."""
    inner = f"{indent}  "
    for item in items:
        if type(item) is dict and item:
            _write_map(lines, item, inner, f"{before}- ")
        else:
            _write(lines, f"{before}- ", item, "", inner)
        before = indent


def _write(lines: list[str], before: str, value: Any, label: str, indent: str) -> None:
    """One value behind its label (`key:` or nothing)."""
    if isinstance(value, Mapping) and value:
        if label:
            lines.append(f"{before}{label}")
            _write_map(lines, value, f"{indent}  ", "")
        else:
            _write_map(lines, value, indent, before)
    elif isinstance(value, (list, tuple)) and value:
        if label:
            lines.append(f"{before}{label}")
            before = indent
        _write_items(lines, value, before, indent)
    else:
        gap = f"{before}{label} " if label else before
        if isinstance(value, str) and "\n" in value and _may_be_literal(value):
            _write_literal(lines, gap, value, f"{indent}  " if label else indent)
        else:
            lines.append(f"{gap}{_scalar(value)}")


def _may_be_literal(text: str) -> bool:
    """Whether `|` shows the text as it is: all printable, and a first line that fixes the indentation."""
    lines = text.split("\n")
    return bool(lines[0]) and lines[0][0] != " " and all(re.fullmatch(_PRINTABLE, line) for line in lines)


def _write_literal(lines: list[str], gap: str, text: str, indent: str) -> None:
    body = text.rstrip("\n")
    trailing = len(text) - len(body)
    mark = "-" if trailing == 0 else "" if trailing == 1 else "+"
    lines.append(f"{gap}|{mark}")
    lines.extend(f"{indent}{line}" if line else "" for line in body.split("\n"))
    lines.extend("" for _ in range(trailing - 1))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, (Mapping, list, tuple)):
        return "{}" if isinstance(value, Mapping) else "[]"
    return json.dumps(value)


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    """A text in one line: plain if every reader takes it for this text, else in quotes."""
    if re.fullmatch(_PLAIN, text) and not (
        ": " in text
        or " #" in text
        or text[-1] in ": "
        or text[:3] in ("---", "...")
        or re.fullmatch(_NOT_TEXT, text.replace("_", ""))
    ):
        return text
    if re.fullmatch(_PRINTABLE, text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if re.fullmatch(_PRINTABLE, char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
