from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from arxiv_server import ArxivServer, html, instead, reset, status, truncated
from test_fetch import Time

from indexer.errors import FetchError
from indexer.fetch import USER_AGENT, Fetcher
from indexer.metadata import BATCH, PaperMetadata, look_up
from indexer.settings import PaperSettings
from indexer.types import PaperId
from tests.arxiv_atom import ATOM, Paper

ATTENTION = Paper(
    "A weighted\n  mean",
    '  We call a weighted mean\nattention. G\\"odel & Erd\\H{o}s: $a < b$.\n',
    ("Ada  Example", "Bo Exämple"),
    versions=7,
    comment="15 pages,\n  5 figures",
)
EMPTY = instead(b'<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query</title></feed>', ATOM)


@pytest.fixture
def server():
    with ArxivServer({"1706.03762": ATTENTION, "hep-th/9901001": Paper("Strings", versions=2)}) as server:
        yield server


@pytest.fixture
def fetcher(server):
    time = Time()
    with Fetcher(server.settings(), clock=time, sleep=time.sleep) as fetcher:
        yield fetcher


def paper(name: str) -> PaperId:
    identifier, _, version = name.partition("v")
    return PaperId(identifier, f"v{version}" if version else None)


def found(fetcher: Fetcher, *names: str) -> dict[str, str]:
    """What is said of each paper: its version and title, or why there is none."""
    answers = look_up([paper(name) for name in names], fetcher)
    return {
        one.identifier + (one.version or ""): f"{said.version} {said.title}"
        if isinstance(said, PaperMetadata)
        else str(said)
        for one, said in answers
    }


def test_what_arxiv_says_of_a_paper(fetcher, server):
    assert list(look_up([PaperId("1706.03762")], fetcher)) == [
        (
            PaperId("1706.03762"),
            PaperMetadata(
                identifier="1706.03762",
                version="v7",
                title="A weighted mean",
                authors=("Ada Example", "Bo Exämple"),
                abstract='We call a weighted mean attention. G\\"odel & Erd\\H{o}s: $a < b$.',
                published=datetime(2017, 6, 12, 17, 57, 34, tzinfo=UTC),
                updated=datetime(2023, 8, 2, 0, 41, 18, tzinfo=UTC),
                comment="15 pages, 5 figures",
                withdrawn=False,
            ),
        )
    ]
    assert [one.agent for one in server.requests] == [USER_AGENT]


def test_many_papers_are_asked_for_at_once(fetcher, server):
    ids = [f"21{month:02}.{n:05}" for month in range(1, 13) for n in range(1, 21)]
    server.papers |= {one: Paper(f"The paper {one}") for one in ids}
    assert found(fetcher, *ids) == {one: f"v1 The paper {one}" for one in ids}
    assert [len(asked) for asked in server.ids_asked()] == [BATCH, BATCH, 40]
    assert server.connections == 1


def test_versions_are_told_apart(fetcher, server):
    assert found(fetcher, "1706.03762v1", "1706.03762", "hep-th/9901001v1", "1706.03762v7", "1706.03762") == {
        "1706.03762": "v7 A weighted mean",
        "1706.03762v1": "v1 A weighted mean",
        "1706.03762v7": "v7 A weighted mean",
        "hep-th/9901001v1": "v1 Strings",
    }
    for asked in server.ids_asked():
        assert len({paper(name).identifier for name in asked}) == len(asked)


def test_what_does_not_exist_is_said(fetcher, server):
    answers = dict(look_up([paper(one) for one in ("2101.00001", "x/1", "1706.03762v9", "1706.03762")], fetcher))
    assert {one.identifier: str(said) for one, said in answers.items() if isinstance(said, FetchError)} == {
        "x/1": "x/1 is not an id of arXiv's",
        "2101.00001": "arXiv has no such paper",
        "1706.03762": "arXiv has no 1706.03762v9; its newest version is v7",
    }
    assert not any(said.again for said in answers.values() if isinstance(said, FetchError))
    assert answers[PaperId("1706.03762")].title == "A weighted mean"
    assert "x/1" not in [name for asked in server.ids_asked() for name in asked]


def test_one_id_that_arxiv_cannot_read_does_not_spoil_its_batch(fetcher, server):
    ids = [f"2101.{n:05}" for n in range(1, 9)]
    server.papers |= {one: Paper(f"The paper {one}") for one in ids if one != "2101.00003"}
    server.refused.add("2101.00003")
    expected = {one: f"v1 The paper {one}" for one in ids} | {"2101.00003": "arXiv has no such paper"}
    assert found(fetcher, *ids) == expected
    assert len(server.requests) <= 8


def test_what_arxiv_leaves_out_by_mistake_is_asked_for_again(fetcher, server):
    server.fail("/api/query", EMPTY)
    assert found(fetcher, "1706.03762", "hep-th/9901001v2") == {
        "1706.03762": "v7 A weighted mean",
        "hep-th/9901001v2": "v2 Strings",
    }
    server.fail("/api/query", EMPTY)
    [(_, said)] = look_up([PaperId("1706.03762", "v3")], fetcher)
    assert (str(said), said.again) == ("arXiv says nothing of 1706.03762v3; its newest version is v7", True)


