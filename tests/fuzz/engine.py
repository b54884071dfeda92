"""One target, fuzzed by atheris in this process: what fails is made small, kept, and does not stop it.

Run by `tests.fuzz`, as `python -m tests.fuzz.engine TARGET KEEP LIBFUZZER-OPTION…`; KEEP is the folder for what fails.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

OURS = ("indexer", "service")
PARSERS = ("markdown_it", "mdit_py_plugins", "orgparse")
"""Others' modules in which a new line counts as one."""

MINIMISING_TRIES = 4_000


class Findings:
    """What failed, each kind of failure once."""

    def __init__(self, keep: Path) -> None:
        self._keep = keep
        self._known: set[str] = set()

    def add(self, target: Target, data: bytes, error: Exception) -> None:
        """Keep an input that fails otherwise than those before, made small."""
        kind = kind_of(error)
        if kind in self._known:
            return
        self._known.add(kind)
        small = data if isinstance(error, TooSlow) else smaller(data, lambda tried: fails(target, tried) == kind)
        name = hashlib.sha256(small).hexdigest()[:12]
        self._keep.mkdir(parents=True, exist_ok=True)
        (self._keep / name).write_bytes(small)
        print(f"FOUND {name} ({len(small)} of {len(data)} bytes): {kind}", flush=True)
        traceback.print_exception(error)
        sys.stderr.flush()


def kind_of(error: BaseException) -> str:
    """What failures have in common that have one cause: the error and the place in the project it was raised at."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/site-packages/" not in frame.filename]
    last = next((f for f in reversed(frames) if f"/{OURS[0]}/" in f.filename or f"/{OURS[1]}/" in f.filename), None)
    asserted = frames[-1]
    place = f"{asserted.name}:{asserted.lineno}" + (f" in {last.name}:{last.lineno}" if last else "")
    return f"{type(error).__name__} at {place}"


def fails(target: Target, data: bytes) -> str | None:
    """How an input fails; None where it does not."""
    try:
        target.try_on(data)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
        return kind_of(error)
    return None


def smaller(data: bytes, still: Callable[[bytes], bool]) -> bytes:
    """Leave out of bytes whatever they fail without: halves first, then less (Zeller's delta debugging, 2002)."""
    size, tries = max(1, len(data) // 2), MINIMISING_TRIES
    while size and tries > 0:
        start, before = 0, len(data)
        while start < len(data) and tries > 0:
            tries -= 1
            if still(rest := data[:start] + data[start + size :]):
                data = rest
            else:
                start += size
        size = size if size == 1 and len(data) < before else size // 2
    return data


def main(argv: list[str]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    name, keep, *options = argv
    target = TARGETS[name]
    findings = Findings(Path(keep))

    def one(data: bytes) -> None:
        try:
            target.try_on(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            findings.add(target, data, error)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the tests find what they share
    with atheris.instrument_imports(include=[*OURS, *PARSERS], enable_loader_override=False):
        from tests.fuzz.target import Target, TooSlow
        from tests.fuzz.targets import TARGETS
    main(sys.argv[1:])
