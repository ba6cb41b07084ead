"""Who asks, found anew for each request: from the tables, or from what they said when nothing was committed since.

What was revoked by anybody is dead at the next request, because taking it back is a commit and no mark survives one.
What time ends is looked at each time. No text of a credential is kept, and a refusal never is.
"""

from __future__ import annotations

from datetime import datetime

from mcd.model import Actor
from mcd.store.accounts import Proof, proof_of_session, proof_of_token
from mcd.store.credential import digest_of
from mcd.store.kept import Kept
from mcd.store.marks import Mark
from mcd.store.session import Database
from mcd.store.shared import Shared
from mcd.store.tx import Tx

MOST_BYTES = 8 * 1024 * 1024

_OF_A_ROLE = 200
"""Bytes that a role takes with the name of its product line, about."""


class Visitors:
    """One for a process."""

    def __init__(self, db: Database, most: int = MOST_BYTES) -> None:
        self._db = db
        self._kept: Kept[Proof] = Kept(most)
        self._shared = Shared[Proof]("store-visitor")

    async def by_token(self, text: str, now: datetime, mark: Mark = None) -> Actor:
        """`mark` was asked for when the request was there, if the caller needs it too. Raises McdError
        unauthenticated, as `accounts.proof_of_token` does."""
        return await self._known("token", text, now, mark)

    async def by_session(self, text: str, now: datetime, mark: Mark = None) -> Actor:
        """The same for a session."""
        return await self._known("session", text, now, mark)

    async def _known(self, kind: str, text: str, now: datetime, mark: Mark) -> Actor:
        mark = mark if mark is not None else await self._db.mark()
        # A digest, so that a dump of the process shows nobody's token.
        key = (kind, digest_of(text))
        proof = self._kept.good(key, mark)
        if proof is None or proof.expires_at <= now:
            self._kept.drop(key)
            proof = await self._shared.look(key, lambda: self._read(kind, text, now))
            self._kept.keep(key, mark, proof, 600 + _OF_A_ROLE * len(proof.actor.roles))
        if proof.token is not None:
            self._db.note_use(proof.token, now)
        return proof.actor

    async def _read(self, kind: str, text: str, now: datetime) -> Proof:
        async def proof(tx: Tx) -> Proof:
            return await (proof_of_token if kind == "token" else proof_of_session)(tx, text, now)

        return await self._db.asked(proof, single=True)
