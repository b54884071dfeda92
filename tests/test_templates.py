from __future__ import annotations

import pytest

from service import templates
from service.types import Answer, Citation, Sentence


def citation(n: int, passage: str) -> Citation:
    return Citation(
        n, "note", "a.md", None, None, "A", (), (1, 2), None, None, passage, passage, 1.0, "/notes/1", stale=False
    )


def paragraphs(passages: list[str], *sentences: tuple[str, tuple[int, ...]]) -> list[tuple[list[str], list[int]]]:
    answer = Answer(
        question="?",
        verdict="supported",
        confidence=1.0,
        sentences=tuple(Sentence(text, numbers) for text, numbers in sentences),
        citations=tuple(citation(n, passage) for n, passage in enumerate(passages, 1)),
        took_ms=1.0,
    )
    return [(lines, [one.n for one in citations]) for lines, citations in templates.paragraphs(answer)]


@pytest.mark.parametrize(
    ("passage", "first", "second", "lines"),
    [
        ("It works. It is fast.", "It works.", "It is fast.", ["It works. It is fast."]),
        ("nearly flat from 32 images", "nearly flat", "from 32 images", ["nearly flat from 32 images"]),
        ("flat is cut here", "**flat** is", "cut here", ["**flat** is cut here"]),
        ("fewer weights\nless memory", "fewer weights", "less memory", ["fewer weights", "less memory"]),
        ("Said “so.” Then done", "Said “so.”", "Then done", ["Said “so.” Then done"]),
    ],
)
def test_sentences_of_one_citation_are_one_paragraph(passage, first, second, lines):
    assert paragraphs([passage], (first, (1,)), (second, (1,))) == [(lines, [1])]


def test_sentences_of_different_citations_stand_apart():
    said = [("One.", (1,)), ("Two.", (2,)), ("Both.", (1, 2)), ("Both again.", (1, 2))]
    assert paragraphs(["One.", "Two."], *said) == [*((["One."], [1]), (["Two."], [2]), (["Both. Both again."], [1, 2]))]


def test_a_refusal_is_a_paragraph_without_citations():
    assert paragraphs(["near"], ("Nothing answers this.", ())) == [(["Nothing answers this."], [])]
