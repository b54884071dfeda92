from __future__ import annotations

import email.utils
import gzip
import time
import tracemalloc
from pathlib import Path

import httpx2
import pytest
from arxiv_server import (
    ArxivServer,
    claims,
    endless,
    html,
    instead,
    redirect,
    reset,
    silent,
    slow,
    status,
    truncated,
)
from hostile import packed

from indexer.errors import FetchError, LibraryFull
from indexer.fetch import (
    IMPATIENT_SECONDS,
    LONGEST_PAUSE,
    MOST_FAILURES,
    MOST_REDIRECTS,
    MOST_TRIES,
    USER_AGENT,
    Fetcher,
    remove_leftovers,
)
from indexer.settings import PaperSettings
from tests.arxiv_atom import Paper, small_pdf

ID = "1706.03762"
PATH = f"/pdf/{ID}"
PDF = small_pdf("Attention is a weighted mean.")


class Time:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def server():
    with ArxivServer({ID: Paper("Attention", pdf=PDF)}) as server:
        yield server


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def fetcher(server, clock):
    with Fetcher(server.settings(), clock=clock, sleep=clock.sleep) as fetcher:
        yield fetcher


def failure(fetcher: Fetcher, url: str, into: Path) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetcher.pdf(url, into)
    assert not into.exists()
    assert list(into.parent.glob("*.part")) == []
    return caught.value


def answering(fetcher: Fetcher, answer) -> list[str]:
    """Put a function in the place of the network; the addresses that it was asked for."""
    asked = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return answer(request)

    fetcher._client.close()
    fetcher._client = httpx2.Client(transport=httpx2.MockTransport(handler))
    return asked


def test_a_pdf_is_fetched_whole(fetcher, server, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.pdf.part").write_bytes(b"what a run that was killed has left" * 1000)
    fetcher.pdf(server.pdf + ID, tmp_path / "papers" / "a.pdf")
    assert [path.name for path in (tmp_path / "papers").iterdir()] == ["a.pdf"]
    assert (tmp_path / "papers" / "a.pdf").read_bytes() == PDF
    assert [(one.path, one.agent) for one in server.requests] == [(PATH, USER_AGENT)]
    assert USER_AGENT.startswith("footnote/")


def test_one_connection_serves_all(fetcher, server, tmp_path):
    for n in range(3):
        fetcher.pdf(server.pdf + ID, tmp_path / f"{n}.pdf")
    fetcher.feed(f"{server.api}?id_list={ID}")
    assert (len(server.requests), server.connections) == (4, 1)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (status(429), MOST_TRIES - 1),
        (status(500), 1),
        (status(502), 1),
        (status(503), MOST_TRIES - 1),
        (status(504), 1),
        (truncated(), MOST_TRIES - 1),
        (truncated(honest=False), 1),
        (reset, MOST_TRIES - 1),
        (instead(b""), 1),
    ],
)
def test_what_may_pass_is_tried_again(fetcher, server, clock, tmp_path, fault, times):
    server.fail(PATH, fault, times=times)
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == PDF
    assert server.paths() == [PATH] * (times + 1)
    assert [2**n <= pause < 1.5 * 2**n for n, pause in enumerate(clock.pauses)] == [True] * times


@pytest.mark.parametrize(
    ("fault", "tries", "again", "reason"),
    [
        (status(404), 1, False, "no such file (404)"),
        (status(410), 1, False, "no such file (410)"),
        (status(403), 1, True, "does not let us have it (403)"),
        (status(418), 1, True, "does not give it (418)"),
        (status(503), MOST_TRIES, True, "is out of order (503)"),
        (status(429), MOST_TRIES, True, "asks us to wait (429)"),
        (truncated(), MOST_TRIES, True, "broke: peer closed connection"),
        (truncated(honest=False), 2, True, "truncated"),
        (reset, MOST_TRIES, True, "broke"),
        (html, 1, True, "a web page instead of a PDF"),
        (instead(b"  <HTML>", "application/pdf"), 1, True, "a web page instead of a PDF"),
        (instead(b"\x89PNG" * 900, "image/png"), 1, True, "something else (image/png) instead of a PDF"),
        (instead(b"x" * 1024 + PDF), 1, True, "instead of a PDF"),
        (instead(b""), MOST_TRIES, True, "sent nothing"),
        (instead(b"not gzip", Content_Encoding="gzip"), 2, True, "cannot be unpacked"),
        (claims(10**12), 1, False, "too large"),
        (endless, 1, False, "too large: more than 0.05 MB"),
    ],
)
def test_what_does_not_pass_is_said(server, clock, tmp_path, fault, tries, again, reason):
    server.fail(PATH, fault, times=None)
    with Fetcher(server.settings(max_bytes=50_000), clock=clock, sleep=clock.sleep) as fetcher:
        error = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert reason in str(error)
    assert error.again is again
    assert len(server.requests) == tries


