"""The service does what its OpenAPI document says, for requests of all kinds: schemathesis makes them up.

`python -m tests.chaos.interface` asks a real service more of them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import schemathesis
from arxiv_server import ArxivServer
from desks import open_desk, put_paper
from schemathesis.engine import from_schema

from service.app import create_app
from tests.chaos.interface import PAPERS, judged, settings

SEED = 7


@pytest.fixture
def app(tmp_path):
    with ArxivServer(PAPERS) as arxiv, open_desk(tmp_path) as desk:
        put_paper(tmp_path)
        desk.settings = replace(desk.settings, papers=arxiv.settings())
        yield create_app(desk.settings, desk=desk)


def asked(app, examples=1, **phases):
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=settings(examples, SEED, phases=phases))
    return judged(from_schema(schema).execute())


def test_every_request_gets_what_the_document_says(app):
    found = asked(app)
    assert list(found.failures) == [], f"seed {SEED}"
    assert found.requests["coverage"] > 500
    assert {phase for phase, count in found.requests.items() if count} >= {"examples", "fuzzing", "stateful"}


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (lambda desk: setattr(desk, "size", lambda: 1 / 0), "not_a_server_error"),
        (lambda desk: setattr(desk, "search", lambda *_, **__: {"query": 1}), "response_schema_conformance"),
    ],
)
def test_what_is_not_as_the_document_says_is_found(app, breaking, said):
    breaking(app.state.desk)
    found = asked(app, coverage={"enabled": False}, fuzzing={"enabled": False}, stateful={"enabled": False})
    assert {failure.split(":")[0].split()[-1] for failure in found.failures} >= {said}
