"""`mcd version`: what runs here, and what runs on the server. It must not fail because there is no server."""

from __future__ import annotations

import contextlib
import platform

from mcd import __version__
from mcd.cli.client import Client
from mcd.cli.contexts import chosen
from mcd.cli.options import OutputOption
from mcd.cli.output import Column, Form, show_one
from mcd.errors import McdError


def version(output: OutputOption = Form.TABLE) -> None:
    """Print the version of the command, and of the server when one is known and answers.

    Example: mcd version -o json
    """
    facts = {"client": __version__, "python": platform.python_version(), "server": None, "address": None}
    try:
        with contextlib.closing(Client(chosen())) as client:  # nobody needs to be signed in for this
            facts["address"] = client.context.server
            told = client.get("//version")
            facts["server"] = str(told.get("version", "")) if isinstance(told, dict) else None
    except McdError as error:
        facts["problem"] = str(error)
    show_one(
        facts,
        [
            Column("mcd", lambda f: f["client"]),
            Column("Python", lambda f: f["python"]),
            Column("server", lambda f: f"{f['server']} at {f['address']}" if f["server"] else ""),
            Column("no server", lambda f: f.get("problem", "")),
        ],
        output,
        lambda f: str(f["client"]),
    )