def test_what_arxiv_refuses_now_others_refuse_for_good(fetcher, clock, tmp_path):
    for answer in (httpx2.Response(403), httpx2.Response(200, html="<html>Log in</html>")):
        answering(fetcher, lambda _, answer=answer: answer)
        assert failure(fetcher, "https://arxiv.org/pdf/1706.03762", tmp_path / "a.pdf").again is True
        assert failure(fetcher, "https://papers.example/a.pdf", tmp_path / "a.pdf").again is False


def test_rubbish_around_a_pdf_does_no_harm(fetcher, server, tmp_path):
    server.fail(PATH, instead(b"\n" * 900 + PDF + b"\0" * 1000))
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().strip(b"\n\0") == PDF.strip(b"\n")


def test_a_body_that_is_packed_all_the_same_is_unpacked(fetcher, server, tmp_path):
    server.fail(PATH, instead(gzip.compress(PDF), Content_Encoding="gzip"))
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == PDF
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("seconds", [7, LONGEST_PAUSE])
def test_a_server_says_when_to_come_again(fetcher, server, clock, tmp_path, code, seconds):
    server.fail(PATH, status(code, retry_after=int(seconds)))
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert clock.pauses == [seconds]


def test_a_server_says_at_what_date_to_come_again(fetcher, server, clock, tmp_path):
    server.fail(PATH, status(503, retry_after=email.utils.formatdate(time.time() + 30, usegmt=True)))
    server.fail(PATH, status(503, retry_after="soon"))
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert clock.pauses == [pytest.approx(30, abs=5), pytest.approx(2.5, abs=0.5)]


def test_a_server_that_wants_a_long_rest_gets_it(fetcher, server, clock, tmp_path):
    server.fail(PATH, status(429, retry_after=3600))
    first = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    second = failure(fetcher, server.pdf + ID, tmp_path / "b.pdf")
    assert (str(first), first.again, second.again) == (str(second), True, True)
    assert (len(server.requests), clock.pauses) == (1, [])


def test_a_server_that_fails_again_and_again_is_left_alone(fetcher, server, tmp_path):
    server.fail(PATH, status(503), times=MOST_TRIES * 2)
    failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    fetcher.pdf(server.pdf + ID, tmp_path / "b.pdf")  # it is back, and starts anew
    server.fail(PATH, status(503), times=None)
    for _ in range(MOST_FAILURES + 2):
        failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert len(server.requests) == MOST_TRIES * 2 + 1 + MOST_TRIES * MOST_FAILURES


def test_a_slow_server_is_waited_for(fetcher, server, tmp_path):
    server.fail(PATH, slow(0.1))
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == PDF


def test_a_silent_server_is_not_waited_for_long(server, clock, tmp_path):
    server.fail(PATH, silent, times=None)
    with Fetcher(server.settings(timeout=0.3), sleep=clock.sleep) as fetcher:
        error = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert str(error) == "127.0.0.1 was silent for 0.3 seconds"
    assert (error.again, len(server.requests)) == (True, 2)


def test_a_body_that_drips_is_not_waited_for_for_ever(server, tmp_path):
    server.fail(PATH, slow(60, pieces=len(PDF)))
    begun = time.monotonic()
    with Fetcher(server.settings(), total_seconds=0.4) as fetcher:
        error = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert "took more than" in str(error)
    assert error.again
    assert 0.4 <= time.monotonic() - begun < 5


def test_pauses_do_not_go_beyond_the_time_for_a_file(server, clock, tmp_path):
    server.fail(PATH, status(503, retry_after=30), times=None)
    with Fetcher(server.settings(), clock=clock, sleep=clock.sleep, total_seconds=70) as fetcher:
        assert failure(fetcher, server.pdf + ID, tmp_path / "a.pdf").again
    assert clock.pauses == [30, 30]


