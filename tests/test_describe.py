import json

import pytest

from indexer.describe import page, settings_json, settings_text
from indexer.variables import VARIABLES
from service.cli import main


@pytest.fixture
def configured(tmp_path, environ):
    file = tmp_path / "settings.toml"
    file.write_text('# mine\nnotes = ["/n/a b"]\ndevice = "cuda"\n')
    return environ | {"FOOTNOTE_CONFIG": str(file), "FOOTNOTE_DEVICE": "cpu", "FOOTNOTE_CHAT_KEY": "sk-secret"}


def test_each_setting_is_told_with_what_set_it(configured):
    found = settings_json(configured)
    rows = {row["name"]: row for row in found["settings"]}
    file = configured["FOOTNOTE_CONFIG"]
    assert found["file"] == file
    assert rows["notes"] == {
        "name": "notes", "variable": "FOOTNOTE_NOTES", "value": ["/n/a b"], "from": f"{file}, line 2",
    }  # fmt: skip
    assert (rows["device"]["value"], rows["device"]["from"]) == ("cpu", "FOOTNOTE_DEVICE")
    assert (rows["model"]["value"], rows["model"]["from"]) == ("all-MiniLM-L6-v2", None)
    assert rows["library"]["value"] == configured["FOOTNOTE_LIBRARY"]


def test_a_key_is_never_shown(configured, capsys):
    for form in ([], ["--json"]):
        assert main(["settings", *form], configured) == 0
        said = capsys.readouterr().out
        assert "(set, and not shown)" in said
        assert "sk-secret" not in said


def test_the_settings_as_text_say_where_each_is_from(configured, tmp_path):
    rows = settings_text(configured).split("\n")
    assert rows[0] == f"Settings file: {configured['FOOTNOTE_CONFIG']}"
    assert rows[2:4] == ['notes              ["/n/a b"]', f"                   from {tmp_path}/settings.toml, line 2"]
    assert 'device             "cpu"' in rows


def test_the_command_line_names_another_file(configured, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text("reranked = 7\n")
    assert main(["settings", "--json", "--config", str(other)], configured) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(other)
    assert [row["value"] for row in found["settings"] if row["name"] == "reranked"] == [7]


def test_the_page_has_a_row_for_each_setting():
    rows = page().split("| --- | --- | --- | --- |\n")[1].split("\n")
    assert [row.split("`")[1] for row in rows] == [variable.name for variable in VARIABLES]
    assert all(row.count(" | ") == 3 for row in rows)
    assert (
        "| `chat_timeout` | `FOOTNOTE_CHAT_TIMEOUT` | the longest wait for its next words, in seconds | `60.0` |"
        in rows
    )
