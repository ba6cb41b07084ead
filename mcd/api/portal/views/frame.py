"""What surrounds every page: who looks, in which language and colours, where one can go, what was just done.

Pure. It must not know what a page is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from mcd.api.portal.words import n_
from mcd.model import Actor


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation. `under` are the beginnings of addresses that belong to it."""

    title: str
    url: str
    icon: str
    under: tuple[str, ...]


PLACES = (
    Place(n_("Home"), "/", "home", ()),
    Place(n_("Apps"), "/apps", "apps", ("/apps",)),
    Place(n_("Product lines"), "/product-lines", "building", ("/product-lines",)),
    Place(n_("Clusters"), "/clusters", "server-2", ("/clusters", "/node-pools")),
    Place(n_("Audit"), "/events", "history", ("/events",)),
    Place(n_("Docs"), "/docs", "book", ("/docs",)),
)

THEMES: Mapping[str, str] = {"system": n_("As the system"), "light": n_("Light"), "dark": n_("Dark")}

DONE: Mapping[str, str] = {
    "signed-out": n_("You are signed out."),
    "session-ended": n_("The session was ended."),
    "token-revoked": n_("The token is revoked. Whoever still uses it is refused from now on."),
    "member-set": n_("The role was given."),
    "member-removed": n_("The role was taken away."),
    "deploying": n_("It is on its way. This page follows it."),
    "rolling-back": n_("It goes back. This page follows it."),
    "scaling": n_("The number of pods is set. This page follows it."),
    "restarting": n_("The pods are replaced. This page follows it."),
    "offline": n_("It is taken offline."),
    "online": n_("It is brought back. This page follows it."),
    "deleting": n_("The App is being deleted."),
    "settings": n_("The Settings are saved."),
    "secret": n_("The secret is set. Nobody can read it here."),
    "as-it-was": n_("It was so already. Nothing was changed."),
}
"""What a page says on the top after something was done, by the word that the redirect left in a cookie. Closed: no text
of anybody stands there."""


@dataclass(frozen=True, slots=True)
class Frame:
    person: str
    """Empty where it was not asked for: of a refusal."""
    signed_in: bool
    admin: bool
    via: str
    theme: str
    here: str
    """The address of the page, with its query."""
    done: str = ""

    @property
    def place(self) -> Place | None:
        path = parts_of(self.here).path
        for place in PLACES:
            if path == place.url or any(path == under or path.startswith(f"{under}/") for under in place.under):
                return place
        return None


def frame(
    actor: Actor | None, *, theme: str | None, here: str, done: str | None = None, signed_in: bool = False
) -> Frame:
    """`signed_in`: somebody has a session, though nobody looked whose it is."""
    return Frame(
        person=actor.name if actor else "",
        signed_in=signed_in or actor is not None,
        admin=bool(actor and actor.admin),
        via=actor.via if actor else "",
        theme=theme if theme is not None and theme in THEMES else "system",
        here=here,
        done=DONE.get(done or "", ""),
    )


def parts_of(address: str) -> SplitResult:
    """An address as its parts, all of them empty for a text that is none, such as `http://[`: a header holds whatever
    its sender likes."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def local(address: str | None, otherwise: str = "/") -> str:
    """An address on this server to go on to, or `otherwise`: nobody is sent to another host by a link."""
    if not address or len(address) > 2000 or not address.startswith("/") or address.startswith(("//", "/\\")):
        return otherwise
    if any(c <= " " or c == "\x7f" or c == "\\" for c in address):
        return otherwise
    return address
