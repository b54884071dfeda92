"""A few questions at a time, the others in the order they came."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from starlette.requests import ClientDisconnect

from indexer.errors import ServiceError
from service.stages import DEADLINE, timed
from service.turns import Joined, Turns


@pytest.mark.parametrize("at_once", [1, 2])
def test_as_many_as_may_are_answered_at_a_time_and_the_others_in_order(at_once):
    going, released, began = threading.Semaphore(0), threading.Event(), list[int]()

    def answer(number: int) -> int:
        began.append(number)
        going.release()
        assert released.wait(10)
        return number

    async def ask() -> list[int]:
        turns = Turns(at_once=at_once)
        tasks = [asyncio.create_task(turns.take(answer, number)) for number in range(6)]
        for _ in range(at_once):
            await asyncio.to_thread(going.acquire, timeout=10)
        while turns.waiting < 6 - at_once:  # noqa: ASYNC110 - the limiter tells nobody who begins to wait
            await asyncio.sleep(0)
        assert sorted(began) == list(range(at_once))
        released.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(ask()) == [0, 1, 2, 3, 4, 5]
    assert at_once > 1 or began == [0, 1, 2, 3, 4, 5]  # two threads may begin at once


def test_who_comes_when_too_many_wait_is_told_to_come_again():
    going, released = threading.Semaphore(0), threading.Event()

    def answer() -> bool:
        going.release()
        return released.wait(10)

    async def ask() -> None:
        turns = Turns(at_once=1, most_waiting=1)
        first = asyncio.create_task(turns.take(answer))
        await asyncio.to_thread(going.acquire, timeout=10)
        second = asyncio.create_task(turns.take(answer))
        while not turns.waiting:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0)
        with pytest.raises(ServiceError, match="too many questions"):
            await turns.take(answer)
        released.set()
        assert await asyncio.gather(first, second) == [True, True]

    asyncio.run(ask())


def test_what_is_raised_in_a_turn_is_raised_to_who_asked():
    def fail() -> None:
        raise KeyError("nothing")

    with pytest.raises(KeyError, match="nothing"):
        asyncio.run(Turns().take(fail))


async def busy(turns, released):
    """A question that has its turn until it is released."""
    going = threading.Event()

    def answer() -> bool:
        going.set()
        return released.wait(10)

    first = asyncio.create_task(turns.take(answer))
    assert await asyncio.to_thread(going.wait, 10)
    return first


def test_who_goes_away_frees_a_turn():
    released = threading.Event()

    async def ask() -> None:
        turns, left = Turns(at_once=1, most_waiting=1), asyncio.Event()
        first = await busy(turns, released)
        waits = asyncio.create_task(turns.take(pytest.fail, "nobody waits for it", gone=left.wait))
        while not turns.waiting:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        left.set()
        with pytest.raises(ClientDisconnect):
            await waits
        assert turns.waiting == 0
        second = asyncio.create_task(turns.take(lambda: "answered", gone=asyncio.Event().wait))
        while not turns.waiting:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        released.set()
        assert (await first, await second) == (True, "answered")

    asyncio.run(ask())


def test_who_has_waited_for_too_long_is_told_to_come_again():
    released = threading.Event()

    async def ask() -> None:
        turns = Turns(at_once=1, wait=0.01)
        first = await busy(turns, released)
        with pytest.raises(ServiceError, match="nobody's turn"):
            await turns.take(pytest.fail)
        released.set()
        assert await first

    asyncio.run(ask())


def test_a_turn_that_takes_too_long_is_given_up_at_its_next_stage():
    stages = []

    def answer() -> None:
        with timed("encode"):
            stages.append("encode")
        DEADLINE.set(DEADLINE.get() - 60)  # as if a minute had passed
        with timed("compose"):
            stages.append("compose")

    async def ask() -> None:
        turns = Turns(at_once=1)
        with pytest.raises(ServiceError, match="took too long"):
            await turns.take(answer)
        assert stages == ["encode"]
        assert await turns.take(lambda: DEADLINE.get() > time.monotonic())  # the next one has all its time

    asyncio.run(ask())
    with timed("encode"):  # nobody is hurried who is in no turn
        pass


def test_what_many_want_is_made_once_after_the_last_of_them_came():
    made, released = [], threading.Event()
    going = threading.Semaphore(0)

    def make() -> int:
        made.append(len(made))
        going.release()
        assert released.wait(10)
        return made[-1]

    async def ask() -> None:
        joined = Joined(make)
        first = asyncio.create_task(joined.get())
        await asyncio.to_thread(going.acquire, timeout=10)
        others = [asyncio.create_task(joined.get()) for _ in range(20)]
        await asyncio.sleep(0)
        others[0].cancel()
        released.set()
        assert await first == 0
        assert await asyncio.gather(*others[1:]) == [1] * 19

    asyncio.run(ask())
    assert made == [0, 1]


def test_what_is_raised_is_raised_to_all_and_not_kept():
    tries = iter([KeyError("nothing"), None])

    def make() -> str:
        if error := next(tries):
            raise error
        return "made"

    async def ask() -> None:
        joined = Joined(make)
        found = await asyncio.gather(joined.get(), joined.get(), return_exceptions=True)
        assert [type(one) for one in found] == [KeyError, KeyError]
        assert await joined.get() == "made"

    asyncio.run(ask())
