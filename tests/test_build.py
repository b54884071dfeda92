import os
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from older import sealed
from pdfs import paper_pdf
from stub_encoder import HashEncoder

from indexer.build import Report, build
from indexer.catalogue import Catalogue
from indexer.collect import PapersReport
from indexer.errors import LibraryMissing, NothingToIndex
from indexer.intake import Progress
from indexer.library import Library
from indexer.settings import Settings
from indexer.types import Source

ADAM = "# Adam\n\nAdam keeps a moving average of the gradient and of its square.\n"
RESNET = (
    "# ResNet\n\nSkip connections let the gradient pass through many layers.\n\n- [ ] What is a bottleneck block?\n"
)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "adam.md").write_text(ADAM)
    (folder / "resnet.md").write_text(RESNET)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def run(
    library: Path,
    *paths: Path,
    encoder: HashEncoder | None = None,
    only: Sequence[Path] | None = None,
    **changes: int,
) -> Report:
    configured = Settings(library=library, cache=library / "cache", **changes)
    return build(library, paths, encoder or HashEncoder(), configured, only=only)


def contents(library: Path) -> list[tuple[str, str, tuple[int, int]]]:
    """Every passage that can be found by its words and by its vector: file, text, lines."""
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        ids = snapshot.catalogue.documents_of_passages()[0].tolist()
        assert len(snapshot.lexical) == len(snapshot.vectors) == len(ids)
        files = {document.id: document.file for document in snapshot.catalogue.documents()}
        stored = snapshot.catalogue.passages(ids).values()
        return sorted((files[found.document_id], found.passage.text, found.passage.lines) for found in stored)


def test_a_run_reads_every_note_and_a_second_one_does_nothing(notes, library):
    encoder = HashEncoder()
    first = run(library, notes, encoder=encoder)
    assert (first.files, first.new, first.passages, first.embedded) == (2, 2, 3, 3)
    assert contents(library) == [
        ("adam.md", "Adam keeps a moving average of the gradient and of its square.", (3, 3)),
        ("resnet.md", "Skip connections let the gradient pass through many layers.", (3, 3)),
        ("resnet.md", "What is a bottleneck block?", (5, 5)),
    ]
    second = run(library, notes, encoder=encoder)
    assert (second.unchanged, second.new, second.embedded, second.generation) == (2, 0, 0, first.generation)
    assert encoder.encoded == 3


def test_a_changed_file_embeds_only_its_changed_passages(notes, library):
    run(library, notes)
    (notes / "resnet.md").write_text("# ResNet\n\nA new first paragraph about identity mappings.\n" + RESNET[9:])
    encoder = HashEncoder()
    report = run(library, notes, encoder=encoder)
    assert (report.changed, report.unchanged, encoder.encoded) == (1, 1, 1)
    assert ("resnet.md", "What is a bottleneck block?", (7, 7)) in contents(library)


def test_a_renamed_file_embeds_nothing_and_is_found_under_its_new_name(notes, library):
    run(library, notes)
    (notes / "deep").mkdir()
    (notes / "adam.md").rename(notes / "deep" / "optimiser.md")
    encoder = HashEncoder()
    report = run(library, notes, encoder=encoder)
    assert (report.renamed, report.removed, report.new, encoder.encoded) == (1, 0, 0, 0)
    assert contents(library)[0][0] == "deep/optimiser.md"
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        assert snapshot.lexical.search("optimiser", 5)
        assert not snapshot.lexical.search("adam.md optimizer.md nowhere", 0)


def test_a_deleted_file_leaves_nothing_behind(notes, library):
    run(library, notes)
    (notes / "resnet.md").unlink()
    report = run(library, notes)
    assert (report.removed, report.passages) == (1, 1)
    with Catalogue.open(library / "catalogue.db", write=False) as catalogue:
        counts = catalogue.counts()
        assert (counts.documents, counts.questions) == (1, 0)
    assert embeddings(library) == 1


def test_a_touched_file_is_read_but_not_embedded(notes, library):
    before = run(library, notes)
    os.utime(notes / "adam.md", ns=(1, 1))
    report = run(library, notes)
    assert (report.unchanged, report.embedded, report.generation) == (2, 0, before.generation)


