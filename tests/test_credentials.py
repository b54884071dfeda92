from __future__ import annotations

import os
import stat

import pytest

from indexer.errors import SettingsError
from indexer.settings import ServiceSettings, Settings
from service import credentials
from service.credentials import Tokens, exposed, is_loopback, make, tokens_for, tokens_of

ADMIN = "admin-0123456789-abcdefghij"
READ = "reads-0123456789-abcdefghij"


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "keys" / "token"
    make(made)
    return made


def test_a_new_token_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        make(tmp_path / "keys" / "token")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [one.name for one in (tmp_path / "keys").iterdir()] == ["token"]


def test_two_tokens_are_two(tmp_path, file):
    make(tmp_path / "other")
    assert len(file.read_text().strip()) == 43
    assert (tmp_path / "other").read_text() != file.read_text()


def test_a_token_is_read_from_its_file_without_its_line_end(file):
    assert tokens_of(ServiceSettings(token_file=str(file))).admin == file.read_text().strip()
    assert tokens_of(ServiceSettings(read_token_file=str(file))) == Tokens("", file.read_text().strip())


def test_a_token_goes_before_the_file_of_one(file):
    assert tokens_of(ServiceSettings(token=ADMIN, token_file=str(file))).admin == ADMIN


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o601, 0o644, 0o666])
def test_a_file_that_others_can_read_is_refused_and_its_token_is_not_told(file, mode):
    file.chmod(mode)
    with pytest.raises(SettingsError, match=r"can be read by others; make another: footnote token --new") as caught:
        tokens_of(ServiceSettings(token_file=str(file)))
    assert file.read_text().strip() not in str(caught.value)


def test_a_secret_that_another_hands_in_is_taken_as_it_is(file, monkeypatch):
    file.chmod(0o444)
    assert exposed(file)
    owner = file.stat().st_uid
    monkeypatch.setattr(credentials.os, "getuid", lambda: owner + 1)
    assert not exposed(file)
    assert tokens_of(ServiceSettings(token_file=str(file))).admin == file.read_text().strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no token; set it to 24 or more random characters"),
        ("too-short-to-be-a-token\n", "is no token"),
        ("a" * 40, "is no token; set it to .*, 8 of them different, no spaces, as `footnote token` makes"),
        ("0123456789 0123456789 abcdef", "is no token"),
        ("0123456789-0123456789-abcdé", "is no token"),
        ("\x00" * 40, "is no token"),
    ],
)
def test_what_is_no_token_is_refused_and_not_repeated(file, text, said):
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        tokens_of(ServiceSettings(token_file=str(file)))
    assert not text.strip() or text.strip() not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_none_is_named_with_what_to_do(tmp_path):
    for path in (tmp_path / "missing", tmp_path, "/dev/zero"):
        with pytest.raises(SettingsError, match=r"FOOTNOTE_TOKEN_FILE: .* is no file that can be read"):
            tokens_of(ServiceSettings(token_file=str(path)))


def test_the_two_tokens_differ():
    with pytest.raises(SettingsError, match="are the same") as caught:
        tokens_of(ServiceSettings(token=ADMIN, read_token=ADMIN))
    assert ADMIN not in str(caught.value)


def test_tokens_are_not_shown(tmp_path):
    settings = Settings.from_environ(
        {"FOOTNOTE_TOKEN": ADMIN, "FOOTNOTE_READ_TOKEN": READ, "FOOTNOTE_LIBRARY": str(tmp_path), "FOOTNOTE_CACHE": "c"}
    )
    for shown in (repr(settings), repr(tokens_of(settings.service)), str(settings.service)):
        assert ADMIN not in shown
        assert READ not in shown


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host):
    assert is_loopback(host)
    assert not tokens_for(ServiceSettings(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::1", "0", "no.such.host.invalid"])
def test_any_other_address_needs_one_and_the_one_line_says_how_to_make_it(host, monkeypatch):
    def looked_up(name, port, **_):
        if name.endswith("invalid"):
            raise OSError
        return [(None, None, None, "", ("0.0.0.0" if name == "0" else name, 0))]

    monkeypatch.setattr(credentials.socket, "getaddrinfo", looked_up)
    with pytest.raises(SettingsError, match=r"lets other machines in, .*; make one first: footnote token$"):
        tokens_for(ServiceSettings(), host)
    assert tokens_for(ServiceSettings(read_token=READ), host) == Tokens("", READ)


def test_a_name_with_one_address_that_others_reach_is_not_this_machine_alone(monkeypatch):
    rows = [(None, None, None, "", ("127.0.0.1", 0)), (None, None, None, "", ("192.0.2.7", 0))]
    monkeypatch.setattr(credentials.socket, "getaddrinfo", lambda *_, **__: rows)
    assert not is_loopback("laptop")
