"""The indexing line: discover → parse → split → encode → store, doing again only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from indexer.catalogue import Catalogue, StoredDocument
from indexer.change import Change, text_hash
from indexer.derived import Notice, publish, quiet
from indexer.discover import Found, discover, read
from indexer.errors import InputError, NothingToIndex, SourceError
from indexer.library import writing
from indexer.parsing import parse
from indexer.passages import split
from indexer.questions import questions
from indexer.settings import Settings
from indexer.types import Encoder, Source

PASSAGES_AT_ONCE = 4096
"""So many passages are stored together."""

EMBEDDED_AT_ONCE = 512
"""So many texts are embedded before their vectors are kept: a run that is killed loses no more than that."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. `done` and `total` count files while reading and texts while embedding; 0 of 0 is unknown."""

    stage: Literal["scan", "read", "embed", "store"]
    done: int
    total: int


Listener: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, in files, and how much is in the library now.

    `failures` are the files that could not be read, with the reason, and `problems` the paths that could not be
    looked at. `embedded` is how many texts the encoder was given; `seconds` how long the run took.
    """

    files: int
    new: int
    changed: int
    renamed: int
    removed: int
    unchanged: int
    failures: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    passages: int
    embedded: int
    generation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one path on the command line covers: a root, and the files under it that begin with `prefix`."""

    root: Path
    prefix: str
    found: tuple[Found, ...]
    unreadable: tuple[str, ...]

    def covers(self, document: StoredDocument) -> bool:
        """Whether this run has looked at the place of a document."""
        if not document.path.is_relative_to(self.root):
            return False
        file = document.path.relative_to(self.root).as_posix()
        under = file == self.prefix or file.startswith(f"{self.prefix}/") or not self.prefix
        return under and not any(folder in ("", file) or file.startswith(f"{folder}/") for folder in self.unreadable)


@dataclass(slots=True)
class _Tally:
    new: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    unchanged: int = 0
    embedded: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def build(
    library: Path,
    paths: Sequence[Path],
    encoder: Encoder,
    settings: Settings,
    *,
    progress: Listener = lambda _: None,
    notice: Notice = quiet,
) -> Report:
    """Bring the library in the folder `library` up to date with the notes under `paths`; make it if there is none.

    Without paths, all folders that it knows. `progress` hears how far it is, `notice` what a person should know.
    Raises NothingToIndex when no path can be used, and LibraryError when the library cannot. A file that cannot be
    read costs only itself. Interrupted, a run keeps what it has stored.
    """
    start = time.perf_counter()
    tally = _Tally()
    with writing(library, "footnote index", notice=notice) as catalogue:
        progress(Progress("scan", 0, 0))
        scopes = _scopes(catalogue, paths or [Path(root) for root in catalogue.roots()], library, tally)
        found = [item for scope in scopes for item in scope.found]
        known = {document.path: document for document in catalogue.documents()}
        present = {item.root / item.file for item in found}
        gone = [d for path, d in known.items() if path not in present and any(scope.covers(d) for scope in scopes)]
        if not found and not gone:
            _nothing(paths, tally)
        run = _Run(library, catalogue, encoder, settings, tally, progress)
        run.change_model(notice)
        run.files(found, known, gone)
        return Report(
            files=len(found),
            new=tally.new,
            changed=tally.changed,
            renamed=tally.renamed,
            removed=tally.removed,
            unchanged=tally.unchanged,
            failures=tuple(sorted(tally.failures.items())),
            problems=tuple(tally.problems),
            passages=catalogue.counts().passages,
            embedded=tally.embedded,
            generation=catalogue.generation,
            seconds=round(time.perf_counter() - start, 3),
        )


def _nothing(paths: Sequence[Path], tally: _Tally) -> None:
    if tally.problems:
        raise NothingToIndex("; ".join(tally.problems))
    where = ", ".join(str(path) for path in paths) or "no folder is known yet"
    raise NothingToIndex(f"{where}: no notes there (.md, .markdown, .txt, .org); name a folder that holds some")


def _scopes(catalogue: Catalogue, paths: Iterable[Path], library: Path, tally: _Tally) -> list[_Scope]:
    """Walk each path; one inside a known root belongs to that root, so that no file is indexed twice."""
    roots = [Path(root) for root in catalogue.roots()]
    scopes: list[_Scope] = []
    for path in paths:
        place = path.expanduser().resolve()
        unreadable: list[str] = []

        def on_problem(file: str, reason: str, unreadable: list[str] = unreadable, place: Path = place) -> None:
            unreadable.append(file)
            tally.problems.append(f"{place / file}: {reason}")

        try:
            items = list(discover(path, on_problem=on_problem))
        except InputError as error:
            tally.problems.append(str(error))
            continue
        base = place if place.is_dir() else place.parent
        root = next((known for known in (*roots, *(s.root for s in scopes)) if base.is_relative_to(known)), base)
        above = base.relative_to(root).as_posix().removeprefix(".")
        join = f"{above}/" if above else ""
        scopes.append(
            _Scope(
                root=root,
                prefix=above if place.is_dir() else f"{join}{place.name}",
                found=tuple(
                    Found(root, join + item.file, item.size, item.mtime_ns)
                    for item in items
                    if not (item.root / item.file).is_relative_to(library.resolve())
                ),
                unreadable=tuple("" if file == "." else join + file for file in unreadable),
            )
        )
    return scopes


