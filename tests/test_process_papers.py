"""Papers, from a link in a note to a citation, with real processes and the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from arxiv_server import ArxivServer, Paper
from pdfs import paper_pdf, prose
from real_model import CACHE

from tests.bench.stops import measure

FOOTNOTE = Path(sys.executable).with_name("footnote")
DRIFT = "The drift of a warm start is bounded by the square root of the number of steps."
PAPERS = {
    f"2101.0000{n}": Paper(
        f"Paper {n}", "In short.", pdf=paper_pdf(f"Paper {n}", [["# 1 Introduction", prose(8, n)], [prose(6, 10 + n)]])
    )
    for n in range(1, 5)
}


@pytest.fixture
def environ(tmp_path):
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "FOOTNOTE_CACHE": str(CACHE)}


def footnote(environ, *arguments):
    return subprocess.run(
        [FOOTNOTE, *arguments], env=environ, capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def test_a_linked_paper_is_fetched_and_quoted_by_version_page_and_box(environ, tmp_path):
    pdf = paper_pdf("On Warm Starts", [["# 1 Introduction", prose(5, 1)], ["# 2 Drift", DRIFT, prose(3, 2)]])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "reading.md").write_text("# Reading\n\n- warm starts https://arxiv.org/abs/2101.00001v3\n")
    environ["FOOTNOTE_LIBRARY"] = str(tmp_path / "library")
    with ArxivServer({"2101.00001": Paper("On Warm Starts", versions=3, pdf=pdf)}) as server:
        done = footnote(environ | server.environ(), "index", str(tmp_path / "notes"))
    assert done.stdout.splitlines()[1] == "1 paper named, 1 in the library (1 fetched now)"
    answer = json.loads(footnote(environ, "ask", "what bounds the drift of a warm start?", "--json").stdout)
    assert answer["sentences"][0] == {"text": DRIFT, "citations": [1]}
    first = answer["citations"][0]
    assert (first["kind"], first["paper"], first["version"], first["file"]) == ("paper", "2101.00001", "v3", None)
    assert (first["pages"], first["lines"], first["quote"]) == ([2, 2], None, DRIFT)
    assert (first["title"], first["headings"]) == ("On Warm Starts", ["2 Drift"])
    (box,) = first["boxes"]
    assert (box["page"], round(box["x0"])) == (2, 108)
    assert [one["relation"] for one in first["related"]] == ["your note on this paper"]
    status = json.loads(footnote(environ, "status", "--json").stdout)
    assert [(one["key"], one["state"]) for one in status["papers"]] == [("2101.00001v3", "fetched")]


def test_a_run_that_is_killed_while_it_fetches_goes_on_to_the_same_library(environ):
    outcome = measure(PAPERS, stops=3, seed=1, environ=environ)
    assert (outcome.papers, outcome.same) == (4, True)
