"""Requests of all kinds, made up from the OpenAPI document by schemathesis: right ones, wrong ones, in any order.

python -m tests.chaos.interface --examples 300

A service runs on a small library of its own, with stand-ins for arXiv and for a chat model, so that nothing that it is
asked for leaves the machine. All checks of schemathesis are on, in all phases; `RULES` says what is read otherwise.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished

from tests.arxiv_server import ArxivServer, Paper
from tests.chaos.service import SAMPLE, served

ACCEPTED = ["2xx", "3xx", "400", "401", "403", "404", "409", "429"]
"""What a request may get that is as the document says. 400 is for what no schema tells: a day that no calendar has, a
text that names no paper, a chat model that is not set up. What is malformed gets 422."""

RULES: dict[str, Any] = {
    "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    "operations": [
        {
            "include-operation-id": "search_papers",
            # `0` is a question, and has no word that arXiv could be asked for
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "422"]}},
        }
    ],
}

PAPERS = {f"2101.0000{n}": Paper(f"On steps {n}", "We take small steps, and then fewer.") for n in range(1, 5)}


@dataclass
class Found:
    """What came of it: how many requests were made, by phase, and in words what was wrong."""

    requests: Counter[str] = field(default_factory=Counter)
    failures: dict[str, None] = field(default_factory=dict)


def settings(examples: int, seed: int, **more: Any) -> SchemathesisConfig:
    """So many examples for an operation in each phase; the same for the same seed."""
    return SchemathesisConfig.from_dict(
        RULES | {"seed": seed, "generation": {"max-examples": examples, "database": "none"}, **more}
    )


def judged(events: Iterable[EngineEvent]) -> Found:
    """Go through what the engine does."""
    found = Found()
    for event in events:
        if isinstance(event, ScenarioFinished):
            found.requests[event.phase.value] += len(event.recorder.interactions)
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.status == Status.FAILURE and check.failure_info:
                        failure = check.failure_info
                        said = " ".join(f"{failure.failure.title}: {failure.failure.message}".split())
                        found.failures[f"{event.recorder.label} {check.name}: {said}\n    {failure.code_sample}"] = None
        elif isinstance(event, NonFatalError):
            found.failures[f"{event.label}: {event.info.title}: {event.info.message}"] = None
        elif isinstance(event, FatalError):
            raise event.exception
    return found


def main(argv: list[str] | None = None) -> int:
    """Ask a service of our own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=300, help="for an operation in each phase (default: 300)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    arguments = parser.parse_args(argv)
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, ArxivServer(PAPERS) as arxiv:
        notes = shutil.copytree(SAMPLE, Path(folder) / "notes")
        (notes / "more papers.md").write_text("# Papers\n\nhttps://arxiv.org/abs/2101.00001 and 2101.00002\n")
        with served(Path(folder), notes, environ=arxiv.environ()) as service:
            schema = schemathesis.openapi.from_url(
                f"{service.address}/openapi.json", config=settings(arguments.examples, arguments.seed)
            )
            found = judged(from_schema(schema).execute())
            print("requests", dict(found.requests), sum(found.requests.values()))
            print("service", service.figures())
    for failure in found.failures:
        print(failure)
    print(len(found.failures), "failures")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
