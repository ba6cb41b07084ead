"""Refusals of a cluster that people are told of, in the same words whoever refuses: the real API server or the one in
memory. They know what they say, so that a page can tell it in the language of its reader.

Pure. It must not know what was answered (`answers.py` reads the wire) nor decide what is refused. `what` is always the
object or kind that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcd.errors import Code, echo
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model.why import Note, say


def namespace_going(what: str) -> KubeError:
    """Nothing can be made in it."""
    said = say(Note.NAMESPACE_GOES, object=what)
    return KubeError(Code.CONFLICT, KubeReason.NAMESPACE_TERMINATING, said, say(Note.NAMESPACE_COMES))


def no_right(what: str, act: str) -> KubeError:
    """`act` is a verb and what it is done to, in the server's words, fit to be shown."""
    return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, say(Note.NO_RIGHT, object=what, act=act), say(Note.GRANT_IT))


def not_served(what: str) -> KubeError:
    said = say(Note.KIND_NOT_KNOWN, object=what)
    return KubeError(Code.INVALID, KubeReason.NOT_SERVED, said, say(Note.INSTALL_IT))


def never_changes(what: str, fields: Sequence[str]) -> KubeError:
    """`fields` are dotted paths; none: the server named none."""
    said = say(Note.NEVER_CHANGES, object=what, fields=echo(", ".join(fields) or "a field", 200))
    return KubeError(Code.INVALID, KubeReason.IMMUTABLE, said, say(Note.RENAME_IT), fields=fields)
