"""What reads papers: PDFs, the lines and paragraphs made of their characters, arXiv's feeds, and what BibTeX is written of."""

from __future__ import annotations

import logging
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import bibtexparser
import numpy as np
from pdfs import one_column_pdf, paper_pdf, scan_pdf, sideways_pdf, two_column_pdf
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, StreamObject
from test_bibliography import WORK
from test_passages import count

from indexer.errors import FetchError, SourceError
from indexer.metadata import PaperMetadata, look_up
from indexer.parsing import parse, pdf
from indexer.parsing.pdf.glyphs import Page, Run
from indexer.passages import split
from indexer.reader import Reader
from indexer.settings import PaperSettings
from indexer.types import Document, PaperId, Source
from service.bibliography import bibtex
from tests.arxiv_atom import Paper, entry, error_feed, feed, small_pdf
from tests.fuzz.target import Target, text_of
from tests.fuzz.values import Values

MAX_TOKENS = 128
SECONDS = 20.0


def check_paper(document: Document) -> None:
    """What is read of a paper stands on its pages, and is verbatim in what is cited of it."""
    for block in document.blocks:
        assert block.places is not None, "a block that stands nowhere"
        assert len(block.places) == len(block.text), f"{len(block.places)} places of {len(block.text)} characters"
        pages = block.places[:, 0]
        assert ((pages >= 0) & (pages <= document.pages)).all(), "a place on no page"
        assert np.isfinite(block.places).all(), "a place that is no number"
        written = np.array([char.isalnum() for char in block.text], bool)
        assert (pages[written] >= 1).all(), f"a character that stands nowhere in {block.text!r}"
    blocks = [" ".join(block.text.split()) for block in document.blocks]
    for k, passage in enumerate(split(document, max_tokens=MAX_TOKENS, count_tokens=count)):
        assert passage.ordinal == k
        assert passage.text.strip(), "a passage that says nothing"
        assert passage.spans, "a passage of which nothing can be quoted"
        for span in passage.spans:
            assert span.text == " ".join(span.text.split())
            assert any(span.text in text for text in blocks), f"not verbatim: {span.text!r}"
            assert all(1 <= box.page <= document.pages for box in span.boxes)
            assert all(box.x0 <= box.x1 and box.y0 <= box.y1 for box in span.boxes), f"a box inside out: {span.boxes}"


# ---------------------------------------------------------------------------------------------------- whole files


@cache
def _reader() -> Reader:
    return Reader(PaperSettings(read_seconds=SECONDS, read_bytes=600_000_000), workers=1)


def whole(data: bytes) -> None:
    """A PDF is read in its process, or refused in words; what can be read there is read here as well, to be watched."""
    source = Source(Path("/papers"), "a.pdf", data, "", 0)
    [(_, read)] = _reader().read_many([source])
    if isinstance(read, SourceError):
        reason = str(read)
        assert "confused" not in reason, reason
        assert "\n" not in reason
        if not reason.startswith(("took", "needed", "crashed", "was not read")):
            _refused(source)
        return
    check_paper(read)
    check_paper(parse(source))


def _refused(source: Source) -> None:
    try:
        parse(source)
    except SourceError:
        return
    raise AssertionError("refused in the process, and read outside of it")


def _unpacked(data: bytes) -> bytes:
    """The same PDF with its streams as they are, so that a fuzzer gets to what is in them."""
    writer = PdfWriter(clone_from=BytesIO(data))
    for k, one in enumerate(writer._objects):
        if isinstance(one, StreamObject) and "/Filter" in one:
            plain = DecodedStreamObject()
            plain.update(
                {name: value for name, value in one.items() if name not in ("/Filter", "/DecodeParms", "/Length")}
            )
            plain._data = one.get_data()
            writer._objects[k] = plain
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def _pdfs() -> list[bytes]:
    made = [small_pdf("Adam keeps two moments. " * k) for k in (0, 1, 40)]
    made += [paper_pdf(stamp="arXiv:2101.00001v2 [cs.LG] 3 Jan 2021"), sideways_pdf(["Words on their side."])]
    made += [one_column_pdf(), two_column_pdf(), scan_pdf(1, invisible=["what was recognised"])]
    return [one for data in made for one in (data, _unpacked(data)) if len(one) <= 60_000]


