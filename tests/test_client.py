import json
from dataclasses import asdict

import shelf

from indexer.types import Box
from service.client import _citation
from service.types import Citation, Related

NOTE = Citation(
    1, "note", "a.md", None, None, "A", ("Top",), (1, 2), None, None, "said", "it is said", 1.0, "/notes/1", stale=True,
    related=(Related("paper of this note", shelf.TITLE, None, None, "2101.00001", "/papers/2"),),
)  # fmt: skip
PAPER = Citation(
    2, "paper", None, "2101.00001", "v2", shelf.TITLE, (), None, (1, 2), (Box(1, 0.5, 1.0, 2.0, 3.0),), "said", "said",
    1.0, "/papers/2?page=1&sentences=2-2#quote", stale=False,
    related=(Related("your note on this paper", "A", "a.md", (3, 3), None, "/notes/1?lines=3-3#L3"),),
)  # fmt: skip


def test_a_citation_comes_back_from_a_service_as_it_was():
    for citation in (NOTE, PAPER):
        assert _citation(json.loads(json.dumps(asdict(citation)))) == citation
