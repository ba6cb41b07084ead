"""Reads a Dockerfile as far as MCD must understand it: its lines, its stages, and which images it wants to fetch.

Pure: text in, values or one clear refusal out. It must not decide what an instruction does (the builder knows), and
must never let an image reference through that it did not read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from mcd.errors import Code, McdError, echo
from mcd.model import Reason

LIMIT = 256 * 1024
"""Bytes of a Dockerfile."""
WORDS = frozenset((
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
))  # fmt: skip
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*", re.ASCII)
_HEREDOC = re.compile(r"<<-?\s*[\"']?[A-Za-z_]")
_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})", re.ASCII)
_FROM_FLAG = re.compile(r"(--from=|[,=]from=)([^,\s]+)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `line` is where it begins (from 1), `last` where it ends, `word` is upper-case, `text` the
    rest with continuations joined."""

    line: int
    last: int
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next. `image` has its variables filled in; `instructions` begins with the FROM."""

    line: int
    image: str
    name: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """An image that a Dockerfile wants to fetch: `written` as it stands in `line`, `image` with variables filled in."""

    line: int
    written: str
    image: str
    at: Instruction


def refused(file: str, line: int, what: str, hint: str) -> McdError:
    return McdError(Code.INVALID, f"{file}:{line}: {what}", hint, reason=Reason.BUILD_FAILED)


def read(text: str, file: str = "Dockerfile", *, heredocs: bool = False) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile. Raises McdError(invalid) with file and line for what is no Dockerfile;
    `heredocs` says whether the builder knows `<<EOF`."""
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT:
        raise refused(file, 1, f"the file is over {LIMIT // 1024} KiB.", "Move long scripts into files of their own.")
    if "\0" in text:
        raise refused(file, text[: text.index("\0")].count("\n") + 1, "a NUL byte.", "Save it as plain text.")
    found = []
    for first, last, joined in _joined(text.splitlines()):
        word, _, rest = joined.strip().partition(" ")
        instruction = Instruction(first, last, word.upper(), rest.strip())
        _check_word(instruction, word, file)
        if _HEREDOC.search(rest) and instruction.word in ("RUN", "COPY", "ADD") and not heredocs:
            raise refused(
                file, first, "the builder here does not know <<EOF.", "Put the lines into a script and RUN it."
            )
        found.append(instruction)
    if not any(one.word == "FROM" for one in found):
        raise refused(file, 1, "there is no FROM.", "Begin with FROM and a base image, such as FROM mcd/python3.11.")
    return tuple(found)


def _joined(lines: list[str]) -> list[tuple[int, int, str]]:
    """(first line, last line, text) of each instruction; comments and empty lines are left out, also inside."""
    escape, found, parts, first = _escape(lines), [], [], 0
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        first = first or number
        if bare.endswith(escape):
            parts.append(bare[:-1].rstrip())
            continue
        parts.append(bare)
        found.append((first, number, re.sub(r"\s+", " ", " ".join(parts), count=1).strip()))
        parts, first = [], 0
    if parts:
        found.append((first, len(lines), " ".join(parts)))
    return found


def _escape(lines: list[str]) -> str:
    """The continuation character: a backslash, or what an `# escape=` line at the very top says."""
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _check_word(one: Instruction, written: str, file: str) -> None:
    if one.word not in WORDS:
        near = difflib.get_close_matches(one.word, sorted(WORDS), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(sorted(WORDS))}."
        raise refused(file, one.line, f'there is no instruction "{echo(written, 40)}".', hint)
    if not one.text:
        raise refused(file, one.line, f"{one.word} says nothing.", f"Write what {one.word} shall do, or remove it.")


def stages(
    instructions: tuple[Instruction, ...], arguments: Mapping[str, str], file: str = "Dockerfile"
) -> tuple[Stage, ...]:
    """The stages, with the variables of FROM filled in from `arguments` and the ARG lines before the first FROM.

    Raises McdError(invalid) for an instruction before FROM, a FROM that cannot be read, a variable without a value.
    """
    defaults: dict[str, str] = {}
    found: list[Stage] = []
    for one in instructions:
        if one.word == "FROM":
            image, name = _from(one, {**defaults, **{k: v for k, v in arguments.items() if k in defaults}}, file)
            found.append(Stage(one.line, image, name, (one,)))
        elif found:
            found[-1] = replace(found[-1], instructions=(*found[-1].instructions, one))
        elif one.word == "ARG":
            name, _, value = one.text.partition("=")
            defaults[name.strip()] = fill(value.strip().strip("\"'"), defaults)
        else:
            raise refused(file, one.line, f"{one.word} stands before the first FROM.", "Only ARG may stand there.")
    return tuple(found)


