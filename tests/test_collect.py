"""From links in notes to papers in the library, over a server that speaks as arXiv does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from arxiv_server import ArxivServer, Paper, html, instead, redirect, status, truncated
from pdfs import paper_pdf
from stub_encoder import HashEncoder

from indexer.build import Report, build
from indexer.catalogue import Catalogue
from indexer.collect import NOT_ASKED, Papers, wanted
from indexer.fetch import Fetcher
from indexer.library import Library
from indexer.records import StoredPaper
from indexer.settings import PaperSettings, Settings
from indexer.types import PaperId, PaperLink

pytestmark = pytest.mark.usefixtures("shared_reader")

FIRST = "Gates decide what a cell keeps."
SECOND = "A cell without gates forgets within ten steps."
THIRD = "The third version says it in other words."
GATES = Paper(
    "Gates and Cells",
    abstract="We study what gates do.",
    authors=("Ada Example", "Bo Example"),
    versions=2,
    pdf=paper_pdf("Gates and Cells", [[FIRST], ["# 2 Results", SECOND]], stamp="arXiv:2101.00001v2 [cs.LG] 3 Jan 2021"),
    version_pdfs={1: paper_pdf("Gates and Cells", [["The first version says less."]])},
)
PLAIN = Paper("Plain Words", abstract="Plain words are enough.", pdf=paper_pdf("Plain Words", [["Plain words do."]]))


@pytest.fixture
def server():
    with ArxivServer({"2101.00001": GATES, "hep-th/9901001": PLAIN}) as server:
        yield server


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


class Runs:
    """Runs over one folder of notes, with papers from one server."""

    def __init__(self, notes: Path, library: Path, settings: PaperSettings) -> None:
        self.notes = notes
        self.library = library
        self.settings = settings

    def __call__(self, papers: Papers = "new", *, most: int | None = None, **changes: object) -> Report:
        configured = Settings(self.library, self.library / "cache", papers=replace(self.settings, **changes))
        return build(self.library, [self.notes], HashEncoder(), configured, papers=papers, most_papers=most)

    def write(self, text: str, file: str = "note.md") -> None:
        (self.notes / file).write_text(text)

    def papers(self) -> list[StoredPaper]:
        with Library.open(self.library) as opened, opened.snapshot() as snapshot:
            return snapshot.catalogue.papers()

    def held(self) -> dict[str, list[str]]:
        """The texts of each paper that the library holds, by what a citation would call it."""
        with Library.open(self.library) as opened, opened.snapshot() as snapshot:
            catalogue = snapshot.catalogue
            assert len(snapshot.lexical) == len(snapshot.vectors) == len(catalogue.documents_of_passages()[0].tolist())
            return {
                f"{document.paper or document.url}{document.version or ''}": [
                    span.text for found in catalogue.passages_of(document.id) for span in found.passage.spans
                ]
                for document in catalogue.documents()
                if document.kind == "paper" and document.failure is None
            }


@pytest.fixture
def run(notes, library, server):
    return Runs(notes, library, server.settings())


def link(identifier: str, version: str | None = None) -> PaperLink:
    return PaperLink(1, PaperId(identifier, version))


def test_every_version_that_is_named_is_wanted_else_the_newest():
    links = [link("1"), link("2"), link("2", "v1"), link("2", "v3"), PaperLink(4, url="https://x.org/a.pdf")]
    assert list(wanted(links)) == ["1", "2v1", "2v3", "https://x.org/a.pdf"]
    assert wanted(links)["2v3"] == StoredPaper("2v3", "2", "v3", reason=NOT_ASKED)


def test_a_paper_that_a_note_names_is_fetched_read_and_known_by_what_arxiv_says_of_it(run, server, library):
    run.write("Read https://arxiv.org/abs/2101.00001 and\narXiv:hep-th/9901001 some day.\n")
    report = run()
    assert (report.papers.named, report.papers.held, report.papers.fetched) == (2, 2, 2)
    gates, plain = run.papers()
    assert (gates.key, gates.state, gates.version, gates.reason) == ("2101.00001", "fetched", "v2", None)
    assert (gates.title, gates.authors, gates.abstract) == (GATES.title, GATES.authors, GATES.abstract)
    assert (gates.published, gates.updated) == ("2017-06-12", "2023-08-02")
    assert plain.identifier == "hep-th/9901001"
    held = run.held()
    assert held.keys() == {"2101.00001v2", "hep-th/9901001v1"}
    assert {FIRST, SECOND} <= set(held["2101.00001v2"])
    assert {path.name for path in (library / "papers").iterdir()} == {"2101.00001v2.pdf", "hep-th_9901001v1.pdf"}
    assert server.ids_asked() == [["2101.00001", "hep-th/9901001"]]


def test_a_passage_of_a_paper_knows_its_title_section_page_and_boxes(run):
    run.write("https://arxiv.org/abs/2101.00001")
    run()
    with Library.open(run.library) as opened, opened.snapshot() as snapshot:
        catalogue = snapshot.catalogue
        (paper,) = (one for one in catalogue.documents() if one.kind == "paper")
        assert (paper.title, paper.pages, paper.fetched, paper.passages) == ("Gates and Cells", 2, True, 2)
        *_, last = (found.passage for found in catalogue.passages_of(paper.id))
        (note,) = (one for one in catalogue.documents() if one.kind == "note")
        assert [one.paper_id for one in catalogue.papers_in(note.id)] == [paper.id]
    assert (last.text, last.headings, last.context) == (SECOND, ("2 Results",), "Gates and Cells › 2 Results")
    assert last.pages == (2, 2)
    (box,) = last.spans[0].boxes
    assert 100 < box.x0 < 112
    assert 280 < box.x1 < 300
    assert 680 < box.y0 < box.y1 < 700


def test_a_second_run_asks_for_nothing(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    first = run()
    asked = len(server.requests)
    second = run()
    assert len(server.requests) == asked
    assert (second.papers.fetched, second.embedded, second.generation) == (0, 0, first.generation)


def test_the_version_that_a_note_names_is_the_one_that_is_held(run):
    run.write("https://arxiv.org/abs/2101.00001v1")
    run()
    assert run.held() == {"2101.00001v1": ["The first version says less."]}


def test_two_versions_that_are_named_are_both_held(run):
    run.write("https://arxiv.org/abs/2101.00001v1 and https://arxiv.org/pdf/2101.00001v2.pdf")
    run()
    assert run.held().keys() == {"2101.00001v1", "2101.00001v2"}


def test_no_papers_contacts_nothing(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    report = run("known")
    assert server.requests == []
    assert report.papers.pending == (("2101.00001", NOT_ASKED),)
    assert report.new == 1


def test_without_a_network_the_notes_are_there_and_the_papers_wait(run, server, tmp_path):
    run.write("Gates: https://arxiv.org/abs/2101.00001, plain: https://arxiv.org/abs/hep-th/9901001")
    nowhere = "http://127.0.0.1:9/"
    report = run(arxiv_api=nowhere, arxiv_pdf=nowhere)
    assert report.new == 1
    assert [key for key, _ in report.papers.pending] == ["2101.00001", "hep-th/9901001"]
    assert all("cannot be reached" in reason for _, reason in report.papers.pending)
    assert run().papers.held == 2


def test_the_pdf_is_fetched_when_only_the_metadata_cannot_be_had(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    server.fail("/api/query", status(403), times=None)
    assert run().papers.held == 1
    server.heal()
    assert run().papers.fetched == 0
    (paper,) = run.papers()
    assert (paper.title, paper.state, paper.version) == ("Gates and Cells", "fetched", "v2")
    assert run.held().keys() == {"2101.00001v2"}


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (status(404), "failed", "has no such file"),
        (html, "pending", "a web page instead of a PDF"),
        (truncated(), "pending", "truncated|broke"),
        (instead(b"%PDF-1.4 nothing\n%%EOF"), "failed", "damaged|cannot be read"),
    ],
)
def test_a_paper_that_cannot_be_had_or_read_keeps_its_abstract(run, server, fault, state, reason, monkeypatch):
    monkeypatch.setattr("indexer.fetch.Fetcher", impatient)
    run.write("https://arxiv.org/abs/2101.00001 and https://arxiv.org/abs/hep-th/9901001")
    server.fail("/pdf/2101.00001v2", fault, times=None)
    run()
    gates, plain = run.papers()
    assert (gates.state, plain.state) == (state, "fetched")
    assert re.search(reason, gates.reason or ""), gates.reason
    assert run.held()["2101.00001v2"] == ["We study what gates do."]
    server.heal()
    run("update")
    assert {FIRST, SECOND} <= set(run.held()["2101.00001v2"])
    assert [paper.state for paper in run.papers()] == ["fetched", "fetched"]


def impatient(settings: PaperSettings, **_: object) -> Fetcher:
    return Fetcher(settings, sleep=lambda _: None)


def test_ids_that_do_not_exist_and_withdrawn_papers_are_said_so(run, server):
    server.papers["2202.00002"] = Paper("Gone", comment="This paper has been withdrawn by the authors")
    run.write("https://arxiv.org/abs/2202.00002 https://arxiv.org/abs/2303.99999 https://arxiv.org/abs/2101.00001v9")
    report = run()
    gone, missing, version = (run.papers()[k] for k in (1, 2, 0))
    assert (gone.state, gone.reason) == (
        "withdrawn",
        "withdrawn from arXiv: This paper has been withdrawn by the authors",
    )
    assert (missing.state, missing.reason) == ("absent", "arXiv has no such paper")
    assert (version.state, version.reason) == ("absent", "arXiv has no 2101.00001v9; its newest version is v2")
    assert [key for key, _ in report.papers.failed] == ["2101.00001v9", "2202.00002", "2303.99999"]
    asked = len(server.requests)
    run()
    assert len(server.requests) == asked


def test_a_newer_version_replaces_the_older_one_only_when_asked(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    run()
    server.papers["2101.00001"] = replace(GATES, versions=3, pdf=paper_pdf("Gates and Cells", [[THIRD]]))
    run()
    assert run.held().keys() == {"2101.00001v2"}
    server.fail("/pdf/2101.00001v3", status(404))
    run("update")
    assert run.held().keys() == {"2101.00001v2"}
    assert run.papers()[0].version == "v2"
    run("update")
    assert run.held() == {"2101.00001v3": [THIRD]}


def test_a_paper_that_lies_among_the_notes_is_not_fetched(run, server, notes):
    run.write("https://arxiv.org/abs/2101.00001")
    (notes / "Gates.pdf").write_bytes(
        paper_pdf("Gates and Cells", [[FIRST]], stamp="arXiv:2101.00001v2 [cs.LG] 3 Jan 2021")
    )
    run()
    assert "/pdf/2101.00001v2" not in server.paths()
    (paper,) = run.papers()
    assert (paper.state, paper.version) == ("fetched", "v2")
    (notes / "Gates.pdf").unlink()
    assert run().papers.fetched == 1


def test_a_paper_that_no_note_names_any_more_is_forgotten_and_its_file_kept(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    run()
    run.write("nothing here")
    run()
    assert (run.papers(), run.held()) == ([], {})
    asked = server.paths().count("/pdf/2101.00001v2")
    run.write("https://arxiv.org/abs/2101.00001")
    assert run("known").papers.held == 1
    run()
    assert server.paths().count("/pdf/2101.00001v2") == asked == 1
    assert run.papers()[0].title == "Gates and Cells"


def test_other_pdfs_that_notes_link_are_fetched_under_their_address(run, server):
    address = f"{server.root}/slides/My%20talk.pdf"
    server.files["/slides/My talk.pdf"] = paper_pdf("My talk", [["Slides say little."]])
    run.write(f"[slides]({address})")
    assert run().papers.held == 1
    assert run.held() == {address: ["Slides say little."]}
    (file,) = (run.library / "papers").iterdir()
    assert file.name.startswith("My-talk-")


def test_links_to_private_addresses_are_refused_also_behind_a_redirect(run, server):
    with ArxivServer(files={"/secret.pdf": paper_pdf()}) as inside:
        server.files["/open.pdf"] = b""
        server.fail("/open.pdf", redirect(f"{inside.root}/secret.pdf"), times=None)
        run.write(f"{inside.root}/secret.pdf and {server.root}/open.pdf")
        report = run()
        assert len(report.papers.failed) == 2
        assert all("refused" in reason for _, reason in report.papers.failed)
        assert inside.requests == []
        opened = inside.root.removeprefix("http://")
        assert run("update", hosts=(opened,)).papers.held == 2


def test_a_deleted_file_is_fetched_again(run, server):
    run.write("https://arxiv.org/abs/2101.00001")
    run()
    (run.library / "papers" / "2101.00001v2.pdf").unlink()
    report = run()
    assert (report.papers.fetched, report.embedded) == (1, 0)


def test_an_older_version_among_the_notes_stays_the_one_that_is_held(run, notes):
    run.write("https://arxiv.org/abs/2101.00001")
    (notes / "Gates.pdf").write_bytes(paper_pdf("Gates", [[FIRST]], stamp="arXiv:2101.00001v1 [cs.LG] 3 Jan 2021"))
    first = run()
    assert [run("update").generation, run().generation] == [first.generation] * 2
    assert (run.papers()[0].version, run.papers()[0].title) == ("v1", "Gates and Cells")


def test_a_version_that_comes_to_be_is_found_when_asked(run, server):
    run.write("arXiv:2101.00001v3")
    assert run().papers.failed == (("2101.00001v3", "arXiv has no 2101.00001v3; its newest version is v2"),)
    server.papers["2101.00001"] = replace(GATES, versions=3, pdf=paper_pdf("Gates and Cells", [[THIRD]]))
    assert run().papers.held == 0
    run("update")
    assert run.held() == {"2101.00001v3": [THIRD]}


def test_a_fetched_file_that_has_changed_is_read_again(run, server):
    run.write("arXiv:2101.00001")
    run()
    file = run.library / "papers" / "2101.00001v2.pdf"
    file.write_bytes(paper_pdf("Gates and Cells", [[THIRD]]))
    report = run("known")
    assert (report.papers.held, run.held()) == (1, {"2101.00001v2": [THIRD]})
    assert run().generation == report.generation


@pytest.mark.parametrize("damage", [lambda data: data[:9], lambda data: data[:-200], lambda data: data[::-1]])
def test_a_damaged_file_is_fetched_again(run, damage):
    run.write("arXiv:2101.00001")
    run()
    file, held = run.library / "papers" / "2101.00001v2.pdf", run.held()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    report = run()
    assert (report.papers.fetched, report.papers.held, report.embedded) == (1, 1, 0)
    assert (file.read_bytes(), run.held()) == (whole, held)


def test_what_was_read_of_a_file_that_is_damaged_now_stays_until_it_is_fetched_again(run, server):
    run.write("arXiv:2101.00001")
    run()
    file, held = run.library / "papers" / "2101.00001v2.pdf", run.held()
    file.write_bytes(b"rubbish")
    for _ in range(2):
        ((_, reason),) = run("known").papers.pending
        assert "not a PDF" in reason
        assert "without --no-papers fetches it again" in reason
        assert run.held() == held
    server.fail("/pdf/2101.00001v2", status(403))
    assert (len(run().papers.pending), run.held()) == (1, held)
    server.fail("/pdf/2101.00001v2", status(404), times=None)
    assert len(run().papers.failed) == 1
    assert run.held() == {"2101.00001v2": ["We study what gates do."]}


@pytest.mark.parametrize("fault", ["withdrawn", "failed"])
def test_an_abstract_that_was_lost_is_there_again_after_a_run_without_network(run, server, fault):
    if fault == "failed":
        server.fail("/pdf/2101.00001v2", status(404), times=None)
    else:
        server.papers["2101.00001"] = replace(GATES, comment="This paper has been withdrawn by its authors")
    run.write("arXiv:2101.00001")
    run()
    assert [paper.state for paper in run.papers()] == [fault]
    held = run.held()
    assert [*held.values()] == [["We study what gates do."]]
    with (run.library / "catalogue.db").open("r+b") as catalogue:
        catalogue.write(bytes(100))
    assert run("known").papers.held == 0
    assert run.held() == held
    generation = run("known").generation
    assert run("known").generation == generation


def test_the_stamp_of_another_paper_says_nothing_of_the_version(run, server):
    server.papers["2101.00009"] = Paper("Cells", pdf=GATES.pdf)
    server.fail("/api/query", status(403), times=None)
    run.write("arXiv:2101.00009")
    run()
    assert run.held().keys() == {"2101.00009"}


def test_what_could_not_be_asked_about_newer_versions_is_said(run, server):
    run.write("arXiv:2101.00001")
    run()
    nowhere = "http://127.0.0.1:9/"
    ((key, reason),) = run("update", arxiv_api=nowhere, arxiv_pdf=nowhere).papers.pending
    assert key == "2101.00001"
    assert reason.startswith("arXiv was not asked for newer versions: 127.0.0.1 cannot be reached")
    server.papers["2101.00001"] = replace(GATES, versions=3)
    ((key, reason),) = run("update", arxiv_pdf=nowhere).papers.pending
    assert reason.startswith("v3: 127.0.0.1 cannot be reached")
    assert run().papers.pending == ()


def test_a_paper_that_was_looked_up_and_not_fetched_yet_says_why_it_waits(run):
    run.write("arXiv:2101.00001 and arXiv:hep-th/9901001")
    report = run(most=1)
    assert (report.papers.fetched, report.papers.pending) == (1, (("hep-th/9901001", NOT_ASKED),))


def test_a_paper_that_was_fetched_from_an_address_is_not_fetched_from_arxiv_too(run, server):
    server.files["/gates.pdf"] = GATES.pdf
    server.papers["2101.00001"] = replace(GATES, title="Gates & Cells, as arXiv calls them")
    run.write(f"{server.root}/gates.pdf and arXiv:2101.00001")
    server.fail("/api/query", status(403))
    server.fail("/pdf/2101.00001", status(403))
    run()
    first = run()
    assert (first.papers.held, run.held().keys()) == (2, {"2101.00001v2"})
    assert run("update").generation == first.generation
    assert "/pdf/2101.00001v2" not in server.paths()


@pytest.mark.parametrize("name", ["\N{CJK UNIFIED IDEOGRAPH-20000}" * 80, "a" * 300, "..", "-rf", "a?b"])
def test_any_name_of_a_file_elsewhere_will_do(run, server, name):
    server.files[f"/one/{name}.pdf"] = server.files[f"/two/{name}.pdf"] = paper_pdf("Talk", [["Slides say little."]])
    run.write(" ".join(f"{server.root}/{folder}/{quote(name)}.pdf?page=1" for folder in ("one", "two")))
    assert run().papers.held == 2
    assert len(list((run.library / "papers").glob("*.pdf"))) == 2


def test_a_paper_of_any_name_has_its_file_among_the_papers(run, library, tmp_path):
    (tmp_path / "mine.pdf").write_bytes(b"my own")
    run.write("See https://arxiv.org/abs/2101.00001\n")
    run()
    link = PaperLink(0, PaperId("..", "/../mine"), None)
    with Catalogue.open(library / "catalogue.db", write=True) as catalogue:  # as one that somebody else has packed
        odd = replace(catalogue.papers()[0], key=link.key, identifier="..", named="/../mine", state="failed")
        catalogue.add_papers([link], 1.0)
        with catalogue.change() as change:
            change.put_paper(odd)
    run("update")
    assert (tmp_path / "mine.pdf").read_bytes() == b"my own"
