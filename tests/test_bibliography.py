import re
from dataclasses import replace
from pathlib import Path

import bibtexparser
import pytest
from bibtexparser.middlewares import LatexDecodingMiddleware
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import StoredDocument, StoredPaper
from service.bibliography import Work, bibtex, cited, works
from service.types import Citation

DOCUMENT = StoredDocument(
    1, "/library/papers", "1706.03762v7.pdf", "paper", "pdf", "Attention is all you need", "0" * 64, 9, 0, 0, (), (),
    0.0, None, 3, pages=15, paper="1706.03762", version="v7", date="2023-08", fetched=True,
)  # fmt: skip
PAPER = StoredPaper(
    "1706.03762", "1706.03762", version="v7", title="Attention Is All You Need",
    authors=("Ashish Vaswani", "Noam Shazeer"), published="2017-06-12", state="fetched", document_id=1,
)  # fmt: skip
WORK = Work("vaswani2017attention", "A title", (), None, None, None, None, None, 1)


def entries(text: str):
    """What a reader of BibTeX makes of a file; it reads all of it."""
    library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware()])
    assert library.failed_blocks == []
    return {entry.key: {field.key: field.value for field in entry.fields} for entry in library.entries}


def test_a_paper_is_written_as_arxiv_writes_it_with_its_version():
    assert bibtex(works([PAPER], [DOCUMENT])) == (
        "@misc{vaswani2017attention,\n"
        "  title = {Attention Is All You Need},\n"
        "  author = {Ashish Vaswani and Noam Shazeer},\n"
        "  year = {2017},\n"
        "  eprint = {1706.03762},\n"
        "  archivePrefix = {arXiv},\n"
        "  version = {7},\n"
        "  doi = {10.48550/arXiv.1706.03762},\n"
        "  url = {https://arxiv.org/abs/1706.03762v7},\n"
        "}\n"
    )


def test_an_old_id_says_its_class():
    document = replace(DOCUMENT, paper="hep-th/9901001", version=None, date=None)
    (entry,) = entries(bibtex(works([], [document]))).values()
    assert (entry["eprint"], entry["primaryClass"], entry["year"]) == ("hep-th/9901001", "hep-th", "1999")


def test_a_pdf_that_nobody_knows_has_what_it_says_itself():
    document = replace(
        DOCUMENT, root="/vault", file="papers/thesis.pdf", paper=None, version=None, fetched=False, url=None
    )
    (work,) = works([], [document])
    assert (work.key, work.file, work.address) == ("attention2023", "papers/thesis.pdf", None)
    assert entries(bibtex([work])) == {"attention2023": {"title": "Attention is all you need", "year": "2023"}}


def test_a_paper_from_elsewhere_has_its_address():
    document = replace(DOCUMENT, paper=None, version=None, url="https://example.org/a_b%20{c}.pdf?x=1#y")
    (entry,) = bibtexparser.parse_string(bibtex(works([], [document]))).entries
    assert entry["url"] == "https://example.org/a_b%20%7Bc%7D.pdf?x=1#y"


@pytest.mark.parametrize(
    ("author", "title", "key"),
    [
        ("Laurens van der Maaten", "Visualizing Data using t-SNE", "maaten2017visualizing"),
        ("Łukasz Kaiser", "One Model To Learn Them All", "kaiser2017model"),
        ("Jürgen Schmidhuber", "The 2nd “Über-Learner”", "schmidhuber20172nd"),
        ("Kaiming He", "Deep Residual Learning", "he2017deep"),
        ("Sammy Davis Jr.", "$\\beta$-VAE: a model", "davis2017vae"),
        ("何恺明", "残差", "paper170603762"),
        ("Timothy O'Shea", "What is it?", "oshea2017"),
    ],
)
def test_keys_are_author_year_and_word(author, title, key):
    (work,) = works([replace(PAPER, authors=(author,), title=title)], [DOCUMENT])
    assert work.key == key


def test_a_key_stays_when_others_come():
    others = [replace(DOCUMENT, id=n, file=f"{n}.pdf", paper=f"2001.0000{n}") for n in (2, 3)]
    papers = [replace(PAPER, key=one.paper, identifier=one.paper, document_id=one.id) for one in others]
    alone = {work.paper: work.key for work in works([PAPER], [DOCUMENT])}
    together = {work.paper: work.key for work in works([*papers[::-1], PAPER], [*others[::-1], DOCUMENT])}
    assert together == alone | {"2001.00002": "vaswani2017attentionb", "2001.00003": "vaswani2017attentionc"}


