"""The value of a secret is in its Secret object and nowhere else: no row, no log line, no Event, no result."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from mcd.controllers import rollouts
from mcd.controllers.loop import opener
from mcd.model import Noun, RolloutItem, RolloutObserved
from mcd.objects import HASH, MASK, Ref, content_hash
from mcd.observability import logs
from mcd.store import reads, work
from tests.controllers.test_secrets import (
    READER,
    change_data,
    held,
    later,
    set_secret,
    with_app,
)
from tests.controllers.world import ADMIN, LINE, World

CANARY = "c4nary-Zm9v+/=&value"


def forms(value: str) -> set[bytes]:
    """A value as it may hide in a file: as it is, base64 at each offset, hex, URL."""
    raw = value.encode()
    shifted = {base64.b64encode(b"x" * n + raw)[4 if n else 0 : -4] for n in range(3)}
    # A repr of text or bytes would show it as it is.
    return {raw, raw.hex().encode(), quote(value, safe="").encode(), base64.urlsafe_b64encode(raw)[:-4], *shifted}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as `mcd serve` logs it, at the finest level."""
    root = logging.getLogger()
    before = root.handlers, root.level
    out = io.StringIO()
    logs.configure("debug", out)
    root.setLevel(logging.DEBUG)
    yield out
    root.handlers, _ = before
    root.setLevel(before[1])
    structlog.reset_defaults()


async def test_a_value_is_nowhere_but_in_its_secret_object(here: World, lines: io.StringIO) -> None:
    await set_secret(here, "shared", app=None, TOKEN=CANARY)
    await with_app(here, READER.replace('worker:1"', 'worker:1", env: {S: {secret: shared/TOKEN}}'), TOKEN=CANARY)
    assert held(here) == {"TOKEN": CANARY}
    assert held(here, "mcd-line-shared") == {"TOKEN": CANARY}
    here.kube.person_deletes(Ref("v1", "Secret", LINE, "hello-secret-api"))
    await later(here)
    change_data(here, TOKEN=f"{CANARY} by hand")
    await later(here)
    await set_secret(here, TOKEN=f"{CANARY} again")
    await here.settle()
    async with here.runtime.db.reading() as tx:
        page = await reads.events(ADMIN, tx, after=0)
    places = {str(path): path.read_bytes() for path in here.runtime.settings.data.rglob("*") if path.is_file()}
    assert any(where.endswith("mcd.db") for where in places)
    places |= {"logs": lines.getvalue().encode(), "events": repr(page.items).encode()}
    objects = here.kube.objects()
    places |= {str(ref): repr(obj).encode() for ref, obj in objects.items() if ref.kind != "Secret"}
    shown = repr([obj for ref, obj in objects.items() if ref.kind == "Secret"]).encode()
    assert any(form in shown for form in forms(CANARY)), "the search finds it where it is"
    for form in forms(CANARY):
        assert not [where for where, content in places.items() if form in content], form


class Mine:
    """A lease that is never lost."""

    def check(self) -> None:
        return None

    async def intend(self, refs: tuple[Ref, ...], observed: RolloutObserved | None = None) -> None:
        return None


async def test_a_pass_that_writes_a_value_answers_without_it(here: World) -> None:
    await with_app(here, TOKEN=CANARY)
    change_data(here, TOKEN=f"{CANARY} by hand")
    rollout = await here.live()
    assert rollout is not None
    async with here.runtime.db.reading() as tx:
        item = (await work.load(tx, Noun.ROLLOUT, [rollout.id]))[rollout.id]
    assert isinstance(item, RolloutItem)
    live = await here.runtime.live(item.cluster)
    values = opener(here.runtime, app=item.app.id)
    runtime = here.runtime
    result = await rollouts.reconcile(
        item, live, Mine(), runtime.owner, here.clock(), values=values, compiler=runtime.compiler
    )
    assert held(here) == {"TOKEN": CANARY}, "it was written"
    assert "Secret" in repr(result)
    assert not [form for form in forms(CANARY) if form in repr((item, result)).encode()]


async def test_the_hash_of_the_object_says_nothing_of_the_value(here: World) -> None:
    await with_app(here, TOKEN="one")
    await with_app(here, READER.replace("hello", "other"), "other", TOKEN="two")
    first, second = (here.ours()[f"Secret/{app}-secret-api"]["metadata"] for app in ("hello", "other"))
    same = {**first, "name": second["name"], "labels": second["labels"]}
    shell = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"TOKEN": MASK}}
    for meta, known in ((same, second), (second, second)):
        kept = {k: meta[k] for k in ("name", "namespace", "labels", "annotations")}
        assert content_hash({**shell, "metadata": kept}) == known["annotations"][HASH]
