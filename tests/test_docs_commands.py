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
ELSEWHERE = {"BENCHMARKS.md", "CONFIDENCE.md", "http.md", "mcp.md", "obsidian.md", "python.md"}
"""Pages that their own commands make, in minutes, and those that `test_docs_programs` tries on a running service."""


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


COMMANDS = [command for page in PAGES if page.name not in ELSEWHERE for command in commands(page)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home of somebody who keeps the sample vault in ~/notes, and has it indexed."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "data" / "notes", folder / "notes")
    (folder / "questions.txt").write_text("what does dropout do\nwhat is a Boltzmann machine\n", encoding="utf-8")
    (folder / "settings.toml").touch()
    for place in (".config/fish/completions", ".local/share/bash-completion/completions"):
        (folder / place).mkdir(parents=True)
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


@pytest.fixture
def somebody(home, monkeypatch):
    """Be that person, at the prompt of a shell."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "stdin", StringIO())
    return environment(home)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_what_the_documentation_says_to_type_works(command, somebody, monkeypatch, capsys):
    for text in command.before:
        if text.startswith("export "):
            somebody |= assigned(shlex.split(text)[1:])[0]
    set_here, words = assigned(shlex.split(command.text))
    somebody |= {
        name: str(Path(value).expanduser()) if value.startswith("~") else value for name, value in set_here.items()
    }
    words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in words]
    if "FOOTNOTE_MODEL" in set_here:
        with_stub(monkeypatch)
    match words:
        case ["footnote", "serve", *_] | ["footnote", *_, "--watch"]:
            stays(words, somebody)
        case ["footnote" | "ask" as program, *rest]:
            file = rest[-1] if rest[-2:-1] == [">"] else None
            argv = [*(["ask"] if program == "ask" else []), *(rest[:-2] if file else rest)]
            with redirect_stdout(StringIO()) as out:
                code = main(argv, somebody)
            said = capsys.readouterr().err
            waits = "pending: 127.0.0.1 cannot be reached" in said  # a paper is to be fetched, and nobody answers
            assert code in (0, 1) or waits, said
            assert (out.getvalue() + said).strip() or file  # what is empty may be written to a file
        case ["make", target, *_]:
            subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
        case ["docker", "compose", "up"]:
            services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
            assert {name: one["command"][0] for name, one in services.items()} == {
                "token": "token",
                "index": "index",
                "footnote": "serve",
            }
        case ["export", *_]:
            assert all(name.startswith("FOOTNOTE_") for name in assigned(words[1:])[0])
        case [".", ".venv/bin/activate"]:
            pass
        case _:
            pytest.fail("nothing here knows how to run this")


def assigned(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables that are set before a command, and the command."""
    found = {}
    while words and (match := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
        found[match[1]] = match[2]
        words = words[1:]
    return found, words


def with_stub(monkeypatch):
    from stub_encoder import HashEncoder

    for name in ("indexer.encode.load_encoder", "service.desk.load_encoder"):
        monkeypatch.setattr(name, lambda *_, **__: HashEncoder())


def stays(words: list[str], environ: dict[str, str]) -> None:
    """Start a command that stays, wait until it says where it is or that it watches, and stop it as a person does."""
    program = Path(sys.executable).with_name(words[0])
    port = [] if "--port" in words else ["--port", "0"]
    with subprocess.Popen(
        [program, *words[1:], *(port if "serve" in words else [])],
        env=os.environ | environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert any(re.search(r"http://|[Ww]atching", row) for row in process.stderr)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode in (0, 130)
