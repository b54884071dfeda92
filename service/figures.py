"""What /metrics shows, in the names and units that Prometheus wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from service.stages import Stage
from service.types import Answer, Verdict, WriterName

if TYPE_CHECKING:
    from indexer.status import Size

Outcome: TypeAlias = Literal["changed", "unchanged", "failed"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Figures:
    """The figures of one service, in a registry of its own, so that two services in one process do not mix.

    All there can be is shown from the start, at zero: what counts from nothing has a rate at once. It is a listener of
    `service.stages`.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        route = ("method", "route")
        self.requests = Counter("footnote_requests", "Requests answered.", (*route, "status"), registry=registry)
        self.seconds = Histogram(
            "footnote_request_seconds", "Time to answer a request.", route, buckets=_BUCKETS, registry=registry
        )
        self.errors = Counter(
            "footnote_errors", "Requests that an error of Footnote ended, by its name.", ("error",), registry=registry
        )
        answers = Counter(
            "footnote_answers",
            "Questions answered, by what the library says.",
            ("verdict", "writer"),
            registry=registry,
        )
        stages = Histogram(
            "footnote_answer_stage_seconds",
            "Time that a stage of answering takes; encode and lexical overlap.",
            ("stage",),
            buckets=(0.00025, 0.0005, *_BUCKETS),
            registry=registry,
        )
        self._answers = {
            (verdict, writer): answers.labels(verdict, writer)
            for verdict in get_args(Verdict)
            for writer in get_args(WriterName)
        }
        self._stages = {stage: stages.labels(stage) for stage in get_args(Stage)}
        self.waiting = Gauge("footnote_waiting_questions", "Questions that wait for their turn.", registry=registry)
        runs = Counter("footnote_index_runs", "Runs of the indexer in this service.", ("outcome",), registry=registry)
        self._runs = {outcome: runs.labels(outcome) for outcome in get_args(Outcome)}
        self._run_seconds = Histogram(
            "footnote_index_run_seconds", "Time that a run took.", buckets=_LONG_BUCKETS, registry=registry
        )
        self._passages = Gauge("footnote_passages", "Passages in the library.", registry=registry)
        self._documents = Gauge("footnote_documents", "Documents in the library.", registry=registry)
        self._failed = Gauge("footnote_failed_documents", "Documents that could not be read.", registry=registry)
        self._generation = Gauge("footnote_generation", "Generation of the library that is served.", registry=registry)
        self._vectors = Info("footnote_vectors", "What a search by vector goes through.", registry=registry)

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage of an answer is over."""
        self._stages[stage].observe(seconds)

    def answered(self, answer: Answer) -> None:
        """An answer is whole."""
        self._answers[answer.verdict, answer.writer].inc()

    def ran(self, outcome: Outcome, seconds: float) -> None:
        """The indexer has run."""
        self._runs[outcome].inc()
        self._run_seconds.observe(seconds)

    def show(self, size: Size | None, waiting: int) -> bytes:
        """All of it as text; `size` is that of the library, where it is open."""
        self.waiting.set(waiting)
        if size:
            self._passages.set(size.passages)
            self._documents.set(size.documents)
            self._failed.set(size.failed)
            self._generation.set(size.generation)
            self._vectors.info({"kind": size.vectors})
        return generate_latest(self.registry)
