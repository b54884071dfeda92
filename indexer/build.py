"""The indexing line: discover → parse → split → encode → store, doing again only what changed."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from indexer.beside import Beside
from indexer.catalogue import Catalogue
from indexer.change import Change
from indexer.collect import Papers, PapersReport, collect
from indexer.connect import CATALOGUE, put_back
from indexer.derived import Notice, quiet
from indexer.discover import NOT_FOLLOWED, Found, discover, read
from indexer.errors import InputError, LibraryCorrupt, NothingToIndex, SourceError
from indexer.intake import Intake, Listener, Progress
from indexer.library import writing
from indexer.map import is_due, renew
from indexer.papers import paper_links
from indexer.parsing import PDF, VERSION, parse
from indexer.reader import Reader
from indexer.records import StoredDocument
from indexer.repair import is_suspect, note_folders, noted_folders, repair
from indexer.running import told
from indexer.settings import Settings
from indexer.sweep import sweep
from indexer.types import Document, Encoder, Source
from indexer.upgrade import refuse_newer

INDEX, ADD = "footnote index", "footnote add"
"""What a run is called where others read who writes the library."""

PDF_TEXT = 0.05
"""The share of a PDF that is text; the rest are pictures and fonts."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, in files, and how much is in the library now.

    `failures` are the files that could not be read, with the reason, and `problems` the paths that could not be
    looked at. `papers` is about those that the notes name. `embedded` is how many texts the encoder was given;
    `seconds` how long the run took.
    """

    files: int
    new: int
    changed: int
    renamed: int
    removed: int
    unchanged: int
    failures: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    papers: PapersReport
    passages: int
    embedded: int
    generation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one path on the command line covers: `places`, files or folders, without what is `unreadable` in them.

    All are absolute.
    """

    places: tuple[str, ...]
    found: tuple[Found, ...]
    unreadable: tuple[str, ...]

    def covers(self, path: str) -> bool:
        """Whether this run has looked at a place."""
        within = any(_is_within(path, place) for place in self.places)
        return within and not any(_is_within(path, folder) for folder in self.unreadable)


@dataclass(slots=True)
class _Tally:
    new: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def build(  # noqa: PLR0913 - all that a run may be told
    library: Path,
    paths: Sequence[Path],
    encoder: Encoder,
    settings: Settings,
    *,
    papers: Papers = "known",
    most_papers: int | None = None,
    only: Collection[Path] | None = None,
    progress: Listener = lambda _: None,
    notice: Notice = quiet,
    command: str = INDEX,
) -> Report:
    """Bring the library in the folder `library` up to date with the notes under `paths`; make it if there is none.

    Without paths, all folders that it knows, and those that the settings name. The notes come first, so that they can
    be asked while the papers that they name are fetched; `papers` says which of these are (see `indexer.collect`), at
    most `most_papers`, and "known" contacts nothing. `only` are the places under `paths` that may have changed, where
    that is known: absolute paths of files, or of folders that are gone. Nothing else is looked at then, nor are papers,
    unless others are named now. `progress` hears how far it is, `notice` what a person should know; whoever wants to
    write meanwhile is told of `command`.
    Raises NothingToIndex when no path can be used, and LibraryError when the library cannot; a damaged catalogue is
    repaired first (see `indexer.repair`). A file that cannot be read costs only itself. Interrupted, a run keeps what
    it has stored.
    """
    start = time.perf_counter()
    again = is_suspect(library)
    if again:
        repair(library, command, notice)
    run = partial(
        _build,
        library,
        encoder=encoder,
        settings=settings,
        papers=papers,
        most_papers=most_papers,
        progress=progress,
        notice=notice,
        command=command,
    )
    try:
        report, map_is_due = run(paths, everything=again, only=None if again else only)
    except LibraryCorrupt:
        repair(library, command, notice)
        report, map_is_due = run(paths, everything=True, only=None)
    if map_is_due:  # last, and when others may write again
        renew(library, notice)
    return replace(report, seconds=round(time.perf_counter() - start, 3))


