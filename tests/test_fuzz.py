"""What the fuzzer found once stays mended, and what it checks holds of what hypothesis makes up.

`make fuzz` is the long form: the same targets, led by which lines run.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.target import CRASHES, Target, TooSlow
from tests.fuzz.targets import TARGETS

FOUND = [(path.parent.name, path.name) for path in sorted(CRASHES.glob("*/*"))]


@pytest.mark.parametrize(("name", "crash"), FOUND)
def test_what_failed_once(name, crash):
    TARGETS[name].try_on((CRASHES / name / crash).read_bytes())


def made_of(target: Target) -> st.SearchStrategy[bytes]:
    """Bytes of the words of a target, and of any others."""
    pieces = [st.binary(max_size=6), st.text(max_size=6).map(str.encode), st.sampled_from([b" ", b"\n", b"word "])]
    if target.words:
        pieces.append(st.sampled_from(target.words))
    return st.lists(st.one_of(pieces), max_size=30).map(b"".join)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_the_fuzzer_checks_holds(name):
    target = TARGETS[name]

    @settings(max_examples=15 if name == "pdf" else 60, derandomize=True, database=None)
    @given(made_of(target))
    def check(data):
        target.try_on(data)

    check()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_holds_of_its_seeds(name):
    target = TARGETS[name]
    for seed in list(target.seeds())[:8]:
        target.try_on(seed[: target.longest])


def test_a_target_fails_for_what_is_wrong():
    def check(data: bytes) -> None:
        assert data != b"wrong"

    target = Target(check, lambda: [b"right"])
    target.try_on(b"right")
    with pytest.raises(AssertionError):
        target.try_on(b"wrong")


def test_what_takes_too_long_fails(monkeypatch):
    seconds = iter([5.0, 4.0])  # the first may pay for imports, so it is tried again
    monkeypatch.setattr(Target, "_seconds", lambda *_: next(seconds))
    with pytest.raises(TooSlow, match=r"3 bytes took 4\.0 s, over 1\.0 s"):
        Target(len, list).try_on(b"abc")
