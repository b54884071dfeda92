from __future__ import annotations

from tests.bench.page import made_with, with_answers, with_speed
from tests.bench.speed import parts

PAGE = "# Benchmarks\n\n## Answers\n\nOld answers.\n"


def test_each_part_of_the_page_is_written_by_itself():
    fast = with_speed(PAGE, "<!-- cold -->\n\n### Cold\n\n1 s")
    assert fast == f"{PAGE}\n## Speed\n\n<!-- cold -->\n\n### Cold\n\n1 s\n"
    faster = with_speed(fast, "2 s")
    assert faster == f"{PAGE}\n## Speed\n\n2 s\n"
    assert with_answers(faster, "# Benchmarks\n\nNew.\n") == "# Benchmarks\n\nNew.\n\n## Speed\n\n2 s\n"
    assert with_answers(PAGE, "# New.\n") == "# New.\n"


def test_what_is_written_by_hand_stays():
    page = with_speed(f"{PAGE}\n## What it withstands\n\nMuch.\n", "1 s")
    assert with_answers(page, "# New.\n") == "# New.\n\n## What it withstands\n\nMuch.\n\n## Speed\n\n1 s\n"
    assert with_speed(page, "2 s") == page.replace("1 s", "2 s")


def test_sections_are_told_apart_by_their_marks():
    text = "Made by it.\n\n<!-- cold -->\n\n### Cold\n\n1 s\n\n<!-- scale -->\n\n### Scale\n"
    assert parts(text) == {"cold": "### Cold\n\n1 s", "scale": "### Scale"}
    assert parts("") == {}


def test_the_page_says_what_it_was_made_with():
    said = made_with(["numpy"])
    assert said.startswith("Commit ")
    assert "cores of" in said
    assert "numpy 2" in said
