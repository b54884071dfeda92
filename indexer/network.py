"""Connections to the network outside: to public addresses only, to the very ones that were checked, never for long."""

from __future__ import annotations

import ipaddress
import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import httpcore2
import httpx2

from indexer.errors import FetchError

Lookup: TypeAlias = Callable[[str, int], list[str]]
"""The addresses of a host and port; OSError when it has none."""

MOST_ADDRESSES = 4
"""How many addresses of one name are tried."""

_IPV6 = ipaddress.IPv6Network("2000::/3")  # the only part of IPv6 that is given out for hosts
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_HOSTS = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))  # RFC 6890, RFC 7526


def is_public(address: str) -> bool:
    """Tell whether an IP address is that of a host on the public internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64) is judged by that.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if inner := ip.ipv4_mapped or ip.sixtofour or (ip in _NAT64 and ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)):
            return is_public(str(inner))
        return ip in _IPV6 and ip.is_global
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_HOSTS)


def lookup(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host, in its order of preference."""
    return list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class Network(httpcore2.SyncBackend):
    """Opens connections, each to an address that was just looked up and checked.

    Checking a name first and connecting to it afterwards would look it up twice, and the second answer may differ
    (DNS rebinding). `may_be_private` names the hosts and ports that are not checked. No connection made here waits
    beyond `deadline`, a time of `clock`, however slowly the other side drips.
    """

    def __init__(
        self,
        may_be_private: Callable[[str, int], bool],
        *,
        lookup: Lookup = lookup,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deadline = math.inf
        self._may_be_private = may_be_private
        self._lookup = lookup
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect within `timeout` seconds, looking up the name included; raise FetchError at a private address."""
        until = self._clock() + self.left(timeout)
        addresses = self._addresses(host, port, until)
        for n, address in enumerate(addresses, 1):
            seconds = max((until - self._clock()) / (len(addresses) - n + 1), 0.01)
            try:
                stream = super().connect_tcp(address, port, seconds, local_address, socket_options)
                return _Stream(stream, self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if n == len(addresses):
                    raise
        raise httpcore2.ConnectError("its name has no address")

    def left(self, timeout: float | None) -> float:
        """How many seconds may be waited now; raise ReadTimeout when there are none."""
        left = min(math.inf if timeout is None else timeout, self.deadline - self._clock())
        if left <= 0:
            raise httpcore2.ReadTimeout("the time is up")
        return left

    def _addresses(self, host: str, port: int, until: float) -> list[str]:
        found = self._looked_up(host, port, until - self._clock())
        if not self._may_be_private(host, port):
            for address in found:
                if not is_public(address):
                    reason = f"refused: {host} is not a public address ({address}); FOOTNOTE_FETCH_HOSTS can open it"
                    raise FetchError(reason, again=False)
        # The first addresses may all be of a family that leads nowhere here: take turns.
        families = [[one for one in found if (":" in one) is six] for six in (":" in found[0], ":" not in found[0])]
        turns = sorted((n, k, one) for k, family in enumerate(families) for n, one in enumerate(family))
        return [one for _, _, one in turns[:MOST_ADDRESSES]]

    def _looked_up(self, host: str, port: int, seconds: float) -> list[str]:
        """Look up a name in a thread of its own: the system's resolver knows no time limit."""
        answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._lookup(host, port))
            except (OSError, UnicodeError) as error:
                answer.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = answer.get(timeout=seconds)
        except queue.Empty:
            raise httpcore2.ConnectTimeout("its name could not be looked up in time") from None
        if isinstance(found, Exception) or not found:
            raise httpcore2.ConnectError("its name could not be looked up")
        return found


class _Stream(httpcore2.NetworkStream):
    """A connection that ends at its network's deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, network: Network) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._network.left(timeout))
        return _Stream(stream, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Transport(httpx2.BaseTransport):
    """A pool of one connection over a Network; its errors are httpcore2's own.

    There is no proxy, whatever the environment says: it would look up names and connect for us, unchecked.
    """

    def __init__(self, network: Network) -> None:
        self._pool = httpcore2.ConnectionPool(max_connections=1, keepalive_expiry=30.0, network_backend=network)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Any:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
