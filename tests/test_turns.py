"""A few questions at a time, the others in the order they came."""

from __future__ import annotations

import asyncio
import threading

import pytest

from indexer.errors import ServiceError
from service.turns import Turns


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
