"""What arXiv says of its papers: title, authors, abstract, versions, and whether they were withdrawn."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, TypeAlias

import arxiv
import requests
from requests.adapters import BaseAdapter

from indexer.errors import FetchError
from indexer.fetch import Fetcher
from indexer.papers import is_arxiv_id
from indexer.types import PaperId

BATCH = 100
"""So many papers are asked for in one request."""

_ENTRY = re.compile(r"/abs/(?P<identifier>[\w.-]+(?:/[\w.-]+)?)(?P<version>v\d+)$")
_BAD_REQUEST = 400
_NOTICE_CHARS = 200  # a notice of withdrawal opens the abstract that it stands in for
_WORK = "paper|article|submission|manuscript|(?:e-?|pre)print|work|letter|note|version|report|thesis|draft"
_WITHDRAWN = re.compile(
    rf"""\b(?:{_WORK})s?\s+(?:(?:has|have|had|is|was|are|were|been|being|now|temporarily|hereby)\s+)*withdrawn\b
    | \b(?:withdrawn|removed)\s+(?:by|at\s+the\s+request\s+of)\s+(?:\w+\s+){{0,2}}?
      (?:authors?|arxiv|submitters?|admin\w*)\b
    | \bwithdraws?\s+this\s+(?:{_WORK})\b
    | ^\W*withdrawn\b""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class PaperMetadata:
    """What arXiv says of a paper in one version ("v7"): the one that was asked for, else the newest.

    `abstract` has no line breaks; mathematics and accents in it are as the authors typed them. `published` is the
    time of the first version, `updated` that of this one. `comment` is the authors' or arXiv's, or None.
    """

    identifier: str
    version: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    published: datetime
    updated: datetime
    comment: str | None
    withdrawn: bool


Found: TypeAlias = "PaperMetadata | FetchError"
"""What was found of one paper; the error says that there is no such paper, or no such version."""


def look_up(ids: Sequence[PaperId], fetcher: Fetcher) -> Iterator[tuple[PaperId, Found]]:
    """Ask arXiv for papers, many at once, and give what it says of each as it comes, each id once.

    Raises FetchError when arXiv does not answer; what came before stands.
    """
    asked: list[PaperId] = []
    for paper in dict.fromkeys(ids):
        if is_arxiv_id(paper.identifier):
            asked.append(paper)
        else:
            yield paper, FetchError(f"{paper.identifier} is not an id of arXiv's", again=False)
    client = _client(fetcher)
    for batch in _batches(asked):
        found = _ask(client, batch)
        if missing := [paper for paper in batch if paper not in found]:
            # arXiv leaves out what it does not know, but now and then something that it does know: ask once more, for
            # whichever version there is.
            newest = _ask(client, [PaperId(paper.identifier) for paper in missing])
            found |= {paper: _confirmed(paper, newest.get(PaperId(paper.identifier))) for paper in missing}
        yield from ((paper, found[paper]) for paper in batch)


def search(query: str, fetcher: Fetcher, most: int) -> list[PaperMetadata]:
    """Ask arXiv for papers by a query in its own language (https://info.arxiv.org/help/api), the nearest first.

    Each is given in its newest version, at most `most`. Raises FetchError.
    """
    return [one for one in map(_metadata, _results(_client(fetcher), query=query, max_results=most)) if one]


def _batches(papers: Sequence[PaperId]) -> Iterator[list[PaperId]]:
    """Divide papers so that none stands twice in a batch: of two versions asked for at once, arXiv may give one."""
    by_paper: dict[str, list[PaperId]] = defaultdict(list)
    for paper in papers:
        by_paper[paper.identifier].append(paper)
    for row in zip_longest(*by_paper.values()):
        different = [paper for paper in row if paper]
        yield from (different[n : n + BATCH] for n in range(0, len(different), BATCH))


def _ask(client: arxiv.Client, papers: Sequence[PaperId]) -> dict[PaperId, Found]:
    """Ask once; what arXiv leaves out is not in the answer."""
    names = [paper.identifier + (paper.version or "") for paper in papers]
    try:
        results = _results(client, id_list=names, max_results=len(names))
    except _NotUnderstood:
        if len(papers) == 1:
            return {}
        half = len(papers) // 2  # one id that arXiv cannot make sense of spoils the answer for all
        return _ask(client, papers[:half]) | _ask(client, papers[half:])
    entries = {(one.identifier, one.version): one for one in map(_metadata, results) if one}
    newest = {identifier: one for (identifier, _), one in entries.items()}
    found = {
        paper: entries.get((paper.identifier, paper.version)) if paper.version else newest.get(paper.identifier)
        for paper in papers
    }
    return {paper: one for paper, one in found.items() if one}


class _NotUnderstood(FetchError):
    """ArXiv cannot make sense of what it was asked."""


def _results(client: arxiv.Client, **asked: Any) -> list[arxiv.Result]:
    """What arXiv answers, in its order; raise FetchError."""
    try:
        return list(client.results(arxiv.Search(**asked)))
    except arxiv.HTTPError as error:
        kind = _NotUnderstood if error.status == _BAD_REQUEST else FetchError
        raise kind(f"arXiv does not answer as it should ({error.status})", again=True) from error
    except (arxiv.ArxivError, requests.RequestException, ValueError) as error:
        raise FetchError(f"arXiv does not answer as it should ({error})", again=True) from error


def _confirmed(paper: PaperId, newest: Found | None) -> Found:
    """What to say of a paper that arXiv left out, when all that it knows is its newest version."""
    if not isinstance(newest, PaperMetadata):
        return FetchError("arXiv has no such paper", again=False)
    if paper.version in (None, newest.version):
        return newest
    exists = int(paper.version[1:]) <= int(newest.version[1:])
    said = f"arXiv {'says nothing of' if exists else 'has no'} {paper.identifier}{paper.version}"
    return FetchError(f"{said}; its newest version is {newest.version}", again=exists)


def _metadata(result: arxiv.Result) -> PaperMetadata | None:
    """The record of an entry; None for one that is about no paper."""
    match = _ENTRY.search(result.entry_id)
    if not match or not result.title.strip():
        return None
    abstract = " ".join(result.summary.split())
    comment = " ".join((result.comment or "").split()) or None
    return PaperMetadata(
        identifier=match["identifier"].lower(),
        version=match["version"],
        title=result.title.strip(),
        authors=tuple(" ".join(author.name.split()) for author in result.authors),
        abstract=abstract,
        published=result.published,
        updated=result.updated,
        comment=comment,
        withdrawn=bool(_WITHDRAWN.search(comment or "") or _WITHDRAWN.search(abstract[:_NOTICE_CHARS])),
    )


class _Adapter(BaseAdapter):
    """Has the package's requests made by a fetcher, which knows time limits, the pace, and when to try again."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, body = self._fetcher.feed(str(request.url))
        response.raw = io.BytesIO(body)
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Close nothing: the fetcher is another's."""


def _client(fetcher: Fetcher) -> arxiv.Client:
    client = arxiv.Client(page_size=BATCH, delay_seconds=0, num_retries=0)
    base = fetcher.settings.arxiv_api
    client.query_url_format = base.replace("{", "{{").replace("}", "}}") + ("&{}" if "?" in base else "?{}")
    session = client._session  # noqa: SLF001 - the package has no other way to its connection
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(fetcher))
    return client
