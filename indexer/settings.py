"""What can be set from outside, read once from an environment that is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit

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

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> PaperSettings:
        """Read the variables about papers; raise SettingsError on a value that cannot be."""
        default, hosts = cls(), environ.get("FOOTNOTE_FETCH_HOSTS", "")
        return cls(
            arxiv_api=_address(environ, "FOOTNOTE_ARXIV_API", default.arxiv_api),
            arxiv_pdf=_address(environ, "FOOTNOTE_ARXIV_PDF", default.arxiv_pdf),
            interval=_number(environ, "FOOTNOTE_ARXIV_INTERVAL", default.interval, "seconds"),
            timeout=_number(environ, "FOOTNOTE_FETCH_TIMEOUT", default.timeout, "seconds"),
            hosts=tuple(host.strip().lower() for host in hosts.split(",") if host.strip()),
            max_bytes=int(_number(environ, "FOOTNOTE_MAX_PAPER_BYTES", default.max_bytes, "bytes")),
            read_seconds=_number(environ, "FOOTNOTE_PDF_SECONDS", default.read_seconds, "seconds"),
            read_bytes=int(_number(environ, "FOOTNOTE_PDF_BYTES", default.read_bytes, "bytes")),
        )


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

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> ChatSettings:
        """Read the variables about the chat model; raise SettingsError on a value that cannot be."""
        default, key = cls(), environ.get("FOOTNOTE_CHAT_KEY", "").strip()
        if not (key.isascii() and key.isprintable()):
            raise SettingsError("FOOTNOTE_CHAT_KEY holds characters that no header may have; copy the key again")
        return cls(
            url=_endpoint(environ, "FOOTNOTE_CHAT_URL"),
            model=environ.get("FOOTNOTE_CHAT_MODEL", "").strip(),
            key=key,
            timeout=_number(environ, "FOOTNOTE_CHAT_TIMEOUT", default.timeout, "seconds"),
            seconds=_number(environ, "FOOTNOTE_CHAT_SECONDS", default.seconds, "seconds"),
        )


@dataclass(frozen=True, slots=True)
class RerankerSettings:
    """The cross-encoder that reads the best passages once more beside the question. Off by default.

    `model` is a folder that holds one of sentence-transformers, or a name on the model hub; empty, there is none.
    `reads` is how many passages it reads for a question.
    """

    model: str = ""
    reads: int = 20

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> RerankerSettings:
        """Read the variables about the re-ranker; raise SettingsError on a value that cannot be."""
        return cls(
            model=environ.get("FOOTNOTE_RERANKER", "").strip(),
            reads=int(_number(environ, "FOOTNOTE_RERANKED", cls().reads, "passages")),
        )


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The running service.

    `log` says what it writes to stderr while it runs: trouble only (off), or a line for each request and event, as text
    or as JSON. Pages of the `origins` may call it from a browser, as `app://obsidian.md`; others may not.
    """

    log: Log = "off"
    origins: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> ServiceSettings:
        """Read the variables about the service; raise SettingsError on a value that cannot be."""
        log = environ.get("FOOTNOTE_LOG") or cls().log
        if log not in ("off", "text", "json"):
            raise SettingsError(f"FOOTNOTE_LOG is {log!r}; set it to off, text or json")
        origins = tuple(one.strip() for one in environ.get("FOOTNOTE_ORIGINS", "").split(",") if one.strip())
        for origin in origins:
            scheme, found, host = origin.partition("://")
            if not (scheme and found and host) or any(mark in host for mark in "/*?# "):
                raise SettingsError(f"FOOTNOTE_ORIGINS names {origin!r}; write origins like app://obsidian.md")
        return cls(cast("Log", log), origins)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. Build it once, at the edge, with `from_environ`.

    `model` is the bundled all-MiniLM-L6-v2, a folder that holds a sentence-transformers model, or a name on
    the model hub. `query_prompt` and `passage_prompt` go before what is embedded, for models that want them.
    `device` is auto, cpu or cuda. `cache` holds compiled models. `question_headings` are the words, in lower
    case, that mark a heading as one that collects questions. `max_file_bytes` bounds the notes that are read. `papers`
    is about PDFs, `chat` about the model that may word answers, `reranker` about the one that may read passages again,
    `service` about what runs.
    """

    library: Path
    cache: Path
    model: str = DEFAULT_MODEL
    query_prompt: str = ""
    passage_prompt: str = ""
    device: str = "auto"
    question_headings: tuple[str, ...] = DEFAULT_QUESTION_HEADINGS
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    papers: PaperSettings = PaperSettings()
    chat: ChatSettings = ChatSettings()
    reranker: RerankerSettings = RerankerSettings()
    service: ServiceSettings = ServiceSettings()

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
        return cls(
            library=Path(home).expanduser(),
            cache=Path(cache).expanduser(),
            model=environ.get("FOOTNOTE_MODEL") or DEFAULT_MODEL,
            query_prompt=environ.get("FOOTNOTE_QUERY_PROMPT", ""),
            passage_prompt=environ.get("FOOTNOTE_PASSAGE_PROMPT", ""),
            device=device,
            question_headings=headings or DEFAULT_QUESTION_HEADINGS,
            max_file_bytes=int(_number(environ, "FOOTNOTE_MAX_FILE_BYTES", DEFAULT_MAX_FILE_BYTES, "bytes")),
            papers=PaperSettings.from_environ(environ),
            chat=ChatSettings.from_environ(environ),
            reranker=RerankerSettings.from_environ(environ),
            service=ServiceSettings.from_environ(environ),
        )


def _number(environ: Mapping[str, str], name: str, default: float, unit: str) -> float:
    """A variable that counts something; it may be 0."""
    try:
        value = float(environ.get(name) or default)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise SettingsError(f"{name} is {environ[name]!r}; set it to a number of {unit}")
    return value


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name) or default
    if not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is {value!r}; set it to an address that begins with https:// or http://")
    return value


def _endpoint(environ: Mapping[str, str], name: str) -> str:
    """The base of an endpoint, without a slash at its end; of a bare host, where such endpoints have it."""
    value = environ.get(name, "").strip()
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(mark in value for mark in "@?#"):  # not repeated here: a password may stand in it
        raise SettingsError(f"{name} is not the base of an endpoint; set it to one like http://localhost:11434/v1")
    base = value.rstrip("/").removesuffix("/chat/completions")
    return base if urlsplit(base).path else f"{base}/v1"
