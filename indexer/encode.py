"""Texts to vectors: the only room, with `compile`, that knows tokenizers and OpenVINO.

The default model runs compiled on the CPU and imports none of torch; any other model, and a GPU, go through
sentence-transformers.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.batches import Batch, batches, questions
from indexer.beside import Beside
from indexer.compile import (
    WEIGHTS_SHA256,
    CompiledModel,
    Meta,
    bundled_model,
    check_weights,
    compiled_model,
    fitted_projection,
    import_openvino,
)
from indexer.settings import DEFAULT_MODEL, Settings
from indexer.tokens import DIMENSION, TOKEN_BYTES, Projection, pack
from indexer.types import Encoded, EncodedQuery, Encoder, Matrix
from indexer.wordpieces import Offsets, WordPieces

T = TypeVar("T")

WINDOW = 4096
"""Texts that are tokenised and laid into batches together: bounds the memory of a large run."""
REQUESTS = 2
"""Batches a stream: one that it computes, and one that waits."""
ASKED_AT_ONCE, MOST_THREADS = 2, 4
"""So many questions are embedded at a time. They have too few tokens for more threads to share."""
TORCH_OUTPUT: dict[str, Any] = {"output_value": None, "show_progress_bar": False, "convert_to_numpy": False}
LONGEST = 512
UNLIMITED = 1_000_000
"""Tokens that are read by a model that states no limit of its own, or one that only says that there is none."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What goes before a text that is embedded."""

    query: str
    passage: str


def load_encoder(
    settings: Settings, *, device: str | None = None, asking: bool = False, notice: Callable[[str], None]
) -> Encoder:
    """Load the model that `settings` names, on `device` or else the device that they name.

    `asking` readies it for a few short texts at a time rather than for many: the default model then reads them on the
    CPU, whatever it embedded the notes on: that takes milliseconds there, and torch, which a GPU needs, seconds to
    import.

    Else the default model, on the CPU, is loaded when the first text is given to it.

    `notice` gets a line for what takes long or is not as asked. The first load of the default model on the CPU
    compiles it below `settings.cache`. Raises ModelError when the model or the device is not there.
    """
    name = settings.model.removeprefix("sentence-transformers/")
    prompts = Prompts(settings.query_prompt, settings.passage_prompt)
    if asking and name == DEFAULT_MODEL:
        return _load_compiled(
            compiled_model(settings.cache, notice),
            prompts,
            streams=min(_cores(), ASKED_AT_ONCE),
            threads=min(_cores(), MOST_THREADS),
        )
    from indexer.models import EMBEDDING, chosen_device, found, opened

    device = chosen_device(device or settings.device)
    if name != DEFAULT_MODEL:
        return _load_torch(found(EMBEDDING, settings.model, notice), name, device, prompts, settings.cache)
    if device == "cpu":
        model = compiled_model(settings.cache, notice)
        fingerprint = _fingerprint(DEFAULT_MODEL, WEIGHTS_SHA256, model.meta.max_tokens, prompts)
        return Awaited(
            fingerprint, model.meta, partial(_load_compiled, model, prompts, streams=_cores(), threads=_cores())
        )
    check_weights(bundled_model())
    return _load_torch(opened(EMBEDDING, str(bundled_model())), name, device, prompts, settings.cache)


