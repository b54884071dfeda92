"""What is said of files that are no longer what was indexed."""

import os

import pytest
import shelf
from desks import NOTES, open_desk, put_paper, settings_for
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer import discover
from indexer.library import Library
from indexer.parsing.text import lines_of
from indexer.types import Passage, Span
from service.desk import Desk
from service.standing import Text, shift_of

ASKED = "how many layers in GoogLeNet"
SAID = "22-layers deep model"


@pytest.fixture
def desk(tmp_path):
    with open_desk(tmp_path) as found:
        yield found


@pytest.fixture
def file(tmp_path):
    return tmp_path / "notes" / "group.md"


@pytest.fixture
def shelved(tmp_path):
    """A desk over the notes and a paper that was fetched, with its file."""
    open_desk(tmp_path).close()
    file = put_paper(tmp_path)
    settings = settings_for(tmp_path)
    with Desk(settings, Library.open(settings.library), HashEncoder()) as found:
        yield found, file


def citations(desk, file="group.md", question=ASKED):
    """What an answer and a search cite of a file."""
    return [
        [one for one in found if file in (one.file, one.paper)]
        for found in (desk.ask(question).citations, desk.search(question).hits)
    ]


def folded(text):
    return " ".join(text.split())


def test_a_place_that_moved_is_cited_where_it_stands_now_and_marked(desk, file):
    file.write_text("# New\n\nSomething else now.\n\n" + NOTES["group.md"])
    answer, (hit, *_) = desk.ask(ASKED), desk.search(ASKED).hits
    first = answer.citations[0]
    assert (first.file, first.lines, first.stale, answer.sentences[0].text) == ("group.md", (6, 8), True, SAID)
    assert first.link.endswith("?lines=6-8#L6")
    assert (hit.lines, hit.stale) == ((6, 8), True)
    lines = file.read_text().split("\n")
    for one in (first, hit):
        assert folded(one.quote) in folded(" ".join(lines[one.lines[0] - 1 : one.lines[1]]))


def test_what_stands_nowhere_any_more_is_never_said(desk, file):
    file.write_text("The number of layers in GoogLeNet is a secret.\n")
    answer = desk.ask(ASKED)
    assert all(sentence.text not in NOTES["group.md"] for sentence in answer.sentences)
    said = {n for sentence in answer.sentences for n in sentence.citations}
    of_answer, of_search = citations(desk)
    assert said.isdisjoint(one.n for one in of_answer)
    assert all(one.stale for one in (*of_answer, *of_search))
    assert of_search[0].quote == NOTES["group.md"].split("\n")[1].removeprefix("1. ")
    assert [one.n for one in answer.citations] == list(range(1, len(answer.citations) + 1))


def test_a_part_of_a_passage_that_changed_takes_the_rest_along(desk, file):
    file.write_text(NOTES["group.md"].replace("help while", "help during"))
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]


def test_a_file_that_changed_back_is_as_it_was(desk, file):
    file.write_text("Something else now.\n")
    assert not any(one.n == 1 for one in citations(desk)[0])
    file.write_text(NOTES["group.md"])
    first = desk.ask(ASKED).citations[0]
    assert (first.file, first.lines, first.stale) == ("group.md", (2, 4), False)


def test_a_file_that_was_only_touched_is_not_stale(desk, file):
    os.utime(file, (1, 1))
    assert not desk.ask(ASKED).citations[0].stale
    assert desk.status().stale == ()


def files_read(monkeypatch):
    """The files that are read to see whether they changed, as they are."""
    files = []

    def read(found, **limits):
        files.append(found.file)
        return discover.read(found, **limits)

    monkeypatch.setattr("indexer.status.read", read)
    return files


def test_a_file_that_was_touched_long_ago_is_read_once(desk, file, monkeypatch):
    read = files_read(monkeypatch)
    monkeypatch.setattr("indexer.status.TICK_SECONDS", -60.0)
    os.utime(file, (1, 1))
    assert [desk.ask(ASKED).citations[0].stale for _ in range(3)] == [False] * 3
    assert read.count("group.md") == 1
    file.write_text(NOTES["group.md"].replace("22-layers", "99-layers"))
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]
    assert read.count("group.md") == 2