class Deleting(HashEncoder):
    """Has something happen before the first texts are embedded."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def encode(self, texts):
        act, self.act = self.act, lambda: None
        act()
        return super().encode(texts)


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_run_whose_library_is_deleted_writes_nothing_into_another(notes, library, made_anew):
    def act():
        shutil.rmtree(library)
        if made_anew:
            (notes / "adam.md").write_text(ADAM.replace("average", "mean"))
            run(library, notes)

    run(library, notes)
    (notes / "new.md").write_text("# New\n\nA note that is new.\n")
    with pytest.raises(LibraryMissing, match="was deleted, or another took its place, while it was written"):
        run(library, notes, encoder=Deleting(act))
    if made_anew:
        before = contents(library)
        assert any("mean of the gradient" in text for _, text, _ in before)
        report = run(library, notes)
        assert (report.new, report.changed, report.embedded, contents(library)) == (0, 0, 0, before)
    else:
        assert not library.exists()


def test_a_watcher_makes_a_deleted_library_anew_of_all_notes(notes, library):
    run(library, notes)
    before = contents(library)
    shutil.rmtree(library)
    assert run(library, notes, only=[notes / "adam.md"]).new == 2
    assert contents(library) == before


def test_a_run_over_one_folder_brings_the_others_of_a_lost_catalogue_back(notes, library, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "gan.md").write_text("# GAN\n\nTwo networks play a game.\n")
    run(library, notes)
    run(library, other)
    before = contents(library)
    (library / "catalogue.db").unlink()
    assert run(library, notes).new == 3
    assert sorted(contents(library)) == sorted(before)


def test_a_change_that_the_clock_cannot_show_is_seen(notes, library):
    run(library, notes)
    stamps = (notes / "adam.md").stat()
    (notes / "adam.md").write_text(ADAM.replace("square", "SQUARE"))
    os.utime(notes / "adam.md", ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    assert run(library, notes).changed == 1
    assert "SQUARE" in contents(library)[0][1]


def test_files_that_older_parsers_read_are_read_again_and_embed_nothing(notes, library):
    (notes / "adam.md").write_text("---\nkeywords: optimiser\naliases: Kingma\ndate: 2014-12-22\n---\n" + ADAM)
    run(library, notes)
    with sqlite3.connect(library / "catalogue.db") as connection:  # as a library made before has it
        sealed(connection).execute("UPDATE documents SET parser = 0, tags = '[]', aliases = '[]', date = NULL")
    (notes / "resnet.md").rename(notes / "renamed.md")
    encoder = HashEncoder()
    report = run(library, notes, encoder=encoder)
    assert (report.changed, report.unchanged, report.removed, encoder.encoded) == (0, 1, 1, 0)
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        found = {one.file: one for one in snapshot.catalogue.documents()}
        assert (found["adam.md"].tags, found["adam.md"].date) == (("optimiser",), "2014-12-22")
        assert snapshot.lexical.search("Kingma", 5)  # a note is found by its aliases
    with patch("indexer.build.parse") as parse:
        run(library, notes)
    parse.assert_not_called()


def test_two_files_that_swap_their_names_embed_nothing(notes, library):
    run(library, notes)
    (notes / "adam.md").rename(notes / "x")
    (notes / "resnet.md").rename(notes / "adam.md")
    (notes / "x").rename(notes / "resnet.md")
    encoder = HashEncoder()
    run(library, notes, encoder=encoder)
    assert encoder.encoded == 0
    assert [file for file, _, _ in contents(library)] == ["adam.md", "adam.md", "resnet.md"]


def test_several_roots_live_in_one_library_and_each_is_refreshed_alone(notes, library, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "gan.md").write_text("Two networks play a game against each other.\n")
    run(library, notes)
    assert run(library, other).new == 1
    (notes / "adam.md").unlink()
    assert run(library, other).removed == 0
    report = run(library)  # no path: every folder that is known
    assert (report.files, report.removed) == (2, 1)


def test_a_folder_inside_a_root_belongs_to_that_root(notes, library):
    (notes / "deep").mkdir()
    (notes / "deep" / "gan.md").write_text("Two networks play a game.\n")
    run(library, notes)
    (notes / "adam.md").unlink()
    (notes / "deep" / "gan.md").write_text("Two networks play a minimax game.\n")
    report = run(library, notes / "deep")
    assert (report.files, report.changed, report.removed) == (1, 1, 0)
    assert [file for file, _, _ in contents(library)] == ["adam.md", "deep/gan.md", "resnet.md", "resnet.md"]


def test_a_single_file_can_be_indexed_and_the_folder_above_it_later_takes_it_over(notes, library):
    report = run(library, notes / "adam.md")
    assert (report.files, report.new) == (1, 1)
    encoder = HashEncoder()
    report = run(library, notes, encoder=encoder)
    assert (report.new, report.unchanged, encoder.encoded) == (1, 1, 2)


def test_a_root_above_a_known_root_takes_its_files_over_without_embedding_them(notes, library, tmp_path):
    run(library, notes)
    encoder = HashEncoder()
    report = run(library, tmp_path, encoder=encoder)
    assert (report.renamed, report.new, report.removed, encoder.encoded) == (2, 0, 0, 0)
    assert [file for file, _, _ in contents(library)] == ["notes/adam.md", "notes/resnet.md", "notes/resnet.md"]


def test_the_library_is_never_indexed_itself(notes):
    report = run(notes / "library", notes)
    assert report.files == 2
    assert run(notes / "library", notes).files == 2


def test_a_bad_file_costs_only_itself_and_is_tried_again(notes, library):
    (notes / "photo.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    report = run(library, notes)
    assert (report.new, [file for file, _ in report.failures]) == (2, ["photo.md"])
    assert "binary" in report.failures[0][1]
    again = run(library, notes)
    assert (again.unchanged, len(again.failures), again.generation) == (2, 1, report.generation)
    (notes / "photo.md").write_text("A caption.\n")
    assert (run(library, notes).new, contents(library)[1][0]) == (1, "photo.md")


def test_a_file_over_the_limit_says_which_setting_to_change(notes, library):
    (notes / "huge.md").write_text("word " * 100)
    report = run(library, notes, max_file_bytes=400)
    assert report.failures[0][0] == "huge.md"
    assert "FOOTNOTE_MAX_FILE_BYTES" in report.failures[0][1]


def test_nothing_to_index(library, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NothingToIndex, match=r"no notes there"):
        run(library, empty)
    with pytest.raises(NothingToIndex, match=r"nowhere is not there"):
        run(library, tmp_path / "nowhere")
    with pytest.raises(NothingToIndex, match=r"no folder of notes is known yet; name one"):
        run(library)


def test_a_path_that_is_missing_does_not_hinder_the_others(notes, library, tmp_path):
    report = run(library, tmp_path / "nowhere", notes)
    assert report.new == 2
    assert "nowhere is not there" in report.problems[0]


def test_another_model_embeds_everything_again(notes, library):
    run(library, notes)
    encoder = HashEncoder(dimension=64, fingerprint="other")
    heard: list[str] = []
    configured = Settings(library=library, cache=library)
    report = build(library, [notes], encoder, configured, notice=heard.append)
    assert (report.unchanged, report.embedded, encoder.encoded) == (2, 3, 3)
    assert heard == ["The model changed from hash to other: embedding all 3 passages again"]
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        assert (snapshot.vectors.dimension, len(snapshot.vectors)) == (64, 3)
    assert run(library, notes).embedded == 0  # going back costs nothing: the old vectors are still there


class Stopping(HashEncoder):
    """Is interrupted after so many calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def encode(self, texts: Sequence[str]):
        if self.calls == 0:
            raise KeyboardInterrupt
        self.calls -= 1
        return super().encode(texts)


