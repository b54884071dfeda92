import io
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from service.cli import main


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("vault", "other"):
        (tmp_path / "home" / name / ".obsidian").mkdir(parents=True)
        (tmp_path / "home" / name / "a.md").write_text("# Adam\n\nAdam keeps a moving average of the gradient.\n")
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config" / "settings.toml"


@pytest.fixture
def run(home, file, environ, stub_model, capsys, monkeypatch):
    """Runs `footnote init` with what a person types, if one sits there, and gives the exit code and stderr."""

    def run(*arguments, typed=None):
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", Terminal(typed))
            monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
            monkeypatch.setattr("indexer.cli.shown_progress", quiet)
        code = main(["init", *arguments, "--no-papers", "--config", str(file)], environ)
        return code, capsys.readouterr().err

    return run


def quiet():
    from contextlib import nullcontext

    return nullcontext(lambda _: None)


def notes(file):
    return tomllib.loads(file.read_text(encoding="utf-8"))["notes"]


def test_a_person_chooses_and_the_notes_are_indexed(run, home, file, environ, capsys):
    code, said = run(typed="2\ny\n")
    assert code == 0
    assert "  1  ~/other  (Obsidian, 1 file)\n  2  ~/vault  (Obsidian, 1 file)\n" in said
    assert "The first run compiles the embedding model" in said
    assert "arXiv" not in said  # for nobody is contacted
    assert notes(file) == [str(home / "vault")]
    assert file.stat().st_mode & 0o077 == 0
    assert main(["search", "moving average", "--json", "--config", str(file)], environ) == 0
    assert '"file": "a.md"' in capsys.readouterr().out


def test_enter_takes_the_first_and_no_leaves_the_index_for_later(run, home, file, environ):
    code, said = run(typed="\nno\n")
    assert (code, notes(file)) == (0, [str(home / "other")])
    assert said.endswith("Whenever you like: footnote index\n")
    assert not Path(environ["FOOTNOTE_LIBRARY"]).exists()


def test_a_folder_without_notes_is_not_written_down(run, home, file, tmp_path):
    (tmp_path / "empty").mkdir()
    for typed in (None, "y\n"):
        code, said = run(str(tmp_path / "empty"), *(["--yes"] if typed is None else []), typed=typed)
        assert code == 2
        assert said.startswith(f"footnote: {tmp_path}/empty: no notes there (.md, ")
        assert not file.exists()


def test_enter_alone_ends_where_no_notes_were_found(run, home, file):
    shutil.rmtree(home)
    code, said = run(typed="\n")
    assert code == 2
    assert said.endswith("footnote: nothing was chosen; name the folder: footnote init FOLDER\n")
    assert not file.exists()


def test_the_model_is_announced_only_where_it_is_to_be_compiled(run, home, file, environ):
    from indexer.compile import folder_of

    folder_of(Path(environ["FOOTNOTE_CACHE"])).mkdir(parents=True)
    code, said = run("--yes", str(home / "vault"))
    assert code == 0
    assert "compiles" not in said
    assert "Some hundred passages a second are read." in said


def test_an_answer_that_cannot_be_used_is_asked_again(run, home, file, tmp_path):
    (tmp_path / "mine").mkdir()
    code, said = run("--no-index", typed=f"7\n{tmp_path}/nowhere\n'{tmp_path}/mine'\n")
    assert (code, notes(file)) == (0, [str(tmp_path / "mine")])
    assert f"{tmp_path}/nowhere is not there; check the path" in said
    assert "Numbers go from 1 to 2." in said


def test_the_end_of_the_input_is_no_answer(run, file):
    code, said = run(typed="")
    assert code == 2
    assert said.endswith("footnote: nothing was chosen; name the folder: footnote init FOLDER\n")
    assert not file.exists()


def test_without_a_terminal_nothing_is_guessed(run, home, file):
    code, said = run()
    assert code == 2
    found = f"{home / 'other'}, {home / 'vault'}"
    assert said == f"footnote: several folders may hold notes ({found}); name one: footnote init FOLDER\n"
    assert not file.exists()


def test_a_folder_that_is_named_is_taken_and_indexed_on_demand(run, home, file, environ, capsys):
    code, said = run(str(home / "vault"))
    assert (code, notes(file)) == (0, [str(home / "vault")])
    assert said.endswith("Next: footnote index\n")
    assert main(["index", "--no-papers", "--json", "--config", str(file)], environ) == 0
    assert '"files": 1, "new": 1' in capsys.readouterr().out
    code, said = run(str(home / "vault"), "--yes")
    assert said.startswith(f"{file} names {home / 'vault'} already; nothing to write.\n")


def test_what_is_in_the_file_stays(run, home, file):
    file.parent.mkdir()
    file.write_text('# mine\ndevice = "cpu"  # why\nnotes = ["~/old"]\n')
    assert run(str(home / "vault"), "--library", str(home / "lib"))[0] == 0
    assert file.read_text() == (
        f'# mine\ndevice = "cpu"  # why\nnotes = ["~/old", "{home}/vault"]\nlibrary = "{home}/lib"\n'
    )
    assert run("--no-index")[1].endswith("Next: footnote index\n")


def test_a_link_to_the_file_stays_one(run, home, file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "dotfile")
    assert run(str(home / "vault"))[0] == 0
    assert file.is_symlink()
    assert notes(tmp_path / "dotfile") == [str(home / "vault")]


def test_a_place_that_cannot_be_written_is_an_error_with_a_remedy(run, home, file):
    file.parent.write_text("a file")
    code, said = run(str(home / "vault"))
    assert code == 2
    assert said == f"footnote: cannot write {file} (File exists); name another place with --config\n"
