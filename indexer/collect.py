"""The papers that notes name or a person added: looked up at arXiv, fetched, read, and stored beside the notes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from indexer.catalogue import PAPERS, Catalogue
from indexer.change import Change
from indexer.discover import Found, read
from indexer.errors import FetchError, SourceError
from indexer.intake import Intake
from indexer.parsing import VERSION
from indexer.reader import Reader
from indexer.records import StoredDocument, StoredPaper
from indexer.status import is_stale
from indexer.types import Block, Document, PaperId, PaperLink, Source

if TYPE_CHECKING:
    from indexer.fetch import Fetcher
    from indexer.metadata import PaperMetadata

Papers: TypeAlias = Literal["known", "new", "update"]
"""Which papers a run asks the network for: none, those that it does not have, or newer versions of all as well."""

NOT_ASKED = "not fetched yet: footnote index without --no-papers fetches it"

WITHDRAWN = "withdrawn from arXiv"

ABSTRACT = ".abstract"
"""The ending, in the catalogue, of a paper of which the library has no more than the abstract."""

STORED_AT_ONCE = 8
"""So many papers are read before they are shown to readers."""

NAME_BYTES = 60
"""So much of the name of a file elsewhere is kept: a file system counts bytes."""

_NO_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class PapersReport:
    """The papers that the notes name: how many, how many the library holds, and how many were fetched in this run.

    `pending` are those that another run may get, also in a newer version than the one held; `failed` those that cannot
    be had or read. Each has the reason.
    """

    named: int = 0
    held: int = 0
    fetched: int = 0
    pending: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def collect(
    intake: Intake, reader: Reader, which: Papers, *, most: int | None = None, among: Collection[str] | None = None
) -> PapersReport:
    """Bring the papers in the library in line with those that are wanted, and say how they stand.

    Wanted are those that its notes name and those that a person added. A paper that lies among the notes as a PDF is
    taken from there. One that is not wanted any more is forgotten, its file kept. With "known" nothing is contacted;
    otherwise at most `most` papers are fetched, and only `among` these keys where some are given. What was done is
    stored now and then: a run that is stopped goes on.
    """
    run = _Collection(intake, which, most, among)
    run.begin()
    if which == "known":
        run.read(reader, run.lying_there())
    elif run.asked():  # the one who fetches is loaded only when there is something to fetch
        from indexer.fetch import Fetcher, pace_of_process, remove_leftovers

        remove_leftovers(intake.catalogue.papers_folder)
        with Fetcher(intake.settings.papers, pace=pace_of_process(intake.settings.papers.interval)) as fetcher:
            run.look_up(fetcher)
            run.read(reader, run.fetch(fetcher))
    return run.end()


def wanted(links: Iterable[PaperLink]) -> dict[str, StoredPaper]:
    """The papers that links name, by key: in every version that is named, else in the newest; or by their address."""
    links = list(links)
    versioned = {link.paper.identifier for link in links if link.paper and link.paper.version}
    papers = {}
    for link in links:
        if link.paper and (link.paper.version or link.paper.identifier not in versioned):
            papers[link.key] = StoredPaper(link.key, link.paper.identifier, link.paper.version, reason=NOT_ASKED)
        elif link.url:
            papers[link.url] = StoredPaper(link.url, url=link.url, reason=NOT_ASKED)
    return papers


@dataclass(slots=True)
class _Collection:
    """One run over the papers that the notes name, by key."""

    intake: Intake
    which: Papers
    most: int | None
    among: Collection[str] | None
    papers: dict[str, StoredPaper] = field(default_factory=dict)
    reading: dict[str, StoredPaper] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    """Of each paper in the library's folder, the newest version there."""
    behind: dict[str, str] = field(default_factory=dict)
    """Why papers that are held could not be had in a newer version."""
    fetched: int = 0

    @property
    def catalogue(self) -> Catalogue:
        return self.intake.catalogue

    def begin(self) -> None:
        """Compare what is wanted with what is there."""
        for file in self.catalogue.papers_folder.glob("*v[0-9]*.pdf"):
            name, _, version = file.stem.rpartition("v")
            if version.isdecimal() and int(version) > self.versions.get(name, 0):
                self.versions[name] = int(version)
        known = {paper.key: paper for paper in self.catalogue.papers()}
        for key, paper in wanted(self.catalogue.wanted_papers()).items():
            if key in known:
                self.papers[key] = known[key]
            else:
                self.put(paper)
        for key in known.keys() - self.papers.keys():
            self.intake.do(partial(Change.remove_paper, key=key))
        self.intake.store()
        for paper in self.catalogue.papers():
            self.papers[paper.key] = paper
            if held := self.held(paper):
                if held.fetched and held.parser != VERSION and (self.among is None or paper.key in self.among):
                    self.put(replace(paper, state="pending", reason=NOT_ASKED))  # its file is there, and is read again
                elif (paper.state, paper.version) != ("fetched", held.version):
                    self.put(replace(paper, state="fetched", reason=None, version=held.version))
            elif paper.state == "fetched":
                self.put(replace(paper, state="pending", reason=NOT_ASKED))
            elif paper.document_id is None and paper.reason != NOT_ASKED:  # it was lost with a damaged catalogue
                self.put_abstract(paper)
        self.sweep()

    def end(self) -> PapersReport:
        """Store what is left, forget what nothing names any more, and report."""
        self.intake.store()
        self.sweep()
        self.intake.store()
        papers = self.catalogue.papers()
        rows = [(paper.state, (paper.key, paper.reason or "")) for paper in papers if paper.state != "fetched"]
        return PapersReport(
            named=len(papers),
            held=sum(paper.state == "fetched" for paper in papers),
            fetched=self.fetched,
            pending=(*(row for state, row in rows if state == "pending"), *self.behind.items()),
            failed=tuple(row for state, row in rows if state != "pending"),
        )

    def held(self, paper: StoredPaper) -> StoredDocument | None:
        """The document that is the paper, if the library has read it, and its file is still there, and still it."""
        document = None if paper.document_id is None else self.catalogue.document(paper.document_id)
        if not document or not document.pages:
            return None
        return document if document.path.exists() and not (document.fetched and is_stale(document)) else None

    def sweep(self) -> None:
        """Forget the fetched documents that are no wanted paper (any more, or since a better one is there)."""
        if fetched := set(self.catalogue.fetched()):
            for number in fetched - {paper.document_id for paper in self.catalogue.papers()}:
                self.intake.do(partial(Change.remove, document_id=number))

    def put(self, paper: StoredPaper) -> None:
        """Note what is known of a paper now."""
        self.papers[paper.key] = paper
        self.intake.do(lambda change: change.put_paper(paper))

    # ------------------------------------------------------------------------------------------------ the network

    def asked(self) -> list[StoredPaper]:
        """The papers of which arXiv or another host is to be asked something."""
        papers = [paper for paper in self.papers.values() if self.among is None or paper.key in self.among]
        if self.which == "update":
            return papers
        return [paper for paper in papers if paper.state == "pending" or _lacks_metadata(paper)]

    def look_up(self, fetcher: Fetcher) -> None:
        """Ask arXiv about papers that nothing is known of, or about all for newer versions."""
        papers = [
            paper
            for paper in self.asked()
            if paper.identifier
            and (_lacks_metadata(paper) or (self.which == "update" and (not paper.named or paper.state == "absent")))
        ]
        if not papers:
            return
        from indexer.metadata import look_up

        by_id = {PaperId(paper.identifier or "", paper.named): paper for paper in papers}
        try:
            for number, found in look_up(list(by_id), fetcher):
                self.learn(by_id.pop(number), found)
        except FetchError as error:
            for paper in by_id.values():
                if paper.state == "pending":
                    self.put(replace(paper, reason=str(error)))
                elif self.which == "update" and paper.state == "fetched":
                    self.behind[paper.key] = f"arXiv was not asked for newer versions: {error}"
        self.intake.store()

    def learn(self, paper: StoredPaper, metadata: PaperMetadata | FetchError) -> None:
        """Note what arXiv says of a paper, and whether it has to be fetched or read again for that."""
        if isinstance(metadata, FetchError):
            if paper.state != "fetched":
                self.put(replace(paper, state="pending" if metadata.again else "absent", reason=str(metadata)))
            return
        held, state, reason = self.held(paper), paper.state, paper.reason
        in_notes = held if held and not held.fetched else None
        if in_notes:
            pass  # it stays the one that is cited
        elif metadata.withdrawn and paper.named is None:
            state, reason = "withdrawn", f"{WITHDRAWN}: {metadata.comment}" if metadata.comment else WITHDRAWN
        elif state != "failed" and not (
            held and held.version == metadata.version and (held.title == metadata.title or held.url)
        ):
            state, reason = "pending", NOT_ASKED
        paper = replace(
            paper,
            version=in_notes.version if in_notes else metadata.version,
            title=metadata.title,
            authors=metadata.authors,
            abstract=metadata.abstract,
            published=metadata.published.date().isoformat(),
            updated=metadata.updated.date().isoformat(),
            state=state,
            reason=reason,
        )
        self.put(paper)
        if state == "withdrawn":
            self.put_abstract(paper)

    def fetch(self, fetcher: Fetcher) -> Iterator[Source]:
        """Fetch what is pending, one after another, and hand each on to be read."""
        retried = ("pending", "failed") if self.which == "update" else ("pending",)
        papers = [paper for paper in self.asked() if paper.state in retried]
        for n, paper in enumerate(papers):
            if self.fetched == self.most:
                return
            self.intake.tell("fetch", n, len(papers))
            file = self.file_of(paper)
            try:
                if paper.state == "failed":
                    file.unlink(missing_ok=True)
                if not file.exists() or self.is_damaged(paper, file):
                    fetcher.pdf(_address(paper, self.intake.settings.papers.arxiv_pdf), file)
                    self.fetched += 1
                yield self.source(paper, file)
            except FetchError as error:
                self.give_up(paper, "pending" if error.again else "failed", str(error))
            except SourceError as error:
                self.give_up(paper, "failed", str(error))
        if papers:
            self.intake.tell("fetch", len(papers), len(papers))

    def is_damaged(self, paper: StoredPaper, file: Path) -> bool:
        """Whether the file of a paper is not what was fetched, as far as that is known."""
        before = None if paper.document_id is None else self.catalogue.document(paper.document_id)
        return before is not None and before.fetched and before.path == file and is_stale(before)

    def lying_there(self) -> Iterator[Source]:
        """The pending papers whose files were fetched before, by a run that was stopped or for another library."""
        here = {file.name for file in self.catalogue.papers_folder.glob("*.pdf")}
        if not here:
            return
        for paper in self.papers.values():
            if paper.state == "pending" and (file := self.file_of(paper)).name in here:
                try:
                    yield self.source(paper, file)
                except SourceError as error:
                    self.give_up(paper, "failed", str(error))

    def file_of(self, paper: StoredPaper) -> Path:
        """Where the file of a paper lies or shall lie; of an unknown version, the newest that is there."""
        folder = self.catalogue.papers_folder
        if paper.url:
            stem = _NO_NAME.sub("-", PurePosixPath(unquote(urlsplit(paper.url).path)).stem)
            short = stem.encode()[:NAME_BYTES].decode(errors="ignore")
            return folder / f"{short}-{hashlib.sha256(paper.url.encode()).hexdigest()[:8]}.pdf"
        name = (paper.identifier or "").replace("/", "_")
        version = paper.named or paper.version
        if version is None:
            version = f"v{self.versions[name]}" if name in self.versions else ""
        return folder / f"{_NO_NAME.sub('-', name + version)}.pdf"  # a library of somebody else's may name anything

    # ------------------------------------------------------------------------------------------------- the files

    def source(self, paper: StoredPaper, file: Path) -> Source:
        """Read the bytes of a fetched paper; raise SourceError."""
        found = Found(file.parent, file.name, 0, 0)
        self.reading[file.name] = paper
        return read(found, max_bytes=self.intake.settings.papers.max_bytes)

    def read(self, reader: Reader, sources: Iterator[Source]) -> None:
        """Read fetched papers and have them stored, a few at a time."""
        for n, (source, result) in enumerate(reader.read_many(sources), start=1):
            paper = self.reading.pop(source.file)
            if isinstance(result, SourceError):
                self.give_up(paper, "failed", str(result))
            else:
                self.put_document(paper, source, result)
            if n % STORED_AT_ONCE == 0:
                self.intake.store()

    def put_document(self, paper: StoredPaper, source: Source, document: Document) -> None:
        """Have a paper that was read stored under what arXiv calls it, in the version that it is."""
        stamp = document.paper
        same = stamp and (paper.url or stamp.identifier == paper.identifier)
        version = paper.named or paper.version or (stamp.version if stamp and same else None)
        if paper.identifier and version and not paper.version:  # fetched as the newest, without knowing which that is
            named = self.file_of(replace(paper, version=version))
            (self.catalogue.papers_folder / source.file).replace(named)
            source = replace(source, file=named.name)
        about = PaperId(paper.identifier, version) if paper.identifier else stamp
        document = replace(
            document,
            source=replace(source, root=Path(PAPERS)),
            title=paper.title or document.title,
            paper=about,
            url=paper.url,
        )
        self.intake.add(document, size=len(source.data))
        self.put(replace(paper, state="fetched", reason=None, version=version))

    def give_up(self, paper: StoredPaper, state: Literal["pending", "failed"], reason: str) -> None:
        """Note why a paper is not there, and keep at least its abstract, or the version that there is."""
        if held := self.held(paper):
            self.behind[paper.key] = reason = f"{paper.version}: {reason}"
            self.put(replace(paper, state="fetched", reason=reason, version=held.version))
            return
        before = None if paper.document_id is None else self.catalogue.document(paper.document_id)
        if state == "failed" and self.which == "known" and before and before.fetched and before.pages:
            reason = f"{reason}; footnote index without --no-papers fetches it again"
            self.put(replace(paper, state="pending", reason=reason))  # what was read of it stays
            return
        if state == "failed" and before and before.fetched:  # its file is something else now
            self.intake.do(partial(Change.remove, document_id=before.id))
        self.put(replace(paper, state=state, reason=reason))
        self.put_abstract(paper)

    def put_abstract(self, paper: StoredPaper) -> None:
        """Have the abstract stored in the place of the paper; it has no pages."""
        if not paper.abstract or not paper.identifier:
            return
        data = paper.abstract.encode()
        name = paper.key.replace("/", "_") + ABSTRACT
        source = Source(Path(PAPERS), name, b"", hashlib.sha256(data).hexdigest(), 0)
        abstract = Block("paragraph", paper.abstract, (1, 1), ("Abstract",))
        document = Document(
            source, "paper", paper.title, (abstract,), (), paper=PaperId(paper.identifier, paper.named or paper.version)
        )
        self.intake.add(document, size=len(data))


def _lacks_metadata(paper: StoredPaper) -> bool:
    return paper.identifier is not None and paper.title is None and paper.state in ("pending", "fetched")


def _address(paper: StoredPaper, base: str) -> str:
    if paper.url:
        return paper.url
    return f"{base}{paper.identifier}{paper.named or paper.version or ''}"
