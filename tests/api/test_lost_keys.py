"""A database that was restored without the key that it needs: readers have their answers, and an operator is told."""

from __future__ import annotations

from mcd.store.keyring import KeyRing
from tests.api.client import Api


async def test_readyz_says_how_many_values_the_key_ring_does_not_open(api: Api) -> None:
    db = api.world.runtime.db
    assert "[+] key ring: ok\n" in (await api.get("/readyz?verbose", "")).text
    before = db.keyring
    assert before is not None
    db.keyring = KeyRing((("k-new", b"0" * 32),))
    try:
        for path in ("/readyz", "/readyz?verbose"):
            answer = await api.get(path, "")
            assert answer.status_code == 200, "what needs no secret goes on"
            (said,) = [line for line in answer.text.splitlines() if "key ring" in line]
            assert said.startswith("[-] key ring: 1 values cannot be opened: they are sealed with key ")
            assert before.newest in said
    finally:
        db.keyring = before
