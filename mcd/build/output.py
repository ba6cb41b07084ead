"""Turns a builder's raw output into clean lines, and the end of a failed one into a sentence for a person.

Pure. It must not let a control character, an endless line or an endless log through, and must not drop the last lines:
they say why a build failed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcd.build.dockerfile import Instruction, Stage
from mcd.errors import Code, McdError, echo
from mcd.model import Reason

LINE_BYTES = 4096
TOTAL_BYTES = 8 * 1024 * 1024
TAIL_LINES = 40
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_STEP = re.compile(r"(?:\[(\d+)/\d+\] )?STEP (\d+)/(\d+): (.*)")
_STATUS = re.compile(r"exit status (\d+)")
_EXITED = re.compile(r"�?subprocess exited with status \d+$")
_NO_SOURCE = re.compile(r'copier: stat: "?/?([^":]+)"?: no such file or directory')
_JAIL = ("unshare: ", "setpriv: ", "jail.py: ")
# Said by buildah on the way; nobody needs them.
_NOISE = (
    "[Warning] one or more build args were not consumed: [MCD_COMMIT]", "Getting image source signatures",
    "Writing manifest to image destination", "Storing signatures", "Copying blob ", "Copying config ",
    "subprocess exited with status",
)  # fmt: skip


def clean(line: str) -> str:
    """One line without terminal escapes and control characters; of a line that was redrawn, the last drawing."""
    if line.isprintable() and "://" not in line:
        return line.rstrip()
    text = _ESCAPES.sub("", line.rstrip("\r\n")).rpartition("\r")[2].expandtabs(4)
    return _USERINFO.sub("***", "".join(c if c.isprintable() else "�" for c in text)).rstrip()


class Lines:
    """Bytes in, clean lines out: each cut at 4 KiB, all together at 8 MiB with a note. `tail` keeps the last lines."""

    def __init__(self, *, line_bytes: int = LINE_BYTES, total_bytes: int = TOTAL_BYTES) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._line_bytes = line_bytes
        self._left = total_bytes
        self._buffer = bytearray()
        self._cut = False
        self._step = ""

    def feed(self, data: bytes) -> list[str]:
        found: list[str] = []
        *ended, rest = data.split(b"\n")
        if self._left <= 0 and len(ended) > TAIL_LINES:
            # Nobody gets these lines any more, and a flood is read as fast as it comes.
            self._remember_step(ended)
            self._buffer.clear()
            ended = ended[-TAIL_LINES:]
        for part in ended:
            self._take(part)
            found += self._end()
        self._take(rest)
        return found

    def close(self) -> list[str]:
        """The last line, when it did not end with a newline."""
        return self._end() if self._buffer else []

    def ending(self) -> tuple[str, ...]:
        """The last lines, oldest first, and before them the last step that was begun, wherever that was."""
        return (self._step, *self.tail) if self._step and self._step not in self.tail else tuple(self.tail)

    def _remember_step(self, lines: list[bytes]) -> None:
        step = next((line for line in reversed(lines) if b"STEP " in line[:20]), b"")
        if step:
            self._note(clean(step[: self._line_bytes].decode("utf-8", "replace")))

    def _note(self, line: str) -> None:
        if _STEP.match(line):
            self._step = line

    def _take(self, part: bytes) -> None:
        # A progress bar redraws its line with carriage returns: only what stands last is kept, or it fills the line.
        carriage = part.rstrip(b"\r").rfind(b"\r")
        if carriage >= 0:
            self._buffer.clear()
            self._cut = False
            part = part[carriage + 1 :]
        room = self._line_bytes - len(self._buffer)
        self._cut = self._cut or len(part) > room
        self._buffer += part[:room]

    def _end(self) -> list[str]:
        line = clean(self._buffer.decode("utf-8", "replace")) + (" … (cut)" if self._cut else "")
        self._buffer.clear()
        self._cut = False
        if line.startswith(_NOISE):
            return []
        # buildah adds this to whatever the program wrote last without a newline.
        line = _EXITED.sub("", line)
        self._note(line)
        self.tail.append(line)
        if self._left <= 0:
            return []
        self._left -= len(line.encode()) + 1
        if self._left <= 0:
            return [line, "… the rest of the output is not kept: it is over the limit."]
        return [line]


@dataclass(frozen=True, slots=True)
class Failure:
    """A builder that ended badly: `code` is its exit code, `tail` its last lines, oldest first."""

    code: int
    tail: Sequence[str]
    file: str
    stages: tuple[Stage, ...]
    fetched: Mapping[str, int]
    """The references that were to be fetched, and the line of each."""
    registry: str


def explain(failure: Failure) -> McdError:
    """What went wrong, where, and what to do, from the builder's last words."""
    last = _last_error(failure.tail)
    words = last.partition(" ")[2]
    every = "\n".join(failure.tail)
    if "no space left on device" in every.lower():
        return McdError(Code.UNAVAILABLE, "the disk of the builder is full.", "Free space there, then `mcd deploy`.")
    if failure.tail and failure.tail[-1].startswith(_JAIL) and not _begun(failure.tail):
        return McdError(
            Code.UNAVAILABLE,
            f"the builder may not make namespaces here ({echo(failure.tail[-1], 200)}).",
            "Run MCD's controllers as root with CAP_SYS_ADMIN, or use image: in app.yaml.",
            reason=Reason.BUILD_UNAVAILABLE,
        )
    if refused := _pull(words, failure):
        return refused
    place, step = _place(failure)
    if "process failed to start" in every and "no such file" in every:
        return _invalid(
            f"{place}{step} found no such program in the image.", "FROM scratch has no shell: copy files only."
        )
    if source := _NO_SOURCE.search(words):
        what = f'{place}{step}: there is no "{echo(source[1])}" in the build context.'
        return _invalid(what, "Check the path, build.context and .dockerignore.")
    if (status := _STATUS.search(words)) and failure.code < 125:
        lines = " / ".join(_said(failure.tail))
        said = f'Last lines: "{lines}".' if lines else "It said nothing."
        return _invalid(f"{place}{step} ended with exit code {status[1]}. {said}", "Mend it and push again.")
    return _invalid(
        f"{place}{step}: {_own_words(words) or f'the builder ended with {failure.code}'}", "Mend it and push again."
    )