def test_a_file_that_was_touched_just_now_is_read_each_time(desk, file, monkeypatch):
    read = files_read(monkeypatch)
    os.utime(file, (1, 1))
    assert [desk.ask(ASKED).citations[0].stale for _ in range(3)] == [False] * 3
    assert read.count("group.md") == 3


def test_a_change_that_neither_size_nor_time_show_is_seen(desk, file):
    before = file.stat()
    file.write_text(NOTES["group.md"].replace("22-layers", "99-layers"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]
    assert {one.stale for found in citations(desk) for one in found} == {True}
    assert desk.status().stale == ("group.md",)


@pytest.mark.parametrize("gone", ["unlinked", "renamed", "with its folder"])
def test_a_file_that_is_gone_is_not_cited_while_there_is_something_else(desk, file, gone):
    if gone == "unlinked":
        file.unlink()
    else:
        file.rename(file.with_name("other.md"))
    if gone == "with its folder":
        file.parent.rename(file.parent.with_name("moved"))
        answer = desk.ask(ASKED)
        assert (answer.verdict, {one.stale for one in answer.citations}) == ("unsupported", {True})
        assert {one.stale for one in desk.search(ASKED).hits} == {True}
    else:
        assert citations(desk) == [[], []]
        assert {one.file for one in desk.ask(ASKED).citations} == {"adam.md"}


def test_a_folder_in_the_place_of_a_file_is_not_the_file(desk, file):
    file.unlink()
    file.mkdir()
    assert {one.stale for found in citations(desk) for one in found} == {True}
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]


def test_what_a_link_leads_to_is_not_the_file(desk, file, tmp_path):
    outside = tmp_path / "outside.md"
    file.rename(outside)
    file.symlink_to(outside)
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]
    assert {one.stale for found in citations(desk) for one in found} == {True}


def test_a_file_that_may_not_be_read_is_stale(desk, file, monkeypatch):
    opened = os.open
    file.chmod(0o000)  # root reads it all the same

    def refuse(path, *arguments, **options):
        if str(path).endswith("group.md"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert {one.stale for found in citations(desk) for one in found} == {True}
    assert SAID not in [sentence.text for sentence in desk.ask(ASKED).sentences]


def test_an_item_of_the_dump_that_moved_still_states_nothing(desk, tmp_path):
    todo = tmp_path / "notes" / "todo.md"
    todo.write_text("Above.\n\n" + NOTES["todo.md"])
    answer = desk.ask("What is a Boltzmann machine")
    said = {n for sentence in answer.sentences for n in sentence.citations}
    assert not [one for one in answer.citations if one.n in said and one.file == "todo.md"]


def test_answers_to_the_dump_follow_the_files_they_cite(desk, file):
    def said():
        (answer,) = [item.answer for item in desk.questions() if item.question.text.endswith("GoogLeNet have?")]
        return answer.citations[0].file, answer.citations[0].lines, answer.citations[0].stale

    asked = desk.encoder.queries
    assert said() == ("group.md", (2, 4), False)
    assert said() == ("group.md", (2, 4), False)
    assert desk.encoder.queries - asked == 3  # each of the three was answered once
    file.write_text("Above.\n" + NOTES["group.md"])
    assert said() == ("group.md", (3, 5), True)
    file.write_text("Above.\n\n" + NOTES["group.md"])
    assert said() == ("group.md", (4, 6), True)
    file.unlink()
    assert said()[0] != "group.md"
    file.write_text(NOTES["group.md"])


def test_what_belongs_to_a_place_that_moved_is_offered_there(tmp_path):
    notes = {"reading.md": "# Reading\n\n- [Residual stacks](https://arxiv.org/abs/2101.00001) take the input along.\n"}
    notes["reading.md"] += "".join(f"- https://arxiv.org/abs/2101.0000{n} is another\n" for n in range(2, 9))
    open_desk(tmp_path, notes).close()
    put_paper(tmp_path)
    settings = settings_for(tmp_path)
    with Desk(settings, Library.open(settings.library), HashEncoder()) as desk:
        (tmp_path / "notes" / "reading.md").write_text("Above.\n" * 30 + notes["reading.md"])
        hit = next(one for one in desk.search("residual stacks take the input").hits if one.kind == "note")
        assert (hit.stale, hit.lines[0] > 30, [one.paper for one in hit.related]) == (True, True, ["2101.00001"])


GRADIENT = "gradient alive in deep stacks"


def test_a_paper_whose_file_changed_is_marked_and_not_said(shelved):
    desk, file = shelved
    assert not desk.ask(GRADIENT).citations[0].stale
    file.write_bytes(b"%PDF-1.4 something else")
    answer = desk.ask(GRADIENT)
    of_answer, of_search = citations(desk, shelf.PAPER.identifier, GRADIENT)
    assert shelf.KEEPS not in [sentence.text for sentence in answer.sentences]
    assert {one.stale for one in (*of_answer, *of_search)} == {True}


def test_a_paper_whose_file_is_gone_is_not_cited(shelved):
    desk, file = shelved
    file.unlink()
    assert citations(desk, shelf.PAPER.identifier, GRADIENT) == [[], []]


def test_a_pdf_among_the_notes_is_compared_with_its_file(tmp_path):
    open_desk(tmp_path).close()
    file = put_paper(tmp_path, root=tmp_path / "notes", paper=None)
    settings = settings_for(tmp_path)
    with Desk(settings, Library.open(settings.library), HashEncoder()) as desk:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + b" ")
        assert {one.stale for one in citations(desk, "residual.pdf", GRADIENT)[1]} == {True}
        file.write_bytes(data)
        assert {one.stale for one in citations(desk, "residual.pdf", GRADIENT)[1]} == {False}