def _build(  # noqa: PLR0913 - as `build`
    library: Path,
    paths: Sequence[Path],
    *,
    encoder: Encoder,
    settings: Settings,
    papers: Papers,
    most_papers: int | None,
    only: Collection[Path] | None,
    everything: bool,
    progress: Listener,
    notice: Notice,
    command: str,
) -> tuple[Report, bool]:
    """Do the run; say too whether the map is due. With `everything` all known folders are gone through, and `paths`.

    Raises LibraryCorrupt too, when the catalogue is to be repaired.
    """
    tally = _Tally()
    with writing(library, command, notice=notice) as catalogue, told(library, command, progress) as tell:
        tell(Progress("scan", 0, 0))
        known_roots = catalogue.roots()
        roots = known_roots or noted_folders(library)
        if not known_roots:  # a new catalogue: the one before may be lost, even while somebody watched
            only, everything = None, everything or bool(roots)
        sweeping = Beside(partial(_swept, library)) if only is None else None
        wanted = [*paths, *places(roots, settings)] if everything else paths or places(roots, settings)
        scopes = _scopes(roots, wanted, library, tally, only)
        found = {item.place: item for scope in scopes for item in scope.found}
        known = {document.place: document for document in _known(catalogue, roots, only) if not document.fetched}
        if sweeping:
            catalogue.swept = sweeping.result()
        gone = [d for path, d in known.items() if path not in found and any(scope.covers(path) for scope in scopes)]
        if only is None and not found and not gone:
            _nothing(wanted, tally)
        # Now already, so that a first run that is interrupted can be gone on with by one that names no folder.
        note_folders(library, list(dict.fromkeys([*roots, *(str(one.found[0].root) for one in scopes if one.found)])))
        with Intake(library, catalogue, encoder, settings, tell) as intake, Reader(settings.papers) as reader:
            intake.change_model(notice)
            run = _Run(intake, reader, tally, retry=papers == "update")
            away = [] if only is not None else _away(roots, known.values(), found)
            run.files([(item, known.get(path)) for path, item in found.items()], gone, away)
            if only is None:
                intake.complete()
            if only is None or intake.relinked:
                linked = collect(intake, reader, papers, most=most_papers)
            else:
                linked = PapersReport()
            intake.forget()
        note_folders(library, catalogue.roots())
        report = Report(
            files=len(found),
            new=tally.new,
            changed=tally.changed,
            renamed=tally.renamed,
            removed=tally.removed,
            unchanged=tally.unchanged,
            failures=tuple(sorted(tally.failures.items())),
            problems=tuple(tally.problems),
            papers=linked,
            passages=catalogue.counts().passages,
            embedded=intake.embedded,
            generation=catalogue.generation,
            seconds=0.0,
        )
        return report, is_due(library, catalogue, report.passages)


def _swept(library: Path) -> str:
    """Do a part of the rolling sweep; returns where it stopped. Raises LibraryCorrupt."""
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        return sweep(catalogue)


def check_first(library: Path, paths: Sequence[Path], settings: Settings) -> None:
    """Raise NothingToIndex where a first run would find nothing, LibraryTooNew where it may not write.

    Before a model is made ready for it.
    """
    put_back(library)
    refuse_newer(library / CATALOGUE)
    if (library / CATALOGUE).exists():
        return
    tally, wanted = _Tally(), paths or places(noted_folders(library), settings)
    if not any(scope.found for scope in _scopes((), wanted, library, tally, None)):
        _nothing(wanted, tally)


def places(roots: Iterable[str], settings: Settings) -> list[Path]:
    """The folders that a library knows, and those that the settings name besides."""
    known = [Path(root) for root in roots]
    named = [path.expanduser().resolve() for path in settings.notes]
    return [*known, *(path for path in named if not any(path.is_relative_to(root) for root in known))]


def gather(
    library: Path,
    keys: Collection[str],
    encoder: Encoder,
    settings: Settings,
    *,
    progress: Listener = lambda _: None,
    notice: Notice = quiet,
    command: str = ADD,
) -> PapersReport:
    """Bring just the papers of these keys in line with what is wanted, notes left alone, and say how all papers stand.

    Those that a person has added (`Catalogue.add_papers`) are fetched, also where that failed before or there is a
    newer version; those that nobody wants any more are forgotten. Without keys nothing is contacted. Raises
    LibraryError.
    """
    with writing(library, command, notice=notice) as catalogue, told(library, command, progress) as tell:
        with Intake(library, catalogue, encoder, settings, tell) as intake, Reader(settings.papers) as reader:
            intake.change_model(notice)
            report = collect(intake, reader, "update" if keys else "known", among=keys)
            intake.forget()
        return report