def _invalid(what: str, hint: str) -> McdError:
    return McdError(Code.INVALID, what, hint, reason=Reason.BUILD_FAILED)


def _pull(words: str, failure: Failure) -> McdError | None:
    if "initializing source docker://" not in words:
        return None
    image = words.partition("initializing source docker://")[2].partition(": ")[0]
    if "connection refused" in words or "no such host" in words or "timeout" in words or "deadline exceeded" in words:
        return McdError(
            Code.UNAVAILABLE, f"{echo(image)} cannot be fetched: its registry does not answer.",
            "Check that the registry runs and that MCD_REGISTRY is right.", reason=Reason.BUILD_UNAVAILABLE,
        )  # fmt: skip
    line = next((number for one, number in failure.fetched.items() if image.startswith(one)), 1)
    where = f"{failure.file}:{line}: "
    if "/base/" in image and image.startswith(failure.registry):
        return McdError(
            Code.UNAVAILABLE, f"{where}the base image {echo(image)} is not in the registry.",
            "Make the bases: python -m scripts.bases.", reason=Reason.BUILD_UNAVAILABLE,
        )  # fmt: skip
    return _invalid(f"{where}{echo(image)} cannot be fetched.", "Check name and tag, or push the image there first.")


def _begun(tail: Sequence[str]) -> bool:
    return any(_STEP.match(line) for line in tail)


def _place(failure: Failure) -> tuple[str, str]:
    """`Dockerfile:7: ` and `step 3 of 6 (RUN make)` of the last step that was begun; the builder repeats the text of
    the file, so that it is found by stage and number and believed only when the word is the same."""
    step = next((match for line in reversed(failure.tail) if (match := _STEP.match(line))), None)
    if step is None:
        return f"{failure.file}: ", "the build"
    said = f"step {step[2]} of {step[3]} ({echo(step[4], 100)})"
    for one in _candidates(failure.stages, step):
        if one.word == step[4].split(" ", 1)[0].upper():
            return f"{failure.file}:{one.line}: ", said
    return f"{failure.file}: ", said


def _candidates(stages: tuple[Stage, ...], step: re.Match[str]) -> list[Instruction]:
    number = int(step[2]) - 1
    chosen = stages[int(step[1]) - 1 : int(step[1])] if step[1] else stages
    return [stage.instructions[number] for stage in chosen if number < len(stage.instructions)]


def _said(tail: Sequence[str]) -> list[str]:
    """The last four lines that the failed program itself wrote."""
    mine: list[str] = []
    last = _last_error(tail)
    for line in tail:
        if _STEP.match(line):
            mine = []
        elif line and line != last and not line.startswith("-->"):
            mine.append(line)
    return [echo(line, 200) for line in mine[-4:]]


def silent(tail: Sequence[str]) -> bool:
    """Whether a program of the build failed and not a word of it arrived."""
    return _STATUS.search(_last_error(tail)) is not None and not _said(tail)


def _last_error(tail: Sequence[str]) -> str:
    """The builder's own error, its very last word; pip and others begin theirs with ERROR."""
    return next((line for line in reversed(tail) if line.startswith(("Error: ", "error: "))), "")


def _own_words(words: str) -> str:
    """The builder's error without its own prefix and without paths of this machine."""
    text = re.sub(r'^building at STEP "(?:[^"\\]|\\.|"(?!:))*": ', "", words)
    text = text.partition(" &imagebuilder.")[0]
    return echo(re.sub(r'"?/(?:var|tmp|root|home)/[^\s:"]+"?', "(build folder)", text), 300)
