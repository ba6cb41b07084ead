"""The states of things in words, with a sign and a tone for each: colour never says anything alone.

Pure. What a state is, is judged in `mcd.model.states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcd.api.portal.words import n_


@dataclass(frozen=True, slots=True)
class Sign:
    word: str
    icon: str
    tone: str
    """good, busy, bad, wait or quiet: what the style sheet colours."""


STATES: Mapping[str, Sign] = {
    "ready": Sign(n_("ready"), "circle-check", "good"),
    "progressing": Sign(n_("progressing"), "refresh", "busy"),
    "stalled": Sign(n_("stalled"), "circle-x", "bad"),
    "held": Sign(n_("held"), "hand-stop", "wait"),
    "unknown": Sign(n_("unknown"), "plug-connected-x", "wait"),
    "deleting": Sign(n_("deleting"), "trash", "busy"),
    "undeployed": Sign(n_("not deployed"), "circle-dashed", "quiet"),
    "superseded": Sign(n_("superseded"), "rotate-2", "quiet"),
    "building": Sign(n_("building"), "package", "busy"),
    "built": Sign(n_("built"), "package", "quiet"),
    "deploying": Sign(n_("progressing"), "refresh", "busy"),
    "runs": Sign(n_("runs"), "circle-check", "good"),
    "ran": Sign(n_("ran"), "check", "quiet"),
    "failed": Sign(n_("failed"), "circle-x", "bad"),
    "ignored": Sign(n_("ignored"), "ban", "quiet"),
}


def sign(state: str) -> Sign:
    """A word that is not in the table is shown as it is."""
    return STATES.get(state) or Sign(state, "info-circle", "quiet")
