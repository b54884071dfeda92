import time

import pytest
from samples import put

from indexer.catalogue import Catalogue


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue.open(tmp_path / "catalogue.db", write=True) as catalogue:
        yield catalogue


def test_a_document_without_a_title_is_called_by_its_file(catalogue):
    put(catalogue, "sub/note one.md")
    assert catalogue.documents()[0].title == "note one"


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [((4, 7, 0), True), ((5, 7, 0), False), ((4, 8, 0), False), ((4, 7, 9 * 10**9), False), ((4, 7, 8 * 10**9), True)],
)
def test_stamps_vouch_for_a_file_only_when_they_had_time_to_change(catalogue, stamps, expected):
    put(catalogue, "a.md", "one")
    with catalogue.change() as change:
        change.touch(1, 4, 7, read_at=10.0)
    assert catalogue.document(1).is_as_read(*stamps) is expected


def test_a_file_that_was_read_by_a_clock_ahead_of_now_is_not_believed(catalogue):
    put(catalogue, "a.md", "one")
    with catalogue.change() as change:
        change.touch(1, 4, 7, read_at=time.time() + 3600)
    assert not catalogue.document(1).is_as_read(4, 7, 0)
