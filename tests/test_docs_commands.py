"""Every command that the README and the pages in docs tell a person to type is typed here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import yaml
from real_model import CACHE

from service.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MADE = {"BENCHMARKS.md", "CONFIDENCE.md"}
"""Pages whose commands take minutes, and make the pages themselves."""

ELSEWHERE = {"docs/http.md": "test_docs_http", "docs/mcp.md": "test_docs_mcp"}


@dataclass(frozen=True, slots=True)
class Command:
    """A line that a person is told to type, and those of the same block that came before."""

    page: str
    line: int
    text: str
    before: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"


def commands(page: Path) -> Iterator[Command]:
    before: list[str] = []
    inside = False
    for number, row in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        if row.startswith("```"):
            inside, before = row == "```sh", []
        elif inside and row.strip() and not row.startswith("#"):
            text = row.removeprefix("    ")
            yield Command(page.relative_to(ROOT).as_posix(), number, text, tuple(before))
            before.append(text)


COMMANDS = [command for page in PAGES if page.name not in MADE for command in commands(page)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home of somebody who keeps the sample vault in ~/notes, and has it indexed."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "data" / "notes", folder / "notes")
    (folder / "questions.txt").write_text("what does dropout do\nwhat is a Boltzmann machine\n", encoding="utf-8")
    environ = environment(folder)
    assert main(["index", str(folder / "notes"), "--no-papers"], environ) == 0
    return folder


def environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "FOOTNOTE_LIBRARY": str(home / "library"),
        "FOOTNOTE_CACHE": str(CACHE),
        "FOOTNOTE_ARXIV_API": "http://127.0.0.1:9/api/query",  # nobody listens there
        "FOOTNOTE_ARXIV_PDF": "http://127.0.0.1:9/pdf/",
        "FOOTNOTE_ARXIV_INTERVAL": "0",
        "FOOTNOTE_CONFIG": str(home / "settings.toml"),
    }
