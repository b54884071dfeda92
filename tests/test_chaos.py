"""The short form of `make chaos`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos.faults import why_not
from chaos.rounds import Broken, differing

ROUNDS = 5


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_some_rounds_of_chaos_are_survived(tmp_path):
    seed = 4
    command = [sys.executable, "-m", "tests.chaos", "--rounds", str(ROUNDS), "--seed", str(seed)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    done = subprocess.run(
        [*command, "--folder", tmp_path],
        cwd=Path(__file__).parent.parent,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    tally = json.loads(done.stdout.splitlines()[-1])
    assert (tally["rounds"], tally["seed"]) == (ROUNDS, seed)
    assert {"killed", "flip catalogue.db"} <= tally.keys()
    assert tally["rankings compared"] > 20


def test_rankings_that_differ_are_noticed():
    rows = [["q", 0.9, "a.md", 1, 2], ["q", 0.5, "b.md", 3, 4], ["q", 0.5, "c.md", 1, 1], ["q", 0.1, "d.md", 1, 1]]
    differing(rows, [rows[0], rows[2], rows[1], ["q", 0.1, "e.md", 1, 1]])
    for other in (
        rows[:-1],
        [["q", 0.8, "a.md", 1, 2], *rows[1:]],
        [["q", 0.9, "a.md", 1, 3], *rows[1:]],
        [rows[0], rows[1], rows[1], rows[3]],
    ):
        with pytest.raises(Broken):
            differing(rows, other)
