from __future__ import annotations

import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import access
from service.access import MOST_WRONG, SESSION_SECONDS, Access, may, need_of
from service.credentials import Tokens

ADMIN = "admin-0123456789-abcdefghij"
READ = "reads-0123456789-abcdefghij"
TICKET = "ticket-0123456789-abcdefghij"


@pytest.fixture
def both():
    return Access(Tokens(ADMIN, READ), ticket=TICKET)


def test_a_token_gives_its_role_and_nothing_else_does(both):
    assert [both.role_of(one) for one in (ADMIN, READ, TICKET)] == ["admin", "read", "admin"]
    for wrong in ("", ADMIN[:-1], ADMIN + "x", ADMIN.upper(), f" {ADMIN}", "é" * 30, "\udcff"):
        assert both.role_of(wrong) is None


def test_without_tokens_nothing_is_wanted_and_an_empty_one_is_none():
    nobody = Access(Tokens())
    assert not nobody.wanted
    assert nobody.role_of("") is None
    assert nobody.role_of_session("admin.x.y") is None


def test_tokens_are_compared_as_digests_of_one_length_in_constant_time(both, monkeypatch):
    compared = []
    monkeypatch.setattr(access.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    assert both.role_of(READ) == "read"
    assert len(compared) == 3  # with all, whichever it is
    assert {len(one) for pair in compared for one in pair} == {32}
    assert hmac.compare_digest(*compared[1])


def test_a_session_holds_for_its_time_and_no_longer(both, monkeypatch):
    kept = both.session("read")
    assert both.role_of_session(kept) == "read"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS - 5)
    assert both.role_of_session(kept) == "read"
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 5)
    assert both.role_of_session(kept) is None


def test_a_session_ends_with_its_token_and_tells_nothing_of_it(both):
    reads, does = both.session("read"), both.session("admin")
    other = Access(Tokens(ADMIN, READ[::-1]))
    assert (other.role_of_session(reads), other.role_of_session(does)) == (None, "admin")
    assert READ not in reads
    assert ADMIN not in does


def test_a_session_to_look_is_no_session_to_change(both):
    _, rest = both.session("read").split(".", 1)
    assert both.role_of_session(f"admin.{rest}") is None


@given(st.sampled_from(["", "admin.", "read."]), st.text(max_size=80))
def test_a_session_is_not_made_up(role, rest):
    assert Access(Tokens(ADMIN, READ)).role_of_session(role + rest) is None


def test_who_shows_many_wrong_tokens_waits_and_the_right_one_goes_in():
    now = 0.0
    door = Access(Tokens(ADMIN), clock=lambda: now)
    assert [door.wrong() for _ in range(MOST_WRONG)] == [0] * MOST_WRONG
    assert door.wrong() == 61
    assert door.role_of(ADMIN) == "admin"
    for _ in range(10_000):
        door.wrong()
    assert len(door._wrong) <= MOST_WRONG + 1  # what attackers send is not kept
    now = 61.0
    assert door.wrong() == 0


@pytest.mark.parametrize(
    ("method", "path", "need"),
    [
        ("GET", "/api/search", "read"), ("HEAD", "/", "read"), ("POST", "/api/ask", "read"), ("POST", "/mcp", "read"),
        ("GET", "/healthz", "nothing"), ("GET", "/static/page.js", "nothing"), ("OPTIONS", "/api/ask", "nothing"),
        ("POST", "/api/ask/", "admin"), ("POST", "/API/ask", "admin"), ("DELETE", "/api/ask", "admin"),
        ("POST", "/api/anything/new", "admin"), ("GET", "/staticky", "read"), ("GET", "/static", "read"),
        ("GET", "//healthz", "read"), ("GET", "/healthz/", "read"), ("TRACE", "/", "admin"), ("QUERY", "/", "admin"),
        ("get", "/", "admin"), ("PUT", "/api/search", "admin"), ("POST", "/sign-in/x", "admin"),
    ],
)  # fmt: skip
def test_what_nobody_thought_of_needs_the_most(method, path, need):
    assert need_of(method, path) == need


def test_who_may_do_what():
    assert [[may(role, need) for need in ("nothing", "read", "admin")] for role in (None, "read", "admin")] == [
        [True, False, False], [True, True, False], [True, True, True],
    ]  # fmt: skip