def _nothing(paths: Sequence[Path], tally: _Tally) -> None:
    if tally.problems:
        raise NothingToIndex("; ".join(tally.problems))
    if not paths:
        raise NothingToIndex(
            "no folder of notes is known yet; name one: footnote index FOLDER, or let footnote init find one"
        )
    raise NothingToIndex(
        f"{', '.join(map(str, paths))}: no notes there (.md, .markdown, .txt, .org, .pdf); name a folder that holds "
        "some, or let footnote init find one"
    )


def _known(catalogue: Catalogue, roots: Iterable[str], only: Collection[Path] | None) -> Iterable[StoredDocument]:
    """The documents that a run may meet: all, or those at or under the places that it is to look at."""
    if only is None:
        return catalogue.documents()
    return catalogue.documents_at(
        (root, str(p.relative_to(root))) for root in roots for p in only if p.is_relative_to(root)
    )


def _scopes(
    roots: Iterable[str], paths: Iterable[Path], library: Path, tally: _Tally, only: Collection[Path] | None
) -> list[_Scope]:
    """Walk each path; one inside a known root belongs to that root, so that no file is indexed twice."""
    known, ours = [Path(root) for root in roots], str(library.resolve())
    scopes: list[_Scope] = []
    for path in paths:
        place = path.expanduser().resolve()
        unreadable: list[str] = []

        def on_problem(file: str, reason: str, unreadable: list[str] = unreadable, place: Path = place) -> None:
            if reason != NOT_FOLLOWED:  # what was indexed through a link once, is to go
                unreadable.append(str(place / file))
            tally.problems.append(f"{place / file}: {reason}")

        wanted = None if only is None else [str(one.relative_to(place)) for one in only if one.is_relative_to(place)]
        if wanted == []:
            continue
        try:
            items = list(discover(path, on_problem=on_problem, only=wanted))
        except InputError as error:
            tally.problems.append(str(error))
            continue
        base = place if place.is_dir() else place.parent
        root = next((one for one in known if base.is_relative_to(one)), base)
        known.append(root)
        above = base.relative_to(root).as_posix().removeprefix(".")
        if above:
            items = [replace(item, root=root, file=f"{above}/{item.file}") for item in items]
        within = f"{ours}{os.sep}"
        found = tuple(item for item in items if not item.place.startswith(within))
        places = (str(place),) if only is None else tuple(map(str, only))
        scopes.append(_Scope(places, found, tuple(unreadable)))
    return scopes


def _away(roots: Iterable[str], known: Iterable[StoredDocument], found: Collection[str]) -> list[StoredDocument]:
    """The documents of folders that are not there any more, as after a library was moved without its notes."""
    lost = {root for root in roots if not Path(root).is_dir()}
    return [document for document in known if document.root in lost and document.place not in found] if lost else []


def _is_within(path: str, place: str) -> bool:
    """Whether an absolute path is a place, or under it."""
    return path == place or path.startswith(place.rstrip(os.sep) + os.sep)


