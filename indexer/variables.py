"""Everything that can be set, in one table: its name, what it takes, and what it is for.

What reads the settings, explains them and complains about them goes by this table: the environment, the
settings file, `footnote settings`, `footnote doctor` and docs/settings.md. Defaults stand in `indexer.settings`, on the
fields that the rows name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import pathsep
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from indexer.errors import SettingsError

PREFIX = "FOOTNOTE_"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting takes.

    `read` makes a value of what was given, a text or what TOML has, and raises ValueError or TypeError where it cannot.
    `wants` completes "set it to". `wrong` is said in place of the value where that may hold a secret. A list is read
    item by item; as a text its items are parted by `separator`. What is `secret` is never shown.
    """

    read: Callable[[Any], Any]
    wants: str
    wrong: str = ""
    separator: str = ""
    secret: bool = False

    def value(self, given: object) -> Any:
        """Read what was given; raise ValueError or TypeError."""
        if not self.separator:
            return self.read(given)
        items = given.split(self.separator) if isinstance(given, str) else given
        if not isinstance(items, list):
            raise TypeError("not a list")
        return tuple(self.read(item.strip()) for item in items if item.strip())


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that can be set: by its `name` in the settings file, in the environment in capitals after a prefix.

    `field` is where its value and its default stand in `Settings`, like papers.interval. `unless` says what holds where
    it is not set, for those whose default is no value to be written.
    """

    name: str
    field: str
    kind: Kind
    meaning: str
    unless: str = ""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def sentence(self) -> str:
        """Its meaning with a capital letter and a full stop."""
        return f"{self.meaning[0].upper()}{self.meaning[1:]}."

    def read(self, given: object, where: str) -> Any:
        """Read what was given at a place that is named in an error; raise SettingsError on a value that cannot be."""
        try:
            return self.kind.value(given)
        except (ValueError, TypeError, AttributeError):
            wrong = self.kind.wrong or f"is {given!r}"
            raise SettingsError(f"{where} {wrong}; set it to {self.kind.wants}") from None


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError("not a text")
    return given


def _name(given: object) -> str:
    return _text(given).strip()


def _lower(given: object) -> str:
    return _name(given).lower()


def _folder(given: object) -> Path:
    try:
        return Path(_text(given)).expanduser()
    except RuntimeError as error:  # ~somebody whom this machine does not know
        raise ValueError("no folder of anybody here") from error


def _number(given: Any) -> float:
    if isinstance(given, bool) or not 0 <= float(given) < float("inf"):
        raise ValueError("not a number of something")
    return float(given)


def _whole(given: object) -> int:
    return int(_number(given))


def _device(given: object) -> str:
    if given not in ("auto", "cpu", "cuda"):
        raise ValueError("no device")
    return str(given)


def _log(given: object) -> str:
    if given not in ("off", "text", "json"):
        raise ValueError("no form of a log")
    return str(given)


def _origin(given: object) -> str:
    origin = _name(given)
    scheme, found, host = origin.partition("://")
    if not (scheme and found and host) or any(mark in host for mark in "/*?# "):
        raise ValueError("no origin")
    return origin


def _address(given: object) -> str:
    if not _text(given).startswith(("http://", "https://")):
        raise ValueError("no address")
    return _text(given)


def _endpoint(given: object) -> str:
    """The base of an endpoint, without a slash at its end; of a bare host, where such endpoints have it."""
    value = _name(given)
    parts = urlsplit(value)
    usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    if not usable or any(mark in value for mark in "@?#"):  # a password may stand in it
        raise ValueError("no endpoint")
    base = value.rstrip("/").removesuffix("/chat/completions")
    return base if urlsplit(base).path else f"{base}/v1"


def _key(given: object) -> str:
    key = _name(given)
    if not (key.isascii() and key.isprintable()):
        raise ValueError("not for a header")
    return key


LEAST_TOKEN = 24
"""So many characters a token has at least: at six bits each nobody guesses it, however fast they may try."""


def _token(given: object) -> str:
    token = _name(given)
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("no token")
    if len(set(token)) < LEAST_TOKEN // 3:
        raise ValueError("the same few characters again and again")
    return token


def _file(given: object) -> str:
    return str(Path(_text(given)).expanduser())


def _host(given: object) -> str:
    host = _lower(given)
    if not host or any(mark in host for mark in "/:*@ "):
        raise ValueError("no name of a host")
    return host


def _proxy(given: object) -> str:
    from ipaddress import ip_network  # for those who have one

    return str(ip_network(_name(given)))


EDITORS = {
    "none": "",
    "file": "file://{host}{path}",
    "kitty": "file://{host}{path}#{line}",
    "vscode": "vscode://file{path}:{line}",
    "vscode-insiders": "vscode-insiders://file{path}:{line}",
    "vscodium": "vscodium://file{path}:{line}",
    "cursor": "cursor://file{path}:{line}",
    "zed": "zed://file{path}:{line}",
    "idea": "idea://open?file={path}&line={line}",
    "macvim": "mvim://open?url=file://{path}&line={line}",
    "textmate": "txmt://open?url=file://{path}&line={line}",
    "obsidian": "obsidian://open?path={path}",
}
"""What places in files link to, by the name of the program that opens them; the names are those of ripgrep where it
has them."""


def _links(given: object) -> str:
    name = _name(given)
    if name not in EDITORS:
        try:
            name.format(path="", line="", host="")
        except LookupError as error:  # something else in braces, which nobody could fill in
            raise ValueError("no form of links") from error
        if "{path}" not in name or ":" not in name.partition("{")[0]:
            raise ValueError("no form of links")
    return name


TEXT = Kind(_text, "a text")
NAME = Kind(_name, "a name")
FOLDER = Kind(_folder, "a folder")
FOLDERS = Kind(_folder, f"a list of folders (in a variable, with {pathsep} between them)", separator=pathsep)
WORDS = Kind(_lower, "a list of words (in a variable, with commas between them)", separator=",")
HOSTS = Kind(_lower, "a list of hosts (in a variable, with commas between them)", separator=",")
SECONDS = Kind(_number, "a number of seconds")
BYTES = Kind(_whole, "a number of bytes")
PASSAGES = Kind(_whole, "a number of passages")
DEVICE = Kind(_device, "auto, cpu or cuda")
LOG = Kind(_log, "off, text or json")
ORIGINS = Kind(
    _origin, "a list of origins like app://obsidian.md (in a variable, with commas between them)", separator=","
)
ADDRESS = Kind(_address, "an address that begins with https:// or http://")
LINKS = Kind(_links, f"{', '.join(EDITORS)}, or an address with {{path}} and {{line}} in it")
ENDPOINT = Kind(_endpoint, "one like http://localhost:11434/v1", "is not the base of an endpoint")
KEY = Kind(_key, "the key as it was given to you", "holds characters that no header may have", secret=True)
TOKEN = Kind(
    _token,
    f"{LEAST_TOKEN} or more random characters, {LEAST_TOKEN // 3} of them different, no spaces, as `footnote token` "
    "makes",
    "is no token",
    secret=True,
)
FILE = Kind(_file, "a file")
NAMES = Kind(_host, "a list of names like notes.example (in a variable, with commas between them)", separator=",")
PROXIES = Kind(
    _proxy,
    "a list of addresses or networks like 172.18.0.0/16 (in a variable, with commas between them)",
    separator=",",
)

VARIABLES = (
    Variable("notes", "notes", FOLDERS, "the folders that `footnote index` reads when it is given none"),
    Variable("library", "library", FOLDER, "where the library lies", "the user's data folder"),
    Variable("cache", "cache", FOLDER, "where the compiled model lies", "the user's cache folder"),
    Variable(
        "model",
        "model",
        TEXT,
        "the bundled model, a folder with a sentence-transformers model, or a name on the model hub",
    ),
    Variable(
        "query_prompt", "query_prompt", TEXT, "what goes before a question that is embedded, for models that want it"
    ),
    Variable("passage_prompt", "passage_prompt", TEXT, "what goes before a passage that is embedded"),
    Variable("device", "device", DEVICE, "where to embed: auto, cpu or cuda"),
    Variable(
        "reranker",
        "reranker.model",
        NAME,
        "a cross-encoder of sentence-transformers, as a folder or a name on the model hub, that reads the best "
        "passages once more: seconds to load, so best with `footnote serve`; a small one takes half a second a "
        "question on a CPU",
    ),
    Variable("reranked", "reranker.reads", PASSAGES, "how many passages it reads for a question"),
    Variable("question_headings", "question_headings", WORDS, "headings that collect questions"),
    Variable("max_file_bytes", "max_file_bytes", BYTES, "larger files are not read"),
    Variable("arxiv_api", "papers.arxiv_api", ADDRESS, "where arXiv is asked about papers; may be a mirror or a proxy"),
    Variable("arxiv_pdf", "papers.arxiv_pdf", ADDRESS, "what an id is appended to for its PDF"),
    Variable(
        "arxiv_interval",
        "papers.interval",
        SECONDS,
        "seconds between two requests to them, which arXiv's terms set at three",
    ),
    Variable(
        "fetch_hosts",
        "papers.hosts",
        HOSTS,
        "hosts (`name` or `name:port`) that links to PDFs may name though their addresses are not public",
    ),
    Variable("fetch_timeout", "papers.timeout", SECONDS, "the longest wait for the next bytes, in seconds"),
    Variable("max_paper_bytes", "papers.max_bytes", BYTES, "larger PDFs are neither fetched nor read"),
    Variable("pdf_seconds", "papers.read_seconds", SECONDS, "how long reading one PDF may take"),
    Variable("pdf_bytes", "papers.read_bytes", BYTES, "how much memory reading one PDF may take"),
    Variable("chat_url", "chat.url", ENDPOINT, "the base address of a chat endpoint that may word answers"),
    Variable("chat_model", "chat.model", NAME, "the model there"),
    Variable("chat_key", "chat.key", KEY, "its key, if it wants one; it goes nowhere else"),
    Variable("chat_timeout", "chat.timeout", SECONDS, "the longest wait for its next words, in seconds"),
    Variable("chat_seconds", "chat.seconds", SECONDS, "the longest wait for all of its words, in seconds"),
    Variable(
        "log",
        "service.log",
        LOG,
        "what `footnote serve` writes to stderr: off (trouble only), or a line for each request as text or json",
    ),
    Variable("origins", "service.origins", ORIGINS, "pages elsewhere that may call the service from a browser"),
    Variable("token", "service.token", TOKEN, "what lets a program or a person into the service, to do all"),
    Variable("token_file", "service.token_file", FILE, "a file that holds it, where it is not set itself"),
    Variable("read_token", "service.read_token", TOKEN, "a token that lets ask, search and read, and change nothing"),
    Variable("read_token_file", "service.read_token_file", FILE, "a file that holds it, where it is not set itself"),
    Variable(
        "hosts",
        "service.hosts",
        NAMES,
        "names, besides its addresses, under which the service is called, as through a proxy",
    ),
    Variable(
        "proxies",
        "service.proxies",
        PROXIES,
        "proxies that are believed when they say who calls, and whether over TLS (X-Forwarded-For and -Proto)",
    ),
    Variable("url", "terminal.url", NAME, "the service that `ask` uses", "the one that runs on this library"),
    Variable(
        "links",
        "terminal.links",
        LINKS,
        f"what opens a place that is clicked in the terminal: {', '.join(EDITORS)}, or an address of your own with "
        "{path} and {line} in it",
    ),
)

CONFIG = PREFIX + "CONFIG"
"""The variable that names the settings file; it alone cannot stand in there."""


def named(name: str) -> Variable | None:
    """The setting with a name of the settings file."""
    return next((variable for variable in VARIABLES if variable.name == name), None)


NEAR = 0.7
"""Names that are less alike than that (by difflib's measure, from 0 to 1) were not meant."""


def closest(name: str, names: list[str], *, beyond: str = "") -> str:
    """Ask whether a name was meant that there is: a clause for an error, empty where none is close.

    How names begin does not count where it is `beyond` them all.
    """
    from difflib import get_close_matches  # only for those who slipped

    shorter = {one.removeprefix(beyond): one for one in names}
    found = [shorter[one] for one in get_close_matches(name.removeprefix(beyond), shorter, 1, NEAR)]
    return f"did you mean {found[0]}?" if found else ""
