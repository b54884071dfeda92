"""The short form of `make chaos`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos.faults import why_not
from chaos.rounds import Broken, Rounds, differing
from chaos.steps import Done

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


DAMAGED = "footnote: catalogue.db is damaged; repair it with: footnote index"


class Scripted:
    """Steps that end, one after the other, as they are told to."""

    def __init__(self, *ends):
        self.ends = [Done(0, "{}", ""), *ends]  # the first is the run that makes the library

    def __call__(self, *_):
        return self

    def wait(self):
        return self.ends.pop(0)


@pytest.mark.parametrize(
    ("size", "said", "again", "survived"),
    [
        (2, DAMAGED, Done(0, "[1]", ""), True),
        (1, DAMAGED, Done(0, "[1]", ""), False),  # a small one is gone through by each run
        (2, DAMAGED, Done(2, "", DAMAGED), False),  # a second run has to do
        (2, f"{DAMAGED}\n{DAMAGED}", Done(0, "[1]", ""), False),
        (2, "footnote: no library there", Done(0, "[1]", ""), False),
    ],
)
def test_only_a_large_catalogue_may_be_found_damaged_after_a_run_and_once(
    tmp_path, monkeypatch, size, said, again, survived
):
    steps = Scripted(Done(2, "", said), Done(0, "{}", ""), again)
    monkeypatch.setattr("chaos.rounds.Step", steps)
    monkeypatch.setattr("indexer.sweep.SMALL", 1)
    chaos = Rounds(tmp_path, 1)
    chaos.library.mkdir()
    (chaos.library / "catalogue.db").write_bytes(bytes(size))
    if survived:
        assert chaos._seen(lambda: 0) == [1]
        assert (chaos.tally["damage met later"], steps.ends) == (1, [])
    else:
        with pytest.raises(Broken):
            chaos._seen(lambda: 0)


def test_rankings_that_differ_are_noticed():
    rows = [
        ["q", 0.9, "x", "a.md", 1, 2],
        ["q", 0.5, "y", "b.md", 3, 4],
        ["q", 0.5, "z", "c.md", 1, 1],
        ["q", 0.1, "u", "d.md", 1, 1],
    ]
    differing(rows, [rows[0], rows[2], rows[1], ["q", 0.1, "v", "e.md", 1, 1]])
    differing(rows, [["q", 0.9, "x", "copy.md", 1, 2], *rows[1:]])
    for other in (
        rows[:-1],
        [["q", 0.8, "x", "a.md", 1, 2], *rows[1:]],
        [["q", 0.9, "x2", "a.md", 1, 3], *rows[1:]],
        [["q", 0.8, "x", "copy.md", 1, 2], *rows[1:]],
        [rows[0], rows[1], rows[1], rows[3]],
        [rows[0], ["q", 0.9, "x", "copy.md", 1, 2], rows[2], rows[3]],
    ):
        with pytest.raises(Broken):
            differing(rows, other)
