"""`mcd`: the table of all commands, and the one place where a refusal becomes a line and an exit code.

The module of a command is imported when that command is called and never before, so that `mcd status` does not pay for
a server or a compiler. It must not know what any command does.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from mcd import __version__
from mcd.cli.output import EXIT, FAILED, INTERRUPTED, plain, say_error
from mcd.errors import McdError, echo

BUG_IN_A_LOCAL_COMMAND = 70
_PIPE_CLOSED = 141


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it is, and what `mcd --help` says of it. `local` ones keep the exit codes of app-yaml 8.1."""

    module: str
    attribute: str
    help: str
    local: bool = False


_LOCAL, _REMOTE = "mcd.cli.local", "mcd.cli.remote"

SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "On a laptop, without a server": {
        "init": Entry("mcd.cli.init", "init", "Write a working app.yaml and Dockerfile for the program here.", True),
        "validate": Entry(_LOCAL, "validate", "Check app.yaml and show every problem with its line.", True),
        "render": Entry(_LOCAL, "render", "Show the Kubernetes objects that app.yaml becomes.", True),
        "export": Entry("mcd.cli.export.command", "export", "Write a folder that plain kubectl applies.", True),
        "explain": Entry(_LOCAL, "explain", "Explain a field of app.yaml.", True),
        "schema": Entry(_LOCAL, "schema", "Print the JSON Schema of app.yaml, for editors.", True),
        "doctor": Entry("mcd.cli.doctor", "doctor", "Check server, sign-in, clusters, versions and local tools."),
        "completion": Entry("mcd.cli.completion", "completion", "Print the completion script for a shell."),
        "version": Entry("mcd.cli.version", "version", "Print the version of the command and of the server."),
    },
    "Sign in": {
        "login": Entry(f"{_REMOTE}.session", "login", "Sign in to a server and keep the token."),
        "logout": Entry(f"{_REMOTE}.session", "logout", "End the session and forget the token."),
        "whoami": Entry(f"{_REMOTE}.session", "whoami", "Who is signed in, where, with which roles."),
        "credential": Entry("mcd.cli.credential", "credential", "Git's credential helper: pushes with login's token."),
        "context": Entry(f"{_REMOTE}.session", "context", "Several servers: list, use, remove."),
    },
    "Every day": {
        "deploy": Entry(f"{_REMOTE}.deploys", "deploy", "Run a Release: the newest one, or one that is named."),
        "diff": Entry("mcd.cli.diff", "diff", "Show what a deploy, a commit or another file changes.", True),
        "status": Entry(f"{_REMOTE}.status", "status", "Show how an App is, component by component."),
        "why": Entry(f"{_REMOTE}.why", "why", "Say why an App does not run, and what to do."),
        "history": Entry(f"{_REMOTE}.status", "history", "Show the Rollouts of an App, newest first."),
        "open": Entry(f"{_REMOTE}.status", "open_", "Print the App's address, and open it in a browser."),
        "logs": Entry(f"{_REMOTE}.logs", "logs", "Show the log of the App's pods, or of its build."),
        "exec": Entry(f"{_REMOTE}.shell", "exec_", "Run a command, or a shell, in a pod of the App."),
        "scale": Entry(f"{_REMOTE}.scaling", "scale", "Set how many pods a component has."),
        "restart": Entry(f"{_REMOTE}.deploys", "restart", "Replace the pods of an App, one after the other."),
        "rollback": Entry(f"{_REMOTE}.back", "rollback", "Run again what ran well before."),
        "events": Entry(f"{_REMOTE}.events", "events", "Show what happened, and follow it."),
        "delete": Entry(f"{_REMOTE}.apps", "delete", "Delete an App and everything of it in the cluster."),
    },
    "By noun": {
        "app": Entry(f"{_REMOTE}.apps", "app", "Apps: list, show, create, set, delete."),
        "release": Entry(f"{_REMOTE}.releases", "release", "Releases of an App: list, show, retry."),
        "rollout": Entry(f"{_REMOTE}.releases", "rollout", "Rollouts of an App: list, show, watch."),
        "settings": Entry(f"{_REMOTE}.settings", "settings", "Settings of an App: show, set, unset, history."),
        "secret": Entry(f"{_REMOTE}.settings", "secret", "Secrets of an App or a product line: list, set, unset."),
        "product-line": Entry(f"{_REMOTE}.lines", "product_line", "Product lines: list, show, create, set, context."),
        "member": Entry(f"{_REMOTE}.lines", "member", "Members of a product line: list, add, remove."),
        "cluster": Entry(f"{_REMOTE}.clusters", "cluster", "Clusters: list, show, create, set, delete."),
        "node-pool": Entry(f"{_REMOTE}.clusters", "node_pool", "Node pools of a cluster: list, show, set, delete."),
        "person": Entry(f"{_REMOTE}.people", "person", "People: list, show, create, set."),
        "token": Entry(f"{_REMOTE}.people", "token", "Your API tokens: list, create, revoke."),
    },
    "The server": {
        "serve": Entry("mcd.cli.serve", "serve", "Run the server: API and controllers, or one of them."),
        "admin": Entry("mcd.cli.admin", "admin", "Work on the server's own data: migrate, create-admin, …"),
    },
}  # fmt: skip

