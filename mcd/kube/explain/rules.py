"""Why no pod is made at all: quota, limits, Pod Security, admission.

Pure, over the words of a workload's condition or of a FailedCreate event.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcd.errors import echo
from mcd.kube.explain.facts import Cause, clean, evidence
from mcd.kube.explain.patterns import Said, match
from mcd.model.why import told


def explain_refused(component: str, messages: Iterable[str]) -> Cause | None:
    """The first of these messages that says why pods are refused."""
    for said in messages:
        meant = match(Said.REFUSED, said)
        if meant is not None:
            words = told(meant.why, **{"component": echo(component), "said": clean(said), **meant.params})
            return Cause(words, evidence(said), final=meant.final is not False)
    return None