class Awaited:
    """An encoder that is loaded when it is first used; what there is to know of it is known before.

    A run that finds nothing new then never loads it.
    """

    def __init__(self, fingerprint: str, meta: Meta, load: Callable[[], Encoder]) -> None:
        self.fingerprint = fingerprint
        self.dimension = meta.dimension
        self.max_tokens = meta.max_tokens
        self._load = load
        self._lock = threading.Lock()

    @cached_property
    def _loaded(self) -> Encoder:
        return self._load()

    def _encoder(self) -> Encoder:
        with self._lock:
            return self._loaded

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed passages, in the order of `texts`."""
        return self._encoder().encode(texts)

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        """Begin to embed a few questions; what is given back waits for them, once."""
        return self._encoder().begin_queries(texts)

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the tokens that `encode` codes stand in each text."""
        return self._encoder().offsets(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        return self._encoder().count_tokens(texts)


def import_runtime(settings: Settings) -> None:
    """Import what the default model runs on, where it is the one to load: two threads hold each other up importing."""
    if settings.model.removeprefix("sentence-transformers/") == DEFAULT_MODEL:
        import_openvino()


class CompiledEncoder:
    """The default model on the CPU. Safe to use from many threads.

    There are more requests than streams, so that a stream has its next batch when it is done with one.
    """

    def __init__(
        self, tokenizer: Any, words: NDArray[np.float16], requests: Sequence[Any], meta: Meta, prompts: Prompts
    ) -> None:
        self.fingerprint = _fingerprint(DEFAULT_MODEL, WEIGHTS_SHA256, meta.max_tokens, prompts)
        self.dimension = meta.dimension
        self.max_tokens = meta.max_tokens
        self._tokenizer = tokenizer
        self._pieces = WordPieces(tokenizer)
        self._words = words
        self._prompts = prompts
        self._requests = len(requests)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for request in requests:
            self._idle.put(request)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed passages, in the order of `texts`."""
        from concurrent.futures import ThreadPoolExecutor

        vectors = np.empty((len(texts), self.dimension), np.float32)
        codes = [b""] * len(texts)
        pool = ThreadPoolExecutor(self._requests)
        try:
            for start in range(0, len(texts), WINDOW):
                rows = self._tokens([self._prompts.passage + text for text in texts[start : start + WINDOW]])
                laid = list(batches(rows))
                for batch, (found, packed) in zip(laid, pool.map(self._coded, laid), strict=True):
                    vectors[[start + number for number in batch.numbers]] = found
                    for number, first in zip(batch.numbers, batch.starts, strict=True):
                        end = first + len(rows[number])
                        codes[start + number] = packed[first * TOKEN_BYTES : end * TOKEN_BYTES]
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for what has not begun
        return Encoded(vectors, tuple(codes))

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        """Begin to embed a few questions; what is given back waits for them, once."""
        encodings = [self._tokenizer.encode(self._prompts.query + text) for text in texts]
        rows = [within(encoding.ids, self.max_tokens) for encoding in encodings]
        begun = [(batch, self._begun(batch)) for batch in questions(rows)]

        def wait() -> list[EncodedQuery]:
            found = []
            while begun:
                batch, pass_ = begun.pop(0)
                vectors, tokens = (output.copy() for output in pass_.outputs())
                for number, first, vector in zip(batch.numbers, batch.starts, vectors, strict=True):
                    own, offsets = own_tokens(encodings[number], len(self._prompts.query), self.max_tokens)
                    found.append(EncodedQuery(vector, tokens[0, first : first + len(rows[number])][own], offsets))
            return found

        return wait

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the tokens that `encode` codes stand in each text, in characters; empty places for special tokens."""
        return token_offsets(self._pieces.offsets, self._prompts.passage, texts, self.max_tokens)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, prompt and special tokens included, without truncation."""
        return self._pieces.counts([self._prompts.passage + text for text in texts])

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        return [within(row, self.max_tokens) for row in self._pieces.ids(texts)]

    def _coded(self, batch: Batch) -> tuple[Matrix, bytes]:
        """The vectors of the texts in a batch, and the codes of all tokens of its rows, padding too."""
        pass_ = self._begun(batch)
        vectors, tokens = pass_.outputs()
        return vectors.copy(), pack(tokens.reshape(-1, DIMENSION))

    def _begun(self, batch: Batch) -> _Pass:
        return _Pass(self._idle, batch.inputs(self._words))


class _Pass:
    """A batch on its way through the model, with one of the idle requests, which has it until nobody has this."""

    def __init__(self, idle: SimpleQueue[Any], inputs: Mapping[str, NDArray[Any]]) -> None:
        self._idle = idle
        self._request = idle.get()
        self._request.start_async(inputs)

    def outputs(self) -> tuple[Matrix, Matrix]:
        """The vectors and the token vectors, which are the runtime's own and last as long as this."""
        self._request.wait()
        return self._request.get_tensor("vector").data, self._request.get_tensor("tokens").data

    def __del__(self) -> None:
        self._request.wait()
        self._idle.put(self._request)


class TorchEncoder:
    """Any sentence-transformers model, in half precision on a GPU. One thread encodes at a time."""

    def __init__(
        self, model: Any, tokenizer: Any, projection: Projection, *, fingerprint: str, prompts: Prompts
    ) -> None:
        self.fingerprint = fingerprint
        self.dimension = int(model.get_embedding_dimension())
        self.max_tokens = _limit(model)
        self._model = model
        self._projection = projection
        self._tokenizer = tokenizer
        self._prompts = prompts
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Embed passages, in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        codes = []
        with self._lock:
            rows = self._model.encode_document(list(texts), prompt=self._prompts.passage, **TORCH_OUTPUT)
        for number, row in enumerate(rows):
            vectors[number], tokens = self._read(row)
            codes.append(pack(tokens))
        return Encoded(vectors, tuple(codes))

    def begin_queries(self, texts: Sequence[str]) -> Callable[[], list[EncodedQuery]]:
        """Embed a few questions, when what is given back is called."""
        return partial(self._encoded, texts)

    def _encoded(self, texts: Sequence[str]) -> list[EncodedQuery]:
        prompt, found = self._prompts.query, []
        with self._lock:
            rows = self._model.encode_query(list(texts), prompt=prompt, **TORCH_OUTPUT)
        for text, row in zip(texts, rows, strict=True):
            vector, tokens = self._read(row)
            own, offsets = own_tokens(self._tokenizer.encode(prompt + text), len(prompt), len(tokens))
            found.append(EncodedQuery(vector, tokens[own], offsets))
        return found

    def _read(self, row: Any) -> tuple[NDArray[np.float32], Matrix]:
        """The unit vector and the token vectors of one text, in single precision whatever they were made in."""
        layer = row["token_embeddings"][row["attention_mask"].bool()].float().cpu().numpy()
        return unit(row["sentence_embedding"].float().cpu().numpy()[None])[0], self._projection.apply(layer)

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the tokens that `encode` codes stand in each text, in characters; empty places for special tokens."""

        def places(text: str) -> Offsets:
            found: Offsets = self._tokenizer.encode(text).offsets
            return found

        return token_offsets(places, self._prompts.passage, texts, self.max_tokens)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, prompt and special tokens included, without truncation."""
        return count_tokens(self._tokenizer, self._prompts.passage, texts)


def count_tokens(tokenizer: Any, prompt: str, texts: Sequence[str]) -> list[int]:
    """Count the tokens of each text after `prompt`, with a tokenizer that neither pads nor truncates."""
    return [len(encoding) for encoding in tokenizer.encode_batch_fast([prompt + text for text in texts])]


def token_offsets(
    places_of: Callable[[str], Offsets], prompt: str, texts: Sequence[str], limit: int
) -> list[list[tuple[int, int]]]:
    """Where the first `limit` tokens of `prompt` and each text stand in the text; empty places for others' tokens."""
    shift, rows = len(prompt), []
    for text in texts:  # a few at a time, and no batch: that wakes a thread a core, and waits for the last of them
        places = within(places_of(prompt + text), limit)
        rows.append([(max(start - shift, 0), max(end - shift, 0)) for start, end in places] if shift else places)
    return rows


def own_tokens(encoding: Any, prompt: int, limit: int) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Which of the first `limit` tokens are of the text after a prompt of that many characters, and where in it."""
    places = encoding.offsets
    spans = zip(places, encoding.special_tokens_mask, strict=True)
    own = [k for k, ((start, _), special) in enumerate(spans) if not special and start >= prompt and k < limit - 1]
    return own, tuple((places[k][0] - prompt, places[k][1] - prompt) for k in own)


def within(row: list[T], limit: int) -> list[T]:
    """The first `limit` tokens of a text as the model reads them: the last one, which closes a text, stays."""
    return row if len(row) <= limit else row[: limit - 1] + row[-1:]


def unit(rows: Matrix) -> Matrix:
    """Scale the rows of (n, dimension) to unit norm in single precision, whatever precision they were made in."""
    rows = np.asarray(rows, np.float32)
    scaled: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return scaled


def _load_compiled(model: CompiledModel, prompts: Prompts, *, streams: int, threads: int) -> CompiledEncoder:
    runtime = Beside(lambda: _runtime(model, streams, threads))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
    requests = [runtime.result().create_infer_request() for _ in range(REQUESTS * streams)]
    return CompiledEncoder(_plain(tokenizer), _words(model), requests, model.meta, prompts)


def _runtime(model: CompiledModel, streams: int, threads: int) -> Any:
    """Compile a model, or find it compiled, and use it once."""
    openvino = import_openvino()
    # what is not int8 is bf16 where a CPU has it
    options = {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(threads)}
    core, path = openvino.Core(), model.folder / "model.xml"
    try:
        runtime = core.compile_model(path, "CPU", {**options, "CACHE_DIR": str(model.folder / "compiled")})
    except RuntimeError:  # what is compiled cannot be written there: it is then compiled at every start
        runtime = core.compile_model(path, "CPU", options)
    (batch,) = questions([[0]])
    request = runtime.create_infer_request()
    request.infer(batch.inputs(_words(model)))  # OpenVINO's link to numpy deadlocks when two threads begin
    return runtime


def _words(model: CompiledModel) -> NDArray[np.float16]:
    """The vectors of all word pieces, (pieces, dimension), read as they are needed."""
    words: NDArray[np.float16] = np.load(model.folder / "words.npy", mmap_mode="r")
    return words


def _load_torch(model: Any, name: str, device: str, prompts: Prompts, cache: Path) -> TorchEncoder:
    stated = model.prompts
    passage = next((stated[key] for key in ("document", "passage", "corpus") if key in stated), "")
    prompts = Prompts(prompts.query or stated.get("query", ""), prompts.passage or passage)
    weights = WEIGHTS_SHA256 if name == DEFAULT_MODEL else _digest(model)
    fingerprint = _fingerprint(name, weights, _limit(model), prompts)
    projection = _projection(model, cache / "models" / f"{Path(name).name}-{weights[:12]}.npz")
    if device == "cuda":
        model = model.half().to("cuda")
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    return TorchEncoder(model, _plain(copy.deepcopy(tokenizer)), projection, fingerprint=fingerprint, prompts=prompts)


def _projection(model: Any, file: Path) -> Projection:
    """The projection of a model's token vectors, fitted once and kept in `file`."""
    with suppress(OSError, ValueError, KeyError), np.load(file) as kept:
        return Projection(kept["mean"], kept["basis"])
    projection = fitted_projection(model)
    with suppress(OSError):  # it is then fitted at every start
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}.npz")
        np.savez(new, mean=projection.mean, basis=projection.basis)
        new.replace(file)
    return projection


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _digest(model: Any) -> str:
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def fingerprint_of(settings: Settings, meta: Meta) -> str:
    """The fingerprint that the compiled default model has with these settings."""
    prompts = Prompts(settings.query_prompt, settings.passage_prompt)
    return _fingerprint(DEFAULT_MODEL, WEIGHTS_SHA256, meta.max_tokens, prompts)


def _fingerprint(name: str, weights: str, max_tokens: int, prompts: Prompts) -> str:
    """Name what vectors depend on. Not the precision: int8, fp16 and fp32 are near enough to be compared."""
    parts = json.dumps([weights, max_tokens, prompts.query, prompts.passage])
    return f"{Path(name).name}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def _limit(model: Any) -> int:
    stated = model.max_seq_length
    return int(stated) if stated and stated < UNLIMITED else LONGEST


def _plain(tokenizer: Any) -> Any:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
