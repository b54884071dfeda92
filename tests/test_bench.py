import re
import sys
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from test_style import channels, contrast

from tests.bench import commands, hard, layout, plots, run, stops


def test_a_command_tells_its_own_memory():
    code = """
import sys
from tests.bench.commands import run
def peak(code): return round(run(sys.executable, "-c", code).peak / 100)
child = "bytes([1]) * 200_000_000"
print(peak(child), peak(f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{child}'])"), peak("pass"))
"""
    assert commands.run(sys.executable, "-c", code).out == "2 2 0\n"


def test_a_command_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="no more"):
        commands.run(sys.executable, "-c", "import sys; sys.exit('no more')")


def test_a_table_holds_what_it_is_given():
    assert [*commands.heads("a", "b"), commands.row(1, "x | y")] == ["| a | b |", "| --- | --- |", "| 1 | x \\| y |"]


def test_what_becomes_of_a_pdf_is_measured(tmp_path):
    (tmp_path / "empty.pdf").touch()
    outcome = hard.measure(tmp_path / "empty.pdf")
    assert (outcome.file, outcome.outcome) == ("empty.pdf", "refused")
    assert "empty file" in outcome.reason
    assert 0 < outcome.seconds < 60
    assert outcome.peak > 10
    rows = hard.table([hard.Outcome("a.pdf", "read, 1 page", "", 0.251, 38.4)])
    assert rows[2:] == ["| a.pdf | read, 1 page |  | 0.25 | 38 |"]


def test_text_is_found_in_a_piece_and_across_two():
    pieces = [layout.Piece("one  two-", (1, 1)), layout.Piece("three four", (1, 2)), layout.Piece("five", (2, 2))]
    assert layout.holds(pieces, "one two-", layout.spaced, " ")
    assert layout.holds(pieces, "two- three", layout.spaced, " ")
    assert not layout.holds(pieces, "twothree", layout.spaced, " ")
    assert layout.holds(pieces, "Two; Three.", layout.letters, "")
    assert not layout.holds(pieces, "two three four five", layout.letters, "")


def test_pages_are_packed_without_losing_a_line():
    pages = ["\n".join(f"{page} word {line}" for line in range(50)) for page in range(3)]
    pieces = layout.packed(pages)
    assert "\n".join(piece.text for piece in pieces) == "\n".join(pages)
    assert all(len(piece.text.split()) <= layout.PAPER_WORDS for piece in pieces)
    for piece in pieces:
        first, *_, last = piece.text.split("\n")
        assert piece.pages == (int(first[0]) + 1, int(last[0]) + 1)


def test_the_figures_of_a_layout_are_a_table():
    figures = layout.Layout("Footnote", 72, 0.9583, 1.0, 0, 162.4, (), ())
    assert layout.table([figures])[2:] == ["| Footnote | 95.8% | 100.0% | 0 | 162 |"]


@pytest.mark.parametrize(("same", "result"), [(True, "the same library"), (False, "another library")])
def test_what_came_of_stops_is_said(same, result):
    said = stops.sentence(stops.Outcome(12, 20.04, (1.26, 13.0), same=same))
    assert said == f"12 papers, in 20.0 s undisturbed.\nKilled after 1.3, 13.0 s, and let go on: {result} came out."


def svg(text):
    root = ET.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    return root, {tag: root.findall(f"{name}{tag}") for tag in ("rect", "text", "circle", "polyline", "title")}


def test_bars_are_as_long_as_their_values():
    text = plots.bars("Rates & more", {"one set": {"Footnote": 0.5, "grep": 0.25}, "<another>": {"Footnote": 1.0}})
    root, found = svg(text)
    assert found["title"][0].text == "Rates & more"
    widths = [float(rect.get("width")) for rect in found["rect"]]
    assert widths == pytest.approx([widths[2] / 2, widths[2] / 4, widths[2]], abs=0.1)
    first, second, third = (rect.get("fill") for rect in found["rect"])
    assert first == third != second
    said = [one.text for one in found["text"]]
    assert said == ["one set", "Footnote", "0.500", "grep", "0.250", "<another>", "Footnote", "1.000"]
    _, _, width, height = map(float, root.get("viewBox").split())
    assert all(float(one.get("x")) <= width and float(one.get("y")) <= height for one in found["text"])
    assert plots.bars("Rates & more", {}).count("<rect") == 0


