"""The contract of a kind of the catalogue: what may be asked, what is made, what the App gets, when it is ready, what
stays when it is given up.

An Offering is a value that the compiler, providers, the portal and the reference page read. It must not make anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Form: TypeAlias = Literal["builtin", "operator"]
"""How a server is made: from objects of our own around an upstream image, or by an operator of the cluster."""

NO_PORTS: Mapping[str, int] = MappingProxyType({})


class Server(NamedTuple):
    """What is made: an upstream image (builtin), or the kind of an operator's resource as `group/version Kind`."""

    form: Form
    what: str


class Offering(NamedTuple):
    """One kind.

    Asked: `name` and `also`, the words that `type` takes for it; `options`, which of the keys database, bucket and
    access it has; `versions`, the first is the default, none where the provider decides.

    Made: `standalone` or, with `ha: true`, `high`; `ports` by the word that carries each.

    Given: `words`, the keys of the Secret and the ends of the variables; `url`, the form of the word url (user and
    password percent-encoded), empty for a kind without one; `prefix` is what names must begin with on a shared server,
    `own_prefix` on one of its own. `shared` is what an App gets of its own on a shared server, empty where tenants
    cannot be kept apart, so that only a server of its own is offered.

    `ready` and `stays` are sentences for people: when it is ready, and what is left when it is given up.
    """

    name: str
    words: tuple[str, ...]
    standalone: Server
    high: Server
    ready: str
    stays: str
    also: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    ports: Mapping[str, int] = NO_PORTS
    url: str = ""
    shared: tuple[str, ...] = ()
    prefix: str = ""
    own_prefix: str = ""


def builtin(image: str) -> Server:
    """A server that we make ourselves of an upstream image."""
    return Server("builtin", image)


def operator(resource: str) -> Server:
    """A server that an operator makes: `group/version Kind`."""
    return Server("operator", resource)


KEPT = "Its volume and its backups, for 7 days as unclaimed; then a person decides by its name."
"""`stays` of everything that holds data: nothing of it is ever deleted because a key left a file."""
