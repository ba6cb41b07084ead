"""`mcd diff` without a server: two files, two commits, or a commit and the work tree, as the objects that they become.

Both sides are compiled with the same facts, the same commit and the same image, so that only what app.yaml and its
files say can differ. Commits are read by the git program, without a checkout and without the network. It must not
compare with what runs: a server does (remote/deploys.py).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from mcd.appyaml.compiler import Compiled, Context, Source, check, compile_app, source_paths
from mcd.appyaml.text.reader import MAX_BYTES
from mcd.cli import problem_formats
from mcd.cli.beside import LARGEST, files_beside
from mcd.cli.changes import blocks
from mcd.cli.git import BROKEN, Git
from mcd.cli.offline import (
    NO_COMMIT,
    WRONG_FILE,
    err,
    out,
    read_file,
    shown_as,
    with_kinds,
    wrong_usage,
)
from mcd.cli.output import Form, data_text
from mcd.errors import echo
from mcd.kube.changes import between
from mcd.objects import MASK, Object

DIFFERS = 4
"""Exit code of `--exit-code` when there is a difference."""

_APP_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_COMMIT = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what it is called in messages, its app.yaml (None: it has none), and the files at paths beside
    it."""

    shown: str
    text: bytes | None
    files: Callable[[Sequence[str]], Mapping[str, bytes]]


def is_for_here(words: Sequence[str]) -> bool:
    """Whether these words name files or commits. One word alone is an App wherever it could be one."""
    if len(words) != 1:
        return len(words) > 1
    (word,) = words
    return not _APP_NAME.fullmatch(word) or _COMMIT.fullmatch(word) is not None


def sides_of(words: Sequence[str], file: str) -> tuple[Side, Side]:
    """The two sides that the words name. Ends the command (2) when there is no such file or commit."""
    if len(words) == 1 and ".." in words[0] and not Path(words[0]).exists():
        old, _, new = words[0].partition("..")
        words = (old or "HEAD", new.removeprefix(".") or "HEAD")
    if len(words) == 1:
        if _is_file(words[0]):
            wrong_usage(
                f"{echo(words[0])}: one file is nothing to compare.",
                f"Name two, or write `mcd diff -f {echo(words[0])}` to compare it with what runs.",
            )
        words = (words[0], file)
    if len(words) > 2:
        wrong_usage(f"{len(words)} things are more than two.", "Name two files, or two commits.")
    if list(words) == ["-", "-"]:
        wrong_usage("stdin can be read once.", "Name a file for one of the two.")
    first, second = (_side(word, file) for word in words)
    if first.text is None and second.text is None:
        wrong_usage(f"neither {first.shown} nor {second.shown} is there.", "Name the file with -f.")
    return first, second


def _is_file(word: str) -> bool:
    try:
        return word == "-" or Path(word).exists()
    except (OSError, ValueError):
        return False


def _side(word: str, file: str) -> Side:
    if _is_file(word):
        return Side(shown_as(word), read_file(word), lambda paths: files_beside(word, paths))
    if word.endswith((".yaml", ".yml")):
        wrong_usage(f"{echo(word)}: there is no such file.", "Check the path.")
    return _of_commit(word, file)


# --- commits ----------------------------------------------------------------------------------------------------------


def _of_commit(word: str, file: str) -> Side:
    """A file, and those beside it, as a commit has them: their folder may be gone from the work tree."""
    folder, steps = _nearest(file)
    git = Git(folder)
    try:
        prefix = git.line("rev-parse", "--show-prefix") + "".join(f"{step}/" for step in steps)
        commit = git.line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")
    except FileNotFoundError:
        wrong_usage("there is no git here.", "Install it, or name two files.")
    except BROKEN:
        wrong_usage(f"{echo(word)}: there is no such file, and no commit of this name here.", "Check it.")

    def files(names: Sequence[str]) -> Mapping[str, bytes]:
        read = {name: _blob(git, commit, prefix + name, LARGEST + 1) for name in names}
        return {name: data for name, data in read.items() if data is not None}

    return Side(f"{echo(word)}:{file}", _blob(git, commit, prefix + Path(file).name, MAX_BYTES + 1), files)