def test_arxiv_is_asked_once_in_an_interval(server, clock, tmp_path):
    with (
        ArxivServer(files={"/a.pdf": PDF}) as other,
        Fetcher(
            server.settings(interval=3.0, hosts=(other.root.removeprefix("http://"),)), clock=clock, sleep=clock.sleep
        ) as fetcher,
    ):
        fetcher.feed(f"{server.api}?id_list={ID}")
        fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
        fetcher.pdf(f"{other.root}/a.pdf", tmp_path / "b.pdf")
        assert clock.pauses == [3]  # others are not arXiv
        server.fail(PATH, redirect(f"{PATH}v1"))
        fetcher.pdf(server.pdf + ID, tmp_path / "c.pdf")
        assert clock.pauses == [3, 3, 3]  # being sent on is another request
        clock.now += 10
        fetcher.pdf(server.pdf + ID, tmp_path / "d.pdf")
        assert clock.pauses == [3, 3, 3]


def test_every_host_of_arxivs_keeps_the_pace(clock, tmp_path):
    with Fetcher(PaperSettings(), clock=clock, sleep=clock.sleep) as fetcher:
        answering(fetcher, lambda _: httpx2.Response(200, content=PDF))
        for host in ("arxiv.org", "export.arxiv.org", "www.arxiv.org", "arxiv.org.example", "notarxiv.org"):
            fetcher.pdf(f"https://{host}/pdf/{ID}", tmp_path / "a.pdf")
    assert clock.pauses == [3, 3]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(fetcher, server, tmp_path, code):
    server.fail(PATH, redirect("../files/moved.pdf#page=2", code))
    server.files["/files/moved.pdf"] = PDF
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == PDF
    assert [one.path for one in server.requests] == [PATH, "/files/moved.pdf"]


def test_redirects_come_to_an_end(fetcher, server, tmp_path):
    server.fail(PATH, redirect(PATH), times=MOST_REDIRECTS)
    fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    server.fail(PATH, redirect(PATH), times=None)
    error = failure(fetcher, server.pdf + ID, tmp_path / "b.pdf")
    assert (str(error), error.again) == ("127.0.0.1 leads on and on, more than 5 times", False)


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://localhost:{port}/pdf/1706.03762", "localhost is not a public address (127.0.0.1)"),
        ("http://127.0.0.1:9/a.pdf", "127.0.0.1 is not a public address"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public address"),
        ("//[::1]/a.pdf", "::1 is not a public address"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://ftp.example/a.pdf", "only http and https"),
        ("http://ada:secret@127.0.0.1:{port}/a.pdf", "a name or password stands in the address of 127.0.0.1"),
        ("http://[", "not an address"),
        ("http://papers.example:port/", "not an address"),
    ],
)
def test_redirects_lead_to_no_place_that_a_link_may_not_lead_to(server, clock, tmp_path, to, reason):
    def lookup(host, _):
        return ["127.0.0.1" if host == "localhost" else host]

    server.fail(PATH, redirect(to.format(port=server.root.rpartition(":")[2])))
    with Fetcher(server.settings(), lookup=lookup, clock=clock, sleep=clock.sleep) as fetcher:
        error = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert reason in str(error)
    assert "secret" not in str(error)
    assert (error.again, len(server.requests)) == (False, 1)


def test_a_secure_address_does_not_lead_to_an_insecure_one(fetcher, tmp_path):
    asked = answering(fetcher, lambda _: httpx2.Response(302, headers={"Location": "http://papers.example/b.pdf"}))
    error = failure(fetcher, "https://papers.example/a.pdf", tmp_path / "a.pdf")
    assert str(error) == "refused: papers.example leads from https to http"
    assert (error.again, asked) == (False, ["https://papers.example/a.pdf"])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://papers.example/a.pdf", "javascript:alert(1)", "papers.example/a.pdf", "",
        "https://ada@papers.example/a.pdf", "https://:secret@papers.example/a.pdf", "http:///a.pdf", "http://?a.pdf",
        "http://[::1/a.pdf", "http://a b/a.pdf", "http://papers.example:port/a.pdf", "http://papers.example/\x00.pdf",
        "http://0177.0.0.1/a.pdf", "http://%31.0.0.1/a.pdf",
    ],
)  # fmt: skip
def test_what_is_no_address_to_fetch_is_refused(fetcher, tmp_path, url):
    asked = answering(fetcher, lambda _: httpx2.Response(200, content=PDF))
    error = failure(fetcher, url, tmp_path / "a.pdf")
    assert str(error).startswith("refused: ")
    assert "secret" not in str(error)
    assert (error.again, asked) == (False, [])


