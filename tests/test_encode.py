"""The encoder: the compiled one against itself and the original, and what a start imports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_model import CACHE, SETTINGS, real_encoder

from indexer import encode
from indexer.compile import bundled_model, compiled_model
from indexer.encode import load_encoder, unit
from indexer.tokens import DIMENSION, max_similarities, unpack
from indexer.types import EncodedQuery, Encoder

pytestmark = pytest.mark.timeout(600)

TEXTS = [
    "Dropout switches units off at random while a network is trained.",
    "A cat sat on the mat.",
    "",
    "$$\\nabla_\\theta J(\\theta) = \\mathbb{E}[\\nabla \\log \\pi(a)\\, A]$$",
    "The Adam optimiser keeps moving averages of the gradient and of its square. " * 12,
    "Überanpassung erkennt man am Abstand der beiden Kurven.",
    "What does dropout do?",
] * 4


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return real_encoder()


@pytest.fixture(scope="module")
def original() -> Encoder:
    settings = replace(SETTINGS, model=str(bundled_model()))
    return load_encoder(settings, notice=pytest.fail)


def embedded(encoder: Encoder, text: str) -> EncodedQuery:
    (query,) = encoder.begin_queries([text])()
    return query


def test_a_question_is_nearest_to_its_answer(encoder: Encoder) -> None:
    scores = encoder.encode(TEXTS[:6]).vectors @ embedded(encoder, "why are units dropped in training?").vector
    assert int(np.argmax(scores)) == 0
    assert scores[0] > 0.5
    assert scores[1] < 0.2


def test_vectors_come_in_order_and_whatever_lies_beside_them(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]).vectors for text in TEXTS])
    assert np.sum(together.vectors * alone, axis=1) == pytest.approx(1, abs=1e-4)
    assert together.vectors == pytest.approx(encoder.encode(TEXTS[::-1]).vectors[::-1], abs=5e-3)
    assert np.linalg.norm(together.vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert together.vectors.dtype == np.float32
    assert [2 * len(codes) // DIMENSION for codes in together.tokens] == encoder.count_tokens(TEXTS)
    (codes,) = encoder.encode(TEXTS[3:4]).tokens
    assert np.mean(np.abs(unpack(together.tokens[3]) - unpack(codes))) < 0.01


def test_a_question_and_a_passage_of_the_same_words_are_the_same(encoder: Encoder) -> None:
    query = embedded(encoder, TEXTS[0])
    assert query.vector == pytest.approx(encoder.encode(TEXTS[:1]).vectors[0], abs=1e-6)
    (codes,) = encoder.encode(TEXTS[:1]).tokens
    assert np.sum(query.tokens * unpack(codes)[1:-1], axis=1) == pytest.approx(1, abs=0.05)


def test_the_tokens_of_a_question_say_where_they_stand(encoder: Encoder) -> None:
    query = embedded(encoder, "Why dropout?")
    assert [("Why dropout?"[start:end]) for start, end in query.offsets] == ["Why", "drop", "out", "?"]
    assert query.tokens.shape == (4, DIMENSION)
    assert np.linalg.norm(query.tokens, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedded(encoder, "word " * 1000).tokens.shape == (254, DIMENSION)


def test_offsets_are_those_of_the_coded_tokens(encoder: Encoder) -> None:
    long = "word " * 1000
    offsets, encoded = encoder.offsets([TEXTS[0], long]), encoder.encode([TEXTS[0], long])
    assert [len(row) for row in offsets] == [2 * len(codes) // DIMENSION for codes in encoded.tokens]
    words = [TEXTS[0][start:end] for start, end in offsets[0]]
    assert words[0] == words[-1] == ""
    assert "".join(words).replace(" ", "") == TEXTS[0].replace(" ", "")


@pytest.mark.parametrize("texts", [TEXTS[:3], ["a", "word " * 300, "what is dropout"]])
def test_several_questions_are_read_as_each_alone(encoder: Encoder, texts: Sequence[str]) -> None:
    together = encoder.begin_queries(texts)()
    assert encoder.begin_queries([])() == []
    for query, text in zip(together, texts, strict=True):
        single = embedded(encoder, text)
        assert query.offsets == single.offsets
        assert query.vector == pytest.approx(single.vector, abs=0.01)
        assert np.sum(query.tokens * single.tokens, axis=1) == pytest.approx(1, abs=0.01)


def test_words_are_matched_where_they_are_met(encoder: Encoder) -> None:
    query = embedded(encoder, "gradient of the loss")
    best = max_similarities(query.tokens, encoder.encode(["the gradients of a loss", "a recipe for soup"]).tokens)
    assert best[0].mean() > best[1].mean() + 0.2


def test_it_is_loaded_when_the_first_text_comes(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    monkeypatch.setattr(encode, "_load_compiled", lambda *_, **__: loads.append(1) or encoder)
    awaited = load_encoder(SETTINGS, notice=pytest.fail)
    known = (awaited.fingerprint, awaited.dimension, awaited.max_tokens)
    assert known == (encoder.fingerprint, encoder.dimension, encoder.max_tokens)
    assert loads == []
    assert awaited.count_tokens(TEXTS[:3]) == encoder.count_tokens(TEXTS[:3])
    assert np.array_equal(awaited.encode(TEXTS[:1]).vectors, encoder.encode(TEXTS[:1]).vectors)
    assert awaited.offsets(TEXTS[:1]) == encoder.offsets(TEXTS[:1])
    assert np.array_equal(embedded(awaited, TEXTS[1]).vector, embedded(encoder, TEXTS[1]).vector)
    assert loads == [1]


def test_no_texts(encoder: Encoder) -> None:
    assert encoder.encode([]).vectors.shape == (0, 384)
    assert encoder.count_tokens([]) == []


def test_tokens_are_counted_to_the_end_and_read_to_the_limit(encoder: Encoder) -> None:
    assert encoder.max_tokens == 256
    assert encoder.count_tokens(["", "hello world", "word " * 1000]) == [2, 4, 1002]
    whole, beyond = "word " * 254, "word " * 254 + "unread " * 300
    first, second = encoder.encode([whole, beyond]).vectors
    assert first == pytest.approx(second, abs=1e-6)


def test_more_texts_than_are_laid_together(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encoder.encode(TEXTS).vectors
    monkeypatch.setattr(encode, "WINDOW", 5)
    assert np.sum(encoder.encode(TEXTS).vectors * expected, axis=1) == pytest.approx(1, abs=1e-4)


def test_many_threads_may_ask(encoder: Encoder) -> None:
    expected = [embedded(encoder, text).vector for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        found = [query.vector for query in pool.map(lambda text: embedded(encoder, text), TEXTS)]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("tokens", [2, 15, 16, 17, 32, 33, 100])
def test_a_question_of_any_length_is_read_as_a_passage_is(encoder: Encoder, tokens: int) -> None:
    text = " ".join((["gradient", "descent", "of", "the", "loss"] * 20)[: tokens - 2])
    query, passage = embedded(encoder, text), encoder.encode([text])
    assert encoder.count_tokens([text]) == [tokens]
    assert float(query.vector @ passage.vectors[0]) > 0.999
    ours = encode.unit(unpack(passage.tokens[0]))[1:-1]
    assert len(query.tokens) == tokens - 2
    assert np.sum(query.tokens * ours, axis=1) == pytest.approx(1, abs=0.03)


def test_prompts_go_before_the_text(encoder: Encoder) -> None:
    settings = replace(SETTINGS, query_prompt="query: ", passage_prompt="passage: ")
    prompted = load_encoder(settings, notice=pytest.fail)
    assert np.array_equal(embedded(prompted, "a").vector, embedded(encoder, "query: a").vector)
    assert np.array_equal(prompted.encode(["a"]).vectors, encoder.encode(["passage: a"]).vectors)
    assert prompted.count_tokens(["a"]) == encoder.count_tokens(["passage: a"])
    assert prompted.fingerprint != encoder.fingerprint
    assert encoder.fingerprint.startswith("all-MiniLM-L6-v2-")
    assert embedded(prompted, "a").offsets == ((0, 1),)


def test_it_works_where_the_runtime_cannot_keep_what_it_compiled(encoder: Encoder, tmp_path: Path) -> None:
    folder = compiled_model(CACHE, pytest.fail).folder
    copy = tmp_path / "models" / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("compiled"))
    (copy / "compiled").write_text("not a folder")
    other = load_encoder(replace(SETTINGS, cache=tmp_path), notice=pytest.fail)
    assert other.fingerprint == encoder.fingerprint
    assert embedded(other, "a").vector == pytest.approx(embedded(encoder, "a").vector, abs=1e-5)


def test_a_start_is_silent_and_imports_nothing_heavy(encoder: Encoder) -> None:
    program = f"""
