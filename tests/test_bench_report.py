import json
import subprocess
from dataclasses import asdict

import pytest
from desks import open_desk, write

from indexer import __version__
from service.bench import report
from service.bench.quality import quality
from service.bench.report import as_data, quality_tables, stamp, stamp_line, table
from service.cli import main
from service.retrieve import FUSED

GOLD = [
    {"question": "how many layers in GoogLeNet", "gold": [{"file": "group.md", "start_line": 3, "end_line": 3}]},
    {"question": "zebra migration patterns", "gold": []},
]


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(map(json.dumps, GOLD)))
    return path


@pytest.fixture
def indexed(tmp_path, environ, stub_model, capsys):
    assert main(["index", str(write(tmp_path / "notes")), "--no-papers"], environ) == 0
    capsys.readouterr()
    return environ


def test_a_table_lines_up_and_leaves_out_what_is_empty():
    assert table(("", "one", "two", "three"), [("a", "1", "", "3"), ("long name", "10", "", "")]).split("\n") == [
        "|           | one | three |",
        "| --------- | --- | ----- |",
        "| a         | 1   | 3     |",
        "| long name | 10  |       |",
    ]


def test_the_stamp_says_of_what_figures_are(tmp_path):
    with open_desk(tmp_path) as desk:
        stamped = stamp(desk)
    assert (stamped["footnote"], stamped["fingerprint"], stamped["model"]) == (__version__, "hash", "all-MiniLM-L6-v2")
    assert stamped["library"] == {"generation": 1, "documents": 3, "passages": 9}
    assert stamped["mix"] == asdict(FUSED)
    assert set(stamped["packages"]) >= {"tantivy", "faiss-cpu", "openvino", "ir-measures"}
    assert all(stamped["packages"].values())
    line = stamp_line(stamped | {"commit": "abc1234+", "date": "2026-01-02T03:04:05+00:00"})
    assert line == (
        f"footnote {__version__} (abc1234+), all-MiniLM-L6-v2, 9 passages of 3 documents, generation 1, 2026-01-02."
    )


def test_the_commit_is_that_of_the_checkout_marked_where_it_was_changed(tmp_path, monkeypatch):
    assert report.commit(tmp_path) is None
    git = ["git", "-C", tmp_path, "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "a").touch()
    subprocess.run([*git, "add", "a"], check=True)
    subprocess.run([*git, "commit", "-qm", "Begin"], check=True)
    clean = report.commit(tmp_path)
    assert len(clean) >= 7
    assert subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).startswith(clean)
    (tmp_path / "a").write_text("changed")
    assert report.commit(tmp_path) == f"{clean}+"
    monkeypatch.setenv("PATH", "")
    assert report.commit(tmp_path) is None


def test_figures_are_rounded_and_flat_in_json(tmp_path, gold):
    with open_desk(tmp_path) as desk:
        data = as_data(quality(desk, [gold], ablation=True), stamp(desk))
    assert json.loads(json.dumps(data)) == data
    ours = data["systems"][0]
    assert (ours["system"], ours["hit_at_1"], ours["auroc"], ours["false"]) == ("Footnote", 1.0, 1.0, 0.0)
    assert len(str(ours["brier"])) <= 6
    assert {row["system"] for row in data["ablation"]} >= {"without lexical", "without tokens"}
    assert data["quotes"]["checked"] == data["quotes"]["exact"]


def test_tables_fit_a_terminal(tmp_path, gold):
    with open_desk(tmp_path) as desk:
        tables = quality_tables(quality(desk, [gold], ablation=True))
    lines = tables.split("\n")
    assert lines[2].startswith("| Footnote    | 1.000 | 1.000 | 1.000  | 1.000  | ")
    assert "Quotes of Footnote's answers: " in tables
    assert "Ablation" in lines
    assert max(map(len, lines)) <= 88


def test_the_command_prints_tables_or_json_and_keeps_the_figures(indexed, tmp_path, gold, capsys):
    assert main(["bench", "quality", str(gold), "--save", str(tmp_path / "kept.json")], indexed) == 0
    out, error = capsys.readouterr()
    assert out.startswith("|             | hit@1 |")
    assert f"footnote {__version__}" in out.split("\n")[-2]
    assert "Footnote: asking 2 questions …" in error
    assert main(["bench", "quality", str(gold), "--json"], indexed) == 0
    data, kept = json.loads(capsys.readouterr().out), json.loads((tmp_path / "kept.json").read_text())
    assert data["systems"][0]["hit_at_1"] == kept["systems"][0]["hit_at_1"] == 1.0
    assert data["stamp"]["asked"] == {"gold": [str(gold)], "k": 10, "ablation": False}


def test_the_command_for_links(indexed, tmp_path, capsys):
    assert main(["bench", "self"], indexed) == 2
    assert "no sentence there links to another document" in capsys.readouterr().err
    (tmp_path / "notes" / "more.md").write_text("What keeps an average of gradients is told in [[adam]], at length.\n")
    assert main(["index"], indexed) == 0
    capsys.readouterr()
    assert main(["bench", "self", "--limit", "3", "--seed", "1", "--json"], indexed) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["sentences"], data["asked"]) == (1, {"wikilink": 1, "link": 0, "paper": 0})
    assert data["systems"][0]["hit_at_1"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["self", "--limit", "0"], "0 is not a number from 1"),
        (["quality"], "the following arguments are required"),
        (["retrieval", "/nowhere"], "/nowhere/corpus.jsonl: No such file or directory; name a folder"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(environ, stub_model, capsys, arguments, said):
    assert main(["bench", *arguments], environ) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert said in error
