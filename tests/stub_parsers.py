"""What a parser does in the worst case, for the tests of the reader: importable by the processes that it starts."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from indexer.errors import SourceError
from indexer.types import Block, Document, Source

STATE = {"spoilt": False}


def parse(source: Source) -> Document:
    """Do what the file says: a word and, after a space, what it is about."""
    order, _, rest = source.data.decode().partition(" ")
    if STATE["spoilt"]:
        os.kill(os.getpid(), signal.SIGSEGV)
    ORDERS.get(order, lambda _: None)(rest)
    return document(source, order, 10)


def parse_loudly(source: Source) -> Document:
    """Write to the streams on which processes speak to one another, as some libraries do."""
    for _ in range(10_000):
        os.write(1, b"printed" * 10)
        sys.stderr.write("printed")
    return document(source, str(len(sys.stdin.read())), 1)


def document(source: Source, text: str, characters: int) -> Document:
    places = np.arange(5 * characters, dtype=np.float32).reshape(-1, 5)
    return Document(source, "paper", None, (Block("paragraph", text, (1, 1), places=places),), (), pages=1)


def _hang(fifo: str) -> None:
    with Path(fifo).open("w") as stream:
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        while True:
            time.sleep(1)


def _hang_holding_the_lock(fifo: str) -> None:
    """As C code does that runs long and lets no other thread run."""
    with Path(fifo).open("w") as stream:
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        ctypes.PyDLL(None).sleep(1000)


def _allocate(_: str) -> None:
    held = []
    while True:
        held.append(bytearray(10_000_000))


def _refuse(reason: str) -> None:
    raise SourceError(reason)


def _raise(message: str) -> None:
    raise KeyError(message)


def _kill(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])


def _spoil(_: str) -> None:
    STATE["spoilt"] = True


ORDERS = {
    "hang": _hang,
    "hold": _hang_holding_the_lock,
    "loop": lambda _: _loop(),
    "allocate": _allocate,
    "refuse": _refuse,
    "raise": _raise,
    "kill": _kill,
    "spoil": _spoil,
}


def _loop() -> None:
    while True:
        pass
