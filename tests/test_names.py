import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.names import abbreviates, definitions, initialisms, initials, parts, phrases, short_names


def test_short_names_have_two_capitals_and_no_plural():
    text = "The LSTMs and a DenseNet beat RoBERTa on iPhones; CNN's AND of VISUALIZATIONS, Adam, see http://x.org/ABC"
    assert list(short_names(text)) == ["LSTM", "DenseNet", "RoBERTa", "CNN"]


@pytest.mark.parametrize(
    ("name", "found", "letters"),
    [
        ("LSTM", ["l", "s", "t", "m"], "lstm"),
        ("DenseNet", ["dense", "net"], "dn"),
        ("iPhone", ["i", "phone"], "ip"),
        ("SimCLR", ["sim", "c", "l", "r"], "sclr"),
    ],
)
def test_parts_are_capitals_with_what_follows(name, found, letters):
    assert parts(name) == found
    assert initials(name) == letters


@pytest.mark.parametrize(
    ("name", "phrase", "words"),
    [
        ("NTM", "neural turing machine is", 3),
        ("DenseNet", "densely connected network", 3),
        ("DenseNet", "densely and widely connected network", 0),
        ("ConvNet", "convolutional networks", 2),
        ("AIC", "akaike information criterion", 3),
        ("DOF", "degree of freedom", 3),
        ("DF", "degree of the freedom", 4),
        ("NTM", "neural machine", 0),
        ("NTM", "a neural turing machine", 0),
        ("BN", "batch", 0),
        ("BN", "", 0),
    ],
)
def test_a_name_abbreviates_the_words_that_it_begins(name, phrase, words):
    assert abbreviates(name, phrase.split()) == words


def test_what_stands_in_brackets_is_explained_by_the_words_before():
    text = (
        "We use Batch Normalization (BN) and the mean\nsquared error (MSE; see below), principal component analysis "
        "(PCA), a figure (see left) and an unrelated phrase (XYZ)."
    )
    assert list(definitions(text)) == [
        ("BN", "Batch Normalization"),
        ("MSE", "mean squared error"),
        ("PCA", "principal component analysis"),
    ]


def test_what_follows_a_short_name_and_a_colon_explains_it():
    text = (
        "# LoRA: Low-Rank Adaptation of Large Language Models\n- GloVe = global vectors, counted\nBPE - byte pair "
        "encoding.\nMSE stands for mean squared error\nBERT: Pre-training of Deep Transformers\nNote: nothing\n"
        "see http://x.org/RL:real-life, TODO: read it"
    )
    assert list(definitions(text)) == [
        ("LoRA", "Low-Rank Adaptation"),
        ("GloVe", "global vectors"),
        ("BPE", "byte pair encoding"),
        ("MSE", "mean squared error"),
    ]


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=8), min_size=2, max_size=6))
def test_initials_abbreviate_their_words(words):
    name = "".join(word[0].upper() for word in words)
    assert abbreviates(name, words) == len(words)
    if name.lower() not in ("ad", "be"):
        assert list(short_names(f"the {name} of")) == [name]


@given(st.text())
def test_any_text_can_be_read(text):
    for name in short_names(text):
        assert initials(name)
    for name, meaning in definitions(text):
        assert abbreviates(name, meaning.lower().replace("-", " ").split()) >= 0


def test_phrases_have_the_initials_of_their_words_each_but_once_in_a_row():
    text = "Hard hard example\nmining, of the non-maximum suppression; examples of use."
    assert initialisms(text) == {"hem", "nms", "eou"}
    assert list(phrases(text, "hem")) == ["hard example mining"]
    assert list(phrases(text, "nms")) == ["non maximum suppression"]
    assert list(phrases(text, "otn")) == []


@pytest.mark.parametrize("text", ["a" * 40_000, "hard-" * 8_000, "(AB" + " " * 40_000, "AB" + " " * 40_000 + ": x"])
def test_reading_takes_time_in_proportion_to_the_text(text):
    begun = time.process_time()
    assert not list(definitions(text))
    assert len(initialisms(text)) == len(set(phrases(text, "hem"))) == 0
    assert time.process_time() - begun < 1


@given(st.text("abAB -,\n", max_size=60))
def test_each_initialism_is_that_of_a_phrase(text):
    for letters in initialisms(text):
        found = list(phrases(text, letters))
        assert found
        assert all("".join(word[0] for word in phrase.split()) == letters for phrase in found)
