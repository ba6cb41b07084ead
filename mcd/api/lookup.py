"""The route cache: which router answers an address, found once for each; the routes of two hundred are tried in turn
otherwise. (Rows are found by `mcd.store.lookup`.)

What an address leads to depends on its path and method alone. It must not know any route.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Match, Router
from starlette.types import Receive, Scope, Send

MOST = 4_096
"""Addresses that are remembered; then all are forgotten."""
LONGEST = 200
"""Characters of one."""


class Lookup:
    """Stands before the application's router, and hands over to the first of its parts that has the whole address."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._known: dict[tuple[str, str, str], BaseRoute] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] in ("http", "websocket") and not scope["root_path"] else None
        if found is None:
            # Unknown, or of another method, or the beginning and end of the process.
            await self._router.app(scope, receive, send)
            return
        scope.setdefault("router", self._router)
        await found.handle(scope, receive, send)

    def _find(self, scope: Scope) -> BaseRoute | None:
        key = (scope["type"], scope.get("method", ""), scope["path"])
        found = self._known.get(key)
        if found is None and len(key[2]) <= LONGEST:
            for route in self._router.routes:
                match, more = route.matches(scope)
                if match is Match.FULL:
                    # What a route itself adds to the request would have to be made anew each time: a router adds none.
                    if more:
                        return None
                    if len(self._known) >= MOST:
                        self._known.clear()
                    self._known[key] = found = route
                    break
        return found
