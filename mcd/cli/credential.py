"""`mcd credential`: the credential helper through which git pushes to MCD with the token of `mcd login`.

Git calls it as `credential get` with the host on standard input. It answers for the server of a stored context and for
no other, writes nothing, and never shows a token on a terminal's command line.
"""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from mcd.cli.contexts import chosen, load
from mcd.errors import McdError

USER = "mcd"


def credential(
    action: Annotated[str, typer.Argument(metavar="get|store|erase", help="What git asks for.")],
) -> None:
    """Answer git's question for user and password, with the token of `mcd login`.

    Git runs it, once a person has said so:
    git config --global credential.http://127.0.0.1:7070.helper "!$(command -v mcd) credential"

    Example: mcd credential get
    """
    asked = dict(line.rstrip("\n").partition("=")[::2] for line in sys.stdin)
    if action != "get":
        return
    token = _token_for(asked.get("protocol", ""), asked.get("host", ""))
    if token:
        print(f"username={USER}\npassword={token}")


def _token_for(protocol: str, host: str) -> str:
    """The token of the server that git talks to, or an empty text: then git asks the person."""
    wanted = (protocol, host)
    try:
        known = [chosen(), *load().all.values()]
    except McdError:
        return ""
    for context in known:
        parts = urlsplit(context.server)
        if (parts.scheme, parts.netloc) == wanted and context.token:
            return context.token
    return ""
