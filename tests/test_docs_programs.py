"""What the pages for other programs show is what happens: every command, call and snippet is executed."""

import doctest
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from browser import MARKS, served
from mcp import Client
from real_model import CACHE, SETTINGS, real_encoder
from starlette.responses import HTMLResponse

import service
from indexer.build import build
from indexer.settings import Settings
from service import api
from service.app import create_app
from service.cli import main
from service.commands import all_commands
from service.figures import Figures

ROOT = Path(__file__).resolve().parents[1]
DOCS = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("http", "mcp", "obsidian", "python")
}
ADDRESS = "http://127.0.0.1:8000"


def blocks(name: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCS[name], re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The library of the sample vault."""
    folder = tmp_path_factory.mktemp("docs") / "library"
    settings = Settings(library=folder, cache=SETTINGS.cache)
    build(folder, [ROOT / "data" / "notes"], real_encoder(), settings, papers="known")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _environ(library):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTNOTE_LIBRARY", str(library))
        patch.setenv("FOOTNOTE_CACHE", str(CACHE))
        yield
        service.close()


@pytest.fixture(scope="module")
def elsewhere():
    """The address of a page that is not the service's."""

    async def page(scope, receive, send) -> None:
        if scope["type"] == "http":
            await HTMLResponse("<title>Vault</title>")(scope, receive, send)

    with served(page) as address:
        yield address


@pytest.fixture(scope="module")
def address(library, elsewhere):
    settings = Settings(library=library, cache=SETTINGS.cache)
    named = replace(settings, service=replace(settings.service, origins=(elsewhere,)))
    with api._opened(settings) as desk, served(create_app(named, desk=desk)) as address:
        yield address


# ------------------------------------------------------------------------------------------------------- Python


def run(examples: list[doctest.Example], name: str, names: dict[str, object]) -> None:
    test = doctest.DocTest(examples, names, name, None, 0, None)
    said: list[str] = []
    doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)


def test_the_page_on_python():
    examples = [
        example for block in blocks("python", "python") for example in doctest.DocTestParser().get_examples(block)
    ]
    assert len(examples) > 20
    run(examples, "docs/python.md", {})


@pytest.mark.parametrize("name", ["ask", "search", "questions", "read", "open_desk"])
def test_the_examples_in_docstrings(name, library):
    examples = doctest.DocTestParser().get_examples(getattr(service, name).__doc__)
    assert examples
    run(examples, name, {"library": library})


def test_every_public_name_is_on_the_page():
    assert set(service.__all__) <= set(re.findall(r"\w+", DOCS["python"]))


# --------------------------------------------------------------------------------------------------------- HTTP


