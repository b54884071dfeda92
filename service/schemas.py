"""What goes over HTTP: one model for each record, with the fields of the contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field

MOST = 50
"""The most citations or hits that one request may ask for."""

NOT_BLANK: dict[str, Any] = {"minLength": 1, "pattern": r"\S"}
"""What OpenAPI says of a question; the desk itself refuses one that is blank, in words of its own."""

K: TypeAlias = Annotated[int, Field(ge=1, le=MOST, description="How many citations or hits to give, best first.")]


class Box(BaseModel):
    """A rectangle on a page, in PDF points from the lower left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class Citation(BaseModel):
    """The exact place that a sentence comes from."""

    n: int = Field(description="The number that sentences refer to.")
    kind: Literal["note", "paper"]
    file: str | None = Field(description="The path of the file under its root.")
    paper: str | None = Field(description="The arXiv id.")
    version: str | None = Field(description="The version of the paper.")
    title: str
    headings: list[str] = Field(description="The path of headings above the passage.")
    lines: tuple[int, int] | None = Field(description="First and last line, 1-based, of the file as it is on disk.")
    pages: tuple[int, int] | None = Field(description="First and last page, 1-based.")
    boxes: list[Box] | None
    quote: str = Field(description="Verbatim, white space folded, from those lines or pages.")
    passage: str = Field(description="The whole passage that holds the quote.")
    score: float = Field(description="Similarity to the question; higher is better.")
    link: str = Field(description="The page that shows the place.")
    stale: bool = Field(description="The file has changed since it was indexed.")


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
    changed: Literal["new", "answered", "same"] = Field(description="Since the dump was last answered.")


class Questions(BaseModel):
    """The items of all question dumps, in the order of the files."""

    questions: list[Question]


class Failure(BaseModel):
    """A file that could not be read, and why."""

    file: str
    reason: str


class Status(BaseModel):
    """What is in the library."""

    library: str
    generation: int = Field(description="Grows by one with each change of what can be found.")
    model: str
    fingerprint: str | None = Field(description="Names the weights that the passages were embedded with.")
    documents: int
    failed: int
    passages: int
    questions: int
    roots: list[str]
    failures: list[Failure]
    stale: list[str] = Field(description="Files that have changed or vanished since they were indexed.")


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
    lines: int
    size: int = Field(description="In bytes.")
    indexed_at: float = Field(description="In seconds since 1970.")
    passages: int
    failure: str | None = Field(description="Why the file could not be read, if so.")
    link: str


class DocumentText(Document):
    """A file of the library with its text."""

    source_lines: list[str] = Field(description="The lines as they are on disk now, without their ends.")
    stale: bool = Field(description="The file has changed since it was indexed.")


class Documents(BaseModel):
    """The files of the library."""

    documents: list[Document]


class AskRequest(BaseModel):
    """A question to the library."""

    question: str = Field(examples=["Why do residual connections help deep networks?"], json_schema_extra=NOT_BLANK)
    k: K = 8
    filters: dict[str, Any] | None = Field(
        None, description="Reserved: none are known yet, leave it out.", json_schema_extra={"maxProperties": 0}
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
