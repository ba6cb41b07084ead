"""Rounds of the event loop: one step of the background in each."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import weakref
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from mcd import rounds

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    def run(test: Callable[[], Awaitable[None]]) -> None:
        async def shared() -> None:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(rounds.Rounds(loop))
            async with asyncio.timeout(20):
                await test()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(shared())

    return run


async def _steps(said: list[str], name: str, count: int) -> str:
    for _ in range(count):
        said.append(name)
        await asyncio.sleep(0)
    return name


def _begun(work: Awaitable[str]) -> asyncio.Task[str]:
    context = rounds.background(contextvars.copy_context())
    return asyncio.get_running_loop().create_task(work, context=context)  # type: ignore[arg-type]


def test_a_caller_of_some_rounds_waits_for_one_step_of_the_background(run: Callable[..., None]) -> None:
    async def test() -> None:
        said: list[str] = []
        passes = [_begun(_steps(said, name, 6)) for name in "abcd"]
        await asyncio.gather(asyncio.create_task(_steps(said, "caller", 60)), *passes)
        # The caller has a step in each round.
        runs = "".join("." if name == "caller" else "x" for name in said).rstrip("x").split("x")[1:-1]
        assert min(len(between) for between in runs) >= rounds.BETWEEN, said
        assert len(runs) >= 8, f"and they do get on: {said}"

    run(test)


def test_the_background_takes_turns(run: Callable[..., None]) -> None:
    async def test() -> None:
        said: list[str] = []
        await asyncio.gather(*(_begun(_steps(said, name, 5)) for name in "abcd"))
        assert said[:4] == list("abcd")
        assert all(abs(said[:n].count("a") - said[:n].count("d")) <= 1 for n in range(20))
        assert len(said) == 20

    run(test)


def test_tasks_that_the_background_begins_are_of_it(run: Callable[..., None]) -> None:
    async def test() -> None:
        said: list[str] = []

        async def one() -> str:
            await asyncio.gather(*(_steps(said, name, 3) for name in "abc"))
            return "done"

        began = _begun(one())
        await asyncio.gather(asyncio.create_task(_steps(said, "caller", 9)), began)
        between = " ".join(said).split("caller")[1:-1]
        assert all(len(steps.split()) <= 1 for steps in between), between
        assert any(between), "it did begin meanwhile"
        assert began.result() == "done"

    run(test)


def test_without_the_background_all_that_is_ready_runs_in_a_round(run: Callable[..., None]) -> None:
    async def test() -> None:
        said: list[str] = []
        await asyncio.gather(*(asyncio.create_task(_steps(said, name, 2)) for name in "abc"))
        assert said == list("abcabc")

    run(test)


def test_what_a_task_raises_and_its_cancellation_are_as_ever(run: Callable[..., None]) -> None:
    async def test() -> None:
        async def raises() -> str:
            await asyncio.sleep(0)
            raise LookupError("here")

        with pytest.raises(LookupError, match="here"):
            await _begun(raises())

        cleaned: list[str] = []

        async def waits() -> str:
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except TimeoutError:
                cleaned.append("late")
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append("cancelled")
            return "never"

        task = _begun(waits())
        while not cleaned:
            await asyncio.sleep(0.005)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert cleaned == ["late", "cancelled"]

    run(test)


def test_a_task_of_the_background_that_was_cancelled_goes_with_all_that_it_held(run: Callable[..., None]) -> None:
    class Held:
        pass

    async def keep(held: Held, begun: asyncio.Event) -> None:
        begun.set()
        await asyncio.sleep(3600)

    async def test() -> None:
        held = Held()
        gone = weakref.ref(held)
        begun = asyncio.Event()
        context = rounds.background(contextvars.copy_context())
        task = asyncio.get_running_loop().create_task(keep(held, begun), context=context)
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        del held, task
        await asyncio.sleep(0)
        assert gone() is None, "it waits in a circle until somebody looks for those"

    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()


@pytest.mark.parametrize("longest", [0.0, 60.0])
def test_a_step_that_lasts_ends_where_it_may(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, longest: float
) -> None:
    monkeypatch.setattr(rounds, "LONGEST_STEP", longest)

    async def test() -> None:
        said: list[str] = []

        async def breathing(name: str) -> str:
            for _ in range(4):
                said.append(name)
                await rounds.breathe()
            return name

        await asyncio.gather(_begun(breathing("a")), _begun(breathing("b")))
        assert said == list("abababab" if longest == 0 else "aaaabbbb")
        said.clear()
        await asyncio.gather(asyncio.create_task(breathing("a")), asyncio.create_task(breathing("b")))
        assert said == list("aaaabbbb"), "a caller is never put off"

    run(test)


def test_in_a_loop_of_its_own_the_background_is_not_put_off() -> None:
    async def test() -> None:
        said: list[str] = []
        await asyncio.gather(*(_begun(_steps(said, name, 2)) for name in "abc"))
        await rounds.breathe()
        assert said == list("abcabc")

    asyncio.run(test())
