from __future__ import annotations

import pytest
import shelf
from desks import open_desk, put_paper, settings_for

from indexer.library import Library
from indexer.types import PaperId
from service.related import FEW, MOST, Relations

NAMED = [f"2101.0000{n}" for n in range(1, 6)]
NOTES = {
    "few.md": f"# Few\n\nWords.\n\nSee arXiv:{NAMED[0]} and arXiv:{NAMED[1]}.\n\nAgain arXiv:{NAMED[0]}.\n",
    "many.md": "# Many\n\n" + "".join(f"- arXiv:{name}\n" for name in NAMED),
    "wish.md": f"# Wish\n\n- arXiv:{NAMED[0]}\n" + "".join(f"- arXiv:2102.0000{n}\n" for n in range(1, 4)),
    "none.md": "# None\n\nNot here: arXiv:2101.09999.\n",
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("related")
    open_desk(folder, NOTES).close()
    for name in NAMED:
        put_paper(folder, file=f"{name}v1.pdf", paper=PaperId(name, "v1"))
    with Library.open(settings_for(folder).library) as library, library.snapshot() as found:
        yield found


def named(snapshot, file):
    (document,) = [one for one in snapshot.catalogue.documents() if one.file == file]
    return document


def beside(snapshot, file, lines=(1, 1)):
    return Relations().beside(snapshot, named(snapshot, file), lines)


def test_the_papers_that_the_cited_lines_name_are_offered(snapshot):
    assert [one.paper for one in beside(snapshot, "many.md", (4, 5))] == NAMED[1:3]
    assert [one.paper for one in beside(snapshot, "few.md", (7, 7))] == NAMED[:1]
    first = beside(snapshot, "many.md", (3, 3))[0]
    number = named(snapshot, f"{NAMED[0]}v1.pdf").id
    assert (first.relation, first.title, first.file, first.lines, first.link) == (
        *("paper of this note", shelf.TITLE, None, None),
        f"/papers/{number}",
    )


def test_a_note_that_names_few_is_about_them_wherever_and_one_that_names_many_is_not(snapshot):
    assert [one.paper for one in beside(snapshot, "few.md", (3, 3))] == NAMED[:2]
    assert len(NAMED) > FEW
    assert beside(snapshot, "many.md", (1, 1)) == ()
    assert beside(snapshot, "none.md", (3, 3)) == ()


def test_papers_that_are_not_in_the_library_count_among_the_many(snapshot):
    assert beside(snapshot, "wish.md", (1, 1)) == ()
    assert [one.paper for one in beside(snapshot, "wish.md", (3, 3))] == NAMED[:1]


def test_a_paper_is_named_in_each_note_once_and_no_more_than_a_few_are_offered(snapshot):
    assert [(one.file, one.lines) for one in beside(snapshot, f"{NAMED[0]}v1.pdf")] == [
        ("few.md", (5, 5)),
        ("many.md", (3, 3)),
        ("wish.md", (3, 3)),
    ]
    assert len(beside(snapshot, "many.md", (3, 7))) == MOST


def test_what_was_looked_up_is_not_looked_up_again_in_the_same_generation(snapshot, monkeypatch):
    relations = Relations()
    document = named(snapshot, "few.md")
    before = relations.of(snapshot, document)
    monkeypatch.setattr("service.related._look_up", lambda *_: [])
    assert relations.of(snapshot, document) == before != []
    relations._known = (snapshot.generation - 1, relations._known[1])
    assert relations.of(snapshot, document) == []
