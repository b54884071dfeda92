"""A question with passages to scores: a cross-encoder, which reads both together and so sees more than a vector holds.

Nogueira and Cho 2019, arXiv:1901.04085. It is loaded only where the settings name one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import ModelError
from indexer.models import RERANKER, chosen_device, found, line_of
from indexer.settings import Settings
from indexer.types import Reranker

BATCH = {"cpu": 4, "cuda": 32}
"""Passages that are read together, by device. On a CPU, what is padded to the longest costs more than a call."""


def load_reranker(settings: Settings, *, notice: Callable[[str], None]) -> Reranker | None:
    """Load the re-ranker that `settings` name onto the device that they name; None where they name none.

    `notice` hears of a download. Raises ModelError when the model or the device is not there, and when the model does
    not give one score to a question with a passage.
    """
    name = settings.reranker.model
    if not name:
        return None
    device = chosen_device(settings.device)
    model = found(RERANKER, name, notice)
    if _made_up(model):
        raise ModelError(f"the model {name} was not trained to score passages; set {RERANKER.setting} to one that was")
    if model.num_labels != 1:
        raise ModelError(
            f"the model {name} tells {model.num_labels} classes apart and gives no single score; "
            f"set {RERANKER.setting} to one that does"
        )
    if device == "cuda":
        model = model.half().to("cuda")
    reranker = TorchReranker(model, BATCH[device])
    try:
        works = bool(np.isfinite(reranker.score("question", ["passage", "a longer passage"])).all())
    except Exception as error:  # better now than at the first question: whatever a model makes of itself in there
        raise ModelError(
            f"the model {name} cannot score: {line_of(error)}; set {RERANKER.setting} to one that can"
        ) from error
    if not works:
        raise ModelError(f"the model {name} gives scores that are no numbers; set {RERANKER.setting} to another")
    return reranker


class TorchReranker:
    """Any cross-encoder of sentence-transformers that gives one score. One thread scores at a time."""

    def __init__(self, model: Any, batch: int) -> None:
        import torch

        self._model = model
        self._batch = batch
        self._sigmoid = torch.nn.Sigmoid()
        self._lock = threading.Lock()

    def score(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Score each text: the sigmoid of what the model gives, whether it was saved to give logits or not."""
        pairs = [(question, text) for text in texts]
        with self._lock:
            scores = self._model.predict(
                pairs, batch_size=self._batch, activation_fn=self._sigmoid, show_progress_bar=False
            )
        return np.asarray(scores, np.float32)


def _made_up(model: Any) -> bool:
    """Whether the layer that scores is not of the model but random, made because the model had none."""
    architectures = getattr(model.config, "architectures", None) or ()
    return len(model) == 1 and not any(name.endswith("ForSequenceClassification") for name in architectures)
