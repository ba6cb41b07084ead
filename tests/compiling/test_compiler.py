"""The children that compile: the same answer as in the process itself, bounds that hold, and a loop that goes round."""

from __future__ import annotations

import asyncio
import pickle
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcd.appyaml.live import desired
from mcd.compiling import asks
from mcd.compiling.children import ASKED_AT_MOST, Child
from mcd.compiling.compiler import Compiler
from mcd.compiling.kept import Kept
from mcd.errors import Code, McdError, Severity
from mcd.infra.catalog import KINDS
from mcd.model import Reconciled
from tests.appyaml.test_live import TWO, pair, rollout

LONG = "appname: two\nenv:\n" + "".join(f"  V{j}: x\n" for j in range(490)) + "components:\n"
LONG += "".join(f"  c{i}: {{type: web, image: 'r.test/x:1'}}\n" for i in range(100))
"""It is good, and takes hundreds of milliseconds."""


@pytest.fixture
def compiler() -> Iterator[Compiler]:
    made = Compiler(most=2)
    yield made
    made.close()


@pytest.fixture
async def going_round() -> AsyncIterator[list[None]]:
    """Grows by one each time that the event loop goes round."""
    rounds: list[None] = []

    async def count() -> None:
        while True:
            rounds.append(None)
            await asyncio.sleep(0)

    task = asyncio.create_task(count())
    yield rounds
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def pids(compiler: Compiler) -> list[int]:
    return [child.process.pid for child in compiler.idle]


async def test_a_child_answers_what_the_compiler_does(compiler: Compiler) -> None:
    ours = desired(pair(TWO), KINDS, rollout(), None)
    theirs = await compiler.desired(pair(TWO), rollout(), None)
    assert theirs.objects == ours.objects
    assert (theirs.commits, theirs.digests, theirs.problems) == (ours.commits, ours.digests, ours.problems)
    assert theirs.footprint == ours.footprint
    assert theirs.compiled.spec is not None
    assert [c.name for c in theirs.compiled.spec.components] == ["web", "worker"]


async def test_a_text_that_is_none_is_told_as_by_the_compiler(compiler: Compiler) -> None:
    broken = TWO.replace("daemon", "deamon")
    ours = desired(pair(broken), KINDS, rollout(), None)
    assert (await compiler.desired(pair(broken), rollout(), None)).problems == ours.problems
    assert (await compiler.desired(pair("a: [b"), None, None)).compiled.spec is None


async def test_a_child_is_kept_warm(compiler: Compiler) -> None:
    await compiler.said(TWO)
    first = pids(compiler)
    await compiler.said(TWO)
    assert pids(compiler) == first != []


async def test_nothing_is_started_before_it_is_needed(compiler: Compiler) -> None:
    assert await compiler.types("", "demo") is None
    assert await compiler.required(TWO, "demo") == frozenset()
    assert compiler.idle == []


async def test_a_file_that_takes_too_long_is_refused_and_the_next_one_is_compiled(compiler: Compiler) -> None:
    compiler.seconds = 0.05
    found = await compiler.desired(pair(LONG), rollout(), None)
    assert [str(p) for p in found.problems] == ["app.yaml:1:1: reading it takes more than 0.05 s. Make it smaller."]
    assert found.objects == ()
    compiler.seconds = 0.01
    assert [str(p) for p in await compiler.problems(LONG, "x.yaml", None)] == [
        "x.yaml:1:1: reading it takes more than 0.01 s. Make it smaller."
    ]
    assert await compiler.said(LONG + "".join(f"  k{n}: {{a: b}}\n" for n in range(4500))) is None
    compiler.seconds = 5
    assert (await compiler.desired(pair(TWO), rollout(), None)).objects != ()


async def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_is_compiled(compiler: Compiler) -> None:
    """The bound is far above what any file takes: a child with next to none shows what becomes of one that hits it."""
    compiler.memory = 1024 * 1024
    found = await compiler.desired(pair(LONG), rollout(), None)
    assert [str(p) for p in found.problems] == [
        "app.yaml:1:1: reading it takes more than 1 MiB of memory. Make it smaller."
    ]
    assert compiler.idle == []
    compiler.memory = 256 * 1024 * 1024
    assert (await compiler.desired(pair(TWO), rollout(), None)).objects != ()


async def test_the_loop_goes_round_while_a_child_works(compiler: Compiler, going_round: list[None]) -> None:
    compiler.seconds = 5
    await compiler.said(TWO)
    before = len(going_round)
    found = await compiler.desired(pair(LONG), rollout(), None)
    assert len(found.objects) > 300
    # Once for each piece of the answer, at the very least.
    assert len(going_round) - before > len(found.objects)