# ------------------------------------------------------------------------------------------------- made-up glyphs


_SIZES = (10.0, 10.0, 10.0, 8.0, 7.0, 12.0, 17.0, 5.0, 0.0, 1000.0, 0.01)
_WORDS = (
    "attention", "the", "well-", "known", "1", "[1]", "•", "Figure 1:", "Table 2:", "References", "Abstract", "3.1", "2 Method",
    "arXiv:2101.00001v2 [cs.LG] 3 Jan 2021", "´", "¨", "e", "ﬁ", "\ufffe", "=", "(3)", "x", "i", "Preprint. Under review.", ".", "$",
    "Keywords: a, b", "Appendix A", "Proof.", "é", "注意", "\U0001d465", "\xa0", "_", "https://a.b/c-", "\x01", "A. Author",
)  # fmt: skip


def made_pages(data: bytes) -> list[Page]:
    """Pages of runs as bytes would have them: mostly lines below one another, now and then anything."""
    values = Values(data)
    pages = []
    for number in range(1, 2 + values.below(3)):
        runs: list[Run] = []
        text, boxes = "", list[tuple[float, float, float, float]]()
        x, base, size = 72.0, 720.0, 10.0
        while values.left and len(runs) < 200:
            move = values.below(8)
            if move < 4:  # the next line, a little further or nearer
                x, base = (
                    (72.0, 318.0)[values.below(2)],
                    base - size * (1.2, 1.2, 1.2, 1.5, 2.5, 0.0, 0.4, -30)[values.below(8)],
                )
            elif move == 4:
                x, base = values.number(-200, 900), values.number(-200, 1000)
            if values.below(4) == 0:
                size = values.one_of(_SIZES)
            words = (
                " ".join(values.one_of(_WORDS) for _ in range(1 + values.below(6))) if move != 5 else values.text(12)
            )
            if not words:
                continue
            start, step = len(text), size * (0.5, 0.5, 0.5, 0.0, -0.5, 3.0)[values.below(6)]
            low, high = base - 0.2 * size, base + 0.7 * size
            places = [(min(x + k * step, x + (k + 1) * step), low, max(x + k * step, x + (k + 1) * step), high)
                      for k in range(len(words))]  # fmt: skip
            flags = values.below(64)
            left, right = min(box[0] for box in places), max(box[2] for box in places)
            runs.append(Run(start, start + len(words), left, low, right, high, base, size, flags & 3 == 3, flags & 12 == 12,
                            flags & 48 == 48, flags & 5 == 5))  # fmt: skip
            text += words + ("\r\n", " ", "", "\n")[values.below(4)]
            boxes += places + [(0.0, 0.0, 0.0, 0.0)] * (len(text) - start - len(words))
            x = right + (0.3, 0.0, 2.0, 20.0)[values.below(4)] * size
        frame = (0.0, 0.0, 612.0, 792.0)
        drawings = tuple((y := values.number(0, 700), y, y + 100, y + 80) for _ in range(values.below(3)))
        pages.append(Page(number, text, np.array(boxes, np.float32).reshape(-1, 4), tuple(runs), frame, drawings))
    return pages


def glyphs(data: bytes) -> None:
    """Characters anywhere on pages become paragraphs that stand where their characters do."""
    pages = made_pages(data)
    outline = [(1 + len(data) % 3, "2 Method"), (1, "References")]
    try:
        document = pdf.assemble(Source(Path("/papers"), "a.pdf", b"", "", 0), pages, outline)
    except SourceError as error:
        assert "no text" in str(error)
        return
    check_paper(document)
    held = {page.number: {tuple(box) for box in page.boxes.tolist()} for page in pages}
    for block in document.blocks:
        assert block.places is not None
        for page, *box in block.places[block.places[:, 0] > 0].tolist():
            assert tuple(box) in held[int(page)], "a place where no character stands"


# --------------------------------------------------------------------------------------------------------- arXiv

_IDS = (PaperId("1706.03762"), PaperId("1706.03762", "v2"), PaperId("hep-th/9901001"))


