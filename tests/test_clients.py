"""A real service under change, and asked for too much; `make chaos-service` does the same for minutes."""

from __future__ import annotations

from tests.chaos.clients import run
from tests.chaos.strangers import overload, small

SEED = 11


def test_nobody_is_told_anything_wrong_while_the_library_changes_underneath(tmp_path):
    report = run(tmp_path, clients=8, seconds=4, seed=SEED, pause=0.1, anew=2)
    assert report.wrong == [], f"seed {SEED}"
    assert (report.code, report.drained < 15) == (0, True)
    assert report.quotes > 20
    assert report.generations > 1
    assert {"ask 200", "search 200", "stream 200", "mcp 200", "status 200"} <= report.requests.keys()


def test_too_many_are_told_to_come_again_while_who_looks_after_the_service_is_answered(tmp_path):
    with small(tmp_path) as service:
        crowd = overload(service, clients=340)
        assert crowd.statuses.keys() == {200, 503}
        assert crowd.statuses[200] >= 200
        assert crowd.statuses.total() == 340
        assert crowd.watched.keys() == {"/healthz", "/readyz", "/metrics"}
        assert service.stop() == 0