async def test_small_files_are_answered_while_a_long_one_is_compiled(compiler: Compiler) -> None:
    compiler.seconds = 5
    done: list[str] = []

    async def one(name: str, text: str) -> None:
        await compiler.desired(pair(text), rollout(), None)
        done.append(name)

    await asyncio.gather(one("short", TWO), one("short", TWO))
    done.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(one("long", LONG))
        await asyncio.sleep(0)
        for _ in range(20):
            group.create_task(one("short", TWO))
    assert done[-1] == "long"


async def test_never_more_children_than_said(compiler: Compiler) -> None:
    await asyncio.gather(*(compiler.said(TWO) for _ in range(10)))
    assert len(compiler.idle) <= 2


async def test_a_child_that_died_while_it_was_free_is_replaced(compiler: Compiler) -> None:
    await compiler.said(TWO)
    (child,) = compiler.idle
    child.process.kill()
    child.process.wait()
    assert (await compiler.desired(pair(TWO), rollout(), None)).objects != ()


async def test_a_child_gives_way_after_many_asks(compiler: Compiler) -> None:
    await compiler.said(TWO)
    (child,) = compiler.idle
    child.asked = ASKED_AT_MOST - 1
    await compiler.said(TWO)
    assert compiler.idle == []
    assert child.process.poll() is not None


async def test_who_stops_asking_leaves_no_child_at_work(compiler: Compiler) -> None:
    compiler.seconds = 5
    await compiler.said(TWO)
    (child,) = compiler.idle
    task = asyncio.create_task(compiler.desired(pair(LONG), rollout(), None))
    while compiler.idle:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert child.process.poll() is not None
    assert compiler.idle == []


async def test_what_a_wish_of_people_breaks_is_raised_as_it_was(compiler: Compiler) -> None:
    wrong = pair(TWO)
    wrong = replace(wrong, line=replace(wrong.line, wishes={"timezone": 5, "nonsense": 1}))
    with pytest.raises(McdError) as ours:
        desired(wrong, KINDS, None, None)
    with pytest.raises(McdError) as theirs:
        await compiler.desired(wrong, None, None)
    assert (theirs.value.code, str(theirs.value), theirs.value.problems) == (
        Code.INVALID, str(ours.value), ours.value.problems,
    )  # fmt: skip


def test_a_child_knows_nothing_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCD_DATABASE_URL", "postgresql://user:secret@db/mcd")
    child = Child.start()
    try:
        assert b"MCD_" not in Path(f"/proc/{child.process.pid}/environ").read_bytes()
    finally:
        child.end()


def test_many_problems_are_told_in_part_and_no_error_is_lost() -> None:
    problems = desired(
        pair(TWO.replace("worker:1", "worker:latest").replace("web:1", "web")), KINDS, None, None
    ).problems
    (warning, *_) = [p for p in problems if p.severity == "warning"]
    many = [replace(warning, line=n) for n in range(1, 2000)]
    error = replace(warning, line=3000, severity=Severity.ERROR)
    told = asks.bounded([*many, error])
    assert len(told) == asks.MOST_TOLD
    assert told[-1] == error


def asked(compiler: Compiler) -> int:
    return sum(child.asked for child in compiler.idle)


async def test_who_asks_the_very_same_again_is_answered_without_a_child(compiler: Compiler) -> None:
    first = await compiler.desired(pair(TWO), rollout(), None)
    count = asked(compiler)
    first.objects[0]["metadata"]["name"] = "changed by somebody"
    again = await compiler.desired(pair(TWO), rollout(), None)
    assert asked(compiler) == count
    ours = desired(pair(TWO), KINDS, rollout(), None)
    assert again.objects == ours.objects
    assert (again.commits, again.digests, again.footprint) == (ours.commits, ours.digests, ours.footprint)


async def test_an_image_that_is_written_with_its_digest_is_not_compiled_again_when_it_is_pinned(
    compiler: Compiler,
) -> None:
    web, worker = f"registry.test/web@sha256:{'a' * 64}", f"registry.test/worker@sha256:{'b' * 64}"
    written = pair(TWO.replace("registry.test/web:1", web).replace("registry.test/worker:1", worker))
    assert web in written.release.app_yaml
    await compiler.desired(written, None, None)
    count = asked(compiler)
    pinned = replace(written, release=replace(written.release, images={"worker": worker, "web": web}))
    kept = await compiler.desired(pinned, rollout(), None)
    assert asked(compiler) == count
    ours = desired(pinned, KINDS, rollout(), None)
    assert (kept.objects, kept.digests, kept.problems) == (ours.objects, ours.digests, ours.problems)

    other = replace(written, release=replace(written.release, images={"worker": worker, "web": worker}))
    moved = await compiler.desired(other, rollout(), None)
    assert asked(compiler) == count + 1
    assert moved.objects == desired(other, KINDS, rollout(), None).objects != ours.objects


