"""`mcd init`: looks at a folder, names the language it finds, and writes a working app.yaml and Dockerfile for it.

Never overwrites a file and writes all or nothing. It must not run anything it finds.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcd.cli.languages import FOUND_BY, NODE_PROGRAMS, RECIPES, Language, Recipe
from mcd.cli.options import OutputOption
from mcd.cli.output import Form, note, show_data
from mcd.errors import Code, McdError, echo
from mcd.objects import is_name, is_reserved

if TYPE_CHECKING:
    from mcd.cli.contexts import Context

SCHEMA_FILE = "app.schema.json"
_IGNORED = """\
.git
.env
.venv
__pycache__
node_modules
"""


def init(
    folder: Annotated[Path, typer.Argument(help="The folder with the program.")] = Path(),
    language: Annotated[
        Language | None,
        typer.Option(
            "--language", "-l", help="Instead of looking for it. In an empty folder a first program is written too."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The App's name. Default: the folder's.")] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where the program listens.")] = 8080,
    output: OutputOption = Form.TABLE,
) -> None:
    """Write a working app.yaml and Dockerfile for the language found here.

    python, node, go and static pages are known. Files that exist are kept as they are; an app.yaml that exists stops
    it, with nothing written.

    Example: mcd init shop --language python
    """  # fmt: skip
    if not folder.is_dir():
        raise McdError(Code.INVALID, f"{echo(str(folder))} is not a folder.", "Make it, or name another one.")
    if (folder / "app.yaml").exists() or (folder / "app.yaml").is_symlink():
        raise McdError(
            Code.INVALID,
            f"{folder / 'app.yaml'} is already there. Nothing was written.",
            "Change it, or remove it first.",
        )
    found, others = languages_of(folder)
    chosen = language or found
    if chosen is None:
        known = ", ".join(m for names in FOUND_BY.values() for m in names[:1])
        raise McdError(
            Code.INVALID,
            f"no program was found in {echo(str(folder.resolve().name or '/'))} (looked for {known}, …).",
            "Say --language python, node, go or static.",
        )
    recipe = RECIPES[chosen](folder, port)
    app = checked_name(name) if name else name_from(folder)
    files = files_of(folder, app, recipe, port)
    write_all(folder, files)
    report(folder, app, chosen, others, files, output)


def languages_of(folder: Path) -> tuple[Language | None, list[Language]]:
    """The language of a folder by the files in it, and the others that would have fitted too."""
    fitting = [
        language
        for language, marks in FOUND_BY.items()
        if any(next(folder.glob(mark), None) is not None for mark in marks)
    ]
    if fitting in ([], [Language.STATIC]):
        sure = NODE_PROGRAMS[:1] if fitting else NODE_PROGRAMS
        if any((folder / name).is_file() for name in sure):
            fitting.insert(0, Language.NODE)
    if fitting and fitting[-1] is Language.STATIC and len(fitting) > 1:
        fitting.pop()  # almost every web program has an index.html somewhere
    return (fitting[0] if fitting else None), fitting[1:]


def name_from(folder: Path) -> str:
    """The folder's name as an App's name (app-yaml 3.1): lower case, everything else a hyphen."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in folder.resolve().name.lower()).split()
    name = "-".join(words)[:40].strip("-").lstrip("0123456789-")
    return name if is_name(name) and not is_reserved(name) else "my-app"


def checked_name(name: str) -> str:
    """A name that was given. Raises McdError(invalid) with the rule."""
    if not is_name(name) or is_reserved(name):
        raise McdError(
            Code.INVALID,
            f'--name: "{echo(name)}" is not a name for an App.',
            "Use 2 to 40 of a-z, 0-9 and single hyphens, a letter first; not default, mcd, mcd-… or kube-….",
        )
    return name


def files_of(folder: Path, app: str, recipe: Recipe, port: int) -> dict[str, str]:
    """What will be written: app.yaml always, the rest where it is not there yet."""
    if (folder / "Dockerfile").exists():
        port = exposed_port(folder / "Dockerfile") or port
    head = f"# yaml-language-server: $schema={SCHEMA_FILE}\n" if (folder / SCHEMA_FILE).is_file() else ""
    files = {"app.yaml": f"{head}appname: {app}\ncomponents:\n  web:\n    type: web\n    port: {port}\n"}
    others = {"Dockerfile": recipe.dockerfile, ".dockerignore": _IGNORED, **recipe.program}
    return files | {path: text for path, text in others.items() if not (folder / path).exists()}


def exposed_port(dockerfile: Path) -> int | None:
    """The first EXPOSE of a Dockerfile that is kept."""
    import re

    try:
        text = dockerfile.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^[ \t]*EXPOSE[ \t]+(\d{1,5})\b", text, re.MULTILINE | re.IGNORECASE)
    return int(found[1]) if found and 1 <= int(found[1]) <= 65535 else None


def write_all(folder: Path, files: Mapping[str, str]) -> None:
    """Writes every file, or none: one that appeared meanwhile, or a full disk, takes back what was written."""
    undo: list[Callable[[], None]] = []
    try:
        for path, text in files.items():
            target = folder / path
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            undo.append(target.unlink)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
    except OSError as error:
        for take_back in undo:
            with contextlib.suppress(OSError):
                take_back()
        raise McdError(
            Code.INVALID, f"{folder / path} cannot be written: {error.strerror}. Nothing was written.", ""
        ) from error


def report(
    folder: Path, app: str, language: Language, others: list[Language], files: Mapping[str, str], form: Form
) -> None:
    """The files to stdout, what comes next to stderr."""
    if form in (Form.JSON, Form.YAML):
        show_data({"app": app, "language": language.value, "files": [str(folder / f) for f in files]}, form)
    else:
        for path in files:
            print(folder / path)
    if others:
        note(f"also found: {', '.join(others)}. Remove app.yaml and say --language if one of them was meant.")
    if "Dockerfile" not in files:
        note("Dockerfile was there and is kept.")
    where = "" if folder == Path() else f"cd {folder}, then "
    known = _known()
    if known and known.token and not _git_asks_mcd(folder, known.server):
        # For the whole machine: the folder need not be a repository yet, and the helper answers for this server only.
        key = shlex.quote(f"credential.{known.server}.helper")
        note(f'Once, so that git pushes as you: git config --global {key} "!$(command -v mcd) credential"')
    server = known.server if known else "SERVER"
    note(f"Next: {where}mcd validate, commit, then `git push {server}/git/{app}.git main`.")


def _known() -> Context | None:
    """Where a push would go and as whom, as far as this machine knows. No server is asked."""
    from mcd.cli.contexts import chosen

    try:
        return chosen()
    except McdError:
        return None


def _git_asks_mcd(folder: Path, server: str) -> bool:
    """Whether git has `mcd credential` for this server already. Another helper does not know the token of a login."""
    from mcd.cli.git import BROKEN, Git

    try:
        words = Git(folder).line("config", "--get-urlmatch", "credential.helper", server).split()
    except BROKEN:
        return False
    return len(words) > 1 and words[-1] == "credential" and words[-2].rpartition("/")[2].lstrip("!") == "mcd"
