import json
from dataclasses import replace

import pytest
from desks import write
from stub_encoder import HashEncoder

from tests.bench import others, tools

TEXTS = ["dropout regularises", "batch normalisation", "attention weighs values", "a convolution shares weights"]
RUNS = (others.Run(0.5, 2.0, 4.0, 34.0), others.Run(0.4, 1.0, 2.0, 31.0), others.Run(0.6, 2.5, 5.0, 32.0))
OURS = others.Figures("footnote", "1", RUNS, 0.15, 6.14, ((1, 2), (3, 9)))


@pytest.fixture
def stubbed(stub_model, environ, monkeypatch):
    """Footnote with a stub for the model, in an environment of the test's own."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def test_the_overlap_is_the_share_of_the_exact_that_was_found():
    assert others.overlap([(1, 2), (3, 9)], [(2, 1), (3, 4)]) == 0.75
    assert others.overlap([(), (5, 3)], [(2, 1), (3, 4)]) == 0.25


def test_the_table_compares_with_the_first():
    slower = tuple(replace(run, index=run.index * times, cpu=9.0) for run, times in zip(RUNS, (4, 8, 5), strict=True))
    other = replace(OURS, tool="txtai", runs=slower)
    exact = replace(OURS, tool="plain", found=((2, 1), (3, 4)))
    assert others.table([OURS, other, exact], passages=1000, tokens=960)[2:4] == [
        "| Footnote | 1 | 1,000 | 960 | 0.5 | 2.0 | 500 | 480 | 1.0 | 4.0 | 1.0 | 34 | 0.15 | 6.1 | 0.750 |",
        "| txtai | 1 | 1,000 | 960 | 0.5 | 8.0 | 125 | 120 | 5.0 (4.0 to 8.0) | 9.0 | 2.2 | 34 | 0.15 | 6.1 | 0.750 |",
    ]


def test_the_tools_take_turns(monkeypatch, tmp_path):
    turns = []

    def run(_, __, ___, name, verb, *____):
        turns.append((name, verb))
        figures = {"version": "1", "load": 1, "index": len(turns), "cpu": 2, "open": 3, "query": 4, "found": [[1]]}
        return others.Finished(json.dumps(figures), 1.0, 5.0)

    monkeypatch.setattr(others, "run", run)
    ours, theirs = others.measure({"footnote": tmp_path, "txtai": tmp_path}, tmp_path)
    assert turns[:4] == [("footnote", "index"), ("txtai", "index")] * 2
    assert turns[6:] == [("footnote", "search"), ("txtai", "search")]
    assert [run.index for run in ours.runs] == [1, 3, 5]
    assert theirs.times(ours, "index") == [6 / 5, 4 / 3, 2]


def test_an_environment_is_made_again_only_when_it_should_hold_something_else(tmp_path, monkeypatch):
    commands, first = [], tmp_path / "env"

    def run(*command):
        commands.append(command)
        first.mkdir(exist_ok=True)

    monkeypatch.setattr(others, "run", run)
    python = others.environment(first, ["torch==1", "txtai==2"])
    assert others.environment(first, ["torch==1", "txtai==2"]) == python == first / "bin" / "python"
    assert [command[-2:] for command in commands] == [("venv", first), ("torch==1", "txtai==2")]
    others.environment(first, ["torch==1", "txtai==3"])
    assert [command[-1] for command in commands[2:]] == [first, "txtai==3"]


def test_the_figures_are_the_last_that_a_process_prints():
    assert others.last(others.Finished('a warning\n\n{"passages": 3}\n', 1.0, 2.0)) == {"passages": 3}


def test_passages_and_queries_are_not_the_same(tmp_path, stubbed, monkeypatch):
    monkeypatch.setattr(tools, "QUERIES", 3)
    notes = write(tmp_path / "notes")
    made = [tools.texts(notes, 4, tmp_path), tools.texts(notes, 100, tmp_path)]
    kept, queries = (tools._read(tmp_path / name) for name in ("passages.jsonl", "queries.jsonl"))
    assert made[0]["passages"] == 4
    assert made[1] == {"passages": len(kept), "tokens": sum(HashEncoder().count_tokens(kept))}
    assert len(kept) > 4
    assert len(queries) == 3
    assert not any(" ".join(text.split()).endswith(query) for query in queries for text in kept)
    monkeypatch.setattr(tools, "QUERIES", len(kept) + 3)
    with pytest.raises(SystemExit, match=f"more than {len(kept) + 3}"):
        tools.texts(notes, 4, tmp_path)


def test_what_is_indexed_is_found_by_its_place(tmp_path, stubbed):
    tools._write(tmp_path / "passages.jsonl", TEXTS)
    tools._write(tmp_path / "queries.jsonl", ["attention weighs values", "dropout"])
    made = tools.index("footnote", tmp_path, tmp_path)
    asked = tools.search("footnote", tmp_path, tmp_path)
    assert [row[0] for row in asked["found"]] == [2, 0]
    assert all(sorted(row) == [0, 1, 2, 3] for row in asked["found"])
    assert min(made["index"], made["cpu"], asked["open"], asked["query"]) > 0
    assert json.loads(json.dumps(asked)) == asked
