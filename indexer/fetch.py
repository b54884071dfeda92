"""Fetching over the network: politely, within limits, and only from where links in notes may lead."""

from __future__ import annotations

import email.utils
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Self, TypeVar

import httpcore2
import httpx2

from indexer import __version__
from indexer.errors import FetchError
from indexer.lock import unwritable
from indexer.network import Lookup, Network, Transport, lookup
from indexer.settings import MEGABYTE, PaperSettings

Clock = Callable[[], float]
Sleep = Callable[[float], None]

PART = ".part"
"""The ending of a file that is still being fetched."""

USER_AGENT = f"footnote/{__version__} (personal index of linked papers) python-httpx2/{httpx2.__version__}"

CONNECT_SECONDS = 3.0
"""The longest wait for a connection, looking up its name included."""
IMPATIENT_SECONDS = 0.5
"""The same, once waiting has cost as much as `PATIENCE_SECONDS` and nothing was ever reached: there is no network."""
PATIENCE_SECONDS = 6.0
TOTAL_SECONDS = 300.0
"""The longest time for one file, all tries and pauses included."""
LONGEST_PAUSE = 60.0
"""A server that wants us to wait for longer is left alone for the rest of the run."""
MOST_TRIES = 4
MOST_REDIRECTS = 5
MOST_FAILURES = 3
"""So many files in a row that fail for the server's fault, and it is left alone for the rest of the run."""
MOST_FEED_BYTES = 20 * MEGABYTE

