"""Asking a chat model over HTTP: any endpoint that speaks OpenAI's chat completions, streaming where it can.

Whatever is wrong with the endpoint is one ChatError, in our own words: what it sent is in none of them, and the key in
nothing but the header of the request.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

from indexer import __version__
from indexer.errors import ChatError, SettingsError
from indexer.network import Lookup, Network, Transport, lookup
from indexer.settings import MEGABYTE, ChatSettings

MOST_BYTES = 8 * MEGABYTE
"""Of one reply, as it comes over the network."""

MOST_CHARS = 100_000
"""Of what the model says in one reply, thinking aloud included."""

MOST_EVENT_BYTES = MEGABYTE
MOST_AT_ONCE = 4
"""So many replies may be on their way; who asks meanwhile is not kept waiting."""

CONNECT_SECONDS = 5.0
LEFT_ALONE_SECONDS = 30.0
"""An endpoint that could not be reached, or was silent, is not asked again for so long."""


class Endpoint:
    """A chat endpoint; safe to share between threads."""

    def __init__(
        self, settings: ChatSettings, *, clock: Callable[[], float] = time.monotonic, lookup: Lookup = lookup
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lookup = lookup
        try:
            self._url = httpx2.URL(f"{settings.url}/chat/completions")
        except httpx2.InvalidURL:
            raise SettingsError(
                "FOOTNOTE_CHAT_URL is not an address; set it to one like http://localhost:11434/v1"
            ) from None
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._left_alone = (0.0, "")

    def reply(self, messages: Sequence[dict[str, str]]) -> Iterator[str]:
        """Yield what the model says, piece by piece; raise ChatError where it cannot be asked or does not end well.

        An end that is none (a connection that breaks, a stream without its last event) is an error, after the pieces.
        """
        until, reason = self._left_alone
        if self._clock() < until:
            raise ChatError(reason)
        if not self._places.acquire(blocking=False):
            raise ChatError(f"{self._url.host} is busy with {MOST_AT_ONCE} other questions; ask again in a moment")
        try:
            body: dict[str, Any] = {"model": self._settings.model, "messages": list(messages), "stream": True}
            with self._answer(body | {"temperature": 0}) as answer:
                if answer.status_code not in (400, 422):  # some models want no temperature, and say so with these
                    yield from self._said(answer)
                    return
            with self._answer(body) as answer:
                yield from self._said(answer)
        finally:
            self._places.release()

    @contextmanager
    def _answer(self, body: dict[str, Any]) -> Iterator[httpx2.Response]:
        """Ask once, and say in our own words what goes wrong, also while the answer is read."""
        host, seconds = self._url.host, self._settings.seconds
        network = Network(lambda _host, _port: True, lookup=self._lookup, clock=self._clock)
        network.deadline = self._clock() + seconds
        headers = {"User-Agent": f"footnote/{__version__}", "Accept-Encoding": "identity"}
        if self._settings.key:
            headers["Authorization"] = f"Bearer {self._settings.key}"
        timeout = httpx2.Timeout(self._settings.timeout, connect=min(CONNECT_SECONDS, self._settings.timeout))
        try:
            with (
                httpx2.Client(transport=Transport(network), headers=headers, trust_env=False) as client,
                client.stream("POST", self._url, json=body, timeout=timeout, follow_redirects=False) as answer,
            ):
                answer.stream = _Bounded(answer.stream)
                yield answer
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
            raise self._leave_alone(f"{host} cannot be reached; check FOOTNOTE_CHAT_URL") from None
        except httpcore2.TimeoutException:
            if self._clock() >= network.deadline:
                raise ChatError(
                    f"{host} took more than {seconds:g} seconds; FOOTNOTE_CHAT_SECONDS allows more"
                ) from None
            silent = f"{host} was silent for {self._settings.timeout:g} seconds; FOOTNOTE_CHAT_TIMEOUT allows more"
            raise self._leave_alone(silent) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpx2.HTTPError, ValueError):
            raise ChatError(f"{host} broke off, or does not speak HTTP as it should; check FOOTNOTE_CHAT_URL") from None

    def _leave_alone(self, reason: str) -> ChatError:
        self._left_alone = (self._clock() + LEFT_ALONE_SECONDS, reason)
        return ChatError(reason)

    def _said(self, answer: httpx2.Response) -> Iterator[str]:
        """The text of an answer, within bounds; raise ChatError where it is none."""
        host, size = self._url.host, 0
        if answer.is_redirect:
            raise ChatError(f"{host} leads elsewhere, and is not followed; set FOOTNOTE_CHAT_URL to where it leads")
        if answer.status_code != httpx2.codes.OK:
            does = "does not know the key" if answer.status_code in (401, 403) else "refuses"
            raise ChatError(f"{host} {does} (status {answer.status_code}); check the FOOTNOTE_CHAT_ variables")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise ChatError(f"{host} sent something packed, though it was asked not to; name another endpoint")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("text/event-stream", "application/json"):
            raise ChatError(f"{host} is no chat endpoint: it did not answer with events; check FOOTNOTE_CHAT_URL")
        try:
            for piece in _events(answer) if kind == "text/event-stream" else [_content(json.loads(answer.read()))]:
                size += len(piece)
                if size > MOST_CHARS:
                    raise ChatError(f"{host} went on and on: more than {MOST_CHARS:,} characters; name another model")
                yield piece
        except EOFError:
            raise ChatError(f"{host} broke off in the middle; ask again, or look at its log") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ChatError(f"{host} sent what no chat endpoint sends; check FOOTNOTE_CHAT_URL") from None


def _events(answer: httpx2.Response) -> Iterator[str]:
    """The pieces of a stream of events; raise EOFError unless it comes to its end, ValueError where it is another."""
    ended = False
    for event in httpx2.EventSource(answer, max_event_size=MOST_EVENT_BYTES):
        if event.data.strip() == "[DONE]":
            return
        if not event.data.strip():
            continue
        found = json.loads(event.data)
        if found.get("error"):
            raise ValueError("an error")
        for choice in found.get("choices", [])[:1]:  # the last event may have none, and only count tokens
            if piece := (choice.get("delta") or {}).get("content"):
                yield _text(piece)
            ended = ended or bool(choice.get("finish_reason"))
    if not ended:
        raise EOFError


def _content(found: Any) -> str:
    """What an answer in one piece says."""
    return _text(found["choices"][0]["message"]["content"])


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("not a text")
    return found


class _Bounded(httpx2.SyncByteStream):
    """A body that ends with an error when it grows too large."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            size += len(piece)
            if size > MOST_BYTES:
                raise ValueError("too large")
            yield piece

    def close(self) -> None:
        self._body.close()
