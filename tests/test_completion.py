import shutil
import subprocess

import pytest

from service.cli import main

BASH = shutil.which("bash")

COMPLETED = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
words=$(complete -p "$1")
[[ $words =~ -F\\ ([^ ]+) ]]
"${BASH_REMATCH[1]}" "$1" "${!#}" "${@: -2:1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    from io import StringIO
    from unittest.mock import patch

    with patch("sys.stdout", StringIO()) as out:
        assert main(["completion", "bash"], {}) == 0
    file = tmp_path_factory.mktemp("completion") / "footnote"
    file.write_text(out.getvalue())
    return file


@pytest.fixture
def complete(script, tmp_path):
    """Asks a real bash what it would complete the last of some words to."""

    def complete(*words):
        command = [BASH, "--norc", "-c", COMPLETED, "bash", script, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return done.stdout.split()

    return complete


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("footnote", "ind"), ["index"]),
        (("footnote", "s"), ["status", "settings", "search", "serve"]),
        (("footnote", "serve", "--wa"), ["--watch"]),
        (("footnote", "ask", "--writer", ""), ["extractive", "chat"]),
        (("footnote", "bench", "q"), ["quality"]),
        (("footnote", "completion", "z"), ["zsh"]),
        (("ask", "--mark"), ["--markdown"]),
        (("ask", "--writer", "c"), ["chat"]),
    ],
)
def test_bash_completes_commands_options_and_values(complete, words, found):
    assert complete(*words) == found


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_bash_completes_folders_where_folders_are_meant(complete, tmp_path):
    (tmp_path / "notebook").mkdir()
    (tmp_path / "note.md").write_text("")
    assert complete("footnote", "status", "--library", "note") == ["notebook"]
    assert sorted(complete("footnote", "index", "note")) == ["note.md", "notebook"]


@pytest.mark.parametrize(
    ("shell", "parts"),
    [
        ("zsh", ["compdef _shtab_footnote -N footnote", "compdef _shtab_ask -N ask", "doctor:'look whether"]),
        ("fish", ["complete -c footnote", "complete -c ask", "extractive chat"]),
    ],
)
def test_the_other_shells_get_a_script_too(shell, parts, capsys):
    assert main(["completion", shell], {}) == 0
    said = capsys.readouterr().out
    assert [part for part in parts if part not in said] == []
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=said, text=True, check=True)
