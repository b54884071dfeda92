"""Making something in a thread of its own."""

from __future__ import annotations

import threading

import pytest

from indexer.beside import Beside
from indexer.errors import ModelError


def test_it_is_made_while_others_go_on():
    go_on = threading.Event()

    def make() -> threading.Thread:
        assert go_on.wait(10)
        return threading.current_thread()

    made = Beside(make)
    go_on.set()
    assert made.result() is not threading.current_thread()
    assert made.result() is made.result()


def test_what_it_raises_is_raised_where_it_is_waited_for():
    def make() -> None:
        raise ModelError("there is no such model")

    with pytest.raises(ModelError, match="there is no such model"):
        Beside(make).result()