def test_an_interrupted_run_keeps_what_it_embedded(tmp_path, library, monkeypatch):
    monkeypatch.setattr("indexer.intake.PASSAGES_AT_ONCE", 4)
    monkeypatch.setattr("indexer.intake.SENT_AT_ONCE", 2)
    monkeypatch.setattr("indexer.embedding.JOB_TEXTS", 2)
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(10):
        (folder / f"{n}.md").write_text(f"The note number {n} speaks of topic {n}.\n")
    with pytest.raises(KeyboardInterrupt):
        run(library, folder, encoder=Stopping(3))
    assert [file for file, _, _ in contents(library)] == ["0.md", "1.md", "2.md", "3.md"]
    encoder = HashEncoder()
    run(library, folder, encoder=encoder)
    assert encoder.encoded == 10 - 6
    assert len(contents(library)) == 10


def test_after_a_first_run_that_was_interrupted_no_folder_has_to_be_named(notes, library):
    with patch("indexer.intake.Intake.put", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        run(library, notes)
    assert contents(library) == []

    assert run(library).new == 2


def test_progress_counts_up_to_the_total(notes, library):
    seen: list[Progress] = []
    build(library, [notes], HashEncoder(), Settings(library=library, cache=library), progress=seen.append)
    assert seen[0] == Progress("scan", 0, 0)
    assert Progress("read", 2, 2, 0, 3) in seen
    assert seen[-1] == Progress("read", 2, 2, 3, 3)


VOCABULARY = ["gradient", "layer", "network", "loss", "token", "norm", "batch", "head"]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6)
TREES = st.dictionaries(
    st.sampled_from(["a.md", "b.md", "c/d.md", "c/e.org", "f.txt"]),
    st.lists(WORDS.map(" ".join), min_size=1, max_size=3).map("\n\n".join),
    max_size=5,
)


