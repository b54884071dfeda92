"""The tools and resources, over the official SDK; the only importer of `mcp`, which takes a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field, RootModel

from indexer import __version__
from indexer.errors import FootnoteError
from service import places
from service.desk import Desk
from service.mcp.records import Found, OpenQuestion, OpenQuestions, Reply, Source
from service.present import VERDICTS
from service.turns import Joined, Turns
from service.types import AnsweredQuestion, Verdict

INSTRUCTIONS = """\
Footnote finds what stands in this person's own notes and in the papers that they link. It works offline, changes \
nothing, and gives every sentence with its exact place.

- Questions about what the person knows, wrote or read: `ask` first. For more, or for other words: `search`.
- Say what stands in the sources, and put under each sentence the place that it comes from, as it is given: \
`optimisers.md:25-26`, `1512.03385v1, p. 3`. Quote word for word where the wording matters.
- Before you build on a passage, `read` its place: it gives the lines around it, or the whole page.
- Where the verdict is `unsupported`, say that the notes do not answer it. What you know besides is yours, not the \
notes': keep the two apart.
- `open_questions` lists what the person wants to know, with what the library says to each."""

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

_WHOLE = 1_000_000
"""Lines of a note that is given as a whole."""

K = Annotated[int, Field(ge=1, le=50, description="How many sources to give, best first.")]
Made = TypeVar("Made")


class Text(RootModel[places.Reading]):
    """A stretch of a note or a page of a paper."""


def make_server(desk: Callable[[], Desk], turns: Turns, dumps: Joined[tuple[AnsweredQuestion, ...]]) -> MCPServer[None]:
    """Make the server of the library that `desk` gives when it is asked, or says why it cannot: a FootnoteError.

    Questions wait for their turn beside those that come in other ways.
    """
    server: MCPServer[None] = MCPServer(
        "footnote", title="Footnote", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )

    async def take(function: Callable[[Desk], Made]) -> Made:
        try:
            return await turns.take(lambda: function(desk()))
        except FootnoteError as error:
            raise ToolError(str(error)) from error

    async def at(function: Callable[[Desk], places.Reading]) -> places.Reading:
        try:
            return await take(function)
        except ToolError as error:
            raise ResourceNotFoundError(str(error)) from error

    @server.tool(title="Ask the notes", annotations=_READS)
    async def ask(
        question: Annotated[
            str,
            Field(
                description="A question in plain words. It may hold filters: tag:ml, path:papers/, kind:note, "
                'kind:paper, after:2024, before:2024-05, "exact words", -word.'
            ),
        ],
        k: K = 8,
    ) -> Annotated[CallToolResult, Reply]:
        """Answer from the person's notes and papers, word for word with places; or say that nothing there does."""
        reply = Reply.of(await take(lambda desk: desk.ask(question, k=k)))
        return _result(reply, _reply_text(reply))

    @server.tool(title="Search the notes", annotations=_READS)
    async def search(
        query: Annotated[
            str, Field(description="What to look for, in any words, with filters as in `ask`; filters alone list.")
        ],
        k: K = 8,
    ) -> Annotated[CallToolResult, Found]:
        """List the passages of notes and papers that are nearest to a query in meaning and words, with their places."""
        found = Found.of(await take(lambda desk: desk.search(query, k=k)))
        return _result(found, "\n\n".join(map(_source_text, found.sources)) or "Nothing was found.")

    @server.tool(title="Read a place", annotations=_READS)
    async def read(
        place: Annotated[
            str,
            Field(description="As a source names it: `optimisers.md:25-26`, `1512.03385v1, p. 3`; or a file, a paper."),
        ],
        around: Annotated[int, Field(ge=0, le=200, description="How many lines before and after to read too.")] = 10,
    ) -> Annotated[CallToolResult, Text]:
        """Read the lines of a note around a place, as they are on disk now, or the page of a paper."""
        reading = await take(lambda desk: places.read(desk, place, around=around))
        return _result(Text(reading), _reading_text(reading))

    @server.tool(title="List open questions", annotations=_READS)
    async def open_questions(
        verdict: Annotated[
            Verdict | Literal["any"], Field(description="Only those to which the library says so much.")
        ] = "any",
        most: Annotated[int, Field(ge=1, le=200, description="How many to give.")] = 30,
    ) -> Annotated[CallToolResult, OpenQuestions]:
        """List the questions that stand open in the person's question dumps, each with what the library says to it."""
        try:
            items = await dumps.get()
        except FootnoteError as error:
            raise ToolError(str(error)) from error
        wanted = [(item, item.answer) for item in items if item.answer and verdict in ("any", item.answer.verdict)]
        found = OpenQuestions(
            total=len(wanted), questions=[OpenQuestion.of(item, answer) for item, answer in wanted[:most]]
        )
        return _result(found, "\n".join(_questions_text(found)))

    @server.resource("footnote://notes/{+file}", title="A note", mime_type="text/markdown")
    async def note(file: str) -> str:
        """The whole of a note, by its path below the folder that was indexed."""
        return (await at(lambda desk: places.read(desk, file, most=_WHOLE))).text

    @server.resource("footnote://papers/{paper}/pages/{page}", title="A page of a paper", mime_type="text/plain")
    async def paper_page(paper: str, page: int) -> str:
        """The text of a page of a paper, by its arXiv id (`hep-th%2F9901001` where it has a slash)."""
        return (await at(lambda desk: places.read(desk, paper, page=page))).text

    return server


