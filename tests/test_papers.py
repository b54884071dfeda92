import json
from pathlib import Path

import pytest

from indexer.papers import PaperReference, arxiv_ids, paper_references, references
from indexer.parsing import parse
from indexer.types import Document, Source

SHARED = Path(__file__).resolve().parents[2] / "shared"


def parsed(text: str, file: str = "note.md") -> Document:
    return parse(Source(Path("/vault"), file, text.encode(), "", 0))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://arxiv.org/abs/2106.09685", ("2106.09685", None)),
        ("http://arxiv.org/pdf/2106.09685v2.pdf", ("2106.09685", "v2")),
        ("(https://www.arxiv.org/html/2106.09685V3)", ("2106.09685", "v3")),
        ("https://export.arxiv.org/abs/0704.0001", ("0704.0001", None)),
        ("see arxiv.org/abs/2106.09685.", ("2106.09685", None)),
        ("https://ar5iv.labs.arxiv.org/html/1706.03762", ("1706.03762", None)),
        ("https://ar5iv.org/abs/1706.03762", ("1706.03762", None)),
        ("https://www.alphaxiv.org/abs/1706.03762v7", ("1706.03762", "v7")),
        ("https://huggingface.co/papers/1706.03762", ("1706.03762", None)),
        ("https://doi.org/10.48550/arXiv.1706.03762", ("1706.03762", None)),
        ("arXiv:2106.09685v2 [cs.CL]", ("2106.09685", "v2")),
        ("arXiv: 1412.6980", ("1412.6980", None)),
        ("arXiv:hep-th/9901001v1", ("hep-th/9901001", "v1")),
        ("https://arxiv.org/abs/cs/0112017", ("cs/0112017", None)),
        ("https://arxiv.org/pdf/math.GT/0309136", ("math.gt/0309136", None)),
    ],
)
def test_a_reference(text, found):
    assert list(references(text)) == [found]


@pytest.mark.parametrize(
    "text",
    ["2023.1215", "call 0171.23456", "10.1000/2106.09685", "1999.12345", "arXiv:2113.12345", "arXiv:2100.12345",
     "arXiv:1412.69801", "arXiv:2106.0968", "arXiv:2106.096851", "https://example.org/abs/2106.09685",
     "arxiv.org/list/cs.LG", "https://notarxiv.org/abs/2106.09685", "arXiv:hep-th/9913001", "2106.09685", "https://huggingface.co/a/2106.09685"],
)  # fmt: skip
def test_no_reference(text):
    assert list(references(text)) == []


def test_ids_are_given_once_and_in_order():
    assert arxiv_ids("arXiv:2106.09685v1, arXiv:1412.6980, arXiv:2106.09685v2") == ["2106.09685", "1412.6980"]


def test_references_of_a_document_know_their_line():
    note = "# A\n\n[2106.09685v2](https://semanticscholar.org/x) on 2023.1215\narXiv:1412.6980 and arXiv:1412.6980\n"
    assert paper_references(parsed(note)) == [
        PaperReference("2106.09685", "v2", 3),
        PaperReference("1412.6980", None, 4),
    ]


def test_references_in_org_properties_count():
    org = ":PROPERTIES:\n:ROAM_REFS: https://arxiv.org/abs/1706.03762\n:END:\n#+title: Attention\n"
    assert paper_references(parsed(org, "a.org")) == [PaperReference("1706.03762", None, 2)]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared notes")
def test_the_references_of_real_notes():
    gold = json.loads((SHARED / "gold" / "arxiv_links.json").read_text("utf-8"))["arxiv"]
    found = set()
    for path in (SHARED / "notes").iterdir():
        document = parse(Source(path.parent, path.name, path.read_bytes(), "", 0))
        found |= {(path.name, one.line, one.identifier, one.version) for one in paper_references(document)}
    assert found == {(row["file"], row["line"], row["id"], row["version"]) for row in gold}