def write(folder: Path, tree: dict[str, str]) -> None:
    for path in [*folder.rglob("*")]:
        if path.is_file():
            path.unlink()
    for name, text in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(trees=st.lists(TREES, min_size=2, max_size=4))
def test_any_sequence_of_edits_ends_as_a_fresh_library_does(trees, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edits")
    for tree in trees:
        write(folder / "notes", tree)
        (folder / "notes").mkdir(exist_ok=True)
        try:
            run(folder / "kept", folder / "notes")
        except NothingToIndex:
            assert not tree
    if trees[-1]:
        run(folder / "fresh", folder / "notes")
        assert contents(folder / "kept") == contents(folder / "fresh")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees=st.lists(TREES, min_size=2, max_size=4))
def test_looking_only_at_what_changed_ends_as_a_fresh_library_does(trees, tmp_path_factory):
    folder = tmp_path_factory.mktemp("only")
    notes, before = folder / "notes", dict[str, str]()
    notes.mkdir()
    (notes / "always.md").write_text(ADAM)
    run(folder / "kept", notes)
    for tree in trees:
        write(notes, {**tree, "always.md": ADAM})
        changed = [notes / name for name in sorted(before.keys() | tree) if before.get(name) != tree.get(name)]
        assert run(folder / "kept", notes, only=changed).files == sum(path.exists() for path in changed)
        before = tree
    run(folder / "fresh", notes)
    assert contents(folder / "kept") == contents(folder / "fresh")
    assert embeddings(folder / "kept") == embeddings(folder / "fresh")


def embeddings(library: Path) -> int:
    with sqlite3.connect(library / "catalogue.db") as connection:
        return connection.execute("SELECT count(*) FROM embeddings").fetchone()[0]


