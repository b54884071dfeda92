"""Loading models: from where, onto what, and what is said when one is not there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer import models
from indexer.errors import ModelError
from indexer.models import EMBEDDING, RERANKER, Kind, chosen_device, found

KINDS = pytest.mark.parametrize("kind", [EMBEDDING, RERANKER], ids=lambda kind: kind.loader)


@KINDS
def test_a_folder_that_is_not_there(kind: Kind, tmp_path: Path) -> None:
    for name in (str(tmp_path / "nowhere"), "./nowhere", "~/nowhere/at/all"):
        with pytest.raises(ModelError, match=rf"there is no folder .*nowhere.*; set {kind.setting} to a "):
            found(kind, name, pytest.fail)


@KINDS
def test_a_folder_that_holds_no_model(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"^cannot load the model [^\n]*; set {kind.setting} to [^\n]*$"):
        found(kind, str(tmp_path), pytest.fail)


@KINDS
def test_a_hub_that_cannot_be_reached(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: object, timeout: float) -> None:
        assert timeout <= 5
        raise ConnectionError("Name or service not known\nand much more")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    with pytest.raises(ModelError) as caught:
        found(kind, "nobody/nothing", pytest.fail)
    assert str(caught.value) == (
        "the model nobody/nothing is not on this disk and the hub cannot give it (Name or service not known); "
        f"connect and check the name, or set {kind.setting} to a folder that holds it"
    )


def test_a_model_from_the_hub_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def opened(_: Kind, where: str, *, local: bool = True) -> str:
        if local:
            raise ModelError("not here")
        return where

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: None)
    monkeypatch.setattr(models, "opened", opened)
    said: list[str] = []
    assert found(EMBEDDING, "somebody/something", said.append) == "somebody/something"
    assert said == ["Downloading the model somebody/something from the hub …"]


@pytest.mark.parametrize(
    ("device", "hidden", "driver", "cuda", "chosen"),
    [
        ("cpu", None, True, True, "cpu"),
        ("auto", None, True, True, "cuda"),
        ("auto", None, True, False, "cpu"),
        ("auto", "-1", True, True, "cpu"),
        ("auto", None, False, True, "cpu"),
        ("cuda", None, True, True, "cuda"),
        ("cuda", None, True, False, None),
        ("cuda", None, False, True, None),
    ],
)
def test_the_device(
    monkeypatch: pytest.MonkeyPatch, device: str, hidden: str | None, driver: bool, cuda: bool, chosen: str | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    monkeypatch.setattr(shutil, "which", lambda _: "nvidia-smi" if driver else None)
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: cuda))
    monkeypatch.setitem(sys.modules, "torch", torch if driver and not hidden else None)  # None: it may not be imported
    if chosen:
        assert chosen_device(device) == chosen
    else:
        with pytest.raises(ModelError, match="no GPU that CUDA can use was found; use --device cpu"):
            chosen_device(device)
