import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.lexical import Lexical, LexicalDocument
from service.forms import (
    MOST_CLAUSES,
    MOST_LOOKED_UP,
    clauses,
    explained,
    forms,
    headline,
    respelt,
    shortened,
    without_aside,
)

TEXTS = (
    "An NTM has a memory; the NTM is read and written.",
    "DenseNet joins all layers. The bottleneck is in each block.",
    "Long short-term memory (LSTM) has gates. Batch Normalization (BN) rescales.",
    "The transformer has an activation; PE tells where a token is. Tuning helps, too.",
    "ML is short. The summurization of texts. AdamW decays weights.",
    "Solved by online hard hard example mining. Each has an exponential moving average of its weights, like others.",
    "An exponential moving-average helps; all exponents matter, abruptly.",
    "Markov chain Monte Carlo is sampled. Most cells make copies. Alternating least squares.",
    "A low, steady learning rate. A list, some left.",
)
LONG = 20_000
COMMON = {"deepen", "transformer", "activation", "tuning", "turning", "memory", "goes", "block", "residual"}


def count_tokens(texts):
    """Common words are one token, others two; with two special ones."""
    return [2 + sum(1 if word in COMMON else 2 for word in text.lower().split()) for text in texts]


def read_texts(numbers):
    return {number: TEXTS[number - 1] for number in numbers}


@pytest.fixture(scope="module")
def lexical():
    return Lexical.build((LexicalDocument(n, "", "", text) for n, text in enumerate(TEXTS, start=1)), generation=1)


@pytest.mark.parametrize(
    ("asked", "spelt"),
    [
        ("inverted botleneck in the transfomer blok", "inverted bottleneck in the transformer block"),
        ("What is actvation?", "What is activation?"),
        ("turning", "turning"),  # a word like the library's tuning
        ("a summarization", "a summurization"),  # what the library misspells is found by its spelling
        ("bottlenecks", "bottlenecks"),
        ("DropConnect xyzzy", "DropConnect xyzzy"),  # a name, and what is like nothing
        ("éclair", "éclair"),
        ("deepening or joined", "deepening or joined"),  # a common word with an ending
        ("summurisation", "summurization"),
        ("", ""),
    ],
)
def test_words_are_spelt_as_in_the_library(lexical, asked, spelt):
    assert respelt(asked, lexical, count_tokens) == spelt


@pytest.mark.parametrize(
    ("asked", "short"),
    [
        ("What is a Neural Turing Machine?", "What is a NTM?"),
        ("the growth rate of a densely connected network", "the growth rate of a DenseNet"),
        ("How does Positional Encoding work?", "How does PE work?"),
        ("how does positional encoding work?", "how does positional encoding work?"),  # two initials, of anything
        ("how many layers?", "how many layers?"),  # not ML
        ("next, turn me", "next, turn me"),
        ("why does Adam want a warm-up", "why does Adam want a warm-up"),  # AdamW is another one
        ("is the NTM a neural Turing machine", "is the NTM a neural Turing machine"),
        ("neural, Turing machine", "neural, Turing machine"),
    ],
)
def test_phrases_become_the_names_that_the_library_has(lexical, asked, short):
    assert shortened(asked, lexical) == short


@pytest.mark.parametrize(
    ("asked", "long"),
    [
        ("What does BN do?", "What does batch normalization do?"),
        ("LSTM or NTM", "long short-term memory or NTM"),
        ("BN and batch normalization", "BN and batch normalization"),
        ("bn", "bn"),
        ("what is an lstm", "what is an lstm"),  # as the library has it
        ("What is OHEM used for?", "What is online hard example mining used for?"),
        ("how do I tune ema", "how do I tune exponential moving average"),
        ("ALS or MCMC", "ALS or MCMC"),  # three initials once, or two phrases with these initials
        ("an XYZ of mse", "an XYZ of mse"),
        ("what does goes mean", "what does goes mean"),  # a common word
    ],
)
def test_names_become_what_the_library_explains_them_by(lexical, asked, long):
    assert explained(asked, lexical, count_tokens, read_texts) == long


@pytest.mark.parametrize(
    ("asked", "several"),
    [
        (
            "How cheap is a depthwise separable convolution, and is it also fast on a phone GPU?",
            ["How cheap is a depthwise separable convolution", "is it also fast on a phone GPU?"],
        ),
        ("Explain linear regression and when do we use it?", ["Explain linear regression"]),
        (
            "What is a linear model? How do decision trees split?",
            ["What is a linear model?", "How do decision trees split?"],
        ),
        ("Is dropout needed; does batch norm replace it", ["Is dropout needed", "does batch norm replace it"]),
        ("What is the difference between bias and variance?", []),
        ("Which layers are wide and deep?", []),
        (
            "red hats and how red shoes do and how red ties do and how red belts do",
            [
                "red hats",
                "how red shoes do",
                "how red ties do and how red belts do",
            ],
        ),
        ("", []),
    ],
)
def test_a_question_of_several_is_taken_apart(asked, several):
    assert clauses(asked) == several