def test_what_a_stopped_run_embedded_for_nothing_is_forgotten_by_the_next(notes, library):
    run(library, notes)
    (notes / "adam.md").write_text("# Adam\n\nA text that is gone before anybody stores it.\n")
    with patch("indexer.intake.Intake._store_next", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        run(library, notes)
    assert embeddings(library) == 4
    (notes / "adam.md").write_text(ADAM)
    run(library, notes)
    assert embeddings(library) == 3


def test_only_what_is_named_is_looked_at(notes, library):
    (notes / "sub" / "deep").mkdir(parents=True)
    (notes / ".gitignore").write_text("hidden.md\n")
    for name in ("sub/one.md", "sub/deep/two.md", "sub.md"):
        (notes / name).write_text(f"# {name}\n\nA note called {name} here.\n")
    run(library, notes)
    for name in ("adam.md", "resnet.md", "sub/one.md", "hidden.md"):
        (notes / name).write_text("# Edited\n\nSomething else altogether.\n")
    report = run(library, notes, only=[notes / "adam.md", notes / "hidden.md", notes / "sub" / "one.md"])
    assert (report.files, report.changed, report.new, report.passages, report.embedded) == (2, 2, 0, 6, 1)
    shutil.rmtree(notes / "sub")
    report = run(library, notes, only=[notes / "sub"])
    assert (report.files, report.removed, report.passages) == (0, 2, 4)
    (notes / "resnet.md").rename(notes / "moved.md")
    report = run(library, notes, only=[notes / "resnet.md", notes / "moved.md"])
    assert (report.new, report.removed, [file for file, _, _ in contents(library)]) == (
        1,
        1,
        ["adam.md", "moved.md", "sub.md"],
    )
    report = run(library, only=[notes / "elsewhere.md", library / "x.md"])
    assert (report.files, report.removed, report.generation) == (0, 0, report.generation)


def test_a_rename_that_is_looked_at_alone_embeds_nothing(notes, library):
    run(library, notes)
    (notes / "adam.md").rename(notes / "optimiser.md")
    report = run(library, notes, only=[notes / "adam.md", notes / "optimiser.md"])
    assert (report.renamed, report.new, report.removed, report.embedded) == (1, 0, 0, 0)


def test_papers_are_looked_at_only_where_others_are_named(notes, library):
    run(library, notes)
    with patch("indexer.build.collect", return_value=PapersReport(named=7)) as collect:

        def named(text):
            (notes / "adam.md").write_text(text)
            return run(library, notes, only=[notes / "adam.md"]).papers.named

        link = "\nSee arxiv.org/abs/1412.6980 for more.\n"
        versions = [f"{ADAM}\nMore.\n", ADAM + link, f"{ADAM}\nMore.\n{link}", ADAM]
        assert list(map(named, versions)) == [0, 7, 0, 7]
        (notes / "paper.pdf").write_bytes(paper_pdf())
        assert run(library, notes, only=[notes / "paper.pdf"]).papers.named == 7
        (notes / "paper.pdf").unlink()
        assert run(library, notes, only=[notes / "paper.pdf"]).papers.named == 7
    assert collect.call_count == 4


def test_a_bad_pdf_is_a_paper_that_failed_and_is_read_again_only_when_asked(notes, library, monkeypatch):
    (notes / "bad.pdf").write_bytes(b"%PDF-1.4 nothing\n%%EOF")
    ((file, _),) = run(library, notes).failures
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        (failed,) = [one for one in snapshot.catalogue.documents() if one.failure]
    assert (file, failed.kind, failed.format) == ("bad.pdf", "paper", "pdf")

    parsed: list[Source] = []
    with patch("indexer.build.Reader.read_many", side_effect=lambda sources: parsed.extend(sources) or ()):
        again = run(library, notes)  # so soon that its stamps do not vouch for it: its bytes do
    assert (len(again.failures), parsed) == (1, [])
    monkeypatch.setattr("indexer.records.TICK_SECONDS", -60)  # as if time had gone by
    read = []
    configured = Settings(library=library, cache=library / "cache")
    for papers in ("known", "new", "update"):
        report = build(library, [notes], HashEncoder(), configured, papers=papers, progress=read.append)
        assert len(report.failures) == 1
        assert {step.done for step in read if step.stage == "read"} == ({3} if papers == "update" else set())


def test_while_it_is_not_known_what_to_leave_out_a_folder_stays_as_it_was(notes, library):
    run(library, notes)
    before = contents(library)
    (notes / "private.md").write_text("# Private\n\nNobody may read this.\n")
    (notes / ".footnoteignore").write_bytes(b"private.md\n" + bytes(range(256)))
    with pytest.raises(NothingToIndex, match=r"its \.footnoteignore, which says what else to leave out, cannot"):
        run(library, notes)
    (notes.parent / "other.md").write_text("# Other\n")
    report = run(library, notes.parent)
    assert [problem.split(": ")[0] for problem in report.problems] == [str(notes)]
    assert not any("Nobody" in text for _, text, _ in contents(library))
    assert {file for file, _, _ in before} <= {file for file, _, _ in contents(library)}
    (notes / ".footnoteignore").write_text("private.md\n")
    run(library, notes)
    assert not any("Nobody" in text for _, text, _ in contents(library))