def test_a_page_that_shows_a_pdf_on_github_is_passed_by(fetcher, tmp_path):
    asked = answering(fetcher, lambda _: httpx2.Response(200, content=PDF))
    fetcher.pdf("https://github.com/ada/notes/blob/main/blob/a.pdf", tmp_path / "a.pdf")
    assert asked == ["https://github.com/ada/notes/raw/main/blob/a.pdf"]


def test_a_host_out_of_reach_is_tried_once(clock, tmp_path):
    asked = []

    def lookup(host, port):
        asked.append((host, port))
        raise OSError

    with Fetcher(PaperSettings(), lookup=lookup, clock=clock, sleep=clock.sleep) as fetcher:
        for n in range(3):
            error = failure(fetcher, f"https://papers.example/{n}.pdf", tmp_path / "a.pdf")
            assert str(error) == "papers.example cannot be reached: its name could not be looked up"
            assert error.again
        for host in ("export.arxiv.org", "arxiv.org"):  # no request was made, so the next need not wait
            failure(fetcher, f"https://{host}/a.pdf", tmp_path / "a.pdf")
    assert asked == [("papers.example", 443), ("export.arxiv.org", 443), ("arxiv.org", 443)]
    assert clock.pauses == []


def test_without_a_network_patience_ends(clock, tmp_path):
    def lookup(*_):
        clock.now += 3
        raise OSError

    with Fetcher(PaperSettings(), lookup=lookup, clock=clock, sleep=clock.sleep) as fetcher:
        patience = []
        for host in "abc":
            patience.append(fetcher._timeout().connect)
            failure(fetcher, f"https://{host}.example/a.pdf", tmp_path / "a.pdf")
    assert patience == [3, 3, IMPATIENT_SECONDS]


def test_no_proxy_is_asked(server, clock, tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Fetcher(server.settings(), clock=clock, sleep=clock.sleep) as fetcher:
        fetcher.pdf(server.pdf + ID, tmp_path / "a.pdf")
    assert server.paths() == [PATH]


def test_a_disk_that_does_not_let_us_write_is_not_the_papers_fault(fetcher, server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LibraryFull, match="a file is in the way"):
        fetcher.pdf(server.pdf + ID, tmp_path / "file" / "a.pdf")
    assert server.requests == []


def test_leftovers_are_removed(tmp_path):
    for name in ("a.pdf", "b.pdf.part", "c.part"):
        (tmp_path / name).write_bytes(b"%PDF-")
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]


@pytest.mark.parametrize("fault", [html, truncated(0.9, honest=False), instead(b"")])
def test_half_a_feed_is_no_feed(fetcher, server, fault):
    server.fail("/api/query", fault, fault)
    with pytest.raises(FetchError, match="something else than a whole feed") as caught:
        fetcher.feed(f"{server.api}?id_list={ID}")
    assert caught.value.again
    code, body = fetcher.feed(f"{server.api}?id_list={ID}")
    assert (code, b"<title>Attention</title>" in body) == (200, True)


def test_what_arxiv_cannot_make_sense_of_is_passed_on(fetcher, server):
    code, body = fetcher.feed(f"{server.api}?id_list=nonsense")
    assert (code, b"incorrect id format for nonsense" in body) == (400, True)


def bomb(begin: bytes, encoding: str) -> bytes:
    """Three hundred megabytes of spaces behind a beginning, packed once or twice."""
    zipped = packed(b" " * 1_000_000, 300, before=begin)
    if encoding == "deflate":
        return zipped
    once = b"\x1f\x8b\x08" + bytes(6) + b"\xff" + zipped[2:]  # the end, which is not gzip's, is never reached
    return gzip.compress(once) if encoding == "gzip, gzip" else once


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_what_unpacks_to_more_than_it_may_is_given_up(server, fetcher, tmp_path, encoding):
    server.fail(PATH, instead(bomb(b"%PDF-1.7\n", encoding), Content_Encoding=encoding))
    feed = "/api/query"
    server.fail(feed, instead(bomb(b"<feed>", encoding), Content_Encoding=encoding))
    tracemalloc.start()
    error = failure(fetcher, server.pdf + ID, tmp_path / "a.pdf")
    assert (str(error), error.again) == ("too large: more than 100 MB", False)
    with pytest.raises(FetchError, match="too large: more than 20 MB"):
        fetcher.feed(f"{server.api}?id_list={ID}")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 60_000_000
