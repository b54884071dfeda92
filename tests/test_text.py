import codecs
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError
from indexer.parsing.text import decode, lines_of

# U+FFFD says that something could not be read
READABLE = st.characters(
    categories=["L", "N", "P", "S", "Zs"], include_characters="\n\r\t", exclude_characters="\ufffd"
)
ENGLISH = "Weight decay pulls every weight towards zero.\n"


@given(st.text(READABLE))
def test_utf8_is_what_was_written(text):
    assert decode(text.encode(), "a.md") == text
    assert decode(codecs.BOM_UTF8 + text.encode(), "a.md") == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@given(text=st.text(READABLE))
def test_a_mark_tells_the_encoding(encoding, text):
    assert decode(text.encode(encoding), "a.md") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@given(text=st.text(READABLE, max_size=30))
def test_utf16_without_a_mark_is_known_by_its_nuls(encoding, text):
    whole = ENGLISH + text
    assert decode(whole.encode(encoding), "a.md") == whole


def test_russian_utf16_without_a_mark():
    text = "Переобучение — это когда модель запоминает данные.\n" * 3
    assert decode(text.encode("utf-16-le"), "a.md") == text


def test_a_stray_byte_among_many_good_ones_is_marked():
    text = "Überanpassung heißt: schön auswendig gelernt, größer, müßig, öde, Äpfel. " * 2
    assert decode(text.encode() + b"\xff", "a.md") == text + "\ufffd"


def test_a_replacement_character_that_was_written_does_not_count_as_broken():
    assert decode("\ufffd\ufffdü".encode(), "a.md") == "\ufffd\ufffdü"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Überanpassung heißt, dass das Modell auswendig lernt."),
        ("cp1252", "It’s “fine” — naïve Bayes, 10°."),
        ("cp1252", "café"),
        ("cp1250", "Przeuczenie to sytuacja, gdy model zapamiętuje dane treningowe. Źle, że wciąż."),
        ("cp1251", "Переобучение это когда модель запоминает данные."),
        ("koi8_r", "Переобучение это когда модель запоминает данные."),
        ("cp932", "過学習とはモデルが訓練データを覚えてしまうことです。"),
        ("gb18030", "过拟合是指模型记住了训练数据而不能推广。"),
        ("euc_kr", "과적합은 모델이 훈련 데이터를 외우는 것이다."),
    ],
)
def test_older_encodings_are_guessed(encoding, text):
    assert decode((ENGLISH + text).encode(encoding), "a.md") == ENGLISH + text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00",
        bytes(range(256)) * 4,
        b"\x7fELF\x02\x01\x01\x00" + bytes(64),
        ENGLISH.encode() + b"\0",
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f" * 30,
        codecs.BOM_UTF16_LE + b"\x00\xd8a\x00" * 40,
        bytes(1000),
    ],
)
def test_binary_data_is_refused(data):
    with pytest.raises(SourceError) as caught:
        decode(data, "folder/a.md")
    assert str(caught.value) == "binary data, not text; remove it, or rename it if it is no .md file"


@settings(deadline=None)  # the first example imports charset-normalizer
@given(st.binary())
def test_any_bytes_become_text_without_nuls_or_are_refused(data):
    with suppress(SourceError):
        assert "\0" not in decode(data, "a.md")


def test_only_three_line_ends_end_lines():
    assert lines_of("a\nb\r\nc\rd\x0be\x0cf\u2028g\x85h\n\ni\n") == ["a", "b", "c", "d\x0be\x0cf\u2028g\x85h", "", "i"]
    assert lines_of("") == []
    assert lines_of("\n") == [""]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n")), max_size=9), st.sampled_from(["\n", "\r\n", "\r"]))
def test_lines_joined_and_split_are_the_same(lines, end):
    assert lines_of("".join(line + end for line in lines)) == lines