_BUSY = frozenset({429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_HEAD, _TAIL = 1024, 2048  # a PDF says in its first kilobyte that it is one; behind its end may stand a little rubbish
_HOST = re.compile(rb"[\w.-]+|[\da-f:.]+", re.IGNORECASE)
_SHOWN_ON_GITHUB = re.compile(r"(https?://github\.com/[^/]+/[^/]+)/blob/")

T = TypeVar("T")


class Pace:
    """Lets one request begin in `interval` seconds. May be shared between threads, which take turns in any order."""

    def __init__(self, interval: float, *, clock: Clock = time.monotonic, sleep: Sleep = time.sleep) -> None:
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._next = -float("inf")
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for our turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)

    def give_back(self) -> None:
        """Give our turn back: no request came of it."""
        with self._lock:
            self._next = max(self._clock(), self._next - self._interval)


@cache
def pace_of_process(interval: float) -> Pace:
    """The pace that all requests to arXiv keep which this process makes, whoever makes them."""
    return Pace(interval)


class _MayPass(FetchError):
    """What went wrong may pass: worth so many `tries` in all, the next one after at least `pause` seconds."""

    def __init__(self, reason: str, origin: str, *, tries: int = MOST_TRIES, pause: float = 0.0) -> None:
        super().__init__(reason, again=True)
        self.origin = origin
        self.tries = tries
        self.pause = pause


class Fetcher:
    """Fetches one thing at a time over one pooled connection. A context manager; for one thread.

    arXiv is asked once in `settings.interval` seconds, whether for metadata or for a PDF; `pace` shares that with
    others. A host that could not be reached is not tried again: whatever else is wanted from it fails at once, for the
    same reason.
    """

    def __init__(
        self,
        settings: PaperSettings,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        lookup: Lookup = lookup,
        total_seconds: float = TOTAL_SECONDS,
        pace: Pace | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._sleep = sleep
        self._total_seconds = total_seconds
        self._pace = pace or Pace(settings.interval, clock=clock, sleep=sleep)
        self._bases = {_origin(httpx2.URL(base)) for base in (settings.arxiv_api, settings.arxiv_pdf)}
        self._network = Network(self._may_be_private, lookup=lookup, clock=clock)
        self._client = httpx2.Client(
            transport=Transport(self._network), headers={"User-Agent": USER_AGENT}, trust_env=False
        )
        self._left_alone: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._reached = False
        self._waited = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def pdf(self, url: str, into: Path) -> None:
        """Fetch a PDF into a file, which is there when it is whole; raise FetchError, or LibraryFull at a full disk."""
        part = into.with_name(into.name + PART)
        address = _address(_SHOWN_ON_GITHUB.sub(r"\1/raw/", url))
        try:
            into.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("w+b") as file:
                    self._get(address, {"Accept-Encoding": "identity"}, lambda answer: self._save(answer, file))
                part.replace(into)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(Path(error.filename or into), error) from error

    def feed(self, url: str) -> tuple[int, bytes]:
        """Ask arXiv's API: the status of its answer, and the body, a whole feed if the status is 200.

        Raises FetchError.
        """
        return self._get(_address(url), {}, self._read_feed)

    def _get(self, url: httpx2.URL, headers: dict[str, str], take: Callable[[httpx2.Response], T]) -> T:
        """Have `take` read the answer, and try again when what goes wrong may pass."""
        until = self._network.deadline = self._clock() + self._total_seconds
        tried = 0
        while True:
            tried += 1
            try:
                return self._follow(url, headers, take)
            except _MayPass as trouble:
                pause = max(trouble.pause, _back_off(tried))
                if tried >= trouble.tries or pause > LONGEST_PAUSE or self._clock() + pause >= until:
                    self._failures[trouble.origin] += 1
                    if pause > LONGEST_PAUSE or self._failures[trouble.origin] >= MOST_FAILURES:
                        self._left_alone[trouble.origin] = str(trouble)
                    raise
                self._sleep(pause)

    def _follow(self, url: httpx2.URL, headers: dict[str, str], take: Callable[[httpx2.Response], T]) -> T:
        for _ in range(MOST_REDIRECTS + 1):
            with self._answer(url, headers) as answer:
                if not answer.has_redirect_location:
                    taken = take(answer)
                    self._failures.pop(_origin(url), None)
                    return taken
                before, url = url, _address(answer.headers["Location"], base=url)
            if (before.scheme, url.scheme) == ("https", "http"):
                raise FetchError(f"refused: {before.host} leads from https to http", again=False)
        raise FetchError(f"{url.host} leads on and on, more than {MOST_REDIRECTS} times", again=False)

    @contextmanager
    def _answer(self, url: httpx2.URL, headers: dict[str, str]) -> Iterator[httpx2.Response]:
        """Ask once, and say in our own words what goes wrong, also while the answer is read."""
        origin = _origin(url)
        if reason := self._left_alone.get(origin):
            raise FetchError(reason, again=True)
        if self._is_arxiv(url):
            self._pace.wait()
        begun = self._clock()
        try:
            with self._client.stream("GET", url, headers=headers, timeout=self._timeout()) as answer:
                self._reached = True
                yield answer
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
            self._waited += self._clock() - begun
            if self._is_arxiv(url):
                self._pace.give_back()
            self._left_alone[origin] = reason = f"{url.host} cannot be reached: {_detail(error)}"
            raise FetchError(reason, again=True) from error
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            if self._clock() >= self._network.deadline:
                reason = f"{url.host} took more than {self._total_seconds:.0f} seconds"
                raise _MayPass(reason, origin, tries=1) from error
            if isinstance(error, httpcore2.TimeoutException):
                reason = f"{url.host} was silent for {self.settings.timeout:g} seconds"
                raise _MayPass(reason, origin, tries=2) from error
            raise _MayPass(f"the connection to {url.host} broke: {_detail(error)}", origin) from error
        except httpx2.DecodingError as error:
            raise _MayPass(f"what {url.host} sent cannot be unpacked", origin, tries=2) from error
        except httpx2.RemoteProtocolError as error:
            raise FetchError(f"{url.host} leads to what is not an address", again=False) from error

    def _timeout(self) -> httpx2.Timeout:
        lost = not self._reached and self._waited >= PATIENCE_SECONDS
        connect = min(self.settings.timeout, IMPATIENT_SECONDS if lost else CONNECT_SECONDS)
        return httpx2.Timeout(self.settings.timeout, connect=connect)

    def _save(self, answer: httpx2.Response, file: IO[bytes]) -> None:
        """Write a PDF that is one, is not too large, and is whole."""
        self._check(answer)
        file.seek(0)
        file.truncate()
        head = b""
        for piece in self._pieces(answer, self.settings.max_bytes):
            file.write(piece)
            if len(head) < _HEAD:
                head = (head + piece)[:_HEAD]
                if len(head) == _HEAD:
                    self._check_head(answer, head)
        self._check_head(answer, head)
        file.seek(max(0, file.tell() - _TAIL))
        end = file.read()
        if b"%%EOF" not in end and b"startxref" not in end:
            raise _MayPass(f"truncated: {answer.url.host} sent a PDF without its end", _origin(answer.url), tries=2)
        file.flush()
        os.fsync(file.fileno())

    def _read_feed(self, answer: httpx2.Response) -> tuple[int, bytes]:
        if answer.status_code in _BUSY:
            self._check(answer)
        body = b"".join(self._pieces(answer, MOST_FEED_BYTES))
        if answer.is_success and not body.rstrip().endswith(b"</feed>"):
            reason = f"{answer.url.host} sent something else than a whole feed"
            raise _MayPass(reason, _origin(answer.url), tries=2)
        return answer.status_code, body

    def _pieces(self, answer: httpx2.Response, most: int) -> Iterator[bytes]:
        """The body, piece by piece; raise FetchError when it is larger than it may be."""
        said, size = answer.headers.get("Content-Length", ""), 0
        too_large = FetchError(f"too large: more than {most / MEGABYTE:g} MB", again=False)
        if said.isdecimal() and int(said) > most:
            raise too_large
        for piece in answer.iter_bytes():
            size += len(piece)
            if size > most:
                raise too_large
            yield piece

    def _check(self, answer: httpx2.Response) -> None:
        """Raise FetchError unless the server gives what was asked for."""
        status, host = answer.status_code, answer.url.host
        if status in _BUSY:
            said = "asks us to wait" if status == 429 else "is out of order"
            raise _MayPass(f"{host} {said} ({status})", _origin(answer.url), pause=_retry_after(answer))
        if status in _GONE:
            raise FetchError(f"{host} has no such file ({status})", again=False)
        if status != httpx2.codes.OK:
            # arXiv lets everybody read everything: what it refuses now, it gives later.
            again = status >= 500 or self._is_arxiv(answer.url)
            said = "does not let us have it" if status in (401, 402, 403, 451) else "does not give it"
            raise FetchError(f"{host} {said} ({status})", again=again)

    def _check_head(self, answer: httpx2.Response, head: bytes) -> None:
        if not head:
            raise _MayPass(f"{answer.url.host} sent nothing", _origin(answer.url))
        if b"%PDF-" not in head:
            start, kind = head.lstrip().lower(), answer.headers.get("Content-Type", "of no type")
            page = "html" in kind.lower() or start.startswith((b"<!doctype html", b"<html"))
            sent = "a web page" if page else f"something else ({kind[:40]})"
            raise FetchError(f"{answer.url.host} sent {sent} instead of a PDF", again=self._is_arxiv(answer.url))

    def _is_arxiv(self, url: httpx2.URL) -> bool:
        return url.host == "arxiv.org" or url.host.endswith(".arxiv.org") or _origin(url) in self._bases

    def _may_be_private(self, host: str, port: int) -> bool:
        origin = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        opened = self.settings.hosts
        return origin in self._bases or origin in opened or host in opened or f"[{host}]" in opened


def remove_leftovers(folder: Path) -> None:
    """Remove what a run that was killed has left in a folder of fetched files."""
    for part in folder.glob(f"*{PART}"):
        part.unlink(missing_ok=True)


def _address(text: str, base: httpx2.URL | None = None) -> httpx2.URL:
    """The address that a link says; raise FetchError if it is not one to fetch."""
    try:
        url = base.join(text) if base else httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise FetchError(f"refused: not an address ({error})", again=False) from error
    if url.scheme not in ("http", "https"):
        raise FetchError("refused: only http and https addresses are fetched", again=False)
    if not _HOST.fullmatch(url.raw_host):
        raise FetchError("refused: not an address (it names no host)", again=False)
    if url.userinfo:
        raise FetchError(f"refused: a name or password stands in the address of {url.host}", again=False)
    return url


def _origin(url: httpx2.URL) -> str:
    """The host and port that an address leads to, as `host:port`."""
    host = url.raw_host.decode("ascii")
    return f"{f'[{host}]' if ':' in host else host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def _back_off(tried: int) -> float:
    """How many seconds to wait after so many tries: twice as long each time, and not all clients at once."""
    return 2.0 ** (tried - 1) * random.uniform(1.0, 1.5)  # noqa: S311 - no secret


def _retry_after(answer: httpx2.Response) -> float:
    """After how many seconds the server wants to be asked again; it may say so in seconds, or with a date."""
    said = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _detail(error: Exception) -> str:
    """What a network error says, without numbers and file names of the system."""
    text = re.sub(r"^\[[^\]]*\]\s*|(?<!\s)\s*\(_\w+\.c:\d+\)", "", str(error)).strip()
    return text[:1].lower() + text[1:] if text else "no answer"
