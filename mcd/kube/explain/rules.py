"""Why no pod is made at all: quota, limits, Pod Security, admission.

Pure, over the words of a workload's condition or of a FailedCreate event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mcd.errors import echo
from mcd.kube.explain.facts import Cause, clean, evidence
from mcd.kube.explain.patterns import Said, match
from mcd.model.why import Note, Told, Value, text, told

_NUMBERS = re.compile(r"(?P<name>\S+), requested: (?P<requested>.+), used: (?P<used>.+), limited: (?P<limited>.+)")


def _numbers(quota: str) -> Told:
    """The name and the numbers of a quota, told apart where the API server names them as it always did."""
    found = _NUMBERS.fullmatch(quota)
    return told(Note.QUOTA_NUMBERS, **found.groupdict()) if found is not None else text(quota)


def explain_refused(component: str, messages: Iterable[str]) -> Cause | None:
    """The first of these messages that says why pods are refused."""
    for said in messages:
        meant = match(Said.REFUSED, said)
        if meant is not None:
            params: dict[str, Value] = {"component": echo(component), "said": clean(said), **meant.params}
            if quota := meant.params.get("quota"):
                params["quota"] = _numbers(quota)
            words = told(meant.why, **params)
            return Cause(words, evidence(said), final=meant.final is not False)
    return None
