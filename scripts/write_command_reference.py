"""Writes docs/reference/command.md from the commands themselves, so that the page cannot say what they do not do.

.venv/bin/python scripts/write_command_reference.py           # writes it
.venv/bin/python scripts/write_command_reference.py --check   # exit code 1 when it is out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mcd.cli.main import SECTIONS, command_of
from mcd.cli.output import EXIT

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "command.md"

HEAD = """\
<!-- Written by scripts/write_command_reference.py. Change the commands, then run it. -->
# The command

`mcd` alone lists the commands; every command has `--help` with an example. Data goes to stdout, everything else to
stderr. There is no spinner without a terminal, and no colour with `NO_COLOR`.

## What all commands share

| word | meaning |
|---|---|
| `APP`, `-a/--app` | the App: positional, else `-a`, else `MCD_APP`, else `appname` of `./app.yaml` |
| `-o/--output` | `table`, `wide` (more columns), `json`, `yaml` (with `schema: mcd/v1`), `name` (for `xargs`) |
| `--wait`, `--timeout 10m` | watch until it is done; Ctrl-C stops watching, never what was asked for |
| `-y/--yes` | do not ask for the name of what is destroyed |
| `-q/--quiet` | no progress on stderr |

| variable | meaning |
|---|---|
| `MCD_SERVER`, `MCD_TOKEN` | before what `mcd login` stored. A stored token is only ever sent to its own server |
| `MCD_APP` | the App, where none is named |
| `MCD_CONFIG_HOME` | folder of `contexts.json` (mode 0600): servers and tokens. Default: the system's place |
| `MCD_DEBUG` | `1`: a bug in mcd shows its trace |
| `NO_COLOR`, `SSL_CERT_FILE`, `HTTPS_PROXY` | as everywhere. No proxy is asked for this machine |

A refusal is one line on stderr, `mcd: what. what to do.`, after the problems of a file as `file:line:column: …`.

| exit code | when |
|---|---|
| 0 | done |
"""

_REASONS = {
    1: "what was asked for failed, or a bug", 2: "wrong usage", 5: "`--wait`: a newer Rollout overtook this one",
}  # fmt: skip


def exit_rows() -> Iterator[str]:
    """The table of exit codes, from the one in the program."""
    by_exit: dict[int, list[str]] = {1: [_REASONS[1]], 2: [_REASONS[2]]}
    for code, exit_code in EXIT.items():
        if exit_code != 1:
            by_exit.setdefault(exit_code, []).append(f"`{code.value}`")
    by_exit[5].append(_REASONS[5])
    by_exit |= {124: ["`--wait` ran out of time"], 130: ["Ctrl-C"]}
    for number, reasons in sorted(by_exit.items()):
        yield f"| {number} | {', '.join(reasons)} |"
    yield ""
    yield "`init`, `validate`, `render`, `diff`, `export`, `explain` and `schema` have the exit codes of their"
    yield "contract: 0 no error, 1 the file has errors, 2 wrong usage or an unreadable file, 3 an unknown field,"
    yield "4 `diff --exit-code` found a difference, 70 a bug. `diff` with what runs keeps to the table, but for a bug."


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip("\n"), *exit_rows(), ""]
    for title, entries in SECTIONS.items():
        lines += [f"## {title}", ""]
        for name in entries:
            lines += section(command_of(name), f"mcd {name}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def section(command: Any, path: str) -> Iterator[str]:
    """One command; a group is its commands."""
    children = getattr(command, "commands", None) or {}
    context = typer.Context(command, info_name=path)
    if children and not command.invoke_without_command:
        for name, child in children.items():
            yield from section(child, f"{path} {name}")
        return
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f"### `{path}`"
    yield ""
    for paragraph in (command.help or "").replace("\b\n", "").split("\n\n"):
        if paragraph.startswith("Example"):
            kept = paragraph.removeprefix("Examples:").removeprefix("Example:")
            yield from ("```sh", *(line.strip() for line in kept.strip().splitlines()), "```")
        else:
            yield " ".join(paragraph.split())
        yield ""
    rows = list(parameters(command, context))
    if usage:
        yield f"Usage: `{path} {usage}`"
        yield ""
    if rows:
        yield "| | |"
        yield "|---|---|"
        yield from rows
        yield ""
    for name, child in children.items():
        yield from section(child, f"{path} {name}")


def parameters(command: Any, context: typer.Context) -> Iterator[str]:
    """One row for each option and described argument."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or "--help" in getattr(parameter, "opts", ()):
            continue
        name, text = (" ".join(str(part).split()).replace("|", "\\|") for part in record)
        text = text.replace("*", "\\*").replace("[", "\\[")
        yield f"| `{name}` | {text} |"


def main() -> int:
    wanted = page()
    if "--check" in sys.argv[1:]:
        have = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if have != wanted:
            print("docs/reference/command.md is out of date. Run scripts/write_command_reference.py.", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
