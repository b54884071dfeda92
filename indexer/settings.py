"""What can be set from outside, read once from an environment that is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from indexer.errors import SettingsError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_MAX_FILE_BYTES = 10_000_000
DEFAULT_QUESTION_HEADINGS = (
    "question dump",
    "questions",
    "open questions",
    "unanswered questions",
    "to understand",
    "things to understand",
    "look up",
    "fragen",
    "preguntas",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. Build it once, at the edge, with `from_environ`.

    `model` is the bundled all-MiniLM-L6-v2, a folder that holds a sentence-transformers model, or a name on
    the model hub. `query_prompt` and `passage_prompt` go before what is embedded, for models that want them.
    `device` is auto, cpu or cuda. `cache` holds compiled models. `question_headings` are the words, in lower
    case, that mark a heading as one that collects questions. `max_file_bytes` bounds the notes that are read.
    """

    library: Path
    cache: Path
    model: str = DEFAULT_MODEL
    query_prompt: str = ""
    passage_prompt: str = ""
    device: str = "auto"
    question_headings: tuple[str, ...] = DEFAULT_QUESTION_HEADINGS
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the `FOOTNOTE_*` variables of `environ`; raise SettingsError on a value that cannot be."""
        home = environ.get("FOOTNOTE_LIBRARY") or platformdirs.user_data_dir("footnote", appauthor=False)
        cache = environ.get("FOOTNOTE_CACHE") or platformdirs.user_cache_dir("footnote", appauthor=False)
        device = environ.get("FOOTNOTE_DEVICE", "auto")
        if device not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"FOOTNOTE_DEVICE is {device!r}; set it to auto, cpu or cuda")
        headings = tuple(
            word.strip().lower() for word in environ.get("FOOTNOTE_QUESTION_HEADINGS", "").split(",") if word.strip()
        )
        try:
            max_file_bytes = int(environ.get("FOOTNOTE_MAX_FILE_BYTES") or DEFAULT_MAX_FILE_BYTES)
        except ValueError:
            value = environ["FOOTNOTE_MAX_FILE_BYTES"]
            raise SettingsError(f"FOOTNOTE_MAX_FILE_BYTES is {value!r}; set it to a number of bytes") from None
        return cls(
            library=Path(home).expanduser(),
            cache=Path(cache).expanduser(),
            model=environ.get("FOOTNOTE_MODEL") or DEFAULT_MODEL,
            query_prompt=environ.get("FOOTNOTE_QUERY_PROMPT", ""),
            passage_prompt=environ.get("FOOTNOTE_PASSAGE_PROMPT", ""),
            device=device,
            question_headings=headings or DEFAULT_QUESTION_HEADINGS,
            max_file_bytes=max_file_bytes,
        )
