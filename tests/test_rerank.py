"""The re-ranker: tiny cross-encoders with random weights, made here, against what transformers makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
from real_model import SETTINGS

from indexer import rerank
from indexer.errors import ModelError
from indexer.rerank import load_reranker
from indexer.settings import RerankerSettings
from indexer.types import Reranker

pytestmark = pytest.mark.timeout(600)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
QUESTION = "why are units dropped"
TEXTS = ["dropout switches units off", "a cat sat on the mat", "why", "the mat the cat " * 400, "units"]
READS = 64
"""Tokens that the tiny models read."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("reranker"))


def tiny(folder: Path, *, labels: int = 1, head: bool = True, bias: float = 0.0, pad: bool = True) -> Path:
    """Write a cross-encoder of one small layer to `folder`; without its `head`, or without a token to pad with."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(7)
    words = dict.fromkeys([*SPECIAL, *" ".join([QUESTION, *TEXTS]).split()])
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]" if pad else None,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=READS,
        num_labels=labels,
        initializer_range=0.5,  # so that texts differ
    )
    model = (BertForSequenceClassification if head else BertModel)(config)
    if bias:
        model.classifier.bias.data.fill_(bias)
    model.save_pretrained(folder)
    return folder


def logits(folder: Path) -> list[float]:
    """What transformers gives for each text alone, read as far as the model can."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [
            float(model(**tokenizer(QUESTION, text, truncation=True, max_length=READS, return_tensors="pt")).logits)
            for text in TEXTS
        ]


def load(model: Path | str, notice: Callable[[str], None] = pytest.fail, **settings: Any) -> Reranker:
    loaded = load_reranker(replace(SETTINGS, reranker=RerankerSettings(str(model)), **settings), notice=notice)
    assert loaded is not None
    return loaded


def test_without_a_setting_there_is_none() -> None:
    assert load_reranker(SETTINGS, notice=pytest.fail) is None


def test_scores_are_between_0_and_1_and_in_the_order_of_the_texts(folder: Path) -> None:
    scores = load(folder).score(QUESTION, TEXTS)
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([1 / (1 + math.exp(-logit)) for logit in logits(folder)], abs=1e-5)
    assert np.ptp(scores) > 0.05
    assert load(folder).score(QUESTION, TEXTS[::-1]) == pytest.approx(scores[::-1], abs=1e-5)


def test_no_texts(folder: Path) -> None:
    scores = load(folder).score(QUESTION, [])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


def test_a_model_that_was_saved_to_give_logits_scores_the_same(folder: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    model = CrossEncoder(str(folder), device="cpu", activation_fn=Identity())
    model.save_pretrained(str(tmp_path), create_model_card=False)
    raw = CrossEncoder(str(tmp_path), device="cpu").predict([(QUESTION, text) for text in TEXTS])
    assert raw.tolist() == pytest.approx(logits(folder), abs=1e-5)
    assert load(tmp_path).score(QUESTION, TEXTS) == pytest.approx(load(folder).score(QUESTION, TEXTS), abs=1e-6)


def test_many_threads_may_ask(folder: Path) -> None:
    reranker = load(folder)
    expected = reranker.score(QUESTION, TEXTS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: reranker.score(QUESTION, TEXTS), range(16)))
    assert np.array_equal(found, [expected] * 16)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"labels": 3}, "tells 3 classes apart and gives no single score; set FOOTNOTE_RERANKER to one that does"),
        ({"head": False}, "was not trained to score passages; set FOOTNOTE_RERANKER to one that was"),
        ({"bias": math.nan}, "gives scores that are no numbers; set FOOTNOTE_RERANKER to another"),
        ({"pad": False}, "cannot score: .*; set FOOTNOTE_RERANKER to one that can"),
    ],
)
def test_a_model_that_gives_no_score_is_refused(made: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"^the model .* {said}$"):
        load(tiny(tmp_path, **made))


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no folder .*; set FOOTNOTE_RERANKER to a cross-encoder"):
        load(tmp_path / "nowhere")


class OnAGpu:
    """A model that remembers what was done to it."""

    num_labels = 1
    config = SimpleNamespace(architectures=["XForSequenceClassification"])

    def __init__(self) -> None:
        self.moves: list[str] = []

    def __len__(self) -> int:
        return 1

    def half(self) -> Self:
        self.moves.append("half")
        return self

    def to(self, device: str) -> Self:
        self.moves.append(device)
        return self

    def predict(self, pairs: list[tuple[str, str]], **_: object) -> list[float]:
        return [0.5] * len(pairs)


@pytest.mark.parametrize(("device", "moves"), [("cpu", []), ("cuda", ["half", "cuda"])])
def test_the_device_is_that_of_the_settings(device: str, moves: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = OnAGpu()
    monkeypatch.setattr(rerank, "found", lambda *_: model)
    monkeypatch.setattr(rerank, "chosen_device", lambda asked: asked)
    load("a/model", device=device)
    assert model.moves == moves
