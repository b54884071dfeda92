from __future__ import annotations

import os
import stat

import pytest

from indexer.settings import Settings
from service.cli import main
from service.credentials import tokens_of


@pytest.fixture
def environ(tmp_path):
    file = tmp_path / "config" / "settings.toml"
    file.parent.mkdir()
    file.write_text('# mine\nlibrary = "/somewhere"\n')
    return {"FOOTNOTE_CONFIG": str(file), "FOOTNOTE_CACHE": str(tmp_path / "cache")}


def run(environ, *argv):
    assert main(["token", *argv], environ) == 0


def test_a_token_lies_beside_the_settings_which_name_it(environ, tmp_path, capsys):
    run(environ)
    said = capsys.readouterr()
    file = tmp_path / "config" / "token"
    assert said.out == f"{file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tokens_of(Settings.from_environ(environ).service).admin == file.read_text().strip()
    text = (tmp_path / "config" / "settings.toml").read_text()
    assert text.startswith('# mine\nlibrary = "/somewhere"\n')
    for shown in (said.out, said.err, text):
        assert file.read_text().strip() not in shown


def test_one_that_is_there_stays_unless_a_new_one_is_wanted(environ, tmp_path, capsys):
    run(environ)
    file, settings = tmp_path / "config" / "token", tmp_path / "config" / "settings.toml"
    first, text = file.read_text(), settings.read_text()
    run(environ)
    assert (file.read_text(), settings.read_text()) == (first, text)
    assert "There is one already; --new makes another" in capsys.readouterr().err
    run(environ, "--new")
    assert file.read_text() != first


def test_one_that_may_look_only_is_another(environ, tmp_path):
    run(environ)
    run(environ, "--read-only")
    tokens = tokens_of(Settings.from_environ(environ).service)
    assert tokens.read == (tmp_path / "config" / "read-token").read_text().strip()
    assert tokens.read != tokens.admin


def test_in_a_file_of_ones_own_the_settings_stay(environ, tmp_path, capsys):
    before = (tmp_path / "config" / "settings.toml").read_text()
    file = tmp_path / "keys" / "mine"
    run(environ, str(file))
    assert (tmp_path / "config" / "settings.toml").read_text() == before
    assert f"FOOTNOTE_TOKEN_FILE={file} footnote serve" in capsys.readouterr().err


def test_what_cannot_be_written_is_an_error_of_one_line(environ, tmp_path, capsys):
    (tmp_path / "taken").touch()
    assert main(["token", str(tmp_path / "taken" / "token")], environ) == 2
    assert capsys.readouterr().err.startswith(f"footnote: cannot write {tmp_path / 'taken' / 'token'}")
    assert main(["token"], environ | {"FOOTNOTE_CONFIG": os.devnull}) == 2
    assert "name a file: footnote token FILE" in capsys.readouterr().err


def test_settings_and_doctor_say_that_one_is_set_and_not_which(environ, tmp_path, capsys):
    token = "canary-0123456789-abcdefghij"
    secret = environ | {"FOOTNOTE_TOKEN": token, "FOOTNOTE_READ_TOKEN": token[::-1], "FOOTNOTE_CHAT_KEY": "canary-key"}
    secret["FOOTNOTE_LIBRARY"] = str(tmp_path / "library")
    for argv in (["settings"], ["settings", "--json"], ["settings", "--markdown"], ["doctor"], ["doctor", "--json"]):
        main(argv, secret)
    said = capsys.readouterr()
    assert said.out.count("(set, and not shown)") == 6
    assert "canary" not in said.out + said.err
    assert token[::-1] not in said.out + said.err


def test_a_service_for_others_does_not_start_without_one(environ, tmp_path, capsys):
    for host in ("0.0.0.0", "::", "192.0.2.7"):
        assert main(["serve", "--host", host, "--library", str(tmp_path / "library")], environ) == 2
        assert capsys.readouterr().err == (
            f"footnote: {host} lets other machines in, and no token is set; make one first: footnote token\n"
        )
