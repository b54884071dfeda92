import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.papers import arxiv_ids, is_arxiv_id, paper_links, references
from indexer.parsing import parse
from indexer.types import Document, PaperId, PaperLink, Source

SHARED = Path(__file__).resolve().parents[2] / "shared"


def parsed(text: str, file: str = "note.md") -> Document:
    return parse(Source(Path("/vault"), file, text.encode(), "", 0))


def addresses(text: str, file: str = "note.md") -> list[tuple[int, str]]:
    return [(link.line, link.url) for link in paper_links(parsed(text, file)) if link.url]


@pytest.mark.parametrize(
    ("text", "identifier", "version"),
    [
        ("https://arxiv.org/abs/2106.09685", "2106.09685", None),
        ("https://arxiv.org/abs/2106.09685v1", "2106.09685", "v1"),
        ("https://arxiv.org/pdf/2106.09685", "2106.09685", None),
        ("http://arxiv.org/pdf/2106.09685v2.pdf", "2106.09685", "v2"),
        ("https://arxiv.org/pdf/2106.09685.pdf#page=3", "2106.09685", None),
        ("https://arxiv.org/abs/2106.09685/", "2106.09685", None),
        ("https://arxiv.org/abs/2106.09685?context=cs.LG", "2106.09685", None),
        ("(https://www.arxiv.org/html/2106.09685V3)", "2106.09685", "v3"),
        ("https://arxiv.org/html/2106.09685v12#S3", "2106.09685", "v12"),
        ("HTTPS://ArXiv.org/ABS/2106.09685", "2106.09685", None),
        ("https://export.arxiv.org/abs/0704.0001", "0704.0001", None),
        ("http://cn.arxiv.org/pdf/1412.6980", "1412.6980", None),
        ("https://arxiv.org/e-print/2106.09685v1", "2106.09685", "v1"),
        ("https://arxiv.org/ftp/arxiv/papers/1207/1207.0580.pdf", "1207.0580", None),
        ("see arxiv.org/abs/2106.09685.", "2106.09685", None),
        ("https://ar5iv.labs.arxiv.org/html/1706.03762", "1706.03762", None),
        ("https://ar5iv.org/abs/1706.03762", "1706.03762", None),
        ("https://www.alphaxiv.org/abs/1706.03762v7", "1706.03762", "v7"),
        ("https://alphaxiv.org/overview/1706.03762", "1706.03762", None),
        ("https://huggingface.co/papers/1706.03762", "1706.03762", None),
        ("https://hf.co/papers/1706.03762", "1706.03762", None),
        ("https://doi.org/10.48550/arXiv.1706.03762", "1706.03762", None),
        ("doi:10.48550/ARXIV.1706.03762v2", "1706.03762", "v2"),
        ("https://doi.org/10.48550%2FarXiv.hep-th%2F9901001", "hep-th/9901001", None),
        ("arXiv:2106.09685v2 [cs.CL]", "2106.09685", "v2"),
        ("arXiv preprint arXiv:1412.6980", "1412.6980", None),
        ("arXiv: 1412.6980", "1412.6980", None),
        ("**arXiv:1412.6980**", "1412.6980", None),
        ("arXiv:1501.00001", "1501.00001", None),
        ("论文arXiv:1706.03762提出", "1706.03762", None),
        ("arXiv:hep-th/9901001v1", "hep-th/9901001", "v1"),
        ("https://arxiv.org/abs/cs/0112017", "cs/0112017", None),
        ("arxiv.org/abs/cond-mat/0703470", "cond-mat/0703470", None),
        ("arXiv:hep-th/9108001", "hep-th/9108001", None),
        ("https://arxiv.org/pdf/math.GT/0309136", "math/0309136", None),
        ("arXiv:cs.CL/0112017v1", "cs/0112017", "v1"),
        ("arXiv:physics.data-an/0112017, arXiv:1412.6980", "1412.6980", None),
    ],
)
def test_a_reference(text, identifier, version):
    assert list(references(text)) == [PaperId(identifier, version)]