ENTRIES: Mapping[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}


def _imported(module: str) -> ModuleType:
    """What a module makes stays: to look through it for circles of dead objects meanwhile is a tenth of a start."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.enable()


def command_of(name: str) -> Any:
    """The command behind a name, its module imported now."""
    entry = ENTRIES[name]
    found = getattr(_imported(entry.module), entry.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT_SETTINGS)
        single.command(name, cls=getattr(found, "command_class", TyperCommand))(found)
        command = get_command(single)
    else:
        command = get_command(found)
        command.name = name
        command.context_settings = {**CONTEXT_SETTINGS, **command.context_settings}
    _keep_examples(command)
    return command


def _keep_examples(command: Any) -> None:
    """Examples are shown as they were written: a line that is wrapped cannot be copied into a shell."""
    if command.help:
        paragraphs = command.help.split("\n\n")
        command.help = "\n\n".join(f"\b\n{p}" if p.startswith("Example") else p for p in paragraphs)
    for child in (getattr(command, "commands", None) or {}).values():
        _keep_examples(child)


class Root(TyperGroup):
    """The group whose commands are names in a table until one of them is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._loaded: dict[str, Any] = {}
        self.commands = dict.fromkeys(ENTRIES, TyperCommand(None))  # the names, for suggestions

    def list_commands(self, ctx: Any) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in ENTRIES:
            return None
        if cmd_name not in self._loaded:
            self._loaded[cmd_name] = command_of(cmd_name)
        return self._loaded[cmd_name]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in entries.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Completes from the table: loading every command for one key press would take a second."""
        from typer._click.shell_completion import CompletionItem

        names = [CompletionItem(n, help=e.help) for n, e in ENTRIES.items() if n.startswith(incomplete)]
        return names if names else super(TyperGroup, self).shell_complete(ctx, incomplete)


app = typer.Typer(cls=Root, name="mcd", add_completion=False, rich_markup_mode=None, context_settings=CONTEXT_SETTINGS)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mcd {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """MCD runs what app.yaml says: push code, and it is built, run and kept running.

    First steps: `mcd init`, `mcd validate`, `mcd login http://SERVER`, then `git push`. Every command has --help with
    an example. Data goes to stdout, everything else to stderr.

    Exit codes: 0 done, 1 it failed, 2 wrong usage or input, 3 not found, 4 not signed in or not allowed, 5 conflict,
    6 not available now, 124 --wait ran out of time, 130 interrupted.
    """


def run(argv: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Nothing that goes wrong leaves it as an exception."""
    _never_fail_to_print()
    name = next((word for word in argv if word in ENTRIES), "")
    local = bool(name) and ENTRIES[name].local
    if "_MCD_COMPLETE" in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:  # the outermost edge: a person gets one line, a developer asks for the trace
        try:
            code = get_command(app).main(list(argv), prog_name="mcd", standalone_mode=False)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except typer.TyperException as error:
            return _wrong_usage(error)
        except typer.Abort:
            _say("nothing was done.")
            return INTERRUPTED
        except McdError as error:
            sys.stdout.flush()
            say_error(error)
            return EXIT[error.code]
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            return _pipe_closed()
    except Exception as error:
        if os.environ.get("MCD_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        _say(f"this is a bug in mcd: {echo(what, 300)} Run it again with MCD_DEBUG=1 and report the trace.")
        return BUG_IN_A_LOCAL_COMMAND if local else FAILED


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def _wrong_usage(error: typer.TyperException) -> int:
    message = error.format_message().rstrip()
    context = getattr(error, "ctx", None)
    if context is not None and message == context.get_help().rstrip():  # a group without a command
        typer.echo(message)
        return 0
    path = context.command_path if context is not None else "mcd"
    message = " ".join(message.replace("Value error, ", "").split())
    message += "" if message.endswith((".", "?")) else "."
    _say(f"{message}{_app_behind_flag(context)} See `{path} --help`.")
    return error.exit_code


def _app_behind_flag(context: Any) -> str:
    """Where the App goes, for a command that takes it by its flag only: most others take it as their first word."""
    params = [] if context is None else context.command.params
    arguments = [p for p in params if p.param_type_name == "argument"]
    words = [p.metavar or p.name for p in arguments]
    # Where any number of words is taken, an App may stand first.
    several = any(p.nargs != 1 for p in arguments)
    if not any("-a" in p.opts for p in params) or not words or several or any("APP" in word for word in words):
        return ""
    return f" The App is given with -a: `{context.command_path} {' '.join(words)} -a APP`."


def _say(text: str) -> None:
    print(f"mcd: {plain(text)}", file=sys.stderr, flush=True)


def _pipe_closed() -> int:
    """The reader of our output went away (`mcd events | head`): nothing to say, and nothing left to flush at exit."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - lives until the process ends
    return _PIPE_CLOSED


def _never_fail_to_print() -> None:
    """A character that the terminal does not have is escaped; a stream that was closed (`<&-`) reads and writes
    nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - lives until the process ends
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
