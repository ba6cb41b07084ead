"""What a name, a branch or a path may be before it is stored.

Pure. The compiler checks app.yaml by its own rules; this is the last gate for what comes by other ways.
"""

from __future__ import annotations

import re

from mcd.errors import Code, McdError, echo
from mcd.objects import is_name, is_reserved

_PART = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_PERSON = re.compile(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,252}")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def _refuse(what: str, text: str, rule: str) -> McdError:
    return McdError(Code.INVALID, f'"{echo(text)}" is not {what}.', rule)


def check_name(what: str, text: str) -> None:
    """Names of Apps, product lines, clusters and node pools: 2 to 40 small letters, digits, hyphens; no `--`; not one
    of the reserved ones. Raises McdError invalid."""
    if not is_name(text):
        raise _refuse(
            f"a name for {what}", text, "Use 2 to 40 small letters, digits and single hyphens, a letter first."
        )
    if is_reserved(text):
        raise McdError(
            Code.INVALID, f'"{echo(text)}" is reserved.', "Choose a name that is not default, mcd or kube-…."
        )


def check_part(what: str, text: str) -> None:
    """Names inside an App: components, secrets. Raises McdError invalid."""
    if not _PART.fullmatch(text):
        raise _refuse(f"a name for {what}", text, "Use at most 40 small letters, digits and hyphens, a letter first.")


def check_person(text: str) -> None:
    """Raises McdError invalid."""
    if not _PERSON.fullmatch(text):
        raise _refuse("a name for a person", text, "Use at most 63 small letters, digits, dots, underscores, hyphens.")


def check_namespace(text: str) -> None:
    """Raises McdError invalid, also for namespaces that belong to the cluster itself."""
    if not _NAMESPACE.fullmatch(text):
        raise _refuse("a namespace", text, "Use at most 63 small letters, digits and hyphens.")
    if is_reserved(text):
        raise McdError(Code.INVALID, f'the namespace "{echo(text)}" is reserved.', "Choose another one.")


def check_variable(text: str) -> None:
    """The name of an environment variable. Raises McdError invalid."""
    if not _ENV.fullmatch(text):
        raise _refuse("a name for a variable", text, "Use letters, digits and underscores, no digit first.")


def check_key(text: str, what: str = "a key of a secret") -> None:
    """The key of a Secret or ConfigMap, as Kubernetes allows it. Raises McdError invalid."""
    if not _KEY.fullmatch(text) or text == "." or text.startswith(".."):
        raise _refuse(what, text, "Use letters, digits, dots, underscores and hyphens.")


def check_commit(text: str) -> None:
    """Raises McdError invalid."""
    if not _COMMIT.fullmatch(text):
        raise _refuse("a commit", text, "Use the full id of a commit, 40 hex digits.")


def check_line_of_text(what: str, text: str, limit: int) -> None:
    """One printable line of 1 to `limit` characters. Raises McdError invalid."""
    if not text or len(text) > limit or not text.isprintable():
        raise _refuse(what, text, f"Use 1 to {limit} printable characters.")