def test_among_many_bars_the_first_is_set_off():
    _, found = svg(plots.bars("x", {"": {f"without {n}": 0.1 for n in range(9)}}))
    first, *others = (rect.get("fill") for rect in found["rect"])
    assert len(set(others)) == 1
    assert first not in others


def test_a_curve_of_who_knows_how_sure_to_be_lies_on_the_diagonal():
    points = [(0.0, 0.0, 3), (0.5, 0.5, 12), (1.0, 1.0, 3)]
    _, found = svg(plots.reliability("x", {"sure": points, "too sure": [(1.0, 0.0, 12)]}))
    dots = [tuple(float(dot.get(name)) for name in ("cx", "cy", "r")) for dot in found["circle"]]
    on_line, legend = dots[:3], dots[3]
    assert all(x + y == pytest.approx(2 * plots.EDGE + plots.SIDE) for x, y, _ in on_line)
    assert on_line[1][2] > on_line[0][2] == on_line[2][2]
    assert legend[0] > plots.EDGE + plots.SIDE
    assert len(found["polyline"]) == 2


def test_what_grows_as_the_square_root_is_half_as_steep():
    sizes = (10_000, 30_000, 1_000_000)
    curves = {"in proportion": [(n, n / 2000) for n in sizes], "less": [(n, n**0.5 / 100) for n in sizes]}
    _, found = svg(plots.growth("x", "passages", curves))
    lines = [[tuple(map(float, point.split(","))) for point in one.get("points").split()] for one in found["polyline"]]
    slopes = [(line[0][1] - line[-1][1]) / (line[-1][0] - line[0][0]) for line in lines]
    assert slopes[1] == pytest.approx(slopes[0] / 2, abs=0.01)
    said = [one.text for one in found["text"]]
    assert said[:4] == ["passages", "10,000", "100,000", "1,000,000"]
    assert said[-2:] == ["in proportion", "less"]


@pytest.mark.parametrize("ground", ["#ffffff", "#0d1117", "#1f1f1f"])
def test_figures_can_be_read_in_light_and_dark(ground):
    assert all(contrast(channels(colour), channels(ground)) >= 3 for colour in plots.COLOURS)
    assert contrast(channels(plots.INK), channels(ground)) >= 3.6


def figures(**more):
    row = {"system": "Footnote", "hit_at_1": 0.5, "hit_at_5": 0.75, "ndcg_at_10": 0.6}
    bins = [{"confidence": 0.2, "answerable": 0.1, "questions": 4}]
    systems = {"systems": [row, row | {"system": "grep"}], "ablation": [row | {"system": "without dense"}]}
    return systems | {"documents": 1234, "taken_out": {"reliability": bins}, "refusal": {"reliability": bins}} | more


def test_what_was_measured_is_drawn():
    drawn = run.plots({name: figures() for name in ("notes", "papers", "ablation", *run.SETS)})
    written = set(re.findall(r'shown\("([\w.]+)"', (run.ROOT / "tests/bench/run.py").read_text()))
    assert set(drawn) == written
    for text in drawn.values():
        ET.fromstring(text)
    assert "mlquestions, 1,234 documents" in drawn["ranking.svg"]
    assert drawn["ablation.svg"].count(">without dense<") == 2


def test_a_command_is_shown_as_a_person_would_type_it(monkeypatch, tmp_path):
    def fake(*command):
        (saved,) = (value for name, value in pairwise(command) if name == "--save")
        saved.write_text('{"systems": []}')
        return commands.Finished("| table |\n", 1.0, 2.0)

    monkeypatch.setattr(commands, "run", fake)
    measured = commands.bench("quality", commands.SHARED / "gold" / "a.jsonl", "--ablation", library=tmp_path)
    assert measured.text == "    footnote bench quality ../shared/gold/a.jsonl --ablation\n\n| table |"
    assert measured.figures == {"systems": []}
