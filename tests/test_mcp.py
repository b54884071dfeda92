"""The tools as a model's client sees them: the SDK's own, over a real process's stdio and over real HTTP."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager

import anyio
import desks
import httpx
import jsonschema
import pytest
import shelf
from anyio.from_thread import start_blocking_portal
from browser import served
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client

from indexer.build import build
from service.app import create_app
from service.desk import Desk

STUBBED = """
import os, sys
sys.path[:0] = {path!r}
import indexer.encode, service.cli
from stub_encoder import HashEncoder
indexer.encode.load_encoder = lambda *_, **__: HashEncoder()
sys.exit(service.cli.main({argv!r}, os.environ))
"""
ADAM = "Adam keeps a moving average of the gradient and of its square."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mcp")


@pytest.fixture(scope="module")
def desk(folder):
    with desks.open_desk(folder) as desk:
        desks.put_paper(folder)
        yield desk


@pytest.fixture(scope="module")
def service(desk):
    with served(create_app(desk.settings, desk=desk)) as address:
        yield f"{address}/mcp"


def process(library) -> StdioServerParameters:
    """`footnote mcp` with a stub for the model, in a process of its own."""
    script = STUBBED.format(path=[entry for entry in sys.path if entry], argv=["mcp", "--library", str(library)])
    return StdioServerParameters(command=sys.executable, args=["-c", script], env=dict(os.environ))


@pytest.fixture(scope="module", params=["stdio", "http"])
def talk(request, desk, service):
    """Run what asks a client, over either transport; there is one of each."""
    over = service if request.param == "http" else stdio_client(process(desk.settings.library))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Client(over)) as client:
        yield lambda talk: portal.call(talk, client)


def called(name: str, **arguments: object) -> Callable[[Client], Awaitable[tuple[bool, str, dict]]]:
    """Call a tool; whether it failed, its text and its data."""

    async def call(client: Client) -> tuple[bool, str, dict]:
        result = await client.call_tool(name, arguments)
        return bool(result.is_error), result.content[0].text, result.structured_content

    return call


def test_a_client_is_told_what_there_is_and_how_to_cite(talk):
    async def look(client: Client):
        return client, await client.list_tools(), await client.list_resource_templates()

    client, tools, templates = talk(look)
    assert client.server_info.name == "footnote"
    assert "put under each sentence the place" in client.instructions
    assert [tool.name for tool in tools.tools] == ["ask", "search", "read", "open_questions"]
    for tool in tools.tools:
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.open_world_hint is False
        assert tool.description.count("\n") == 0
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
        assert all("description" in one for one in tool.input_schema["properties"].values())
    assert [one.uri_template for one in templates.resource_templates] == [
        "footnote://notes/{+file}",
        "footnote://papers/{paper}/pages/{page}",
    ]


def test_an_answer_comes_as_data_and_as_text_with_its_places(talk):
    failed, text, data = talk(called("ask", question="What does Adam keep a moving average of?", k=3))
    assert not failed
    assert data["verdict"] in ("supported", "partial")
    assert data["sentences"][0] == {"text": ADAM, "sources": [1]}
    assert data["sources"][0] == {
        "n": 1, "place": "adam.md:3-4", "kind": "note", "title": "Adam", "headings": ["Adam"], "quote": ADAM,
        "stale": False,
    }  # fmt: skip
    assert len(data["sources"]) == 3
    first, said, *_ = text.split("\n")
    assert first.startswith("Answered")
    assert said == f"- {ADAM} [1]"
    assert f"\nSources:\n[1] adam.md:3-4 — Adam\n    {ADAM}\n" in text


def test_a_question_that_nothing_answers_says_so(talk):
    failed, text, data = talk(called("ask", question="Who won the chess tournament of 1927?"))
    assert not failed
    assert data["verdict"] == "unsupported"
    assert text.startswith("Not answered by the library")
    assert all(said["sources"] == [] for said in data["sentences"])


def test_what_a_search_finds_can_be_read(talk):
    async def both(client: Client):
        found = await called("search", query="residual blocks kind:paper", k=1)(client)
        return found, await called("read", place=found[2]["sources"][0]["place"])(client)

    (_, listed, found), (_, text, page) = talk(both)
    assert [source["place"] for source in found["sources"]] == ["2101.00001v2, p. 1"]
    assert listed.startswith("[1] 2101.00001v2, p. 1 — Residual Stacks › 1 Method\n")
    assert (page["unit"], page["first"], page["of"]) == ("pages", 1, shelf.PAGES)
    assert shelf.FREE in page["text"]
    assert text.startswith("2101.00001v2 (Residual Stacks), page 1 of 3\n\n## 1 Method\n")


def test_lines_are_read_with_their_numbers(talk):
    failed, text, data = talk(called("read", place="adam.md:3", around=1))
    assert not failed
    assert (data["first"], data["last"], data["of"]) == (2, 4, 8)
    assert text == (
        f"adam.md (Adam), lines 2 to 4 of 8\n\n2 \n3 {ADAM}\n4 It divides the one by the root of the other."
    )


def test_open_questions_are_listed_with_what_the_library_says(talk):
    failed, text, data = talk(called("open_questions", most=1))
    assert not failed
    assert data["total"] == 3
    assert [item["question"] for item in data["questions"]] == ["How many layers does GoogLeNet have?"]
    assert text.startswith(
        "3 open questions, the first 1 of them.\n\nHow many layers does GoogLeNet have? (todo.md:2)\n"
    )
    _, _, unsupported = talk(called("open_questions", verdict="unsupported"))
    assert {item["reply"]["verdict"] for item in unsupported["questions"]} == {"unsupported"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("ask", {"question": "  "}, "the question is empty; write what you want to know"),
        ("search", {"query": "after:yesterday adam"}, "after"),
        (
            "read",
            {"place": "nothing.md"},
            "nothing by the name 'nothing.md'; name a file or a paper as a citation does",
        ),
        ("ask", {"question": "What is dropout?", "k": 500}, "less than or equal to 50"),
        ("reply", {}, "Unknown tool: reply"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(service, tool, arguments, said):
    async def call() -> str:
        async with Client(service) as client:
            try:
                result = await client.call_tool(tool, arguments)
            except MCPError as error:
                return str(error)
            assert result.is_error
            return result.content[0].text

    assert said in anyio.run(call)


def test_notes_and_pages_are_resources(talk):
    async def look(client: Client) -> list[str]:
        addresses = ("footnote://notes/adam.md", "footnote://papers/2101.00001/pages/2")
        return [(await client.read_resource(address)).contents[0].text for address in addresses]

    note, page = talk(look)
    assert note == desks.NOTES["adam.md"].rstrip("\n")
    assert shelf.CAPTION in page

    async def miss(client: Client) -> None:
        await client.read_resource("footnote://notes/nothing.md")

    with pytest.raises(MCPError, match="nothing by the name"):
        talk(miss)


def test_a_client_may_come_before_the_library(tmp_path):
    """What is missing is said by the tools, and no new start is needed once it is there."""
    settings = desks.settings_for(tmp_path)

    async def talk() -> tuple[str, str]:
        async with Client(stdio_client(process(settings.library))) as client:
            _, before, _ = await called("ask", question="What is dropout?")(client)
            build(settings.library, [desks.write(tmp_path / "notes")], desks.HashEncoder(), settings)
            _, after, _ = await called("search", query="moving average", k=1)(client)
            return before, after

    before, after = anyio.run(talk)
    assert "footnote index" in before
    assert after.startswith("[1] adam.md:3")


GREETING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@contextmanager
def caller(service):
    with httpx.Client(trust_env=False, timeout=30, headers=ACCEPT) as client:
        yield lambda **options: client.post(service, **options)


def test_clients_that_speak_the_older_protocol_are_understood(service):
    with caller(service) as post:
        assert post(json=GREETING).json()["result"]["serverInfo"]["name"] == "footnote"
        call = {"name": "read", "arguments": {"place": "group.md:3", "around": 0}}
        answered = post(json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
    assert answered.json()["result"]["structuredContent"]["text"] == "- 22-layers deep model"


def test_a_name_pointed_at_this_machine_is_refused(service):
    with caller(service) as post:
        assert post(json=GREETING, headers={"Host": "evil.example"}).status_code == 421


def test_a_form_of_another_site_is_refused(service):
    with caller(service) as post:
        assert post(data={"jsonrpc": "2.0"}).status_code == 400


def test_there_is_no_stream_to_wait_on(service):
    """No session is held, and nothing is said unasked."""
    for method in ("GET", "DELETE"):
        refused = httpx.request(method, service, headers=ACCEPT, trust_env=False)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_calls_are_counted_with_what_they_ask(service):
    def figure(name: str) -> float:
        text = httpx.get(service.replace("/mcp", "/metrics"), trust_env=False).text
        return sum(float(value) for value in re.findall(rf"^{name}\S* (\S+)$", text, re.MULTILINE))

    names = ('footnote_requests_total{method="POST",route="/mcp",status="200"}', "footnote_answers_total")
    before = [figure(re.escape(name)) for name in names]

    async def ask() -> None:
        async with Client(service) as client:
            await called("ask", question="What is dropout?")(client)

    anyio.run(ask)
    with caller(service) as post:
        call = {"name": "ask", "arguments": {"question": "What is dropout?"}}
        post(json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
    requests, answers = (figure(re.escape(name)) - count for name, count in zip(names, before, strict=True))
    assert requests >= 3
    assert answers == 2


def test_a_service_without_a_library_says_so_through_the_tools(tmp_path, monkeypatch):
    monkeypatch.setattr(Desk, "open", lambda *_, **__: pytest.fail("not here"))
    settings = desks.settings_for(tmp_path)

    async def call(address: str) -> tuple[bool, str, dict]:
        async with Client(f"{address}/mcp") as client:
            return await called("ask", question="What is dropout?")(client)

    app = create_app(settings)
    app.state.desk = None
    with served(app) as address:
        failed, text, _ = anyio.run(call, address)
    assert failed
    assert "try again" in text or "the log" in text
