"""A library is narrowed to what parts it, and each choice says how much it lets through."""

import queue
import threading

from desks import NOTES, open_desk
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import Facts
from service.facets import MOST_TAGS, Counted, Facets, facets
from service.filters import Filter, parse
from service.selection import Selector


def fact(number, file, kind="note", tags=(), date=None):
    return Facts(number, file, kind, tags, date)


LIBRARY = [
    fact(1, "vault/ml/adam.md", tags=("ml/optim", "draft"), date="2024-05-13"),
    fact(2, "vault/ml/sgd.md", tags=("ml/optim", "ml"), date="2023"),
    fact(3, "vault/my days/today.md", tags=("all",), date="2025-01-01"),
    fact(4, "vault/top.md", date="2021-07"),
    fact(5, None, kind="paper", date="2014-12-22"),
]


def written(choices):
    return [(str(one), count) for one, count in choices]


def test_each_group_is_counted_as_its_filter_lets_through():
    found = facets(LIBRARY)
    assert written(found.kinds) == [("kind:note", 4), ("kind:paper", 1)]
    assert written(found.tags) == [("tag:ml", 2), ("tag:ml/optim", 2), ("tag:all", 1), ("tag:draft", 1)]
    assert written(found.folders) == [("path:vault/ml/", 2), ('path:"vault/my days/"', 1)]
    assert written(found.years) == [("after:2025", 1), ("after:2024", 2), ("after:2023", 3)]


def test_what_lets_all_or_nothing_through_is_not_offered():
    assert facets([fact(1, "a.md", tags=("ml",), date="2024")]) == Facets()
    assert facets([]) == Facets()
    quoted = [fact(1, 'a"b/x.md'), fact(2, "c/y.md")]
    assert written(facets(quoted).folders) == [("path:c/", 1)]


def test_what_is_asked_for_already_is_not_offered_again():
    found = facets(LIBRARY)
    groups = found.without(parse("tag:draft kind:paper").filters)
    assert list(groups) == ["Tag", "Folder", "Made since"]
    assert Filter("tag", "draft") not in [one for one, _ in groups["Tag"]]
    assert list(found.without(parse("-kind:paper").filters)) == ["Kind", "Tag", "Folder", "Made since"]
    assert found.without(()).keys() == {"Kind", "Tag", "Folder", "Made since"}


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=3)), max_size=12))
def test_whatever_names_there_are_each_choice_is_a_filter_that_can_be_written(documents):
    found = facets([fact(n, f"{name}/x.md", tags=tuple(tags)) for n, (name, tags) in enumerate(documents)])
    assert len(found.tags) <= MOST_TAGS
    for choice, count in (*found.tags, *found.folders):
        assert parse(str(choice)).filters == (choice,)
        assert 0 < count < len(documents)


def test_the_counts_are_those_of_the_search(tmp_path):
    notes = NOTES | {"deep/one.md": "---\ntags: [ML/nlp]\n---\nOne.\n", "deep/two.md": "---\ntags: [ml]\n---\nTwo.\n"}
    with open_desk(tmp_path, notes) as desk:
        _, found = desk._count()
        assert written(found.folders) == [("path:deep/", 2)]
        assert found.tags
        with desk.library.snapshot() as snapshot:
            for choice, count in (*found.kinds, *found.tags, *found.folders, *found.years):
                assert len(Selector().select(snapshot, [choice]).documents) == count
        assert desk.facets() in (found, Facets())  # the page does not wait for long


def test_they_are_counted_once_a_generation_beside_what_goes_on():
    first, second = (Facets(kinds=((Filter("kind", "note"), n),)) for n in (1, 2))
    counts, asked = queue.Queue(), queue.Queue()

    def count():
        asked.put("for facets")
        return counts.get(timeout=20)

    counted = Counted(count)
    counts.put((1, first))
    while counted.at(1) is not first:  # at once, but on a machine that is busy
        pass
    assert (counted.at(1), asked.get(timeout=20)) == (first, "for facets")
    assert (counted.at(2), asked.get(timeout=20)) == (first, "for facets")  # those before, while they are counted
    assert counted.at(2) is first
    counts.put((2, second))
    while counted.at(2) is not second:
        pass
    assert asked.empty()


def test_a_page_does_not_wait_for_what_takes_long():
    ready = threading.Event()
    counted = Counted(lambda: (1, Facets()) if ready.wait(20) else None)
    assert counted.at(1) == Facets()
    assert not ready.is_set()
    ready.set()
