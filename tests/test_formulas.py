from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.formulas import LONGEST, MOST_MARKS, MOST_OPENED, is_wide, mathml


def test_a_formula_becomes_mathml():
    assert mathml(r"\frac{1}{\sqrt{d_k}}", display=False) == (
        "<math><mfrac><mn>1</mn><msqrt><msub><mi>d</mi><mi>k</mi></msub></msqrt></mfrac></math>"
    )
    assert mathml("a < b", display=True) == '<math display="block"><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>'


def test_the_deepest_formula_fits_a_small_stack():
    deepest = ["^{" * MOST_MARKS + "}" * MOST_MARKS, "x_{" * MOST_MARKS + "x" + "}" * MOST_MARKS]
    before = threading.stack_size(1 << 20)
    try:
        with ThreadPoolExecutor(1) as pool:
            found = list(pool.map(lambda latex: mathml(latex, display=True), deepest))
    finally:
        threading.stack_size(before)
    assert [(drawn or "").count("<msu") for drawn in found] == [MOST_MARKS] * 2


def test_many_brackets_that_are_never_closed_are_drawn_at_once():
    begun = time.process_time()
    assert (mathml("[0" * MOST_OPENED + "x" * 1_000, display=False) or "").count("<mo") == MOST_OPENED
    assert time.process_time() - begun < 2


def test_an_aligned_formula_keeps_its_sides_without_a_style():
    found = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)
    assert found is not None
    assert " style=" not in found
    assert re.findall(r'<mtd class="(\w+)">', found) == ["right", "left", "right", "left"]


@pytest.mark.parametrize(
    "latex",
    [
        *("", "  ", r"\frac{a", r"\unknown x", r"\left( a", r"\cancel{x}", r"\eqref{eq}", r"\href{javascript:x}{y}"),
        *("x" * (LONGEST + 1), "{" * (MOST_MARKS // 2 + 1) + "}" * (MOST_MARKS // 2), r"\sqrt " * MOST_MARKS + "{x}"),
        *("x(" * (MOST_OPENED + 1), r"\langle " * 40, r"\{" * 40, "⟨" * 40, r"\def\x{[}" + r"\x " * 40),
        r"\newcommand{\x}{(}" + r"\x " * 40,
    ],
)
def test_what_cannot_be_drawn_faithfully_stays_as_it_is(latex):
    assert mathml(latex, display=False) is None


@given(st.text(alphabet="<>/\"'=()[]{}\\&^_ abfrcsqtexmhd:;%#~|", max_size=80))
def test_nothing_but_mathml_comes_of_any_text(latex):
    found = mathml(latex, display=False)
    tags = re.findall(r"</?([a-z]+)([^>]*)>", found or "")
    assert all(tag.startswith("m") for tag, _ in tags)
    names = {name for _, attributes in tags for name in re.findall(r" ([\w-]+)=", attributes)}
    assert names.isdisjoint({"style", "href", "id", "src"} | {name for name in names if name.startswith("on")})


def test_a_formula_is_wide_by_what_is_seen_of_it():
    assert not is_wide(mathml(r"\mathbf{\mathbf{\mathbf{x}}}", display=False) or "")
    assert is_wide(mathml("+".join("abcdefghijklmnop"), display=False) or "")
