"""Lines of logs as a page shows them: whose they are, when they were said, and nothing that a terminal would obey.

Pure. A line is a stranger's text: colours are left out, other control characters are shown as escapes,
templates and scripts treat it as text only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from mcd.api.app_shapes import Pod
from mcd.api.portal.views.app import Top
from mcd.api.portal.views.plain import plain
from mcd.api.portal.views.typed import typed
from mcd.kube.lines import text_of
from mcd.kube.stamps import BILLION, stamp_of

TAILS = (100, 500, 2000)
"""How many last lines of each container a page offers."""
LONGEST = 4000
"""Characters of one line that are shown, as the program said them; the download has all."""

_MCD = b"mcd: "


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    pod: str = ""
    container: str = ""
    time: str = ""
    at: int = 0
    """Nanoseconds since 1970; 0: not known."""
    ours: bool = False
    """MCD says it, and no container."""

    def data(self) -> list[str | bool]:
        """For a script."""
        return [self.time, self.pod, self.container, self.text, self.ours]


def line_of(raw: bytes) -> Line:
    """One line of `mcd.api.tails` with prefix and timestamps."""
    raw = raw.rstrip(b"\n")
    if raw.startswith(_MCD):
        return Line(plain(raw.removeprefix(_MCD).decode("utf-8", "replace")[:LONGEST]), ours=True)
    pod, _, rest = raw.partition(b" ")
    container, _, rest = rest.partition(b" ")
    at, length = stamp_of(rest)
    time = ""
    if at:
        seconds, nanoseconds = divmod(at, BILLION)
        time = f"{datetime.fromtimestamp(seconds, UTC):%m-%d %H:%M:%S}.{nanoseconds // 1_000_000:03d}"
    text = text_of(rest[length:])
    # Cut before it is made harmless: a line of 64 KiB that is no text would cost as much time as a whole page.
    said = plain(text[:LONGEST])
    if len(text) > LONGEST:
        said = f"{said}… (+{len(text) - LONGEST})"
    return Line(said, pod.decode("utf-8", "replace"), container.decode("utf-8", "replace"), time, at)


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
        words: list[object] = [f"{app}/{self.component}" if self.component else app]
        words += ["--pod", self.pod] if self.pod else []
        words += ["--container", self.container] if self.container else []
        words += ["--previous"] if self.previous else ["-f"]
        return typed("mcd logs", *words, "--tail", self.tail)


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
    read: str = ""
    """How far each container was read (`mcd.api.log_marks`), also in lines that the page leaves out."""

    @property
    def stream(self) -> str:
        """Where what comes is told; empty for what says no more."""
        if self.wish.previous:
            return ""
        return f"{self.top.url}/logs/live?{self.wish.query(after=self.read)}"

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
        read=str(told.get("read", "")),
    )