import sys
calls = []
sys.addaudithook(lambda event, args: event.startswith("socket.") and calls.append((event, args)))
from pathlib import Path
from indexer.encode import load_encoder
from indexer.rerank import load_reranker
from indexer.settings import Settings
assert not {{"openvino", "tokenizers"}} & set(sys.modules)
cache = Path({str(CACHE)!r})
settings = Settings(library=cache, cache=cache, device="cpu")
encoder = load_encoder(settings, notice=print)
assert load_reranker(settings, notice=print) is None
encoder.begin_queries(["a"])()
encoder.encode(["b", "c"])
heavy = {{"torch", "transformers", "sentence_transformers", "nncf", "openvino_telemetry.main", "huggingface_hub"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert not calls, calls
"""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_compiled_model_is_close_to_the_original(encoder: Encoder, original: Encoder) -> None:
    cosines = np.sum(encoder.encode(TEXTS).vectors * original.encode(TEXTS).vectors, axis=1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.98
    query = embedded(original, TEXTS[0])
    assert query.vector == pytest.approx(original.encode(TEXTS[:1]).vectors[0], abs=1e-5)
    assert original.encode([]).vectors.shape == (0, 384)
    assert original.count_tokens(["", "word " * 1000]) == encoder.count_tokens(["", "word " * 1000])
    assert (original.dimension, original.max_tokens) == (384, 256)
    assert original.fingerprint.startswith("model-")


def test_the_original_gives_nearly_the_same_token_codes(encoder: Encoder, original: Encoder) -> None:
    ours, theirs = (encode.unit(unpack(b"".join(e.encode(TEXTS).tokens))) for e in (encoder, original))
    assert np.mean(np.sum(ours * theirs, axis=1)) > 0.95
    assert embedded(original, "Why dropout?").offsets == embedded(encoder, "Why dropout?").offsets
    assert original.encode([]).tokens == ()


def test_unit() -> None:
    rows = unit(np.array([[3, 4], [0, 0]], np.float16))
    assert rows.tolist() == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
    assert rows.dtype == np.float32
