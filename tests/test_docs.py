"""What the README shows is what happens."""

import re
from pathlib import Path

import pytest
from real_model import CACHE

from indexer.describe import page
from indexer.variables import CONFIG, VARIABLES
from service.cli import main
from service.commands import all_commands

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    *(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    return {"FOOTNOTE_LIBRARY": str(tmp_path_factory.mktemp("library")), "FOOTNOTE_CACHE": str(CACHE)}


@pytest.fixture(scope="module")
def demo(environ):
    """The library of `make demo`."""
    assert main(["index", str(ROOT / "data" / "notes"), "--no-papers"], environ) == 0
    return environ


def blocks() -> list[str]:
    return re.findall(r"```text\n(.*?)```", README, re.DOTALL)


def without_measures(text: str) -> str:
    """Seconds and confidence vary a little from one processor to another."""
    return re.sub(r"\d+\.\d s\b|\d+% sure", "…", text)


def test_the_output_of_the_demo_is_real(environ, capsys):
    assert main(["index", str(ROOT / "data" / "notes"), "--no-papers"], environ) == 0
    assert main(["questions"], environ) == 0
    printed = without_measures(capsys.readouterr().out)
    for paragraph in without_measures(blocks()[0]).strip().split("\n\n"):
        assert paragraph in printed


def test_the_answer_that_is_shown_is_real(demo, capsys):
    command, _, shown = blocks()[1].partition("\n")
    assert main(command.removeprefix("$ ").split(), demo) == 0
    assert without_measures(capsys.readouterr().out) == without_measures(shown)


def test_every_command_is_in_the_readme_and_the_other_way_round():
    (commands,) = (action.choices for action in all_commands()._actions if action.choices)
    named = set(re.findall(r"^\| `footnote (\w+)", README, re.MULTILINE))
    assert named == set(commands)


def test_the_page_of_settings_is_made_from_the_code():
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == f"{page()}\n"


def test_every_setting_that_is_named_anywhere_is_one():
    known = {CONFIG, *(variable.variable for variable in VARIABLES)}
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    files += [file for room in ("indexer", "service") for file in (ROOT / room).rglob("*.py")]
    for file in files:
        assert set(re.findall(r"FOOTNOTE_\w*[A-Z]\b", file.read_text(encoding="utf-8"))) <= known, file


def test_the_figures_in_the_readme_are_those_of_the_benchmarks():
    measured = (ROOT / "docs" / "BENCHMARKS.md").read_text(encoding="utf-8")
    shown = {
        name.strip(): (one, five)
        for name, one, five in re.findall(r"^\| ([^|]+) \| (0\.\d\d) \| (0\.\d\d) \|$", README, re.MULTILINE)
    }
    assert len(shown) == 3
    for name, (one, five) in shown.items():
        row = re.search(
            rf"^\| {name.removesuffix(' search alone')}[^|]*\| ([\d.]+) \| ([\d.]+)", measured, re.MULTILINE
        )
        assert row is not None
        assert (f"{float(row[1]):.2f}", f"{float(row[2]):.2f}") == (one, five)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target
