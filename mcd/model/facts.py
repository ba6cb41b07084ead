"""What an App has to do with other Apps: what it takes and gives itself, and what is true around it at one moment.

Values only. It must not know where any of it is kept, or what a file says about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Serving:
    """A component as other Apps may call it: its type and its named ports."""

    type: str
    ports: Mapping[str, int] = field(default_factory=dict)


Host = tuple[str, str]
"""A host and the path on it that is served."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a Release takes and gives beyond its own App, as it was compiled. `calls` is App → component, for each entry
    of `app_dep`; `beside` are the Apps whose pods it wants near or far; `names` are its objects, kind → names."""

    components: Mapping[str, Serving] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    hosts: tuple[Host, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def apps(self) -> tuple[str, ...]:
        """The Apps that the file names."""
        return tuple(dict.fromkeys((*self.calls, *self.beside)))


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another App. `components` is None while nothing of it was compiled."""

    product_line: str
    namespace: str
    cluster: str
    components: Mapping[str, Serving] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """An App that calls a component of this one."""

    app: str
    namespace: str
    component: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of other Apps. `apps` are those that the file names and that are there, None when nobody looked;
    `callers` are those of other product lines; `hosts` and `names` are what others have of what this App wants: host or
    object name → App, which is empty for one of another product line."""

    apps: Mapping[str, Neighbour] | None = None
    callers: tuple[Caller, ...] = ()
    hosts: Mapping[Host, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


NO_FACTS = Facts()