@pytest.mark.parametrize(
    "text",
    [
        # bare numbers are dates, amounts, phone numbers, addresses, versions
        "arXiv:٢١٠٦.٠٩٦٨٥",
        "2106.09685", "2023.1215", "on 2012.10310 or 2012.1031", "call 0171.23456", "+49 2106.09685", "1412.6980 EUR",
        "192.1706.0376", "http://1706.0376/", "torch 2106.09685v1", "ISBN 978-1-4028-9462-6", "ISBN 0704.00019",
        # other registries and sites
        "10.1000/2106.09685", "https://doi.org/10.1103/PhysRevD.1412.6980", "https://doi.org/10.48550/2106.09685",
        "https://example.org/abs/2106.09685", "https://notarxiv.org/abs/2106.09685", "notarxiv.org/abs/2106.09685",
        "https://arxiv.org.example/abs/2106.09685", "https://example.org/arxiv.org/abs/2106.09685",
        "https://huggingface.co/a/2106.09685", "https://huggingface.co/datasets/1706.03762", "example/9901001",
        "arXiv:example/9901001", "arXiv:img/0112017", "https://arxiv.org/abs/data/0112017",
        # what arXiv has besides papers
        "arxiv.org/list/cs.LG", "https://arxiv.org/list/cs.LG/2106", "https://arxiv.org/a/lovelace_a_1", "arXiv:",
        # months that are none, and too few or too many digits for their year
        "arXiv:2113.12345", "arXiv:2100.12345", "1999.12345", "arXiv:1412.69801", "arXiv:1501.0001", "arXiv:2106.0968",
        "arXiv:2106.096851", "arXiv:0703.0001", "arXiv:hep-th/9913001", "arXiv:hep-th/9901", "arXiv:hep-th/99010011",
        "arXiv:hep-th/9106001", "arXiv:hep-th/0704001", "arXiv:hep-th/2106001",
    ],
)  # fmt: skip
def test_no_reference(text):
    assert list(references(text)) == []


@given(
    st.integers(1, 12), st.integers(7, 40), st.integers(1, 9999), st.sampled_from(["", "v1", "v12"]),
    st.sampled_from(["https://arxiv.org/abs/{}", "http://arxiv.org/pdf/{}.pdf", "arXiv:{}", "10.48550/arXiv.{}", "{}"]),
    st.text(alphabet=" ,;[]()<>\"'é见\n", min_size=1, max_size=3),
)  # fmt: skip
def test_every_id_is_read_in_every_form(month, year, number, version, form, around):
    if (year, month) < (7, 4):
        return
    identifier = f"{year:02}{month:02}.{number:0{4 if year < 15 else 5}}"
    found = list(references(around + form.format(identifier + version) + around))
    assert found == ([] if form == "{}" else [PaperId(identifier, version or None)])
    assert is_arxiv_id(identifier)


@given(st.text(alphabet="arXiv:/.0123456789v -hepth%2F[]()<>\n") | st.text())
def test_no_text_is_too_odd(text):
    assert all(is_arxiv_id(paper.identifier) for paper in references(text))


@given(st.text(alphabet="htps:/.pdf?#[]()<>é%41@ \n"))
def test_an_address_that_is_found_stands_in_the_text(text):
    for line, url in addresses(f"see http://{text}"):
        assert url.startswith("http")
        assert "#" not in url
        assert ".pdf" in unquote(f"see http://{text}".split("\n")[line - 1])


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1706.03762", True), ("hep-th/9901001", True), ("1706.03762v1", False), ("math.GT/0309136", False),
     ("HEP-TH/9901001", False), ("1706.0376", False), ("arXiv:1706.03762", False), ("1706.03762\n", False),
     ("", False)],
)  # fmt: skip
def test_an_id(text, is_one):
    assert is_arxiv_id(text) is is_one


def test_ids_are_given_once_and_in_order():
    assert arxiv_ids("arXiv:2106.09685v1, arXiv:1412.6980, arXiv:2106.09685v2") == ["2106.09685", "1412.6980"]


def test_links_of_a_document_know_their_line():
    note = "# A\n\n[2106.09685v2](https://semanticscholar.org/x) on 2023.1215\narXiv:1412.6980 and arXiv:1412.6980\n"
    assert paper_links(parsed(note)) == [
        PaperLink(3, PaperId("2106.09685", "v2")),
        PaperLink(4, PaperId("1412.6980")),
    ]


@pytest.mark.parametrize("text", ["2106.09685", "[2106.09685]", "(2106.09685)", "2106.09685 [cs.CL]"])
def test_a_bare_id_counts_as_the_whole_text_of_a_link(text):
    assert paper_links(parsed(f"[{text}](https://dblp.org/x)")) == [PaperLink(1, PaperId("2106.09685"))]
    assert paper_links(parsed(f"[on {text}](https://dblp.org/x) {text}")) == []


