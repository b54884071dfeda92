import tomllib
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from indexer.configuration import place, template, written
from indexer.errors import SettingsError
from indexer.settings import DEFAULTS, Settings
from indexer.variables import VARIABLES, named

FOLDERS = {"FOOTNOTE_LIBRARY": "/l", "FOOTNOTE_CACHE": "/c"}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "settings.toml"


def settings(file, text, **environ):
    file.write_text(text, encoding="utf-8")
    return Settings.from_environ(FOLDERS | {"FOOTNOTE_CONFIG": str(file)} | environ)


def test_the_file_sets_what_the_environment_does_not(file):
    text = (
        'notes = ["/n", "~/m"]\ndevice = "cuda"\nquestion_headings = ["Rätsel, alle"]\nchat_timeout = 5\nmodel = ""\n'
    )
    found = settings(file, text, FOOTNOTE_DEVICE="cpu", FOOTNOTE_CHAT_TIMEOUT="")
    assert found.notes == (Path("/n"), Path.home() / "m")
    assert (found.device, found.question_headings, found.chat.timeout) == ("cpu", ("rätsel, alle",), 5.0)
    assert found.model == DEFAULTS.model


def test_folders_stand_in_a_variable_as_in_path():
    assert Settings.from_environ(FOLDERS | {"FOOTNOTE_NOTES": "/a b:/c:"}).notes == (Path("/a b"), Path("/c"))


def test_a_byte_order_mark_does_not_matter(file):
    assert settings(file, '\ufeffdevice = "cpu"').device == "cpu"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\n\ndevise = "cpu"', ", line 3: devise is no setting; did you mean device?"),
        ("x = 1", ", line 1: x is no setting; footnote settings lists those there are"),
        ('# device\n"device" = "tpu"', ", line 2: device is 'tpu'; set it to auto, cpu or cuda"),
        ("[chat]\nurl = 1", ", line 1: chat is no setting; footnote settings lists those there are"),
        ("reranked = true", ", line 1: reranked is True; set it to a number of passages"),
        ("notes = [1]", ", line 1: notes is [1]; set it to a list of folders (in a variable, with : between them)"),
        ("model = 3", ", line 1: model is 3; set it to a text"),
        (
            "chat_key = 3",
            ", line 1: chat_key holds characters that no header may have; set it to the key as it was given",
        ),
        ("device = cpu", " is no TOML: Invalid value (at line 1, column 10); put texts in quotes, as in"),
        ('links = "{path}"', ", line 1: links is '{path}'; set it to none, file, "),
        ('links = "x://{path}:{row}"', ", line 1: links is 'x://{path}:{row}'; set it to none, file, "),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_to_do(file, text, said):
    with pytest.raises(SettingsError) as caught:
        settings(file, text)
    assert str(caught.value).startswith(f"{file}{said}")


def test_a_file_that_is_named_has_to_be_there_and_to_be_text(file, tmp_path):
    with pytest.raises(SettingsError, match=r"no settings file at .*; make it with: footnote init --config /"):
        Settings.from_environ(FOLDERS | {"FOOTNOTE_CONFIG": str(file)})
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"is not UTF-8 \(byte 0\); save it as UTF-8"):
        Settings.from_environ(FOLDERS | {"FOOTNOTE_CONFIG": str(file)})
    with pytest.raises(SettingsError, match=r"Is a directory\); make it readable, or name another in FOOTNOTE_CONFIG"):
        Settings.from_environ(FOLDERS | {"FOOTNOTE_CONFIG": str(tmp_path)})


def test_the_file_lies_in_the_folder_of_the_person_unless_named(monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: "/home/config/footnote")
    assert place({}) == Path("/home/config/footnote/settings.toml")
    assert place({"FOOTNOTE_CONFIG": "~/x.toml"}) == Path.home() / "x.toml"


def test_a_new_file_sets_nothing_and_shows_every_setting_with_its_default(file):
    assert tomllib.loads(template()) == {}
    assert settings(file, template()) == Settings(Path("/l"), Path("/c"))
    uncommented = "\n".join(
        row.removeprefix("# ") if row[2:].partition(" = ")[0] in {one.name for one in VARIABLES} else row
        for row in template().splitlines()
    )
    assert tomllib.loads(uncommented).keys() == {variable.name for variable in VARIABLES}
    assert settings(file, uncommented) == Settings(Path("/l"), Path("/c"))


def test_a_setting_is_written_below_its_comment(file):
    text = written("", {"notes": ["/a"]})
    assert '# The folders that `footnote index` reads when it is given none.\nnotes = ["/a"]\n\n# Where the' in text
    again = written(text, {"notes": ["/a", "/b"], "links": "vscode"})
    assert again == text.replace('["/a"]', '["/a", "/b"]').replace('# links = "file"', 'links = "vscode"')
    assert settings(file, again).terminal.links == "vscode"


def test_what_a_person_wrote_stays():
    mine = '# mine\ndevice   =   "cpu" # why\n\nnotes = [\n  "/a", # first\n]\n'
    assert written(mine, {"device": "auto"}) == mine.replace('"cpu"', '"auto"')
    with pytest.raises(SettingsError, match=r"is no TOML \(.*\); mend it, or move it away"):
        written("a = = 1", {"notes": []})


@drawn(st.lists(st.text(st.characters(exclude_categories=("Cs",))), max_size=3), st.sampled_from(["", "x = 1\n"]))
def test_any_folder_comes_back_as_it_was_written(folders, before):
    assert tomllib.loads(written(before, {"notes": folders}))["notes"] == folders


def test_settings_are_found_by_name():
    assert named("chat_url").variable == "FOOTNOTE_CHAT_URL"
    assert named("nothing") is None
    assert len({one.name for one in VARIABLES}) == len({one.field for one in VARIABLES}) == len(VARIABLES)
