"""What goes over HTTP: one model for each record, with the fields of the contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from service.filters import Filter, read_filters
from service.types import MAX_QUESTION_CHARS

MOST = 50
"""The most citations or hits that one request may ask for."""

NOT_BLANK: dict[str, Any] = {"minLength": 1, "maxLength": MAX_QUESTION_CHARS, "pattern": r"\S"}
"""What OpenAPI says of a question; the desk itself refuses what is blank or too long, in words of its own."""

K: TypeAlias = Annotated[int, Field(ge=1, le=MOST, description="How many citations or hits to give, best first.")]


Text: TypeAlias = Annotated[str, Field(max_length=1000)]
Texts: TypeAlias = Text | Annotated[list[Text], Field(max_length=50)]


class Box(BaseModel):
    """A rectangle on a page, in PDF points from the lower left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class Related(BaseModel):
    """What belongs to a cited place: the library's paper that a note names, or the note that names a paper."""

    relation: Literal["paper of this note", "your note on this paper"]
    title: str
    file: str | None = Field(description="The path of the file under its root; null for a fetched paper.")
    lines: tuple[int, int] | None = Field(description="Where the note names the paper.")
    paper: str | None = Field(description="The arXiv id.")
    link: str = Field(description="The page that shows it.")


class Why(BaseModel):
    """Why a passage was found."""

    words: list[str] = Field(
        description="The words of the question that stand in it, its headings or its title, as they are written there."
    )
    missing: list[str] = Field(description="Those that mean something and do not stand there in any form.")
    closeness: float = Field(ge=0, le=1, description="How near it is in meaning: the cosine to the question.")


class Citation(BaseModel):
    """The exact place that a sentence comes from."""

    n: int = Field(description="The number that sentences refer to.")
    kind: Literal["note", "paper"]
    file: str | None = Field(description="The path of the file under its root; null for a fetched paper.")
    paper: str | None = Field(description="The arXiv id.")
    version: str | None = Field(description="The version of the paper, as in `v2`.")
    title: str
    headings: list[str] = Field(description="The path of headings above the passage.")
    lines: tuple[int, int] | None = Field(description="First and last line, 1-based, of the file as it is on disk.")
    pages: tuple[int, int] | None = Field(
        description="First and last page, 1-based: of the quote under a sentence, else of the passage."
    )
    boxes: list[Box] | None = Field(description="Where the quote stands, one box a line, in reading order.")
    quote: str = Field(description="Verbatim, white space folded, from those lines or pages.")
    passage: str = Field(description="The whole passage that holds the quote.")
    score: float = Field(description="Similarity to the question; higher is better.")
    link: str = Field(description="The page that shows the place.")
    stale: bool = Field(
        description="The file has changed or is gone since it was indexed. A note's lines are those of now where the "
        "passage still stands in it; else no sentence rests on it."
    )
    related: list[Related]
    why: Why | None = Field(description="Why it was found; null where no words were asked for, or it was not kept.")


class Sentence(BaseModel):
    """One thing that the answer says, and the numbers of the citations under it."""

    text: str
    citations: list[int]


class Answer(BaseModel):
    """What the library says to a question."""

    question: str
    verdict: Literal["supported", "partial", "unsupported"]
    confidence: float = Field(ge=0, le=1)
    sentences: list[Sentence]
    citations: list[Citation] = Field(description="Best first: what the sentences rest on, then the nearest passages.")
    took_ms: float
    writer: Literal["extractive", "chat"] = Field(description="Who chose the words: the library, or the chat model.")
    notice: str | None = Field(description="Why the writer is not the one that was asked for, if so.")


class SearchResult(BaseModel):
    """The passages nearest to a query."""

    query: str
    hits: list[Citation]
    took_ms: float


class Question(BaseModel):
    """An item of a question dump and its answer."""

    text: str
    state: Literal["open", "done", "none"]
    kind: Literal["question", "topic", "paper", "link", "task"]
    file: str
    line: int
    section: str
    parent: str | None
    wikilinks: list[str]
    arxiv_ids: list[str]
    urls: list[str]
    answer: Answer | None = Field(description="None where the item needs no answer.")
    changed: Literal["new", "answered", "same"] = Field(
        description="Since the person last saw it: printed by `footnote questions`, or marked as seen in the browser."
    )
    before: Literal["supported", "partial", "unsupported"] | None = Field(
        description="The verdict that the person saw then; null where there was none."
    )


