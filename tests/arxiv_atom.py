"""What arXiv knows of a paper, and how its API writes it: Atom, with arXiv's and OpenSearch's own elements."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

ATOM = "application/atom+xml; charset=utf-8"
IDENTIFIER = re.compile(r"(?P<id>\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(?P<version>[1-9]\d*))?")


@dataclass(frozen=True)
class Paper:
    """What arXiv knows of a paper. Without `pdf` it has one made from its title and abstract.

    `version_pdfs` are those of earlier versions, where they differ.
    """

    title: str
    abstract: str = "We measure what others assume. It holds."
    authors: tuple[str, ...] = ("Ada Example", "Bo Example")
    versions: int = 1
    comment: str | None = None
    published: str = "2017-06-12T17:57:34Z"
    updated: str = "2023-08-02T00:41:18Z"
    pdf: bytes | Path | None = None
    version_pdfs: Mapping[int, bytes] = field(default_factory=dict)

    def body(self, version: int) -> bytes:
        pdf = self.version_pdfs.get(version, self.pdf)
        if isinstance(pdf, Path):
            return pdf.read_bytes()
        return small_pdf(f"{self.title}. {self.abstract}") if pdf is None else pdf


def small_pdf(text: str) -> bytes:
    """A PDF of one page with a few lines of text in Latin letters."""
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 80:
            lines.append("")
        lines[-1] += f"{word} "
    shown = b" ".join(
        b"(%b) Tj T*" % re.sub(rb"([()\\])", rb"\\\1", line.encode("latin-1", "replace")) for line in lines
    )
    content = b"BT /F1 11 Tf 14 TL 72 720 Td %b ET" % shown
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for n, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (n, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def searched(query: str, papers: Mapping[str, Paper]) -> list[str]:
    """The ids of the papers that a search finds, those with the most of its terms first.

    Of arXiv's language it knows `all:word` and `all:"some words"`, joined by AND or by OR.
    """
    terms = [term.strip('"').lower() for term in re.findall(r'all:("[^"]*"|\S+)', query)]
    words = {name: re.findall(r"\w+", f"{paper.title} {paper.abstract}".lower()) for name, paper in papers.items()}
    met = {name: sum(f" {term} " in f" {' '.join(row)} " for term in terms) for name, row in words.items()}
    least = len(terms) if " AND " in query else 1
    return sorted((name for name in papers if met[name] >= least), key=lambda name: -met[name])


def feed(query: str, entries: str, *, total: int, start: int, page: int) -> str:
    """An answer of the API: `page` entries at most from `start` on, of `total`."""
    asked = escape(query, {'"': "&quot;"})
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: {asked}</title>
  <updated>2025-01-05T00:00:00Z</updated>
  <link href="https://arxiv.org/api/query?{asked}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{page}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
{entries}</feed>
"""


def entry(identifier: str, paper: Paper, version: int) -> str:
    """What the API says of a paper in one version."""
    name = f"{identifier}v{version}"
    comment = f"\n    <arxiv:comment>{escape(paper.comment)}</arxiv:comment>" if paper.comment else ""
    authors = "".join(f"\n    <author>\n      <name>{escape(one)}</name>\n    </author>" for one in paper.authors)
    updated = paper.updated if version > 1 else paper.published
    return f"""  <entry>
    <id>http://arxiv.org/abs/{name}</id>
    <title>{escape(paper.title)}</title>
    <updated>{updated}</updated>
    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{name}" rel="related" type="application/pdf" title="pdf"/>
    <summary>{escape(paper.abstract)}</summary>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
    <published>{paper.published}</published>{comment}
    <arxiv:primary_category term="cs.LG"/>{authors}
  </entry>
"""


def error_feed(query: str, reason: str) -> str:
    """What the API says when it cannot read a question."""
    told = f"""  <entry>
    <id>https://arxiv.org/api/errors#{reason.replace(" ", "_")}</id>
    <title>Error</title>
    <updated>2025-01-05T00:00:00Z</updated>
    <link href="https://arxiv.org/api/errors#{reason.replace(" ", "_")}" rel="alternate" type="text/html"/>
    <summary>{reason}</summary>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
"""
    return feed(query, told, total=1, start=0, page=1)