def test_each_of_several_questions_is_a_form(lexical):
    asked = "How long is the memory of an NTM, and how many gates has an LSTM?"
    assert forms(asked, lexical, count_tokens, read_texts)[-2:] == clauses(asked)


def test_the_questions_own_words_come_first_and_forms_are_few(lexical):
    asked = "The botleneck of a Neural Turing Machine with BN"
    assert forms(asked, lexical, count_tokens, read_texts) == [
        asked,
        "The bottleneck of a Neural Turing Machine with BN",
        "The bottleneck of a NTM with BN",
        "The bottleneck of a Neural Turing Machine with batch normalization",
    ]
    assert forms("memory", lexical, count_tokens, read_texts) == ["memory"]
    found = forms(f"{asked}: A title (like in BeRT)", lexical, count_tokens, read_texts)
    assert found[-2:] == [
        "The bottleneck of a Neural Turing Machine with BN: A title",
        "The bottleneck of a Neural Turing Machine with BN",
    ]
    assert len(found) == 6


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("How does PE work? (like in BeRT)", "How does PE work?"),
        ("Network in Network (barely read)", "Network in Network"),
        ("How does LoRA work? see fine-tuning", "How does LoRA work?"),
        ("How? Why? Both", "How? Why?"),
        ("Finding Sparse, Trainable Networks, Mull and Grau, 2019", "Finding Sparse, Trainable Networks"),
        ("Attention alone, Mull et al., 2020a.", "Attention alone"),
        ("Trained since 2019, and still good", "Trained since 2019, and still good"),
        ("Focal networks (from the talk): https://x.org/a?b=1", "Focal networks"),
        ("https://x.org/a?b=1", "https://x.org/a?b=1"),
        ("Read and understand the paper on ViT", "the paper on ViT"),
        ("review BERT", "BERT"),
        ("Read", "Read"),
        ("reading is fun", "reading is fun"),
        ("what is f(x)?", "what is f(x)?"),
        ("(all of it)", "(all of it)"),
    ],
)
def test_a_remark_at_the_end_is_left_out(asked, left):
    assert without_aside(asked) == left


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("The Lottery Ticket: Finding Sparse Networks", "The Lottery Ticket"),
        ("LARS: a method for large batches", "LARS: a method for large batches"),
        ("Two cases: when is it better to wait?", "Two cases: when is it better to wait?"),
        ("a small net in the first paper: number of units", "a small net in the first paper: number of units"),
    ],
)
def test_the_headline_of_a_title_stands_before_its_colon(asked, left):
    assert headline(asked) == left


@pytest.mark.parametrize("read", [without_aside, clauses, headline])
@pytest.mark.parametrize(
    "asked",
    [
        "What" + " " * LONG + "?",
        "What?" + " " * LONG + "is it",
        "What, " + "and " * LONG,
        "What, " + "and " * LONG + "2019" + "!" * LONG + "x",
        "What (" * LONG + "x)" + " " * LONG + "x",
        ": A" * LONG + "?",
    ],
    ids=["spaces", "spaces behind a question", "names", "names and a year", "brackets", "colons"],
)
def test_reading_takes_time_in_proportion_to_the_question(read, asked):
    begun = time.process_time()
    assert len(read(asked)) <= len(asked)
    assert time.process_time() - begun < 1


_PIECES = st.sampled_from((" and what is ", "? How ", "; why ", " (", ") ", ": ", ", 2019", "BN", "NTM", "memory", "?"))


@given(asked=st.text() | st.lists(_PIECES, max_size=12).map("".join))
def test_any_question_has_a_form(lexical, asked):
    found = forms(asked, lexical, count_tokens, read_texts)
    assert found[0] == asked
    assert len(set(found)) == len(found) <= 6 + MOST_CLAUSES


def test_only_the_first_words_of_a_long_question_are_looked_up(lexical):
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}q" for n in range(MOST_LOOKED_UP)]
    assert explained(" ".join(words) + " LSTM", lexical, count_tokens, read_texts).endswith(" LSTM")
    assert explained(" ".join(words[1:]) + " LSTM", lexical, count_tokens, read_texts).endswith(
        "long short-term memory"
    )