class Questions(BaseModel):
    """The items of all question dumps, in the order of the files."""

    questions: list[Question]


class Failure(BaseModel):
    """A file that could not be read, and why."""

    file: str
    reason: str


class Remark(BaseModel):
    """What there is to say of how a file could be read."""

    file: str
    remark: str


class Paper(BaseModel):
    """A paper that notes name, or that was added by hand."""

    paper: str | None = Field(description="The arXiv id.")
    named: str | None = Field(description="The version that the notes name; null where they mean the newest.")
    version: str | None = Field(description="The version that the library has.")
    url: str | None = Field(description="The address of a PDF that is not on arXiv.")
    title: str | None
    state: Literal["pending", "fetched", "failed", "absent", "withdrawn"]
    reason: str | None = Field(description="Why it is not here, if so.")
    link: str | None = Field(description="The page that shows it, or its abstract.")
    added: bool = Field(False, description="It was added by hand; it stays though no note names it.")


class PaperState(Paper):
    """A paper with what becomes of it."""

    waiting: bool = Field(description="It was added, and the service has not tried to fetch it yet.")


class Papers(BaseModel):
    """The papers that notes name or that were added by hand."""

    papers: list[Paper]


class AddPaper(BaseModel):
    """A paper to add to the library."""

    paper: str = Field(
        description="An arXiv id, a link to it, or the address of a PDF.", examples=["1706.03762"], max_length=2000
    )


class PaperSearch(BaseModel):
    """A question for which papers are looked for on arXiv."""

    question: str = Field(examples=["What is a Boltzmann machine?"], json_schema_extra=NOT_BLANK)
    most: int = Field(8, ge=1, le=40, description="How many papers to give, the nearest first.")


class PaperFound(BaseModel):
    """A paper on arXiv that may answer a question."""

    paper: str = Field(description="The arXiv id.")
    version: str
    title: str
    authors: list[str]
    published: str = Field(description="A day, as in `2017-06-12`.")
    abstract: str
    sentence: str = Field(description="The sentence of the abstract nearest to the question.")
    score: float = Field(description="The cosine of the question with title and abstract.")
    link: str = Field(description="Its page at arXiv.")
    state: Literal["pending", "fetched", "failed", "absent", "withdrawn"] | None = Field(
        description="What became of it in this library; null where it is not wanted there."
    )


class PapersFound(BaseModel):
    """Papers on arXiv that may answer a question, the nearest first."""

    question: str
    words: list[str] = Field(description="What was sent to arXiv: the words that it was asked for, and nothing else.")
    papers: list[PaperFound]


class Run(BaseModel):
    """The run that writes the library now."""

    command: str
    pid: int = Field(description="Its process.")
    stage: Literal["scan", "read", "fetch"]
    done: int = Field(description="Files that are read, or papers that are fetched.")
    total: int = Field(description="How many of these there are; 0 is unknown.")
    embedded: int = Field(description="Passages that this run has embedded.")
    expected: int = Field(description="How many these may be in the end.")
    pace: float = Field(description="Passages a second; 0 is unknown.")
    left: float | None = Field(description="Seconds until all is read and embedded; null is unknown.")


class Outcome(BaseModel):
    """How a run of the service ended."""

    said: str
    failed: bool
    at: float = Field(description="In seconds since 1970.")


class Indexing(BaseModel):
    """What happens to the library now."""

    busy: bool = Field(description="Something is indexing, or about to.")
    running: Run | None = Field(description="Who, and how far; null in the first moments.")
    last: Outcome | None = Field(description="How the last run ended that this service was asked for.")
    generation: int = Field(description="Of the library; greater once there is something new in it.")


class Look(BaseModel):
    """A run to begin."""

    papers: Literal["known", "new"] = Field(
        default="known", description="`known` contacts nobody; `new` also fetches the papers that are pending."
    )