def test_to_be_indexed_again_makes_all_current(desk, file, tmp_path):
    file.write_text("Above.\n\n" + NOTES["group.md"])
    assert desk.ask(ASKED).citations[0].stale
    with open_desk(tmp_path, {"group.md": "Above.\n\n" + NOTES["group.md"]}):
        first = desk.ask(ASKED).citations[0]
        assert (first.lines, first.stale) == ((4, 6), False)


# -------------------------------------------------------------------------------------------------- where it moved


def passage(*spans):
    pieces = tuple(Span(text, lines) for text, lines in spans)
    return Passage(0, "text", "…", "", (), (pieces[0].lines[0], pieces[-1].lines[1]), pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two\nthree\nfour", 0),
        ("\n\none   two\n three \nfour", 2),
        ("one two\nx\nthree", None),
        ("three\none two", None),
        ("one two\nthree\n\none two\nthree", 0),
        ("x\none two\nthree\nx\nx\none two\nthree", 1),
        ("", None),
    ],
)
def test_a_passage_is_found_where_all_of_it_stands_the_nearest_first(text, expected):
    assert shift_of(passage(("one two", (1, 1)), ("three", (2, 2))), Text.of(text.split("\n"))) == expected


def test_spans_may_run_over_lines_and_share_them():
    found = passage(("One. It goes", (3, 4)), ("on here.", (4, 5)))
    assert shift_of(found, Text.of(["a", "One. It", "goes on", "here."])) == -1


LINE = st.sampled_from(["", "a", "b c", "  d", "e f g", "# H", "a b"])


@given(st.lists(LINE, max_size=6), st.lists(LINE, min_size=1, max_size=6), st.lists(LINE, max_size=6))
def test_what_is_put_above_or_below_a_passage_only_moves_it(above, lines, below):
    spans = [(folded(line), (n, n)) for n, line in enumerate(lines, 1) if line.strip()]
    if spans:
        now = lines_of("\n".join([*above, *lines, *below]))
        shift = shift_of(passage(*spans), Text.of(now))
        assert shift is not None
        assert abs(shift) <= len(above)
        for text, (line, _) in spans:
            assert text in folded(now[line - 1 + shift])
