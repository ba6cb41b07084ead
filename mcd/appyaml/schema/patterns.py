"""What an editor can check of a text, a name or a number in quotes: expressions of JSON Schema (ECMA 262).

They may take more than the reader does, never less. It must not check anything itself, and nothing here is made before
somebody asks for the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
"""Control characters, for a set; a tab and the end of a line are none."""
HIDDEN = r"\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
"""What cannot be seen, for a set."""
TEXT = f"^[^{CONTROL}]*$"
GPU = r"^(?:0?[1-9]|[1-5]\d|6[0-4]|[A-Za-z0-9][A-Za-z0-9 ._-]*(?::\d+)?)$"
NUMBER: dict[str, Any] = {"type": "string", "pattern": r"^\d{1,18}(?:\.\d{1,9})?$"}
"""A number in quotes."""
WORDS = rf"^(?=[\s\S]*\S)[^{CONTROL}]*$"
_NO_DOTS = r"(?!(?:.*/)?\.\.(?:/|$))"
INSIDE = rf"^(?!/){_NO_DOTS}(?!(?:.*/)?\.[gG][iI][tT](?:/|$))[^\\{HIDDEN}]+$"
"""A path of the repository."""
ABSOLUTE = rf"^/{_NO_DOTS}[^{HIDDEN}]*$"
MOUNT = rf"^(?!/(?:proc|sys|dev)(?:/|$))(?:/(?!\.{{1,2}}(?:/|$))[^/:{HIDDEN}]+)+$"
"""A path at which something may be mounted."""
_URL_LETTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
URL = rf"^/(?:{_URL_LETTER}|/)*(?:\?[!\x22$-~]*)?$"
ROUTE = rf"^(?:/|(?:/(?!\.\.(?:/|$)){_URL_LETTER}+)+)$"
SKIPPED = r"^(?!.*//)/(?!(?:.*/)?\.\.(?:/|$))[A-Za-z0-9._~!$&'()+;:@/-]*(?:(?<=/)\*)?$"
GLOB = rf"^(?!!)[^ {HIDDEN}]+$"
PATH_GLOB = rf"^(?![!/]){_NO_DOTS}[^\\{HIDDEN}]+$"
_COMPONENT = r"(?!.*--)[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?$"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

NAMES = {
    "check_app_name": r"^(?!default$|mcd$|mcd-|kube-)(?!.*--)[a-z][a-z0-9-]{0,38}[a-z0-9]$",
    "check_component_name": f"^(?!egress$|.*-(?:canary|peers)$){_COMPONENT}",
    "check_sidecar_name": f"^(?!mcd-){_COMPONENT}",
    "check_port_name": r"^(?!.*--)[a-z](?:[a-z0-9-]{0,13}[a-z0-9])?$",
    "check_infra_name": r"^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$",
    "check_variable": r"^(?!MCD_|KUBERNETES_)[A-Za-z_][A-Za-z0-9_]{0,127}$",
    "check_mount": MOUNT,
    "check_label": (r"^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"),
    "check_header": rf"^(?![cC][oO][oO][kK][iI][eE]$){_TOKEN}",
    "check_token": rf"^{_TOKEN}",
}
"""Names of a person's own, by the function that checks them."""


def names(check: Callable[..., bool] | None) -> dict[str, Any]:
    """`propertyNames` of a mapping whose keys the function checks."""
    return {} if check is None else {"propertyNames": {"pattern": NAMES[check.__name__.lstrip("_")]}}


def up_to(high: int) -> str:
    """The decimal numbers from 0 to `high`, without zeros in front."""
    digits = str(high)
    found = [r"\d" if len(digits) == 2 else rf"\d{{1,{len(digits) - 1}}}"] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        low = 1 if place == 0 and len(digits) > 1 else 0
        rest = len(digits) - place - 1
        behind = "" if rest == 0 else r"\d" if rest == 1 else rf"\d{{{rest}}}"
        if int(digit) > low:
            found.append(f"{digits[:place]}[{low}-{int(digit) - 1}]{behind}")
    return f"(?:{'|'.join([*found, digits])})"


def whole(low: int, high: int) -> str:
    """A whole number from `low` to `high`."""
    below = f"(?!0*{up_to(low - 1)}$)" if low > 0 else ""
    return f"^{below}0*{up_to(high)}$"


_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration(low: int | Decimal, high: int, *, millis: bool = False) -> str:
    """A duration of at least `low` and at most `high` seconds, as far as its largest unit says."""
    found = []
    if millis:
        found.append(f"{_from(int(low * 1000))}0*{up_to(high * 1000)}ms")
    for number, (unit, size) in enumerate(_UNITS):
        most, rest = divmod(high, size)
        smaller = [smaller for smaller, _ in _UNITS[number + 1 :]]
        anything = "".join(rf"(?:\d+{each})?" for each in smaller)
        if most == 0:
            found.append(f"0+{unit}{anything}")
            continue
        if rest == 0:  # the largest number stands alone
            nothing = "".join(f"(?:0+{each})?" for each in smaller)
            found.append(f"0*{most}{unit}{nothing}")
            most -= 1
        found.append(f"0*{up_to(most)}{unit}{anything}")
    alone = "".join(_not_alone(-(-low // size) - 1, unit) for unit, size in _UNITS)
    return f"^{alone}(?:{'|'.join(found)})$"


def _from(low: int) -> str:
    return f"(?!0*{up_to(low - 1)}ms)" if low > 0 else ""


def _not_alone(most: int | Decimal, unit: str) -> str:
    return f"(?!0*{up_to(int(most))}{unit}$)" if most >= 0 else ""


def cpu(low: int, high: int) -> str:
    """Cores, or thousandths of one from `low` to `high`."""
    thousandths = whole(low, high).strip("^").removesuffix("$").replace("$", "m$")
    return rf"^(?:{thousandths}m|\d{{1,9}}(?:\.\d{{1,9}})?)$"


def size(*, long_units: bool) -> str:
    """Bytes with their unit."""
    units = "(?:[KMGTP]i|[kMGTP])" if not long_units else r"(?:[KMGTP]i|[kMGTP]|\s*[kKMGTP]i?[bB])"
    return rf"^\d{{1,18}}(?:\.\d{{1,9}})?{units}$"
