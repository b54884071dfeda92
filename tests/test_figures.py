"""What /metrics says, read by Prometheus' own parser."""

import re
import time
from dataclasses import replace

import desks
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from indexer.errors import LibraryCorrupt
from indexer.status import Size
from service.app import create_app
from service.figures import Figures
from service.stages import LISTENER, Stage, timed
from service.types import Answer

STAGES = {"forms", "encode", "lexical", "dense", "tokens", "rerank", "files", "compose"}
ANSWER = Answer("What?", "partial", 0.5, (), (), 1.0)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with desks.open_desk(tmp_path_factory.mktemp("figures")) as desk:
        yield desk


@pytest.fixture
def client(desk):
    return TestClient(create_app(desk.settings, desk=desk))


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text, name, **labels):
    (found,) = (
        sample.value
        for family in families(text).values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )
    return found


def test_methods_that_are_made_up_are_counted_as_one(client):
    for n in range(3):
        client.request(f"MADE-UP-{n}", "/healthz")
    assert (
        value(client.get("/metrics").text, "footnote_requests_total", method="other", route="/healthz", status="405")
        == 3
    )


def test_every_figure_is_as_prometheus_wants_it(client):
    client.post("/api/ask", json={"question": "What is dropout?"})
    said = client.get("/metrics")
    assert said.headers["content-type"].startswith("text/plain; version=")
    found = families(said.text)
    for family in found.values():
        assert family.documentation
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        if family.name.startswith("footnote_"):
            assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", family.name)
            assert not family.documentation.endswith("..")
        if family.type == "counter":
            assert {sample.name for sample in family.samples} <= {f"{family.name}_total", f"{family.name}_created"}
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
    types = {name: family.type for name, family in found.items() if not name.endswith("_created")}
    assert {name: kind for name, kind in types.items() if name.startswith("footnote_")} == {
        "footnote_requests": "counter",
        "footnote_request_seconds": "histogram",
        "footnote_errors": "counter",
        "footnote_answers": "counter",
        "footnote_answer_stage_seconds": "histogram",
        "footnote_waiting_questions": "gauge",
        "footnote_index_runs": "counter",
        "footnote_index_run_seconds": "histogram",
        "footnote_passages": "gauge",
        "footnote_documents": "gauge",
        "footnote_failed_documents": "gauge",
        "footnote_generation": "gauge",
        "footnote_vectors_info": "gauge",
    }
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "python_info"} <= types.keys()


def test_buckets_go_from_a_millisecond_to_ten_seconds_and_add_up(client):
    client.post("/api/ask", json={"question": "What is dropout?"})
    found = families(client.get("/metrics").text)
    for name in ("footnote_request_seconds", "footnote_answer_stage_seconds"):
        rows = {}
        for sample in found[name].samples:
            labels = {key: said for key, said in sample.labels.items() if key != "le"}
            rows.setdefault(tuple(labels.items()), {})[sample.labels.get("le", sample.name)] = sample.value
        for row in rows.values():
            bounds = [bound for bound in row if not bound.startswith("footnote")]
            assert {"0.001", "10.0", "+Inf"} <= set(bounds)
            assert [float(bound) for bound in bounds] == sorted(float(bound) for bound in bounds)
            counts = [row[bound] for bound in bounds]
            assert counts == sorted(counts)
            assert counts[-1] == row[f"{name}_count"]


def test_a_question_is_counted_once_in_each_stage_and_by_its_verdict(client):
    verdict = client.post("/api/ask", json={"question": "How many layers does GoogLeNet have?"}).json()["verdict"]
    text = client.get("/metrics").text
    counts = {stage: value(text, "footnote_answer_stage_seconds_count", stage=stage) for stage in STAGES}
    assert counts == dict.fromkeys(STAGES, 1.0) | {"rerank": 0.0}
    assert value(text, "footnote_answers_total", verdict=verdict, writer="extractive") == 1
    total = sum(value(text, "footnote_answer_stage_seconds_sum", stage=stage) for stage in STAGES)
    assert 0 < total < value(text, "footnote_request_seconds_sum", method="POST", route="/api/ask") * 2


def test_what_is_streamed_or_shown_in_a_page_counts_as_well(client):
    client.post("/api/ask/stream", json={"question": "What is dropout?"})
    client.get("/", params={"q": "What is dropout?"})
    client.get("/api/search", params={"q": "dropout"})
    answers = families(client.get("/metrics").text)["footnote_answers"].samples
    assert sum(sample.value for sample in answers if sample.name.endswith("_total")) == 2


def test_a_service_that_was_never_asked_shows_zeros(client):
    text = client.get("/metrics").text
    assert value(text, "footnote_answers_total", verdict="unsupported", writer="chat") == 0
    assert value(text, "footnote_index_runs_total", outcome="failed") == 0
    assert value(text, "footnote_answer_stage_seconds_count", stage="dense") == 0
    assert value(text, "footnote_passages") == 9


def test_errors_are_counted_by_their_names(client, desk, monkeypatch):
    def fail(*_args, **_options):
        raise LibraryCorrupt("catalogue.db is damaged; index again")

    monkeypatch.setattr(desk, "search", fail)
    assert client.get("/api/search", params={"q": "x"}).status_code == 503
    client.post("/api/ask", json={"question": " "})
    text = client.get("/metrics").text
    assert value(text, "footnote_errors_total", error="Library corrupt") == 1
    assert value(text, "footnote_errors_total", error="Question error") == 1


def test_runs_of_the_indexer_are_counted_by_what_they_did():
    figures = Figures()
    figures.ran("changed", 0.4)
    figures.ran("failed", 2.0)
    text = figures.show(Size(3, 4, 5, "flat", failed=2), waiting=7).decode()
    assert value(text, "footnote_index_runs_total", outcome="changed") == 1
    assert value(text, "footnote_index_run_seconds_sum") == 2.4
    assert value(text, "footnote_failed_documents") == 2
    assert value(text, "footnote_waiting_questions") == 7


def test_two_services_do_not_mix():
    first, second = Figures(), Figures()
    first.answered(ANSWER)
    assert value(first.show(None, 0).decode(), "footnote_answers_total", verdict="partial", writer="extractive") == 1
    assert value(second.show(None, 0).decode(), "footnote_answers_total", verdict="partial", writer="extractive") == 0


def test_a_stage_is_told_to_who_listens_also_where_it_fails():
    heard = []

    class Ear:
        def took(self, stage: Stage, seconds: float) -> None:
            heard.append((stage, seconds >= 0))

        def answered(self, answer: Answer) -> None:
            heard.append(answer)

    with timed("dense"):
        pass
    token = LISTENER.set(Ear())
    try:
        with pytest.raises(ValueError, match="within"), timed("tokens"):
            raise ValueError("within")
    finally:
        LISTENER.reset(token)
    assert heard == [("tokens", True)]


def test_an_answer_costs_little_to_count():
    """Less than 0.2 ms for all that one answer tells; a hundredth of that is what it takes."""
    figures = Figures()
    token = LISTENER.set(figures)
    best = 1.0
    try:
        for _ in range(20):
            start = time.perf_counter()
            for stage in STAGES:
                with timed(stage):
                    pass
            figures.answered(replace(ANSWER))
            best = min(best, time.perf_counter() - start)
    finally:
        LISTENER.reset(token)
    assert best < 0.0002