def test_references_in_org_properties_count():
    org = ":PROPERTIES:\n:ROAM_REFS: https://arxiv.org/abs/1706.03762\n:END:\n#+title: Attention\n"
    assert paper_links(parsed(org, "a.org")) == [PaperLink(2, PaperId("1706.03762"))]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("[Paper](https://papers.example/a.pdf)", "https://papers.example/a.pdf"),
        ("[Paper](http://papers.example/a.PDF)", "http://papers.example/a.PDF"),
        ("<https://papers.example/a.pdf>", "https://papers.example/a.pdf"),
        ("See https://papers.example/a.pdf.", "https://papers.example/a.pdf"),
        ("(see https://papers.example/a.pdf)", "https://papers.example/a.pdf"),
        ("**https://papers.example/a.pdf**", "https://papers.example/a.pdf"),
        ("[x](https://papers.example/a.pdf#page=4)", "https://papers.example/a.pdf"),
        ("[x](https://papers.example/a.pdf?dl=1&v=2#page=4)", "https://papers.example/a.pdf?dl=1&v=2"),
        ("[x](https://papers.example/a_(b).pdf)", "https://papers.example/a_(b).pdf"),
        ("[x](<https://papers.example/a b.pdf>)", "https://papers.example/a%20b.pdf"),
        ("[x](https://papers.example/a%2Epdf)", "https://papers.example/a%2Epdf"),
        ("https://papers.example/größe.pdf", "https://papers.example/gr%C3%B6%C3%9Fe.pdf"),
        ("[1.  [[[https://papers.example/a.pdf][A broken link](#org1)", "https://papers.example/a.pdf"),
        ("见https://papers.example/a.pdf，第三页", "https://papers.example/a.pdf"),
        ("| a | https://papers.example/a.pdf | b |", "https://papers.example/a.pdf"),
        ("https://raw.githubusercontent.com/a/b/main/2106.09685.pdf",
         "https://raw.githubusercontent.com/a/b/main/2106.09685.pdf"),
    ],
)  # fmt: skip
def test_a_pdf_elsewhere(text, url):
    assert addresses(f"Text.\n\n{text}\n\nText.\n") == [(3, url)]


@pytest.mark.parametrize(
    "text",
    [
        "https://papers.example/a.pdf.html", "https://papers.example/pdf", "https://papers.example/?file=a.pdf",
        "https://papers.example/#a.pdf", "https://a.pdf", "https://a.pdf?x=1", "ftp://papers.example/a.pdf", "file:///a.pdf",
        "[x](a.pdf)", "[x](/a.pdf)", "![[a.pdf]]", "[[a.pdf]]", "https://arxiv.org/pdf/2106.09685.pdf",
        "https://alphaxiv.org/pdf/2106.09685v1.pdf", "`curl -O https://[papers.example/a.pdf`", "https:///a.pdf",
        "    curl -O https://papers.example/a.pdf", "```\nhttps://papers.example/a.pdf\n```",
    ],
)  # fmt: skip
def test_no_pdf_elsewhere(text):
    assert addresses(f"Text.\n\n{text}\n\nText.\n") == []


def test_a_pdf_is_given_once_a_line_with_the_papers_in_order():
    note = (
        "https://papers.example/a.pdf arXiv:1412.6980 [again](https://papers.example/a.pdf#page=2)\n\n"
        "- https://papers.example/b.pdf\n- arXiv:1706.03762v7 and arXiv:1706.03762\n- https://papers.example/a.pdf\n"
    )
    assert paper_links(parsed(note)) == [
        PaperLink(1, PaperId("1412.6980")),
        PaperLink(1, url="https://papers.example/a.pdf"),
        PaperLink(3, url="https://papers.example/b.pdf"),
        PaperLink(4, PaperId("1706.03762")),
        PaperLink(4, PaperId("1706.03762", "v7")),
        PaperLink(5, url="https://papers.example/a.pdf"),
    ]


def test_pdfs_in_org_files_count():
    org = "* Reading\n[[https://papers.example/a.pdf][A paper]] and https://papers.example/b.pdf\n"
    assert addresses(org, "a.org") == [(2, "https://papers.example/a.pdf"), (2, "https://papers.example/b.pdf")]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared notes")
def test_the_papers_of_real_notes():
    gold = json.loads((SHARED / "gold" / "arxiv_links.json").read_text("utf-8"))
    named, elsewhere = set(), set()
    for path in (SHARED / "notes").iterdir():
        for link in paper_links(parse(Source(path.parent, path.name, path.read_bytes(), "", 0))):
            if link.paper:
                named.add((path.name, link.line, link.paper.identifier, link.paper.version))
            else:
                elsewhere.add((path.name, link.line, link.url))
    assert named == {(row["file"], row["line"], row["id"], row["version"]) for row in gold["arxiv"]}
    assert elsewhere == {(row["file"], row["line"], row["url"]) for row in gold["other_paper_pdf_urls"]}
