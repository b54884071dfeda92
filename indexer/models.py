"""What sentence-transformers loads, from a folder, this disk or the hub: with `compile`, the only room that imports it.

A model is loaded onto the CPU; who uses it moves it to the device.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from indexer.errors import ModelError

HUB_TIMEOUT = 5.0
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DOWNLOAD_TIMEOUT": "5",
    "HF_HUB_ETAG_TIMEOUT": "5",
    "TRANSFORMERS_VERBOSITY": "error",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model: the class of sentence-transformers that loads it, the setting that names one, what it is called.

    `called` completes "set FOOTNOTE_… to".
    """

    loader: Literal["SentenceTransformer", "CrossEncoder"]
    setting: str
    called: str


EMBEDDING = Kind("SentenceTransformer", "FOOTNOTE_MODEL", "a sentence-transformers model")
RERANKER = Kind("CrossEncoder", "FOOTNOTE_RERANKER", "a cross-encoder of sentence-transformers, or to nothing")


def found(kind: Kind, name: str, notice: Callable[[str], None]) -> Any:
    """Load a model from a folder, from the hub's cache on this disk, or at last from the hub.

    Raises ModelError when it is nowhere, and when what is there is no such model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return opened(kind, str(folder))
    if name.startswith((".", "~")) or folder.is_absolute():
        raise ModelError(f"there is no folder {folder}; set {kind.setting} to {kind.called}")
    with suppress(ModelError):
        return opened(kind, name)
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)  # sentence-transformers alone would try for more than a minute
    except Exception as error:  # the hub's client raises the errors of whatever carries it
        raise ModelError(
            f"the model {name} is not on this disk and the hub cannot give it ({line_of(error)}); connect and check "
            f"the name, or set {kind.setting} to a folder that holds it"
        ) from error
    notice(f"Downloading the model {name} from the hub …")
    return opened(kind, name, local=False)


def opened(kind: Kind, where: str, *, local: bool = True) -> Any:
    """Load a model onto the CPU, in silence; from the disk alone when `local`. Raises ModelError when it cannot be."""
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    logging.getLogger("sentence_transformers").setLevel(
        logging.ERROR
    )  # it says what it makes of a model of another kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sentence_transformers

        try:
            return getattr(sentence_transformers, kind.loader)(where, device="cpu", local_files_only=local)
        except Exception as error:  # whatever a broken file makes of itself in there
            raise ModelError(
                f"cannot load the model {where}: {line_of(error)}; set {kind.setting} to {kind.called}"
            ) from error


def chosen_device(device: str) -> str:
    """Choose cpu or cuda without importing torch where there can be no GPU; raise ModelError when it is missing."""
    if device == "cpu":
        return device
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if not hidden and (any(Path("/dev").glob("nvidia[0-9]*")) or shutil.which("nvidia-smi")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch

            if torch.cuda.is_available():
                return "cuda"
    if device == "auto":
        return "cpu"
    raise ModelError(
        "no GPU that CUDA can use was found; use --device cpu, or install a driver and the CUDA build of torch"
    )


def line_of(error: Exception) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