class Status(BaseModel):
    """What is in the library."""

    library: str
    generation: int = Field(description="Grows by one with each change of what can be found.")
    model: str
    fingerprint: str | None = Field(description="Names the weights that the passages were embedded with.")
    documents: int
    failed: int
    passages: int
    vectors: str = Field(
        description="What a search by vector goes through: `flat`, or codes first where there are many."
    )
    questions: int
    roots: list[str]
    failures: list[Failure]
    remarks: list[Remark]
    papers: list[Paper] = Field(description="The papers that notes name, and what became of each.")
    stale: list[str] = Field(description="Files that have changed or vanished since they were indexed.")
    reranker: str | None = Field(description="The model that reads the best passages again, if one is set.")


class Document(BaseModel):
    """A file of the library."""

    id: int
    root: str
    file: str
    kind: Literal["note", "paper"]
    format: str
    title: str
    tags: list[str]
    aliases: list[str]
    date: str | None = Field(description="What the file states as its date, as in `2024-05-13`, `2024-05` or `2024`.")
    lines: int
    size: int = Field(description="In bytes.")
    indexed_at: float = Field(description="In seconds since 1970.")
    passages: int
    failure: str | None = Field(description="Why the file could not be read, if so.")
    pages: int = Field(description="0 for a note, and for a paper of which there is only the abstract.")
    paper: str | None = Field(description="The arXiv id.")
    version: str | None = Field(description="The version of the paper, as in `v2`.")
    url: str | None = Field(description="Where it was fetched from.")
    remark: str | None = Field(description="What could not be read of it.")
    fetched: bool = Field(description="It was fetched, and lies in the library itself.")
    link: str


class DocumentText(Document):
    """A file of the library with its text, or with what is known of the paper."""

    source_lines: list[str] | None = Field(
        description="The lines of a note as they are on disk now, without their ends; null for a paper."
    )
    stale: bool = Field(description="The file has changed since it was indexed.")
    authors: list[str] = []
    abstract: str | None = None
    published: str | None = Field(None, description="A day, as in `2017-06-12`.")
    updated: str | None = None


class Documents(BaseModel):
    """The files of the library."""

    documents: list[Document]


class Without(BaseModel):
    """What passages must not be or hold."""

    model_config = ConfigDict(extra="forbid")
    word: Texts = Field([], description="Words that no passage holds in any form.")
    phrase: Texts = Field([], description="Words that no passage holds just so.")
    tag: Texts = []
    path: Texts = []


class Filters(BaseModel):
    """What passages have to be and to hold, all of it at once; the same can be written into the question itself."""

    model_config = ConfigDict(extra="forbid")
    tag: Texts = Field([], description="The tag `ml` finds `ml/nlp` as well.", examples=["ml"])
    path: Texts = Field(
        [],
        description="A part of the path below the folder that was indexed; with `*` or `?`, a pattern for all of it.",
        examples=["papers/"],
    )
    kind: Text | None = Field(None, json_schema_extra={"enum": ["note", "paper", None]})
    after: Text | None = Field(
        None, description="Made in that year or month, or on that day, or later.", examples=["2024-05"]
    )
    before: Text | None = Field(None, description="Made before it.", examples=["2024-05-13"])
    phrase: Texts = Field([], description="Words that passages hold just so, in any case.", examples=["moving average"])
    without: Without | None = None

    def read(self) -> tuple[Filter, ...]:
        """Make filters of it; raise FilterError for a value that cannot be."""
        return read_filters(self.model_dump(exclude_none=True))


class AskRequest(BaseModel):
    """A question to the library."""

    question: str = Field(examples=["Why do residual connections help deep networks?"], json_schema_extra=NOT_BLANK)
    k: K = 8
    filters: Filters | None = None
    writer: Literal["extractive", "chat"] = Field(
        "extractive", description="Whose words: the library's own, or those of the chat model that is set up."
    )


class Health(BaseModel):
    """Whether the service is up, and ready to answer."""

    status: Literal["ok"]


class Invalid(BaseModel):
    """A part of a request that is not as it has to be."""

    pointer: str = Field(description="Where it stands, as in `body/question`.")
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Invalid] | None = Field(None, description="Only where the request is not as it has to be.")