def test_a_paper_that_is_there_twice_is_one():
    older = replace(DOCUMENT, id=2, file="1706.03762v1.pdf", version="v1")
    in_vault = replace(DOCUMENT, id=3, root="/vault", file="attention.pdf", fetched=False, version="v5")
    (work,) = works([replace(PAPER, document_id=2)], [DOCUMENT, older, in_vault])
    assert (work.version, work.document_id, work.authors) == ("v7", 1, PAPER.authors)


@pytest.mark.parametrize(
    "title", [r"$\input{/etc/passwd}$", r"$x \immediate\write18{id}$", "$^^5cinput x$", r"$\catcode`\|=0 |input x$"]
)
def test_a_formula_of_a_title_does_no_more_than_be_set(title):
    text = bibtex(works([replace(PAPER, title=title)], [DOCUMENT]))
    (written,) = re.findall(r"^  title = (.*),$", text, re.MULTILINE)
    escapes = {"textbackslash", "textbraceleft", "textbraceright", "textasciicircum", "$"}
    assert set(re.findall(r"\\([a-z]+|.)", written)) <= escapes
    assert "^^" not in written


def test_notes_and_what_could_not_be_read_are_no_papers():
    broken = replace(DOCUMENT, failure="encrypted")
    assert works([PAPER], [broken, replace(DOCUMENT, id=2, kind="note")]) == []


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("BERT: Pre-training of Deep Transformers", "{BERT:} Pre-training of Deep Transformers"),
        ("ImageNet at 100% & more_{x}", r"{ImageNet} at 100\% \& more\_\textbraceleft{}x\textbraceright{}"),
        (r"On $\alpha$-divergences costing $5", r"On $\alpha$-divergences costing \$5"),
        (r"Schr\"odinger Bridges", r"Schr{\"o}dinger Bridges"),
        ("ALL IN CAPITALS", "ALL IN CAPITALS"),
        (r"$\frac{1$ of \x", r"\$\textbackslash{}frac\textbraceleft{}1\$ of \textbackslash{}x"),
    ],
)
def test_titles_are_tex(title, written):
    assert f"  title = {{{written}}},\n" in bibtex([replace(WORK, title=title)])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ATLAS Collaboration", "{ATLAS Collaboration}"),
        ("Martin King, Jr.", "{Martin King, Jr.}"),
        ("Anders Anderson", "Anders Anderson"),
        ("Research and Development", "{Research and Development}"),
    ],
)
def test_a_name_that_is_no_persons_stays_whole(name, written):
    assert f"  author = {{{written} and B. Grau}},\n" in bibtex([replace(WORK, authors=(name, "B. Grau"))])


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(list(r"\{}$%&#_^~\"' @,="))
)


@given(st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=3), TEXT), min_size=1, max_size=4))
def test_whatever_papers_are_called_a_reader_reads_every_entry(stated):
    written = [
        replace(WORK, key=f"key{n}", title=title, authors=tuple(authors), url=f"https://example.org/{url}")
        for n, (title, authors, url) in enumerate(stated)
    ]
    library = bibtexparser.parse_string(bibtex(written))
    assert library.failed_blocks == []
    assert [entry.key for entry in library.entries] == [work.key for work in written]
    assert all(entry.fields_dict.keys() <= {"title", "author", "url"} for entry in library.entries)


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\\$`'\"~-<>?!,"), min_size=1
    )
)
def test_a_reader_finds_the_title_as_it_is(title):
    (entry,) = entries(bibtex([replace(WORK, title=title)])).values()
    said = entry["title"].replace("ˆ", "^")  # pylatexenc's name for it
    assert said.replace("{", "").replace("}", "") == title.replace("{", "").replace("}", "")


def citation(**changes: object) -> Citation:
    made = Citation(
        1, "paper", None, "1706.03762", "v5", "Attention", (), None, (3, 3), None, "quote", "passage", 1.0, "/papers/1",
        stale=False,
    )  # fmt: skip
    return replace(made, **changes)


def test_what_is_cited_is_listed_once_in_the_version_that_is_cited():
    vault = replace(DOCUMENT, id=2, root="/vault", file="own.pdf", paper=None, version=None, fetched=False)
    known = works([PAPER], [DOCUMENT, vault])
    note = citation(kind="note", file="a.md", lines=(1, 2), paper=None, pages=None)
    own = citation(file="own.pdf", paper=None, version=None)
    found = cited(known, [note, citation(), own, citation(pages=(4, 4))])
    assert [(work.key, work.version) for work in found] == [
        ("attention2023", None),
        ("vaswani2017attention", "v5"),
    ]
    assert cited(known, [note]) == []


def test_the_file_is_utf_8(tmp_path):
    path = Path(tmp_path / "papers.bib")
    path.write_text(bibtex([replace(WORK, authors=("Łukasz Kaiser",))]), encoding="utf-8")
    assert bibtexparser.parse_file(str(path)).entries[0]["author"] == "Łukasz Kaiser"