@pytest.mark.parametrize("fault", [status(429), status(503, retry_after=3), status(500), reset, truncated(), html])
def test_what_may_pass_is_tried_again(fetcher, server, fault):
    server.fail("/api/query", fault)
    assert found(fetcher, "1706.03762") == {"1706.03762": "v7 A weighted mean"}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (status(503), "is out of order (503)"),
        (status(403), "does not answer as it should (403)"),
        (html, "something else than a whole feed"),
        (instead(b"<feed><entry><id>x</id><updated>soon</updated></entry></feed>", ATOM), None),
        (
            instead(
                b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id><updated>soon</updated></entry></feed>'
            ),
            "does not answer as it should (Invalid isoformat string: 'soon')",
        ),
    ],
)
def test_an_arxiv_that_is_out_of_order_is_an_error(fetcher, server, fault, reason):
    server.fail("/api/query", fault, times=None)
    if reason is None:  # a feed about nothing
        assert found(fetcher, "1706.03762") == {"1706.03762": "arXiv has no such paper"}
        return
    with pytest.raises(FetchError) as caught:
        found(fetcher, "1706.03762")
    assert reason in str(caught.value)
    assert caught.value.again


def test_what_came_before_the_network_went_stands(fetcher, server):
    ids = [f"2101.{n:05}" for n in range(1, BATCH + 2)]
    server.papers |= {one: Paper(one) for one in ids}
    answers = look_up([PaperId(one) for one in ids], fetcher)
    first = [next(answers)[0].identifier for _ in range(BATCH)]
    server.fail("/api/query", reset, times=None)
    with pytest.raises(FetchError, match="broke"):
        next(answers)
    assert first == ids[:BATCH]


def test_without_a_network_nothing_waits():
    def lookup(*_):
        raise OSError

    time = Time()
    with Fetcher(PaperSettings(), clock=time, sleep=time.sleep, lookup=lookup) as fetcher:
        with pytest.raises(FetchError, match=r"export.arxiv.org cannot be reached") as caught:
            found(fetcher, "1706.03762", "x/1")
        assert caught.value.again
    assert time.pauses == []


def test_the_pace_is_the_fetchers(server, tmp_path):
    time = Time()
    with Fetcher(server.settings(interval=3.0), clock=time, sleep=time.sleep) as fetcher:
        fetcher.pdf(f"{server.pdf}1706.03762", tmp_path / "a.pdf")
        found(fetcher, "1706.03762", "1706.03762v1")
    assert time.pauses == [3, 3]


def test_an_api_elsewhere_may_have_a_query_of_its_own(server):
    with Fetcher(server.settings(arxiv_api=f"{server.api}?key={{secret}}")) as fetcher:
        assert found(fetcher, "1706.03762") == {"1706.03762": "v7 A weighted mean"}
    assert server.requests[0].path.startswith("/api/query?key=%7Bsecret%7D&search_query=&id_list=1706.03762&")


@pytest.mark.parametrize(
    ("comment", "abstract"),
    [
        ("This paper has been withdrawn by the author due to an error in Lemma 2", "We prove it."),
        ("Withdrawn", "We prove it."),
        ("withdrawn: the proof of Theorem 1 has a gap", "We prove it."),
        ("12 pages; paper withdrawn", "We prove it."),
        ("The manuscript is temporarily withdrawn, as it needs a revision", "We prove it."),
        ("arXiv admin note: submission has been withdrawn by arXiv administrators for plagiarism", "We prove it."),
        ("arXiv admin note: This version has been removed by arXiv administrators", "We prove it."),
        (None, "This paper has been withdrawn."),
        (None, "This submission was withdrawn at the request of the authors."),
        (None, "We withdraw this paper, because of a mistake in Section 3."),
        (None, "The author has withdrawn the preprint; withdrawn by the author."),
    ],
)
def test_a_paper_that_was_withdrawn(fetcher, server, comment, abstract):
    server.papers["2101.00001"] = Paper("Gone", abstract, comment=comment)
    [(_, said)] = look_up([PaperId("2101.00001")], fetcher)
    assert said.withdrawn


@pytest.mark.parametrize(
    ("comment", "abstract"),
    [
        (None, "Patients who had withdrawn from the study are counted."),
        (None, "The drug was withdrawn by the manufacturer, and the paper asks why."),
        (None, "We study how often papers are retracted. " * 10 + "One paper was withdrawn by its authors."),
        ("Accepted at a workshop on withdrawn drugs", "Support was withdrawn in 2010."),
        (None, "Money is withdrawn from the bank by the author's model of a consumer."),
    ],
)
def test_a_paper_that_was_not_withdrawn(fetcher, server, comment, abstract):
    server.papers["2101.00001"] = Paper("There", abstract, comment=comment)
    [(_, said)] = look_up([PaperId("2101.00001")], fetcher)
    assert not said.withdrawn


def entities(declared: str) -> bytes:
    entry = "<entry><id>http://arxiv.org/abs/1706.03762v1</id><title>&z;</title></entry>"
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>a</title>{entry}</feed>'
    return f"<?xml version='1.0'?><!DOCTYPE a [{declared}]>{feed}".encode()


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise("abcdefghijklz")),
        f'<!ENTITY z "{"x" * 1_000_000}">',
        '<!ENTITY z SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p; <!ENTITY z "&z;">',
    ],
    ids=["each ten of the last", "a long one", "a file", "another document"],
)
def test_what_a_feed_declares_is_not_put_in(fetcher, server, declared):
    server.fail("/api/query", instead(entities(declared), ATOM), times=None)
    begun = time.thread_time()
    try:
        said = found(fetcher, "1706.03762")["1706.03762"]
    except FetchError as error:
        said = str(error)
    assert time.thread_time() - begun < 2
    assert len(said) < 200
    assert "root:" not in said
