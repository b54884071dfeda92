import json
import subprocess
import sys

import pytest
from desks import write
from stub_encoder import HashEncoder

from indexer.errors import InputError
from indexer.library import Library
from indexer.settings import Settings
from service.bench.report import as_data, retrieval_tables, stamp
from service.bench.retrieval import _code, indexed, read_collection, retrieval
from tests.bench.commands import ROOT, SHARED

CORPUS = [
    {"_id": "adam", "title": "Adam", "text": "It keeps a moving average of the gradient and of its square."},
    {
        "_id": "dropout",
        "text": " Units are switched off at random while the net is trained.\n\nAt test time all are on.",
    },
    {"_id": "norm", "title": "", "text": "The inputs of a layer are normalised over the batch."},
    {"_id": "decay", "title": "Weight decay", "text": "Weights are made a little smaller at every step of training."},
]
QUERIES = [
    {"_id": "q1", "text": "moving average of the square gradient"},
    {"_id": "q2", "text": "what is switched off while training"},
    {"_id": "q3", "text": "how do whales sleep"},
    {"_id": "q4", "text": "smaller weights at every step, and normalised inputs"},
]
QRELS = (
    "query-id\tcorpus-id\tscore\nq1\tadam\t1\nq2\tdropout\t2\nq2\tdecay\t1\nq3\tnorm\t0\nq4\tdecay\t1\nq4\tnorm\t1\n"
)
STUBBED = """\
#!{python}
import os, sys
sys.path[:0] = [{tests!r}, {root!r}]
import indexer.encode, service.desk
from stub_encoder import HashEncoder
indexer.encode.load_encoder = service.desk.load_encoder = lambda *_, **__: HashEncoder()
from service.cli import main
sys.exit(main(sys.argv[1:], os.environ))
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "collection"
    path.mkdir()
    (path / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (path / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)) + "\n")
    (path / "qrels.tsv").write_text(QRELS)
    return path


@pytest.fixture
def encoder():
    return HashEncoder()


@pytest.fixture
def settings(tmp_path, monkeypatch, stub_model, encoder):
    monkeypatch.setattr("service.bench.retrieval.load_encoder", lambda *_, **__: encoder)
    return Settings(library=tmp_path / "own", cache=tmp_path / "cache")


def measured(folder, settings, *, limit=None, library=None, ablation=False):
    collection = read_collection(folder, limit=limit)
    with indexed(collection, settings, library=library, notice=lambda _: None) as desk:
        return retrieval(desk, collection, ablation=ablation), stamp(desk)


def test_a_collection_is_read(folder):
    collection = read_collection(folder)
    assert (collection.name, list(collection.documents)) == ("collection", ["adam", "dropout", "norm", "decay"])
    assert collection.documents["adam"].startswith("# Adam\n\nIt keeps")
    assert collection.documents["dropout"].startswith("Units are")
    assert collection.relevant == {"q1": {"adam": 1}, "q2": {"dropout": 2, "decay": 1}, "q4": {"decay": 1, "norm": 1}}
    assert collection.unanswerable == ("q3",)
    assert list(read_collection(folder, limit=2).relevant) == ["q1", "q2"]


def test_qrels_may_be_laid_out_as_trec_does(folder):
    (folder / "qrels.tsv").write_text("q1\t0\tadam\t1\nq4\t0\tnorm\t1\n")
    assert read_collection(folder).relevant == {"q1": {"adam": 1}, "q4": {"norm": 1}}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("corpus.jsonl", '{"_id": "a"}', "not a collection"),
        ("corpus.jsonl", "[]", "not a collection"),
        ("queries.jsonl", "{", "not a collection"),
        ("qrels.tsv", "q1\tadam\tmuch\nq2\tadam\tmore\n", "not a collection"),
        ("qrels.tsv", "q1\tnobody\t1\n", "names the document nobody, which the corpus lacks"),
        ("qrels.tsv", "q1\tadam\t0\n", "no query of which a document is relevant"),
    ],
)
def test_what_is_no_collection_is_said_so(folder, file, text, said):
    (folder / file).write_text(text)
    with pytest.raises(InputError, match=said):
        read_collection(folder)
    (folder / file).unlink()
    with pytest.raises(InputError, match=f"{file}: No such file"):
        read_collection(folder)


def test_systems_are_ranked_beside_each_other(folder, settings):
    found, stamped = measured(folder, settings)
    assert [row.system for row in found.compared] == ["Footnote", "BM25 alone", "dense alone", "RRF", "grep"]
    assert (found.documents, found.passages, found.unanswerable, found.asked) == (4, 4, 1, 4)
    ours = found.compared[0]
    assert (ours.queries, ours.ranked.hit_at_1, ours.ranked.recall_at_10) == (3, 1.0, 1.0)
    assert found.refusal.auroc == found.cosine.auroc == 1.0
    tables = retrieval_tables(found)
    assert tables.startswith("collection: 4 documents, 4 passages, 3 queries\n\n| ")
    assert "Refusal: 3 answerable queries, 1 not" in tables
    data = as_data(found, stamped)
    assert data["systems"][0]["recall_at_10"] == 1.0
    assert data["stamp"]["library"] == {"generation": 1, "documents": 4, "passages": 4}


def test_where_all_can_be_answered_nothing_is_said_of_refusal(folder, settings):
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(one) for one in QUERIES if one["_id"] != "q3"))
    found, _ = measured(folder, settings, ablation=True)
    assert (found.refusal, found.cosine, found.asked) == (None, None, 3)
    assert {row.queries for row in found.ablated} == {3}
    assert "Ablation" in retrieval_tables(found)
    assert "Refusal" not in retrieval_tables(found)


def test_a_second_run_finds_the_library_of_the_first(folder, settings, encoder, monkeypatch):
    measured(folder, settings)
    assert encoder.encoded == len(CORPUS)
    measured(folder, settings)
    assert encoder.encoded == len(CORPUS)
    monkeypatch.setattr("service.bench.retrieval._code", lambda _: "other")  # as after a change of the code
    measured(folder, settings)
    assert encoder.encoded == 2 * len(CORPUS)
    assert [path.name for path in (settings.cache / "bench").glob("*/library-*")] == ["library-other"]
    assert not settings.library.exists()


def test_other_models_and_other_documents_have_libraries_of_their_own(folder):
    assert _code("a model") == _code("a model") != _code("another")
    before = read_collection(folder).digest
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES[:2])))
    assert read_collection(folder).digest == before
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS[::-1])))
    assert read_collection(folder).digest != before


def test_a_library_that_is_named_holds_nothing_else(tmp_path, folder, settings):
    library = tmp_path / "named"
    first, _ = measured(folder, settings, library=library)
    again, _ = measured(folder, settings, library=library)
    assert first.compared[0].ranked == again.compared[0].ranked
    from indexer.build import build

    build(library, [write(tmp_path / "notes")], HashEncoder(), settings)
    with pytest.raises(InputError, match=r"named holds .*notes; name a library of its own, or none"):
        measured(folder, settings, library=library)
    with Library.open(library) as opened, opened.snapshot() as snapshot:
        assert snapshot.catalogue.counts().documents == 7


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_the_figures_are_those_that_are_measured_from_outside(tmp_path, folder, settings):
    footnote = tmp_path / "footnote"
    footnote.write_text(STUBBED.format(python=sys.executable, tests=str(ROOT / "tests"), root=str(ROOT)))
    footnote.chmod(0o755)
    command = [sys.executable, SHARED / "evaluate.py", "retrieval", footnote, folder]
    outside = json.loads(subprocess.check_output(command, text=True))
    found, _ = measured(folder, settings)
    ours = found.compared[0].ranked
    assert (outside["queries"], outside["docs"]) == (3, 4)
    assert (round(ours.ndcg_at_10, 4), round(ours.recall_at_10, 4)) == (outside["ndcg@10"], outside["recall@10"])