def _nearest(file: str) -> tuple[Path, tuple[str, ...]]:
    """The folder of a file, or the nearest above it that is there, and the steps from there to the file's own."""
    folder = there = Path(os.path.normpath(file)).parent
    while not there.is_dir() and there != there.parent:
        there = there.parent
    return there, folder.relative_to(there).parts


def _blob(git: Git, commit: str, name: str, most: int) -> bytes | None:
    """At most so many bytes of a file of a commit, by its path from the top; None for what is no file there."""
    try:
        facts = git("ls-tree", "-z", "--full-tree", commit, "--", name).split(b"\0")[0].partition(b"\t")[0].split(b" ")
        if len(facts) != 3 or facts[0] not in (b"100644", b"100755"):
            return None
        data = git("cat-file", "blob", facts[2].decode())
    except BROKEN as wrong:
        said = getattr(wrong, "stderr", b"") if isinstance(wrong, subprocess.CalledProcessError) else b""
        last = said.decode(errors="replace").strip().splitlines()[-1:] or [type(wrong).__name__]
        wrong_usage(f"git could not read {echo(name)}: {echo(last[0], 200)}.", "Check the repository.")
    return data[:most]


# --- the comparison ---------------------------------------------------------------------------------------------------


def compare(old: Side, new: Side, context: Context, output: Form, *, exit_code: bool) -> None:
    """Shows what changes from one side to the other. Ends the command with 1 when a file has errors."""
    made = [(side, _compiled(side, context)) for side in (old, new)]
    problems = {side.shown: compiled.problems for side, compiled in made if compiled is not None and not compiled.ok}
    if problems:
        err(problem_formats.as_text(problems))
        raise typer.Exit(WRONG_FILE)
    second = made[1][1]
    told = second.problems if second is not None else ()
    err(problem_formats.as_text({new.shown: told}))
    found, same = between(*(_objects(compiled) for _, compiled in made))
    changes = [_as_data(difference) for difference in found]
    if output in (Form.JSON, Form.YAML):
        warnings = [problem_formats.as_dict(problem) for problem in told]
        out(data_text({"changes": changes, "unchanged": same, "warnings": warnings}, output))
    else:
        for head, lines in blocks(changes, names_only=output is Form.NAME):
            out("".join(f"{line}\n" for line in (head, *lines)))
    if stand_in := _stand_in(second, changes):
        err(f"Nothing is built here: {stand_in} stands for the image that a push builds, the same on both sides.\n")
    counts = [f"{sum(c['action'] == word for c in changes)} {word}" for word in ("created", "configured", "deleted")]
    err(f"{old.shown} → {new.shown}: {', '.join(counts)}, {same} unchanged.\n")
    if exit_code and changes:
        raise typer.Exit(DIFFERS)


def _compiled(side: Side, context: Context) -> Compiled | None:
    """None: there is no file on this side, so everything is new, or gone."""
    if side.text is None:
        err(f"{side.shown} is not there.\n")
        return None
    checked = check(side.text, side.shown)
    source = Source(NO_COMMIT, files=side.files(source_paths(checked)))
    return compile_app(checked, with_kinds(context, checked), source)


def _objects(compiled: Compiled | None) -> list[Object]:
    """The objects, and the Secrets that must exist for them, of which only the names of keys are known here."""
    if compiled is None or compiled.spec is None:
        return []
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": need.name, "namespace": compiled.spec.namespace},
            "data": dict.fromkeys(need.keys, MASK),
        }
        for need in compiled.secrets
    ]
    return [*compiled.objects, *secrets]


def _stand_in(compiled: Compiled | None, changes: Sequence[Mapping[str, Any]]) -> str:
    """The image of components that are built, where it is among what changes; empty: nobody is shown it."""
    spec = compiled.spec if compiled is not None else None
    images = {component.image for component in spec.built} if spec is not None else set()
    return next((image for image in sorted(images) if any(image in change["diff"] for change in changes)), "")


def _as_data(difference: Any) -> dict[str, Any]:
    """The API's own shape of a change."""
    ref = difference.ref
    names = {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return {
        "object": names,
        "action": difference.action,
        "detail": difference.detail,
        "healed_from": "",
        "diff": "\n".join(difference.lines),
    }
