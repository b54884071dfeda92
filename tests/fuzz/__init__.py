"""Fuzzing: bytes by the million, of which a fuzzer that sees which lines run keeps those that reach new ones.

    python -m tests.fuzz TARGET --seconds N

`targets.py` lists what is fuzzed. A target makes something of bytes and asserts what must hold of it. `engine.py` runs one
with atheris, in a process of its own, and makes what fails small; `__main__.py` starts these processes and counts.
What failed once is kept under `tests/fixtures/fuzz/TARGET/` and read again by every `make test`.
"""