@dataclass(slots=True)
class _Run:
    """One run over the files that were found: what is to be stored, and what was done."""

    library: Path
    catalogue: Catalogue
    encoder: Encoder
    settings: Settings
    tally: _Tally
    progress: Listener
    actions: list[Callable[[Change], object]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)

    def change_model(self, notice: Notice) -> None:
        """Embed again what another model has embedded, or what an interrupted run has left out."""
        missing = self.catalogue.unembedded(self.encoder.fingerprint)
        if missing and self.catalogue.fingerprint != self.encoder.fingerprint:
            notice(
                f"The model changed from {self.catalogue.fingerprint} to {self.encoder.fingerprint}: "
                f"embedding all {len(missing)} passages again"
            )
        for start in range(0, len(missing), PASSAGES_AT_ONCE):
            stored = self.catalogue.passages(missing[start : start + PASSAGES_AT_ONCE])
            self.embed(found.passage.embedded_text for found in stored.values())
        self.actions.append(lambda change: change.set_fingerprint(self.encoder.fingerprint))

    def files(self, found: Sequence[Found], known: dict[Path, StoredDocument], gone: Sequence[StoredDocument]) -> None:
        """Read every file that is new or changed, and forget those that are gone."""
        lost = {document.sha256: document for document in gone if document.sha256 and document.failure is None}
        for n, item in enumerate(found, start=1):
            before = known.get(item.root / item.file)
            if before is not None and _as_it_was(item, before):
                self.tally.unchanged += 1
            else:
                self.file(item, before, lost)
            if n % 64 == 0 or n == len(found):
                self.progress(Progress("read", n, len(found)))
        for document in gone:
            if document.id not in self.moved:
                self.actions.append(partial(Change.remove, document_id=document.id))
                self.tally.removed += document.failure is None
        self.actions.append(Change.drop_orphans)
        self.store()

    def file(self, item: Found, before: StoredDocument | None, lost: dict[str, StoredDocument]) -> None:
        """Read one file and note what is to be stored of it."""
        try:
            source = read(item, max_bytes=self.settings.max_file_bytes)
            if self.known_content(item, source, before, lost):
                return
            document = parse(source)
            passages = split(document, max_tokens=self.encoder.max_tokens, count_tokens=self.encoder.count_tokens)
        except SourceError as error:
            reason = self.tally.failures[item.file] = str(error)
            self.actions.append(
                lambda change: change.put_failure(
                    item.root, item.file, size=item.size, mtime_ns=item.mtime_ns, sha256=None, reason=reason
                )
            )
            return
        asked = questions(document, headings=self.settings.question_headings)
        stored = replace(document, source=replace(source, data=b""))  # many wait to be stored: let go of the bytes
        self.actions.append(lambda change: change.put_document(stored, passages, asked, size=len(source.data)))
        self.texts += [passage.embedded_text for passage in passages]
        if before is None or before.failure is not None:
            self.tally.new += 1
        else:
            self.tally.changed += 1
        if len(self.texts) >= PASSAGES_AT_ONCE:
            self.store()

    def known_content(
        self, item: Found, source: Source, before: StoredDocument | None, lost: dict[str, StoredDocument]
    ) -> bool:
        """Whether the file is a stored document with other stamps or under another name; then note that."""
        if before is None:
            moved = lost.pop(source.sha256, None)
        else:
            moved = before if before.failure is None and before.sha256 == source.sha256 else None
        if moved is None:
            return False
        if moved is before and Path(before.root) == item.root:
            self.actions.append(lambda change: change.touch(moved.id, len(source.data), source.mtime_ns))
            self.tally.unchanged += 1
        else:
            self.actions.append(lambda change: change.rename(moved.id, item.root, item.file, source.mtime_ns))
            self.tally.renamed += 1
            self.moved.add(moved.id)
        return True

    def store(self) -> None:
        """Embed what is new, then store all that was noted in one change and show it to readers."""
        self.embed(self.texts)
        self.progress(Progress("store", 0, len(self.actions)))
        with self.catalogue.change() as change:
            for action in self.actions:
                action(change)
        publish(self.library, self.catalogue, change)
        self.actions, self.texts = [], []

    def embed(self, texts: Iterable[str]) -> None:
        """Embed the texts that this model has not embedded yet."""
        hashes = {text_hash(text): text for text in texts}
        for known in self.catalogue.known_hashes(self.encoder.fingerprint, hashes):
            del hashes[known]
        items = sorted(hashes.items(), key=lambda item: len(item[1]))
        for start in range(0, len(items), EMBEDDED_AT_ONCE):
            self.progress(Progress("embed", start, len(items)))
            batch = items[start : start + EMBEDDED_AT_ONCE]
            encoded = self.encoder.encode([text for _, text in batch])
            self.catalogue.add_embeddings(self.encoder.fingerprint, [key for key, _ in batch], encoded)
            self.tally.embedded += len(batch)
        if items:
            self.progress(Progress("embed", len(items), len(items)))


def _as_it_was(item: Found, before: StoredDocument) -> bool:
    """Whether a file has the stamps it had when it was read; one that could not be read is tried again."""
    stamps = (before.size, before.mtime_ns, Path(before.root))
    return before.failure is None and stamps == (item.size, item.mtime_ns, item.root)
