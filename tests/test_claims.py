from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.claims import objection

SHARED = Path(__file__).resolve().parents[2] / "shared"
QUOTE = "Adam does not reach 3.5 % error in 20 ms, but AdamW does after 160 million steps of the encoder."


def against(text: str, *quotes: str, question: str = "", clauses: tuple[str, ...] | None = None) -> str | None:
    shown = quotes or (QUOTE,)
    return objection(text, question, shown, shown if clauses is None else clauses, ["Optimisers › Adam"])


@pytest.mark.parametrize(
    "text",
    [
        "Adam does not reach 3.5 percent error in 20 ms.",
        "Within 20 milliseconds Adam never reaches an error of 3.5%.",
        "AdamW reaches that error after 160 million encoder steps, which Adam can not.",
    ],
)
def test_what_its_quotes_say_stands(text):
    assert against(text) is None


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("Adam does not reach 35 % error in 20 ms.", "the number 35 % is not in what it quotes"),
        ("Adam does not reach 3.5 % error in 20 s.", "the number 20 s is not in what it quotes"),
        ("Adam does not reach 3.5 error in 20 ms.", "the number 3.5 is not in what it quotes"),
        ("Adam does not reach it in twenty seconds.", "the number 20 s is not in what it quotes"),
        ("Adam does not reach it in half the steps.", "the number half is not in what it quotes"),
        ("Adam does not reach it after 160 billion steps.", "the number 160 billion is not in what it quotes"),
        ("Adam does not reach -3.5 % error.", "the number -3.5 % is not in what it quotes"),
        ("Adam reaches 3.5 % error in 20 ms.", "it leaves out that its quotes deny"),
        ("AdamW does not reach it before 160 million decoder steps.", "it says befor, and its quotes the opposite"),
        ("Not the decoder, AdamW steps.", "it says decod, and its quotes the opposite"),
        ("Quasars do not shine in the dark night sky.", "its quotes speak of something else"),
        ("Adam does not reach quasars, galaxies, planets, comets.", "its quotes speak of something else"),
        ("No, not so.", "it says nothing"),
        ("Adam does not reach 3.5 % error in 20 ms, says Turing.", "it names Turing, and its quotes do not"),
        ("OpenAI reaches 3.5 % error in 20 ms, not Adam.", "it names OpenAI, and its quotes do not"),
        ("Adam does not reach it. " * 40, "too long"),
    ],
)
def test_what_its_quotes_do_not_say_is_refused(text, objects):
    assert against(text) == objects


def test_a_number_counts_what_it_counts_in_the_quotes():
    quote = "They train 10 epochs with 3 layers of 64 units, then 2 more epochs."
    assert against("They train 10 epochs with 3 layers of 64 units.", quote) is None
    assert against("They train 3 epochs with 10 layers of units.", quote) == (
        "the number 3 counts something else in what it quotes"
    )
    assert against("They train three epochs.", quote) == "the number 3 counts something else in what it quotes"
    assert against("They train the 64 hidden units.", quote.replace("units", "hidden units")) is None


def test_names_may_come_from_the_question_and_the_headings():
    quote = "It keeps a moving average of the gradient."
    assert against("Adam keeps a moving average of the gradient.", quote) is None
    assert against("A moving average of the gradient is kept by RMSProp.", quote, question="Does RMSProp?") is None
    assert "Nesterov" in against("A moving average of the gradient is kept by Nesterov.", quote)


def test_a_denial_has_to_be_quoted_or_asked_for():
    quote = "AdamW reaches a low error after some steps."
    assert against("AdamW never reaches a low error.", quote) == "it denies what its quotes do not"
    assert against("AdamW never reaches a low error.", quote, question="Why does AdamW not reach it?") is None


def test_only_the_clauses_that_were_quoted_are_held_against_it():
    clauses = ("but AdamW does after 160 million steps of the encoder.",)
    assert against("AdamW does after 160 million steps.", clauses=clauses) is None
    assert against("AdamW does after 160 million steps.") == "it leaves out that its quotes deny"


def test_a_prefix_that_turns_a_word_is_seen():
    assert against("Training is unstable here.", "Training is stable here.") == (
        "it says unstabl, and its quotes the opposite"
    )
    assert against("The supervised task is easy.", "The unsupervised task is easy.") == (
        "it says supervis, and its quotes the opposite"
    )
    assert against("The loss grows here.", "The loss grows here, and shrinks there.") is None


def test_words_of_the_question_and_of_the_headings_count_but_are_not_enough():
    quote = "22-layers deep model"
    assert against("GoogLeNet is 22 layers deep.", quote, question="How deep is GoogLeNet?") is None
    assert against("GoogLeNet was the winner of ILSVRC.", quote, question="Was GoogLeNet the winner of ILSVRC?") == (
        "its quotes speak of something else"
    )


def test_a_number_of_the_question_may_be_said():
    quote = "Residual networks of that depth still train well."
    assert against("Residual networks of 50 layers still train well.", quote, question="Can 50 layers train?") is None
    assert "50" in against("Residual networks of 50 layers still train well.", quote)


@given(st.integers(2, 10**6), st.sampled_from(["", ".5", "%", " ms", " million", "e-3"]))
def test_no_number_is_made_up(number, unit):
    said = f"The best residual network needs {number}{unit} for training."
    quote = "The best residual network needs 1 for training."
    assert against(said, quote) is not None
    assert against(said, said) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared notes")
def test_answers_that_people_wrote_stand_on_their_lines_and_on_no_others():
    """So the two shares were chosen: they keep nine answers of ten, and three of a hundred on other lines."""
    lines = {file.name: file.read_text(encoding="utf-8").split("\n") for file in (SHARED / "notes").glob("*.md")}
    rows = [json.loads(row) for row in (SHARED / "gold" / "notes_dev.jsonl").read_text().splitlines()]
    others = ("its quotes speak of something else", "it says more than its quotes", "it says nothing")
    kept, carried_over, count = 0, 0, 0
    for row in rows:
        if not row["gold"] or len(row["answer"].split()) < 4:
            continue
        gold = row["gold"][0]
        own = [line for g in row["gold"] for line in lines[g["file"]][g["start_line"] - 1 : g["end_line"]]]
        near = lines[gold["file"]][max(0, gold["start_line"] - 8) : gold["start_line"] - 2]
        count += 1
        kept += objection(row["answer"], row["question"], own, (), ()) not in others
        carried_over += objection(row["answer"], row["question"], near, (), ()) is None
    assert count > 50
    assert kept >= 0.9 * count
    assert carried_over <= 0.03 * count