def said_by(command: str, address: str) -> str:
    if not shutil.which("curl"):
        pytest.skip("no curl: apt-get install curl")
    done = subprocess.run(
        ["bash", "-c", command.replace(ADDRESS, address)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
    )
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def test_every_call_on_the_page_on_http_is_answered(address):
    commands = [line for block in blocks("http", "sh") for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) == 23
    failed = 0
    for command in commands:
        status = said_by(command.replace("curl ", "curl -w '\\n%{http_code}' ", 1), address).rpartition("\n")[2]
        failed += status == "422"
        assert status in ("200", "202", "422"), command
    assert failed == 1  # the one that shows a problem


def fits(shown: object, said: object) -> bool:
    """Whether what a page shows is a part of what was said; figures vary a little from processor to processor."""
    if isinstance(shown, dict):
        return isinstance(said, dict) and all(key in said and fits(one, said[key]) for key, one in shown.items())
    if isinstance(shown, list):
        return isinstance(said, list) and len(shown) == len(said) and all(map(fits, shown, said))
    return abs(shown - said) < 0.1 if isinstance(shown, float) and isinstance(said, float) else shown == said


def test_what_the_page_on_http_shows_is_what_is_said(address):
    shown = re.findall(r"^```sh\n([^`]*)```\n\n```json\n([^`]*)```", DOCS["http"], re.MULTILINE)
    assert len(shown) == 2
    for command, said in shown:
        assert fits(json.loads(said), json.loads(said_by(command, address)))


def test_the_figures_on_the_page_are_those_that_there_are(address):
    shown = set(re.findall(r"`(footnote_\w+)`", DOCS["http"]))
    text = Figures().show(None, 0).decode()
    types = dict(re.findall(r"^# TYPE (footnote_\w+) (\w+)", text, re.MULTILINE))
    assert shown == {name for name in types if not name.endswith("_created")}
    stages = set(re.findall(r'stage="(\w+)"', text))
    (row,) = re.findall(r"^\| `footnote_answer_stage_seconds` \| (.*) \|$", DOCS["http"], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == stages


def test_commands_that_the_pages_name_are_commands():
    (commands,) = (action.choices for action in all_commands()._actions if action.choices)
    for text in DOCS.values():
        for line in re.findall(r"`(footnote [a-z][^`]*)`|^    (?:\w+=\S+ )?(footnote [^>\n]*)", text, re.MULTILINE):
            words = "".join(line).replace("…", "x").split()
            assert words[1] in commands, line
            if words[1] not in ("ask", "mcp"):
                all_commands().parse_args(words[1:])


# ---------------------------------------------------------------------------------------------------------- MCP


def test_what_a_model_reads_is_what_the_page_on_mcp_shows(address):
    ((question, shown),) = re.findall(r"<!-- ask: (.*?) -->\n```text\n(.*?)\n```", DOCS["mcp"], re.DOTALL)

    async def talk() -> tuple[str, str, set[str]]:
        async with Client(f"{address}/mcp") as client:
            answer = await client.call_tool("ask", {"question": question, "k": 2})
            missing = await client.call_tool("read", {"place": "lora.md"})
            for uri in re.findall(r"`(footnote://notes/\S+)`", DOCS["mcp"]):
                await client.read_resource(uri)
            names = {tool.name for tool in (await client.list_tools()).tools}
            return answer.content[0].text, missing.content[0].text, names

    said, missing, names = anyio.run(talk)
    assert re.sub(r"\d+%", "…", said) == re.sub(r"\d+%", "…", shown)
    assert missing in DOCS["mcp"]
    assert set(re.findall(r"^\| `(\w+)` \|", DOCS["mcp"], re.MULTILINE)) == names


def test_the_settings_for_programs_are_json_that_starts_the_server():
    stdio, http = (json.loads(block)["mcpServers"]["footnote"] for block in blocks("mcp", "json"))
    assert all_commands().parse_args(stdio["args"]).run.__name__ == "_mcp"
    assert set(stdio["env"]) == {"FOOTNOTE_LIBRARY"}
    assert http["url"] == f"{ADDRESS}/mcp"


# ----------------------------------------------------------------------------------------------------- Obsidian

OBSIDIAN = """async ([snippet, template]) => {
    const shown = [];
    const requestUrl = async ({ url }) => {
        const reply = await fetch(url);
        const text = await reply.text();
        return { status: reply.status, text, get json() { return JSON.parse(text); } };
    };
    const system = { prompt: async () => "What is dropout?" };
    const tp = { file: { selection: () => "" }, system, obsidian: { requestUrl } };
    const dv = { current: () => ({ question: "How does LoRA get away with training so few weights?" }),
                 paragraph: (text) => shown.push(text) };
    const Body = Object.getPrototypeOf(async () => {}).constructor;
    await new Body("dv", snippet)(dv);
    const written = await new Body("tp", `let tR = "";${template};return tR;`)(tp);
    return [shown, written];
}"""
"""What Obsidian and its plugins give a snippet, as far as these use it."""


class TestInTheBrowser:
    pytestmark = MARKS

    def test_the_snippets_for_obsidian_run_in_a_page_that_was_named(self, address, elsewhere, chromium):
        (template,) = blocks("obsidian", "js templater")
        (query,) = blocks("obsidian", "js dataviewjs")
        template = re.fullmatch(r"<%\*\n(.*)%>\n", template, re.DOTALL)[1]
        page = chromium.new_page()
        page.goto(elsewhere)
        shown, written = page.evaluate(OBSIDIAN, [query.replace(ADDRESS, address), template.replace(ADDRESS, address)])
        page.close()
        (said,) = shown
        assert said.startswith("Bet behind it: what has to *change* for a new task lies in a tiny subspace, ")
        assert said.endswith(" [[training/fine-tuning.md]] 13–16")
        assert written.startswith("### What is dropout?\n")


def test_the_command_of_the_hotkey_writes_markdown(address):
    (command,) = blocks("obsidian", "sh")
    assert said_by(command.replace("{{selection}}", "what is dropout"), address).startswith("### what is dropout\n")


def test_the_report_of_the_page_on_obsidian_is_written(capsys):
    assert "footnote questions --markdown > ~/vault/Answers.md" in DOCS["obsidian"]
    assert main(["questions", "--markdown"], dict(os.environ)) == 0
    assert capsys.readouterr().out.startswith("---\nfootnote: report\n---\n")