def atom(data: bytes) -> None:
    """Of whatever arXiv answers, each paper that was asked for gets its record or the reason why it has none."""
    logging.getLogger("arxiv").setLevel(logging.CRITICAL)
    answers = SimpleNamespace(settings=PaperSettings(), feed=lambda _url: (200, data))
    try:
        found = dict(look_up(_IDS, answers))  # type: ignore[arg-type]  # all that is asked of a fetcher
    except FetchError:
        return
    assert set(found) == set(_IDS)
    for paper, said in found.items():
        if isinstance(said, PaperMetadata):
            assert said.identifier == paper.identifier
            assert paper.version in (None, said.version)
            assert said.title.strip()
            assert said.abstract == " ".join(said.abstract.split())
            assert isinstance(said.published.isoformat() + said.updated.isoformat(), str)
        else:
            assert isinstance(said, FetchError)


def _feeds() -> list[bytes]:
    papers = [
        Paper("A weighted\n mean", "We call $a < b$.\n", versions=2, comment="Withdrawn by the authors"),
        Paper("Strings"),
    ]
    entries = entry("1706.03762", papers[0], 2) + entry("hep-th/9901001", papers[1], 1)
    made = [
        feed("x", entries, total=2, start=0, page=2),
        feed("x", "", total=0, start=0, page=0),
        error_feed("x", "bad id"),
    ]
    return [one.encode() for one in made]


def bibliography(data: bytes) -> None:
    """Whatever a paper is called and whoever wrote it, its entry is one, and BibTeX reads all of it."""
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    title, *authors = text_of(data).split("\n")[:6]
    title = " ".join(title.split()) or "A title"
    named = tuple(name for one in authors if (name := " ".join(one.split())))
    written = bibtex([WORK.__class__(WORK.key, title, named, "2017", "1706.03762", "v2", None, None, 1)])
    read = bibtexparser.parse_string(written)
    assert read.failed_blocks == []
    assert [one.key for one in read.entries] == [WORK.key]
    fields = ["title", *(["author"] if named else []), "year", "eprint", "archivePrefix", "version", "doi", "url"]
    assert [field.key for field in read.entries[0].fields] == fields


TARGETS = {
    "pdf": Target(
        whole,
        _pdfs,
        (*(b" obj\n", b"endobj\n", b"stream\n", b"endstream", b"/Kids", b"/Parent", b"/MediaBox", b"/Contents", b"/Type /Page"),
         *(b" 0 R", b"<<", b">>", b"BT ", b" ET", b" Tj", b" Tm ", b" Tf ", b" Td ", b"/Rotate 90", b"/Filter /FlateDecode", b"xref"),
         *(b"trailer", b"startxref", b"/Font", b"/Encoding", b"/ToUnicode", b"/XObject", b" Do ", b"/Length ", b"/Count "),
         *(b"/Outlines", b"/Encrypt", b"/ObjStm", b"1e38", b"-1", b"4294967296")),
        longest=60_000,
        slow=30.0,
    ),
    "glyphs": Target(glyphs, lambda: [bytes((7 * k * k + n) % 256 for k in range(600)) for n in range(40)], longest=1_500),
    "atom": Target(
        atom,
        _feeds,
        (*(b"<entry>", b"</entry>", b"<id>", b"<title>", b"<updated>", b"<published>", b"<author>", b"<name>", b"<summary>"),
         *(b"<!DOCTYPE a [", b"<!ENTITY a '", b"&a;", b"<![CDATA[", b"]]>", b"http://arxiv.org/abs/", b"v2", b"<link ", b" rel="),
         *(b"<arxiv:comment>", b"withdrawn", b"<opensearch:totalResults>", b"</feed>")),
        longest=6_000,
    ),
    "bibtex": Target(bibliography, lambda: [b"Attention $x^{2}$ \\'e {A} %\nAshish Vaswani\nG\\\"odel and Co.", "ß\nÅ".encode()],
                     (b"{", b"}", b"\\", b"$", b"%", b"\\'{e}", b" and ", b"@misc{", b'"', b"^^", b"\\input")),
}  # fmt: skip
