"""`mcd why`: why an App does not run, in one sentence, with what shows it and what to do. Reads only.

The sentence is the server's: the portal, the API and this say the same. It must not judge anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mcd.cli.client import segment
from mcd.cli.options import AppArgument, AppOption, OutputOption, server, which_app
from mcd.cli.output import EXIT, FAILED, Form, lasting, paint, plain, print_table, show_data
from mcd.cli.remote.columns import text
from mcd.errors import Code, McdError, echo

_LANGUAGES = ("en", "zh")


def why(
    app: AppArgument = None,
    component: Annotated[str | None, typer.Argument(metavar="COMPONENT", help="Only this one.")] = None,
    name: AppOption = None,
    language: Annotated[str, typer.Option("--language", metavar="en|zh", help="What to say it in.")] = "en",
    output: OutputOption = Form.TABLE,
) -> None:
    """Say why an App does not run: one sentence for each component, what shows it, and what to do.

    It answers from what was seen last, also while a cluster is away. The exit code is 0 when all is well, 6 when the
    cluster cannot be looked at, else 1.

    Example: mcd why shop web
    """
    which, _, part = which_app(app, name).partition("/")
    if component and part and component != part:
        raise McdError(Code.INVALID, "two components are named.", "Name one of them.")
    if language not in _LANGUAGES:
        raise McdError(Code.INVALID, f'--language: there is no "{echo(language)}".', "Write en or zh.")
    with server() as client:
        found = client.get(f"/apps/{segment(which)}/why", language=language, component=component or part or None)
    show(found, output)
    if code := _verdict(found):
        raise typer.Exit(code)


def _verdict(found: Mapping[str, Any]) -> int:
    """The exit code: a cluster that is away is not the App's failure."""
    wrong = [item for item in found.get("items") or [] if not item.get("well")]
    if found.get("well") or not wrong:
        return 0
    return EXIT[Code.UNAVAILABLE] if all(item.get("state") == "unknown" for item in wrong) else FAILED


def show(found: Mapping[str, Any], output: Form) -> None:
    """Each thing that is wrong, then what is well in one line each."""
    if output in (Form.JSON, Form.YAML):
        show_data(found, output)
        return
    items = found.get("items") or []
    if output is Form.NAME:
        for item in items:
            print(plain(f"{_where(item)}/{item['why']}"))
        return
    chinese = found.get("language") == "zh"
    if found.get("well"):
        print(plain(f"{found['app']}：一切正常。" if chinese else f"{found['app']}: all is well."))
    for number, item in enumerate(items):
        if number and not item.get("well"):
            print()
        _show(item, chinese=chinese, wide=output is Form.WIDE)


def _where(item: Mapping[str, Any]) -> str:
    return text(item.get("component")) or "app"


def _show(item: Mapping[str, Any], *, chinese: bool, wide: bool) -> None:
    where = _where(item)
    whose = f" ({item['whose']})" if item.get("whose") else ""
    print(paint(plain(f"{where}: {item['state']}{whose}: {item['sentence']}")))
    for words in item.get("beside") or []:
        print(plain(f"  {words}"))
    if item.get("well") and not wide:
        return
    if item.get("since"):
        print(plain(f"  {item['reason']} ({item['why']}), {lasting(item['since'])}, since {item['since']}"))
    if nodes := item.get("nodes"):
        names = ("node", "model", "devices", "cpu", "memory", "pods", "why")
        kept = [n for n in names if any(text(row.get(n)) for row in nodes)]
        print_table(kept, [[text(row.get(n)) for n in kept] for row in nodes])
    else:
        for line in item.get("evidence") or []:
            print(f"  | {plain(str(line))}")
    if item.get("step"):
        print(plain(f"  下一步：{item['step']}" if chinese else f"  next: {item['step']}"))
    if item.get("patch"):
        print("  app.yaml:")
        for line in str(item["patch"]).splitlines():
            print(plain(f"    {line}"))
