"""Lines of logs as a page shows them: whose they are, when they were said, and nothing that a terminal would obey.

Pure. A line is a stranger's text: control characters are shown as escapes, templates and scripts treat it as text only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from mcd.api.app_shapes import Pod
from mcd.api.portal.views.app import Top

TAILS = (100, 500, 2000)
"""How many last lines of each container a page offers."""
LONGEST = 4000
"""Characters of one line that are shown; the download has all."""

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_MCD = "mcd: "


def plain(text: str) -> str:
    """Control characters, marks without a width and those that turn the direction, as escapes."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text)


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    pod: str = ""
    container: str = ""
    time: str = ""
    at: int = 0
    """Microseconds since 1970; 0: not known."""
    ours: bool = False
    """MCD says it, and no container."""

    def data(self) -> list[str | bool]:
        """For a script."""
        return [self.time, self.pod, self.container, self.text, self.ours]


def line_of(raw: bytes) -> Line:
    """One line of `mcd.api.tails` with prefix and timestamps."""
    text = raw.decode("utf-8", "replace").rstrip("\n")
    if text.startswith(_MCD):
        return Line(plain(text.removeprefix(_MCD)), ours=True)
    pod, _, rest = text.partition(" ")
    container, _, rest = rest.partition(" ")
    found = _STAMP.match(rest)
    at, time = 0, ""
    if found is not None:
        try:
            moment = datetime.fromisoformat(found[1] + found[3]).astimezone(UTC)
        except ValueError:
            moment = None
        if moment is not None:
            micro = int((found[2] or "").ljust(6, "0")[:6] or 0)
            at, time = int(moment.timestamp()) * 1_000_000 + micro, f"{moment:%m-%d %H:%M:%S}.{micro // 1000:03d}"
            rest = rest[found.end() :]
    said = plain(rest)
    if len(said) > LONGEST:
        said = f"{said[:LONGEST]}… (+{len(said) - LONGEST})"
    return Line(said, pod, container, time, at)


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the logs is asked for. Empty: all."""

    component: str = ""
    pod: str = ""
    container: str = ""
    previous: bool = False
    tail: int = TAILS[0]
    text: str = ""

    def query(self, **more: object) -> str:
        named: Mapping[str, object] = {
            "component": self.component, "pod": self.pod, "container": self.container,
            "previous": "true" if self.previous else "", **more,
        }  # fmt: skip
        return urlencode({name: value for name, value in named.items() if value not in ("", None)})

    def command(self, app: str) -> str:
        words = ["mcd logs", f"{app}/{self.component}" if self.component else app]
        words += [f"--pod {self.pod}"] if self.pod else []
        words += [f"--container {self.container}"] if self.container else []
        words += ["--previous"] if self.previous else ["-f"]
        return " ".join([*words, f"--tail {self.tail}"])


@dataclass(frozen=True, slots=True)
class Logs:
    top: Top
    wish: Wish
    lines: tuple[Line, ...]
    components: tuple[str, ...]
    pods: tuple[str, ...]
    containers: tuple[str, ...]
    trouble: str = ""
    late: bool = False
    """The cluster took too long: what came until then is shown."""
    last: int = 0
    """When the newest line was said that was read, also of those that the text leaves out."""

    @property
    def stream(self) -> str:
        """Where what comes is told; empty for what says no more."""
        if self.wish.previous:
            return ""
        return f"{self.top.url}/logs/live?{self.wish.query(after=self.last or None)}"

    @property
    def download(self) -> str:
        return f"/api/v1{self.top.url}/logs?{self.wish.query(timestamps='true', prefix='true')}"

    @property
    def tails(self) -> Mapping[str, str]:
        return {str(count): str(count) for count in TAILS}


def logs_of(top: Top, wish: Wish, lines: Sequence[Line], pods: Sequence[Pod], **told: object) -> Logs:
    mine = [p for p in pods if not wish.component or p.component == wish.component]
    meant = [p for p in mine if not wish.pod or p.name == wish.pod]
    text = wish.text.casefold()
    return Logs(
        top,
        wish,
        tuple(line for line in lines if not text or line.ours or text in line.text.casefold()),
        tuple(sorted({p.component for p in pods})),
        tuple(p.name for p in mine),
        tuple(dict.fromkeys(c.name for p in meant for c in p.containers)),
        trouble=str(told.get("trouble", "")),
        late=bool(told.get("late", False)),
        last=max((line.at for line in lines), default=0),
    )
