"""What the README shows is what happens."""

import re
from pathlib import Path

import pytest
from real_model import CACHE

from indexer import settings
from indexer.settings import Settings
from service.cli import _parser, main

ROOT = Path(__file__).resolve().parents[1]
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
    return re.sub(r"\d+\.\d s\b|confidence \d+%", "…", text)


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
    (commands,) = (action.choices for action in _parser()._actions if action.choices)
    named = set(re.findall(r"^\| `footnote (\w+)", README, re.MULTILINE))
    assert named == set(commands)


def test_every_setting_is_in_the_readme_and_the_other_way_round():
    read = set(re.findall(r"FOOTNOTE_\w+", Path(settings.__file__).read_text(encoding="utf-8")))
    read |= set(re.findall(r"FOOTNOTE_\w+", (ROOT / "service" / "client.py").read_text(encoding="utf-8")))
    table = README[README.index("| variable |") : README.index("### With Docker")]
    assert set(re.findall(r"FOOTNOTE_\w+", table)) == read


def test_the_defaults_in_the_readme_are_those_of_the_settings():
    folders = {"FOOTNOTE_LIBRARY": "/l", "FOOTNOTE_CACHE": "/c"}
    rows = re.findall(r"^\| (`FOOTNOTE_.*?`) \|.*\| (\S+|\d+, \d+) \|$", README, re.MULTILINE)
    stated = {
        name: default
        for names, defaults in rows
        for name, default in zip(re.findall(r"\w+", names), defaults.split(", "), strict=defaults != "none")
        if default != "none"
    }
    assert {"FOOTNOTE_MODEL", "FOOTNOTE_MAX_FILE_BYTES", "FOOTNOTE_CHAT_SECONDS"} <= stated.keys()
    assert Settings.from_environ(folders | stated) == Settings.from_environ(folders)


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


DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    *(f"docs/{name}.md" for name in ("BENCHMARKS", "http", "mcp", "obsidian", "python")),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target
