"""What the tools give back, as data: places written as a person cites them, and no more than a model has use for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from indexer.types import DocumentKind
from service.present import as_read, place_of
from service.types import Answer, AnsweredQuestion, Citation, SearchResult, Verdict

_QUOTE_CHARS = 600
"""A quote of a search is a whole passage: no more of it is given, for `read` gives all."""


class Source(BaseModel):
    """A place in a note or a paper, and what stands there."""

    n: int = Field(description="The number that sentences refer to.")
    place: str = Field(description="File and lines, or paper and page: cite it as it is; `read` takes it.")
    kind: DocumentKind
    title: str
    headings: list[str] = Field(description="The path of headings above the place.")
    quote: str = Field(description="What stands there, word for word.")
    stale: bool = Field(description="The file has changed since it was indexed.")

    @classmethod
    def of(cls, citation: Citation) -> Source:
        """Make one of a citation."""
        quote = as_read(citation.quote, citation)
        if len(quote) > _QUOTE_CHARS:
            quote = f"{quote[:_QUOTE_CHARS].rsplit(' ', 1)[0]} …"
        return cls(
            n=citation.n,
            place=place_of(citation),
            kind=citation.kind,
            title=citation.title,
            headings=list(citation.headings),
            quote=quote,
            stale=citation.stale,
        )


class Said(BaseModel):
    """A sentence of the answer, and the numbers of the sources that it rests on."""

    text: str
    sources: list[int]


class Reply(BaseModel):
    """What the library says to a question."""

    question: str
    verdict: Verdict = Field(
        description="`unsupported`: the library does not answer it, and its sources are only near."
    )
    confidence: float = Field(ge=0, le=1, description="How likely the library answers the question.")
    sentences: list[Said] = Field(description="Taken word for word from the sources.")
    sources: list[Source] = Field(description="Best first: what the sentences rest on, then the nearest passages.")

    @classmethod
    def of(cls, answer: Answer) -> Reply:
        """Make one of an answer."""
        said = []
        cited = {citation.n: citation for citation in answer.citations}
        for sentence in answer.sentences:
            first = cited[sentence.citations[0]] if sentence.citations else None
            text = as_read(sentence.text, first) if first else sentence.text
            said.append(Said(text=text, sources=list(sentence.citations)))
        return cls(
            question=answer.question,
            verdict=answer.verdict,
            confidence=round(answer.confidence, 3),
            sentences=said,
            sources=[Source.of(citation) for citation in answer.citations],
        )


class Found(BaseModel):
    """The passages nearest to a query, best first."""

    query: str
    sources: list[Source]

    @classmethod
    def of(cls, result: SearchResult) -> Found:
        """Make one of what a search found."""
        return cls(query=result.query, sources=[Source.of(citation) for citation in result.hits])


class OpenQuestion(BaseModel):
    """A question that stands open in the notes, and what the library says to it."""

    question: str
    place: str = Field(description="Where the person wrote it down.")
    section: str
    changed: Literal["new", "answered", "same"] = Field(description="Since the person last looked at the questions.")
    reply: Reply

    @classmethod
    def of(cls, item: AnsweredQuestion, answer: Answer) -> OpenQuestion:
        """Make one of an item of the dump that is answered."""
        used = {n for sentence in answer.sentences for n in sentence.citations}
        reply = Reply.of(answer)
        reply.sources = [source for source in reply.sources if source.n in used]
        return cls(
            question=item.question.text,
            place=f"{item.file}:{item.question.line}",
            section=item.question.section,
            changed=item.changed,
            reply=reply,
        )


class OpenQuestions(BaseModel):
    """The open questions of the notes, in the order of the files."""

    total: int = Field(description="How many there are of that verdict, those left out included.")
    questions: list[OpenQuestion]
