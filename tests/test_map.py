"""The map of a library: what is written, read again, and brought up to date."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer import map as map_module
from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.connect import CATALOGUE
from indexer.derived import MAP
from indexer.errors import LibraryCorrupt
from indexer.layout import Landmarks
from indexer.library import writing
from indexer.map import Head, Map, is_due, renew
from indexer.regions import Region
from indexer.settings import Settings

TOPICS = ("batch normalization of layers", "bread and sourdough ovens", "ferries between the islands")


def note(topic: str, count: int, first: int = 0) -> str:
    return "\n\n".join(f"## Part {n}\n\nAbout {topic}, in particular number {n}." for n in range(first, first + count))


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for n, topic in enumerate(TOPICS):
        (folder / f"{n}.md").write_text(f"# {topic.title()}\n\n{note(topic, 10)}\n")
    return folder


@pytest.fixture
def index(tmp_path, notes):
    """Index the notes, and give the map."""
    library = tmp_path / "library"

    def run(encoder=None):
        settings = Settings(library=library, cache=tmp_path / "cache")
        build(library, [notes], encoder or HashEncoder(), settings)
        return Map.open(library / MAP)

    run.library = library
    return run


def passages(library):
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        return np.array(catalogue.passage_ids())


def due(library) -> bool:
    with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
        return is_due(library, catalogue, catalogue.counts().passages)


def test_a_run_lays_out_all_passages_those_of_a_note_together(index):
    made = index()
    assert np.array_equal(made.ids, passages(index.library))
    assert made.head.laid == len(made.ids) == 30
    of = np.arange(30) // 10
    middles = np.array([made.points[of == n].mean(0) for n in range(3)])
    nearest = np.linalg.norm(made.points[:, None] - middles, axis=2).argmin(1)
    assert (nearest == of).mean() > 0.9


def test_a_run_that_changes_nothing_or_little_writes_no_map(index, notes):
    index()
    before = (index.library / MAP).stat()
    index()
    (notes / "0.md").write_text(f"# Batch\n\n{note(TOPICS[0], 10)}\n\n## More\n\nOne more.\n")
    made = index()
    assert (index.library / MAP).stat().st_mtime_ns == before.st_mtime_ns
    ids = passages(index.library)
    assert len(np.setdiff1d(ids, made.ids)) > 0  # whoever reads the map places them
    assert not due(index.library)


def test_whoever_reads_places_what_came_since(index, notes):
    made = index()
    with Catalogue.open(index.library / CATALOGUE, write=False) as catalogue:
        ids, vectors = catalogue.embeddings(catalogue.fingerprint)
    asked = []

    def get(new):
        asked.append(new.tolist())
        return vectors[:1]

    points = made.place(np.append(ids, ids[-1] + 7), get)
    assert asked == [[ids[-1] + 7]]
    assert np.array_equal(points[:-1], made.points)
    assert np.linalg.norm(points[-1] - made.points[0]) < made.landmarks.gap


def test_a_library_half_as_large_again_is_laid_out_from_where_it_lies(index, notes):
    before = index()
    (notes / "more.md").write_text(f"# Ferries\n\n{note(TOPICS[2], 20, 100)}\n")
    after = index()
    assert after.head.laid == len(after.ids) == 50
    kept = np.isin(after.ids, before.ids)
    moved = np.linalg.norm(after.points[kept] - before.points, axis=1)
    assert np.median(moved) < 0.35 * np.ptp(before.points, axis=0).max()


def test_many_passages_that_came_are_written_and_nothing_moves(index, notes, monkeypatch):
    before = index()
    monkeypatch.setattr(map_module, "FEW", 3)
    (notes / "more.md").write_text(f"# Ferries\n\n{note(TOPICS[2], 5, 100)}\n")
    (notes / "1.md").unlink()
    after = index()
    assert after.head.laid == before.head.laid == 30
    assert np.array_equal(after.ids, passages(index.library))
    both, mine, theirs = np.intersect1d(before.ids, after.ids, return_indices=True)
    assert len(both) == 20
    assert np.array_equal(before.points[mine], after.points[theirs])


def test_another_model_has_another_map(index):
    before = index()
    after = index(HashEncoder(fingerprint="other", dimension=128))
    assert after.head.fingerprint == "other"
    assert after.landmarks.vectors.shape == (30, 128)
    assert np.array_equal(before.ids, after.ids)


def test_the_map_of_another_library_is_not_started_from(index, tmp_path):
    made = index()
    turned = replace(made.landmarks, vectors=made.landmarks.vectors[::-1].copy(), points=made.points[::-1].copy())
    replace(made, landmarks=turned, head=replace(made.head, laid=1, generation=0)).save(index.library / MAP)
    assert due(index.library)
    renew(index.library, pytest.fail)
    assert np.array_equal(Map.open(index.library / MAP).points, made.points)


@pytest.mark.parametrize("damage", [b"", b"FNMAP001", b"x" * 200])
def test_a_damaged_map_is_laid_out_again(index, damage):
    made = index()
    (index.library / MAP).write_bytes(damage)
    with pytest.raises(LibraryCorrupt, match="lays the map out again"):
        Map.open(index.library / MAP)
    assert np.array_equal(index().points, made.points)


def test_few_passages_have_no_map(tmp_path, notes):
    for name in ("0.md", "1.md"):
        (notes / name).unlink()
    (notes / "2.md").write_text("# One\n\nOnly this.\n")
    library = tmp_path / "library"
    build(library, [notes], HashEncoder(), Settings(library=library, cache=tmp_path))
    assert not (library / MAP).exists()


def test_a_map_that_cannot_be_made_is_said_and_costs_nothing_else(index, monkeypatch):
    index()
    (index.library / MAP).unlink()

    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(map_module, "lay_out", fail)
    heard = []
    renew(index.library, heard.append)
    assert heard == ["the map of the library could not be laid out (no room); the next run tries again"]
    assert not (index.library / MAP).exists()
    assert due(index.library)


def test_a_catalogue_that_was_lost_takes_its_map_along(index):
    index()
    for path in index.library.glob("catalogue.db*"):
        path.unlink()
    with writing(index.library, "test"):
        assert not (index.library / MAP).exists()


floats = st.floats(-1e3, 1e3, width=32)


@st.composite
def maps(draw):
    ids = np.array(sorted(draw(st.sets(st.integers(1, 2**40), max_size=20))), np.int64)
    marks = ids[: draw(st.integers(0, len(ids)))]
    random = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = random.standard_normal((len(marks), 8)).astype(np.float16).astype(np.float32)
    points = random.standard_normal((len(ids), 2)).astype(np.float32)
    regions = draw(st.lists(st.builds(Region, st.text(max_size=9), floats, floats, floats), max_size=3))
    head = Head(draw(st.integers(0, 9)), draw(st.text(max_size=9)), len(ids), 3)
    landmarks = Landmarks(marks, vectors, points[: len(marks)], draw(floats))
    return Map(head, ids, points, landmarks, tuple(regions))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("map") / MAP


@settings(max_examples=60)
@given(made=maps())
def test_what_is_written_is_read(path, made):
    made.save(path)
    read = Map.open(path)
    assert (read.head, read.regions, read.landmarks.gap) == (made.head, made.regions, made.landmarks.gap)
    for one, other in ((read, made), (read.landmarks, made.landmarks)):
        assert np.array_equal(one.ids, other.ids)
        assert np.array_equal(one.points, other.points)
    norms = np.linalg.norm(made.landmarks.vectors, axis=1, keepdims=True)
    assert np.allclose(read.landmarks.vectors, made.landmarks.vectors / norms, atol=1e-6)
    assert [one.name for one in path.parent.iterdir()] == [MAP]


@settings(max_examples=60)
@given(made=maps(), data=st.data())
def test_any_damage_is_noticed(path, made, data):
    made.save(path)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:at])
    else:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
    with pytest.raises(LibraryCorrupt):
        Map.open(path)