def _from(one: Instruction, variables: Mapping[str, str], file: str) -> tuple[str, str]:
    words = [word for word in one.text.split() if not word.startswith("--")]
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise refused(
            file, one.line, f'"FROM {echo(one.text)}" cannot be read.', "Write FROM image, or FROM image AS name."
        )
    name = words[2].lower() if len(words) == 3 else ""
    if name and _NAME.fullmatch(name) is None:
        raise refused(file, one.line, f'"{echo(words[2], 40)}" is no stage name.', "Use a-z, 0-9, dot, - and _.")
    image = fill(words[0], variables)
    if not image or "$" in image:
        raise refused(file, one.line, f'"{echo(words[0])}" has no value.', "Give it in build.args, or ARG NAME=value.")
    return image, name


def fill(text: str, variables: Mapping[str, str]) -> str:
    """`$X`, `${X}`, `${X:-default}`, `${X:+other}` filled in; a variable without a value becomes nothing."""

    def value(match: re.Match[str]) -> str:
        known = variables.get(match[1] or match[2], "")
        if match[3] == "-":
            return known or match[4]
        if match[3] == "+":
            return match[4] if known else ""
        return known

    return _VARIABLE.sub(value, text)


def stage_of(found: tuple[Stage, ...], target: str, file: str = "Dockerfile") -> Stage:
    """The stage that is built: `target` by name or number, else the last. Raises McdError(invalid) with the names."""
    if not target:
        return found[-1]
    for number, stage in enumerate(found):
        if target.lower() == stage.name or target == str(number):
            return stage
    names = ", ".join(stage.name for stage in found if stage.name) or "none has a name"
    raise McdError(
        Code.INVALID, f'{file}: there is no stage "{echo(target, 40)}" (build.target).', f"The stages are: {names}.",
        reason=Reason.BUILD_FAILED,
    )  # fmt: skip


def uses(found: tuple[Stage, ...]) -> tuple[Use, ...]:
    """Every image that would be fetched: of FROM, COPY --from and RUN --mount=from=. Stages and scratch are not."""
    wanted: list[Use] = []
    known: set[str] = {"scratch"}
    for number, stage in enumerate(found):
        if stage.image.lower() not in known:
            written = next(w for w in stage.instructions[0].text.split() if not w.startswith("--"))
            wanted.append(Use(stage.line, written, stage.image, stage.instructions[0]))
        for one in stage.instructions[1:]:
            named = [name for name in _named(one) if name.lower() not in known and not name.isdigit()]
            wanted += [Use(one.line, name, name, one) for name in named]
        known.update({str(number), stage.name} - {""})
    return tuple(wanted)


def _named(one: Instruction) -> list[str]:
    """The images or stages that flags of a COPY, ADD or RUN name. Flags stand first; the rest is the program's."""
    if one.word not in ("COPY", "RUN", "ADD"):
        return []
    flags = takewhile(lambda word: word.startswith("--"), one.text.split())
    return [match[2] for flag in flags for match in _FROM_FLAG.finditer(flag)]


def rewritten(text: str, replacements: Mapping[tuple[int, int, str], str]) -> str:
    """`text` with image references replaced: (first line, last line, as written) → reference. Lines keep their
    numbers, so that the builder's messages still point at the person's file."""
    lines = text.splitlines()
    for (first, last, written), reference in replacements.items():
        whole = re.compile(rf"(?<![\w./:@$-]){re.escape(written)}(?![\w./:@-])")
        for number in range(first - 1, last):
            lines[number], count = whole.subn(reference.replace("\\", r"\\"), lines[number], count=1)
            if count:
                break
    return "\n".join(lines) + "\n"
