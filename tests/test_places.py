from contextlib import suppress

import desks
import pytest
import shelf
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InputError, SourceError
from service.places import MOST_LINES, _find, read
from service.present import place_of

LONG = "\n".join(f"Line {n} of a long note on optimisers." for n in range(1, 1001))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("places")
    notes = desks.NOTES | {"sub/long.md": LONG, "sub/adam.md": "# Another Adam\n\nOf the first people.\n"}
    with desks.open_desk(folder, notes) as desk:
        desks.put_paper(folder)
        yield desk


def test_a_place_in_a_note_comes_with_what_is_around_it(desk):
    found = read(desk, "group.md:3-4", around=1)
    assert (found.kind, found.file, found.unit, found.first, found.last, found.of) == (
        *("note", "group.md", "lines"),
        *(2, 5, 6),
    )
    assert found.text.split("\n") == desks.NOTES["group.md"].split("\n")[1:5]
    assert found.link.startswith("/notes/")
    assert not found.stale


def test_lines_may_be_given_apart_and_a_whole_note_is_read_without(desk):
    assert read(desk, "group.md", lines=(3, 3), around=0).text == "- 22-layers deep model"
    assert read(desk, "group.md").text == desks.NOTES["group.md"].rstrip("\n")


def test_a_long_note_is_read_in_parts(desk):
    assert read(desk, "long.md").last == MOST_LINES
    found = read(desk, "sub/long.md:900", around=0)
    assert (found.text, found.of) == ("Line 900 of a long note on optimisers.", 1000)


@pytest.mark.parametrize(
    "place", ["2101.00001", "arXiv:2101.00001", "2101.00001v2", "2101.00001v2, p. 1", "Residual Stacks"]
)
def test_a_paper_is_read_by_the_page_whatever_it_is_called_by(desk, place):
    found = read(desk, place)
    assert (found.kind, found.paper, found.version, found.unit) == ("paper", "2101.00001", "v2", "pages")
    assert (found.first, found.last, found.of) == (1, 1, shelf.PAGES)
    assert found.text.split("\n") == [
        *("## 1 Method", ""),
        f"{shelf.ADDS} {shelf.KEEPS}",
        f"{shelf.BEFORE} {shelf.FREE}",
    ]


def test_another_page_is_read_by_its_number(desk):
    assert shelf.CAPTION in read(desk, "2101.00001, p. 2").text
    assert read(desk, "2101.00001", page=2) == read(desk, "2101.00001, p. 2")


def test_every_citation_can_be_read_by_its_place_and_by_its_link(desk):
    for citation in desk.search("residual blocks of Adam and GoogLeNet", k=8).hits:
        by_place, by_link = read(desk, place_of(citation), around=0), read(desk, citation.link, around=0)
        assert by_place == by_link
        assert (by_place.title, by_place.file) == (citation.title, citation.file)
        if citation.lines:
            assert (by_place.first, by_place.last) == citation.lines


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nothing.md", "nothing by the name 'nothing.md'"),
        ("group.md:99", "has 6 lines, and no line 99"),
        ("group.md:4-3", "are none"),
        ("2101.00001, p. 9", "has 3 pages, and no page 9"),
        ("/notes/99999", "no document 99999"),
        ("", "nothing by the name"),
    ],
)
def test_what_is_not_there_is_named(desk, place, said):
    with pytest.raises(InputError, match=said):
        read(desk, place)


def test_the_whole_path_goes_before_its_end(desk):
    assert read(desk, "adam.md").title == "Adam"
    assert read(desk, "sub/adam.md").title == "Another Adam"


def test_a_name_that_may_be_two_says_which(tmp_path):
    with (
        desks.open_desk(tmp_path, {"a/x.md": "# A\n\nOne two three.\n", "b/x.md": "# B\n\nFour five.\n"}) as desk,
        pytest.raises(InputError, match=r"may be .*/a/x.md and .*/b/x.md; write the path"),
    ):
        read(desk, "x.md")


def test_a_file_that_is_gone_says_so(tmp_path):
    with desks.open_desk(tmp_path) as desk:
        (tmp_path / "notes" / "adam.md").unlink()
        with pytest.raises(SourceError, match="is gone since it was indexed"):
            read(desk, "adam.md")


@given(st.text(max_size=60) | st.from_regex(r"/(notes|papers)/\d+(\?.*)?(#.*)?", fullmatch=True))
def test_any_text_is_a_place_or_an_error_with_a_remedy(desk, place):
    said = []
    with suppress(InputError):
        document, lines, page = _find(desk, place)
        said.append((document, lines, page))
    for document, lines, page in said:
        assert document in desk.documents()
        assert lines is None or len(lines) == 2
        assert page is None or page >= 0