async def test_a_rollout_that_has_begun_asks_what_it_asked_before(compiler: Compiler) -> None:
    """It names the commits that came out, which it did not know before, and the one before it is of no matter then."""
    old, new = pair(TWO, "e" * 40), pair(TWO.replace("worker:1", "worker:2"), "f" * 40)
    before = desired(old, KINDS, rollout(), None)
    ran = rollout(before)
    first = await compiler.desired(new, rollout(number=2), ran)
    assert set(first.commits.values()) == {"e" * 40, "f" * 40}
    count = asked(compiler)
    begun = rollout(first, number=2, restarts={})
    again = await compiler.desired(new, begun, ran)
    assert asked(compiler) == count
    ours = desired(new, KINDS, begun, ran)
    assert (again.objects, again.commits, again.digests) == (ours.objects, ours.commits, ours.digests)

    # What is asked of it beside that is another question.
    restarted = replace(begun, restarts={"web": "2026-05-03T10:00:00Z"})
    assert (await compiler.desired(new, restarted, ran)).objects == desired(new, KINDS, restarted, ran).objects
    assert asked(compiler) == count + 1


async def test_what_changes_while_a_rollout_waits_changes_no_question_and_what_is_compiled_does(
    compiler: Compiler,
) -> None:
    bound, run = pair(TWO), rollout(commits={"web": "c" * 40, "worker": "d" * 40})
    await compiler.desired(bound, run, run)
    count = asked(compiler)
    state = Reconciled(7, 6, (), datetime(2026, 1, 1, tzinfo=UTC))
    await compiler.desired(
        replace(
            bound,
            release=replace(bound.release, state=state),
            line=replace(bound.line, state=state),
            cluster=replace(bound.cluster, state=state, seen_at=datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        replace(run, state=state, live=not run.live),
        replace(run, state=state),
    )
    assert asked(compiler) == count
    for number, (other, one, before) in enumerate((
        (replace(bound, release=replace(bound.release, app_yaml=TWO + "\n")), run, run),
        (replace(bound, release=replace(bound.release, images={"web": "r.test/other:1"})), run, run),
        (replace(bound, settings=replace(bound.settings, revision=bound.settings.revision + 1)), run, run),
        (replace(bound, line=replace(bound.line, namespace="other")), run, run),
        (bound, replace(run, restarts={"web": "2026-01-01T00:00:00Z"}), run),
        (bound, replace(run, commits={"web": "e" * 40, "worker": "d" * 40}), run),
        (bound, rollout(), run),
    ), 1):  # fmt: skip
        found = await compiler.desired(other, one, before)
        assert asked(compiler) == count + number
        assert found.objects == desired(other, KINDS, one, before).objects


def noise(number: int, count: int = 800) -> list[bytes]:
    """An answer that nothing makes smaller."""
    return [random.Random(number).randbytes(count)]


def test_what_is_kept_has_a_bound_and_what_was_asked_longest_ago_goes_first() -> None:
    kept = Kept(most=3300)
    for number in range(5):
        kept.put(b"%d" % number, noise(number))
    assert [kept.get(b"%d" % number) is not None for number in range(5)] == [False, False, True, True, True]
    assert kept.get(b"2") == noise(2)
    kept.put(b"5", noise(5))
    assert (kept.get(b"2"), kept.get(b"3")) == (noise(2), None)
    assert 3000 < kept.size <= 3300
    kept.put(b"large", noise(6, 2000))
    assert kept.get(b"large") is None


def test_apps_that_are_alike_take_half_a_kibibyte_each_and_come_back_whole() -> None:
    kept = Kept()
    answers = {
        b"%d" % number: [pickle.dumps(("is", each), 5) for each in desired(pair(text), KINDS, rollout(), None).objects]
        for number in range(20)
        for text in [TWO.replace("registry.test/", f"r.test/{number:032x}/")]
    }
    for name, frames in answers.items():
        kept.put(name, frames)
    assert all(kept.get(name) == frames for name, frames in answers.items())
    assert sum(map(len, answers[b"7"])) > 4096
    assert kept.size / len(answers) < 512


def test_a_question_with_two_names_is_kept_once_and_goes_with_both() -> None:
    kept = Kept(most=3300)
    kept.put(b"first of all", noise(0))
    kept.put(b"first", noise(1), b"second")
    assert kept.size < 1500
    assert kept.get(b"second") == kept.get(b"first") == noise(1)
    for number in (2, 3):
        kept.put(b"%d" % number, noise(number))
    assert kept.get(b"second") == noise(1)  # now it was asked last
    kept.put(b"4", noise(4))
    assert (kept.get(b"2"), kept.get(b"first")) == (None, noise(1))
    for number in (5, 6, 7):
        kept.put(b"%d" % number, noise(number))
    assert (kept.get(b"first"), kept.get(b"second")) == (None, None)


def test_a_child_brings_only_what_it_compiles_with() -> None:
    """There are several, and each has its own of everything."""
    told = "import sys, mcd.compiling.child; print([m for m in ('asyncio', 'ssl', 'logging') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
