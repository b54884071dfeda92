from __future__ import annotations

import ipaddress
import socket
import sys
import threading
import time

import httpcore2
import pytest
from arxiv_server import ArxivServer
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import FetchError
from indexer.fetch import Fetcher
from indexer.network import MOST_ADDRESSES, Network, is_public
from indexer.settings import PaperSettings
from tests.arxiv_atom import small_pdf

PDF = small_pdf("Names are looked up once.")


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "151.101.3.42", "2001:4860:4860::8888", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"],
)
def test_a_public_address(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:c0a8:101::1", "2001::1", "2001:db8::1",
        "fc00::1", "fd12:3456::1",
        "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "100::1", "5f00::1",
    ],
)  # fmt: skip
def test_no_public_address(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(inner):
    number, judged = int(inner), is_public(str(inner))
    for outer in (0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number):
        assert is_public(str(ipaddress.IPv6Address(outer))) is judged


def fetch(url, path, lookup, **settings):
    with Fetcher(PaperSettings(**settings), lookup=lookup) as fetcher:
        fetcher.pdf(url, path)


def test_a_connection_goes_to_the_address_that_was_checked(tmp_path, monkeypatch):
    asked, connected = [], []

    def lookup(host, port):
        asked.append(host)
        return ["8.8.8.8"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address, *_, **__):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch("http://rebound.example/a.pdf", tmp_path / "a.pdf", lookup)
    assert (asked, connected) == (["rebound.example"], [("8.8.8.8", 80)])


def test_one_private_address_among_others_is_enough_to_refuse(tmp_path):
    with pytest.raises(FetchError, match=r"refused: mixed.example is not a public address \(10.0.0.1\)") as caught:
        fetch("http://mixed.example/a.pdf", tmp_path / "a.pdf", lambda *_: ["8.8.8.8", "10.0.0.1"])
    assert not caught.value.again


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0x7f000001"])
def test_odd_ways_to_write_an_address_are_seen_through(tmp_path, host):
    with pytest.raises(FetchError, match=rf"refused: {host} is not a public address \(127.0.0.1\)"):
        fetch(f"http://{host}/a.pdf", tmp_path / "a.pdf", lambda *_: ["127.0.0.1"])


def test_an_octal_address_is_none(tmp_path):
    with pytest.raises(FetchError, match="refused: not an address"):
        fetch("http://0177.0.0.1/a.pdf", tmp_path / "a.pdf", lambda *_: ["127.0.0.1"])


@pytest.mark.parametrize("opened", ["{host}", "{host}:{port}"])
def test_a_named_host_is_open(tmp_path, opened):
    with ArxivServer(files={"/a.pdf": PDF}) as server:
        port = server.root.rpartition(":")[2]
        hosts = (opened.format(host="mirror.example", port=port),)
        url = f"http://mirror.example:{port}/a.pdf"
        fetch(url, tmp_path / "a.pdf", lambda *_: ["127.0.0.1"], hosts=hosts)
        assert (tmp_path / "a.pdf").read_bytes() == PDF
        assert server.requests[0].headers["Host"] == f"mirror.example:{port}"
        with pytest.raises(FetchError, match="refused"):
            fetch(url, tmp_path / "b.pdf", lambda *_: ["127.0.0.1"], hosts=("mirror.example:1", "example"))


def test_a_lookup_that_hangs_is_not_waited_for(tmp_path):
    done, asked = threading.Event(), []

    def lookup(host, port):
        asked.append(host)
        done.wait()
        return []

    begun = time.monotonic()
    with Fetcher(PaperSettings(timeout=0.1), lookup=lookup) as fetcher:
        for n in range(3):
            with pytest.raises(FetchError, match="its name could not be looked up in time") as caught:
                fetcher.pdf(f"http://hanging.example/{n}.pdf", tmp_path / "a.pdf")
            assert caught.value.again
    done.set()
    assert asked == ["hanging.example"]
    assert time.monotonic() - begun < 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs a kernel that drops connections when the queue is full")
def test_packets_that_vanish_are_not_waited_for(tmp_path):
    with socket.socket() as listener:  # its queue is full: the kernel drops who else knocks, as a firewall does
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            begun = time.monotonic()
            with pytest.raises(FetchError, match="cannot be reached: timed out") as caught:
                fetch(
                    f"http://vanishing.example:{address[1]}/a.pdf",
                    tmp_path / "a.pdf",
                    lambda *_: ["127.0.0.1"],
                    timeout=0.2,
                    hosts=("vanishing.example",),
                )
            assert caught.value.again
            assert time.monotonic() - begun < 3
        finally:
            for one in waiting:
                one.close()


def test_families_of_addresses_take_turns(monkeypatch):
    tried = []

    def connect(address, timeout, **_):
        tried.append((address[0], timeout))
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    addresses = ["2001:4860::1", "2001:4860::2", "2001:4860::3", "8.8.8.8", "8.8.4.4"]
    network = Network(lambda *_: False, lookup=lambda *_: addresses, clock=lambda: 0.0)
    with pytest.raises(httpcore2.ConnectError):
        network.connect_tcp("papers.example", 443, 3.0)
    assert tried == [
        ("2001:4860::1", 3 / MOST_ADDRESSES), ("8.8.8.8", 1.0), ("2001:4860::2", 1.5), ("8.8.4.4", 3.0),
    ]  # fmt: skip
