"""The service as a process: its socket, and its watcher."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

from indexer.errors import LibraryMissing, ServiceError
from indexer.settings import Settings
from service.serve import _listen, _watching


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_answered_is_sent_at_once(host):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def sends_at_once() -> bool:
        connected = asyncio.Queue[asyncio.StreamWriter]()
        with _listen(host, 0) as listening:
            server = await asyncio.start_server(lambda _, writer: connected.put_nowait(writer), sock=listening)
            async with server:
                _, ours = await asyncio.open_connection(*listening.getsockname()[:2])
                theirs = await connected.get()
                no_delay = theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for writer in (ours, theirs):
                    writer.close()
                    await writer.wait_closed()
                return bool(no_delay)

    assert asyncio.run(sends_at_once())


def test_a_port_that_is_taken_is_an_error_that_says_so():
    with _listen("127.0.0.1", 0) as first, pytest.raises(ServiceError, match=r"cannot listen on 127\.0\.0\.1"):
        _listen("127.0.0.1", first.getsockname()[1])


def test_a_library_that_is_gone_before_it_is_watched_ends_the_service_and_is_said(tmp_path):
    def snapshot():
        raise LibraryMissing("no library")

    desk = SimpleNamespace(library=SimpleNamespace(snapshot=snapshot))
    settings = Settings(library=tmp_path, cache=tmp_path)
    with pytest.raises(LibraryMissing), _watching(settings, desk, "known", None, None):
        pass
    with _watching(settings, desk, None, None, None):
        pass
    assert "watch" not in {thread.name for thread in threading.enumerate()}