@dataclass(slots=True)
class _Run:
    """One run over the files that were found: what is to be stored, and what was done.

    `retry` says to read again what could not be read before, though it has not changed: limits may have.
    """

    intake: Intake
    reader: Reader
    tally: _Tally
    retry: bool = False
    moved: set[int] = field(default_factory=set)
    done: int = 0
    texts: float = 0.0
    read: float = 0.0

    def files(
        self,
        befores: Sequence[tuple[Found, StoredDocument | None]],
        gone: Sequence[StoredDocument],
        away: Sequence[StoredDocument] = (),
    ) -> None:
        """Read every file that is new or changed, notes first, and forget those that are gone.

        Those that are `away` are found again where a new file is what they were, and stay else.
        """
        lost = {d.sha256: d for d in (*away, *gone) if d.sha256 and d.failure is None and d.parser == VERSION}
        fresh = [(item, before) for item, before in befores if before is None or not self.settled(item, before)]
        total, self.done = len(befores), len(befores) - len(fresh)
        still = {item.file: d.failure for item, d in befores if d and d.failure and self.settled(item, d)}
        self.tally.failures |= still
        self.tally.unchanged = self.done - len(still)
        notes = [pair for pair in fresh if not _is_pdf(pair[0])]
        self.texts = sum(_text_size(item) for item, _ in fresh)
        for item, before in notes:
            if source := self.source(item, before, lost):
                try:
                    self.put(item, before, parse(source))
                except SourceError as error:
                    self.failed(item, str(error), read_at=source.read_at)
            self.step(item, total)
        self.intake.close_group()
        waiting: dict[Path, tuple[Found, StoredDocument | None]] = {}

        def pdfs() -> Iterator[Source]:
            for item, before in fresh:
                if _is_pdf(item):
                    if source := self.source(item, before, lost):
                        waiting[source.path] = item, before
                        yield source
                    else:
                        self.step(item, total)

        for source, result in self.reader.read_many(pdfs()):
            item, before = waiting.pop(source.path)
            if isinstance(result, SourceError):
                self.failed(item, str(result), sha256=source.sha256, read_at=source.read_at)
            else:
                self.put(item, before, result)
            self.step(item, total)
        for document in gone:
            if document.id not in self.moved:
                self.intake.do(partial(Change.remove, document_id=document.id))
                self.tally.removed += document.failure is None
        self.intake.store()

    def settled(self, item: Found, before: StoredDocument) -> bool:
        """Whether there is nothing to do about a file that is known."""
        return _as_it_was(item, before) and not (self.retry and before.failure)

    def step(self, item: Found, total: int) -> None:
        """Say that one more file is done."""
        self.done += 1
        self.read += _text_size(item)
        self.intake.read = self.read / max(self.texts, 1)
        if self.done % 64 == 0 or self.done == total:
            self.intake.tell("read", self.done, total)

    def source(self, item: Found, before: StoredDocument | None, lost: dict[str, StoredDocument]) -> Source | None:
        """Read the bytes of a file; None when there is nothing to parse: it failed, or its content is known."""
        settings = self.intake.settings
        try:
            source = read(item, max_bytes=settings.papers.max_bytes if _is_pdf(item) else settings.max_file_bytes)
        except SourceError as error:
            self.failed(item, str(error))
            return None
        return None if self.known_content(item, source, before, lost) else source

    def put(self, item: Found, before: StoredDocument | None, document: Document) -> None:
        """Have a document stored, with the papers that it names."""
        links = [] if document.kind == "paper" else paper_links(document)
        self.intake.add(document, size=item.size, links=links)
        if before is None or before.failure is not None:
            self.tally.new += 1
        elif before.sha256 == document.source.sha256:  # read again by newer parsers
            self.tally.unchanged += 1
        else:
            self.tally.changed += 1

    def failed(self, item: Found, reason: str, *, sha256: str | None = None, read_at: float = 0.0) -> None:
        """Have the reason stored why a file cannot be read."""
        self.tally.failures[item.file] = reason
        self.intake.do(
            lambda change: change.put_failure(
                item.root,
                item.file,
                size=item.size,
                mtime_ns=item.mtime_ns,
                sha256=sha256,
                reason=reason,
                read_at=read_at,
            )
        )

    def known_content(
        self, item: Found, source: Source, before: StoredDocument | None, lost: dict[str, StoredDocument]
    ) -> bool:
        """Whether the file is a stored document with other stamps or under another name; then note that."""
        if before is None:
            moved = lost.pop(source.sha256, None)
        else:
            known = before.parser == VERSION and not (self.retry and before.failure)
            moved = before if known and before.sha256 == source.sha256 else None
        if moved is None:
            return False
        if moved is before and Path(before.root) == item.root:
            self.intake.do(lambda change: change.touch(moved.id, len(source.data), source.mtime_ns, source.read_at))
            if before.failure:
                self.tally.failures[item.file] = before.failure
            else:
                self.tally.unchanged += 1
        else:
            self.intake.do(
                lambda change: change.rename(moved.id, item.root, item.file, source.mtime_ns, source.read_at)
            )
            self.tally.renamed += 1
            self.moved.add(moved.id)
        return True


def _is_pdf(item: Found) -> bool:
    return item.file.lower().endswith(PDF)


def _text_size(item: Found) -> float:
    """About how many bytes of a file are text."""
    return item.size * (PDF_TEXT if _is_pdf(item) else 1)


def _as_it_was(item: Found, before: StoredDocument) -> bool:
    """Whether a file was read as it is, by these parsers; one whose bytes could not be had is tried again."""
    known = before.sha256 is not None and before.parser == VERSION and before.root == str(item.root)
    return known and before.is_as_read(item.size, item.mtime_ns, item.ctime_ns)