def _result(record: BaseModel, text: str) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=record.model_dump(mode="json")
    )


def _reply_text(reply: Reply) -> str:
    used = {n for said in reply.sentences for n in said.sources}
    lines = [f"{VERDICTS[reply.verdict]} by the library ({reply.confidence:.0%} sure)."]
    lines += [f"- {said.text}" + "".join(f" [{n}]" for n in said.sources) for said in reply.sentences]
    for title, some in (
        ("Sources:", [source for source in reply.sources if source.n in used]),
        ("Near to it:", [source for source in reply.sources if source.n not in used]),
    ):
        if some:
            lines += ["", title, *map(_source_text, some)]
    return "\n".join(lines)


def _source_text(source: Source) -> str:
    path = " › ".join(source.headings if source.kind == "note" else (source.title, *source.headings))
    changed = " (changed since it was indexed)" if source.stale else ""
    return f"[{source.n}] {source.place}" + (f" — {path}" if path else "") + f"{changed}\n    {source.quote}"


def _reading_text(reading: places.Reading) -> str:
    name = reading.file or f"{reading.paper or reading.title}{reading.version or ''}"
    if reading.unit == "lines":
        width = len(str(reading.last))
        text = "\n".join(f"{n:>{width}} {line}" for n, line in enumerate(reading.text.split("\n"), reading.first))
        where = f"lines {reading.first} to {reading.last} of {reading.of}"
    else:
        text = reading.text
        where = f"page {reading.first} of {reading.of}" if reading.of else "the abstract"
    changed = ", changed since it was indexed" if reading.stale else ""
    return f"{name} ({reading.title}), {where}{changed}\n\n{text}"


def _questions_text(found: OpenQuestions) -> Iterator[str]:
    shown = len(found.questions)
    yield f"{found.total} open questions" + (f", the first {shown} of them" if shown < found.total else "") + "."
    for item in found.questions:
        yield f"\n{item.question} ({item.place})\n{VERDICTS[item.reply.verdict]}."
        yield from (
            f"- {said.text} ({', '.join(_places(item.reply.sources, said.sources))})"
            for said in item.reply.sentences
            if said.sources
        )


def _places(sources: Sequence[Source], numbers: Sequence[int]) -> list[str]:
    return [source.place for source in sources if source.n in numbers]
