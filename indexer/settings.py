"""What can be set from outside, read once from an environment that is handed in and the settings file that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import platformdirs

from indexer.configuration import given
from indexer.variables import Variable

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


MEGABYTE = 1_000_000

Log: TypeAlias = Literal["off", "text", "json"]


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Where papers are fetched from, how politely, and within which limits PDFs are read.

    `arxiv_api` answers queries and `arxiv_pdf` is what an id is appended to; either may be a mirror. One request goes
    to them in `interval` seconds. Links in notes are followed to public addresses only; `hosts` (names, or
    `name:port`) may be elsewhere. `timeout` is the longest wait, in seconds, for a connection or the next bytes.
    `max_bytes` bounds a PDF, fetched or in a vault; reading one may take `read_seconds` and `read_bytes` of memory.
    """

    arxiv_api: str = "https://export.arxiv.org/api/query"
    arxiv_pdf: str = "https://arxiv.org/pdf/"
    interval: float = 3.0
    timeout: float = 10.0
    hosts: tuple[str, ...] = ()
    max_bytes: int = 100 * MEGABYTE
    read_seconds: float = 60.0
    read_bytes: int = 1000 * MEGABYTE


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The chat model that may word answers: any endpoint that speaks OpenAI's chat completions. Off by default.

    `url` is the address that such endpoints call their base, like http://localhost:11434/v1; `key` goes there and
    nowhere else, and is never shown. `timeout` is the longest wait, in seconds, for the first words and between two
    pieces; `seconds` bounds the whole of what the model writes.
    """

    url: str = ""
    model: str = ""
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    seconds: float = 120.0

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.url and self.model)


@dataclass(frozen=True, slots=True)
class RerankerSettings:
    """The cross-encoder that reads the best passages once more beside the question. Off by default.

    `model` is a folder that holds one of sentence-transformers, or a name on the model hub; empty, there is none.
    `reads` is how many passages it reads for a question.
    """

    model: str = ""
    reads: int = 20


@dataclass(frozen=True, slots=True)
class TerminalSettings:
    """The commands that answer. `url` is the service that they ask; empty, the one that runs on the library.

    `links` names what opens a place that is clicked, or is an address with {path} and {line} in it.
    """

    url: str = ""
    links: str = "file"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The running service.

    `log` says what it writes to stderr while it runs: trouble only (off), or a line for each request and event, as text
    or as JSON. Pages of the `origins` may call it from a browser, as `app://obsidian.md`; others may not. Where a
    `token` or a `read_token` is set, itself or by the name of a file, whoever calls has to show one; the first lets do
    all, the second only look. `hosts` are names under which the service is called, `proxies` those that are believed
    when they say for whom they call.
    """

    log: Log = "off"
    origins: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    token_file: str = ""
    read_token: str = field(default="", repr=False)
    read_token_file: str = ""
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. Build it once, at the edge, with `from_environ`.

    `model` is the bundled all-MiniLM-L6-v2, a folder that holds a sentence-transformers model, or a name on
    the model hub. `query_prompt` and `passage_prompt` go before what is embedded, for models that want them.
    `device` is auto, cpu or cuda. `cache` holds compiled models. `question_headings` are the words, in lower
    case, that mark a heading as one that collects questions. `max_file_bytes` bounds the notes that are read. `notes`
    are the folders to index where none is named. `papers` is about PDFs, `chat` about the model that may word answers,
    `reranker` about the one that may read passages again, `terminal` about the commands that answer, `service`
    about what runs.
    """

    library: Path
    cache: Path
    model: str = DEFAULT_MODEL
    query_prompt: str = ""
    passage_prompt: str = ""
    device: str = "auto"
    question_headings: tuple[str, ...] = DEFAULT_QUESTION_HEADINGS
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    notes: tuple[Path, ...] = ()
    papers: PaperSettings = PaperSettings()
    chat: ChatSettings = ChatSettings()
    reranker: RerankerSettings = RerankerSettings()
    terminal: TerminalSettings = TerminalSettings()
    service: ServiceSettings = ServiceSettings()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the `FOOTNOTE_*` variables of `environ`, and below them the settings file; raise SettingsError.

        The table in `indexer.variables` says what may be set, and `indexer.configuration` where the file lies.
        """
        read: dict[str, dict[str, Any]] = {group: {} for group in ("", *_GROUPS)}
        for variable, (where, value) in given(environ).items():
            group, _, name = variable.field.rpartition(".")
            read[group][name] = variable.read(value, where)
        top = read.pop("")
        if "library" not in top:
            top["library"] = Path(platformdirs.user_data_dir("footnote", appauthor=False))
        if "cache" not in top:
            top["cache"] = Path(platformdirs.user_cache_dir("footnote", appauthor=False))
        return cls(**top, **{group: _GROUPS[group](**fields) for group, fields in read.items()})

    def value(self, variable: Variable) -> Any:
        """What a setting is set to."""
        found: Any = self
        for name in variable.field.split("."):
            found = getattr(found, name)
        return found


_GROUPS: dict[str, Callable[..., Any]] = {
    "papers": PaperSettings,
    "chat": ChatSettings,
    "reranker": RerankerSettings,
    "terminal": TerminalSettings,
    "service": ServiceSettings,
}

DEFAULTS = Settings(library=Path(), cache=Path())
"""What holds where nothing is set; library and cache have their places in the person's own folders."""
