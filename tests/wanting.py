"""A library over a few notes and papers beside it at a server that speaks as arXiv does, for tests of adding papers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from arxiv_server import ArxivServer, Paper
from pdfs import paper_pdf
from stub_encoder import HashEncoder

from indexer.build import build
from indexer.library import Library
from indexer.settings import Settings
from service.desk import Desk
from service.runs import Runs

MACHINE = Paper(
    "Boltzmann machines at work",
    "A Boltzmann machine has hidden units. It learns slowly. We measure how slowly.",
    authors=("Ada Example", "Bo Example", "Cy Example", "Di Example"),
    versions=2,
    pdf=paper_pdf("Boltzmann machines at work", [["Hidden units keep what the others do not say."]]),
)
SORTER = Paper("The machine that sorts", "Sorting is quick. Memory is not.", published="2020-02-02T00:00:00Z")
PAPERS = {"2101.00001": MACHINE, "2101.00002": SORTER}

NOTES = {
    "todo.md": "## Question dump\n- [ ] How many layers does GoogLeNet have?\n- [ ] What is a Boltzmann machine?\n",
    "nets/group.md": "# Group\n\n1. how many layers in GoogLeNet ?\n- 22-layers deep model\n",
    "nets/old/list.md": "# List\n\n- https://arxiv.org/abs/2101.00009 is for later\n",
}


@contextmanager
def desk_beside_arxiv(folder: Path, notes: Mapping[str, str] = NOTES) -> Iterator[tuple[Desk, ArxivServer]]:
    """A desk over notes below `folder`, whose papers come from the server."""
    for name, text in notes.items():
        (folder / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "notes" / name).write_text(text, encoding="utf-8")
    with ArxivServer(PAPERS) as server:
        settings, encoder = Settings(folder / "library", folder / "cache", papers=server.settings()), HashEncoder()
        build(settings.library, [folder / "notes"], encoder, settings)
        with Desk(settings, Library.open(settings.library), encoder) as desk:
            yield desk, server


def settle(runs: Runs) -> None:
    """Wait until what was asked for is done."""
    if runs._thread.is_alive():
        done = threading.Event()
        runs._begun.put(done.set)
        assert done.wait(30)
