"""The page with a terminal: where it goes, and the command that does the same without a browser. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mcd.api.portal.views.app import Top
from mcd.api.portal.views.typed import typed


@dataclass(frozen=True, slots=True)
class Shell:
    top: Top
    components: tuple[str, ...]
    component: str = ""
    pod: str = ""
    container: str = ""
    command: str = "sh"

    @property
    def ask(self) -> str:
        """Where a ticket is asked for."""
        return f"/api/v1{self.top.url}/exec"

    @property
    def line(self) -> str:
        """The same in a terminal."""
        where = f"{self.top.name}/{self.component}" if self.component else self.top.name
        pod = ("--pod", self.pod) if self.pod else ()
        container = ("--container", self.container) if self.container else ()
        return typed("mcd exec", where, *pod, *container)
