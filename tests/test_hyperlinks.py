from dataclasses import replace
from pathlib import Path
from socket import gethostname

import pytest
from desks import settings_for, write
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder
from test_terminal import CITATION

from indexer.build import build
from indexer.library import Library
from indexer.settings import TerminalSettings
from indexer.whereabouts import paths_of
from service.hyperlinks import addresses, filled
from service.types import Related

HOST = gethostname()


@pytest.fixture
def library(tmp_path):
    """A library over some notes: its settings, and the citation of one."""
    settings = settings_for(tmp_path)
    build(settings.library, [write(tmp_path / "my notes")], HashEncoder(), settings)
    with Library.open(settings.library) as library, library.snapshot() as snapshot:
        number = next(one.id for one in snapshot.catalogue.documents() if one.file == "adam.md")
    return settings, replace(CITATION, file="adam.md", lines=(3, 4), link=f"/notes/{number}?lines=3-4#L3")


@pytest.mark.parametrize(
    ("links", "address"),
    [
        ("file", f"file://{HOST}{{path}}"),
        ("kitty", f"file://{HOST}{{path}}#3"),
        ("vscode", "vscode://file{path}:3"),
        ("obsidian", "obsidian://open?path={path}"),
        ("my-editor://{path}?at={line}", "my-editor://{path}?at=3"),
        ("none", ""),
    ],
)
def test_a_note_leads_to_its_line_in_the_program_that_is_set(library, tmp_path, links, address):
    settings, citation = library
    settings = replace(settings, terminal=TerminalSettings(links=links))
    path = f"{tmp_path}/my%20notes/adam.md"
    related = Related("your note on this paper", "A", "adam.md", (3, 3), None, citation.link)
    for place in (citation, related):
        assert addresses(settings, [citation, related])(place) == address.format(path=path)


def test_a_note_of_another_library_leads_to_its_service_or_nowhere(library, tmp_path):
    settings, citation = library
    other = replace(citation, file="other.md")
    assert addresses(settings, [other])(other) == ""
    assert addresses(settings, [other], "http://h:8000/")(other) == f"http://h:8000{citation.link}"
    nowhere = replace(settings, library=tmp_path / "nowhere")
    assert addresses(nowhere, [citation])(citation) == ""


def test_a_paper_leads_to_its_page_in_a_service_or_to_its_file(library, tmp_path):
    settings, citation = library
    paper = replace(
        citation, kind="paper", file=None, paper="1512.03385", version="v1", lines=None, pages=(3, 3), link="/papers/99"
    )
    assert addresses(settings, [paper], "http://h:8000")(paper) == "http://h:8000/papers/99"
    assert addresses(settings, [paper])(paper) == "https://arxiv.org/abs/1512.03385"
    related = Related("paper of this note", "P", None, None, "hep-th/9901001", "https://arxiv.org/abs/hep-th/9901001")
    assert addresses(settings, [related])(related) == "https://arxiv.org/abs/hep-th/9901001"


def test_the_paths_of_documents_are_found_without_the_stores(library, tmp_path):
    settings, citation = library
    number = int(citation.link.split("/")[2].split("?")[0])
    assert paths_of(settings.library, {number, 4711}) == {number: (tmp_path / "my notes" / "adam.md", "adam.md")}


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1))
def test_no_name_of_a_file_can_end_an_address_or_reach_the_terminal(name):
    address = filled("file://{path}", Path("/notes") / name, 1)
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(" \"'<>\\#?;&")
