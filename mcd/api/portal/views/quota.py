"""What a quota says: asked, used, left. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from mcd.api.portal.views.lines import Use, Uses
from mcd.kube.asked import shown


def uses(line: str, quota: Mapping[str, Any] | None, at: datetime | None, trouble: str) -> Uses:
    """`quota` is the ResourceQuota as the cluster has it; None: it has none, or nobody could look."""
    status = (quota or {}).get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    rows = tuple(_use(name, str(used.get(name, "0")), str(hard[name])) for name in sorted(hard))
    return Uses(rows, at, trouble, line)


def _use(resource: str, used: str, limit: str) -> Use:
    try:
        top, now = quantity(limit), quantity(used)
    except ValueError:
        return Use(resource, used, limit, None, full=False)
    if resource.rpartition(".")[2] == "cpu":
        used, limit = shown("cpu", now), shown("cpu", top)
    share = 100 if top == 0 else min(100, int(100 * now / top))
    return Use(resource, used, limit, share, full=now >= top)


_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3), "M": Decimal(10**6),
    "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip


def quantity(text: str) -> Decimal:
    """A quantity in Kubernetes' form. Raises ValueError."""
    number = text.rstrip("numkMGTPEi")
    try:
        return Decimal(number) * _UNITS.get(text[len(number) :], Decimal(1))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a quantity") from None
