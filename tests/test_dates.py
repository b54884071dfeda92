from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.dates import date_in_name, read_date


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (date(2024, 5, 3), "2024-05-03"),
        (datetime(2024, 5, 3, 23, 59), "2024-05-03"),  # noqa: DTZ001 - as YAML reads it
        (2024, "2024"),
        (20240503, "2024-05-03"),
        ("2024-05-03T12:30:00+02:00", "2024-05-03"),
        ("2024/5/3", "2024-05-03"),
        ("[[2024-05-03]]", "2024-05-03"),
        ("<2021-02-03 Wed>", "2021-02-03"),
        ("[2021-02-03 Wed 10:00]", "2021-02-03"),
        ("D:20170612123000+01'00'", "2017-06-12"),
        ("2024-05", "2024-05"),
        ("spring 2024", "2024"),
        ("May 3rd, 2024", "2024-05-03"),
        ("3 May 2024", "2024-05-03"),
        ("3rd of september 2024", "2024-09-03"),
        ("Sept. 2024", "2024-09"),
    ],
)
def test_dates_are_read(stated, expected):
    assert read_date(stated) == expected


@pytest.mark.parametrize(
    "stated", [None, True, "", "soon", "2024-13-45", "4/5/24", "12345", 7, "v1.2024.1.99", ["2024"]]
)
def test_what_is_no_date_is_none(stated):
    assert read_date(stated) is None


@given(st.dates(min_value=date(1500, 1, 1), max_value=date(2199, 12, 31)))
def test_any_day_is_read_however_it_is_written(day):
    for written in (day, day.isoformat(), f"{day:%Y.%m.%d}", f"{day:%Y%m%d%H%M%S}", f"{day.day} {day:%B %Y}"):
        assert read_date(written) == day.isoformat()


@given(st.text() | st.integers())
def test_nothing_is_refused(stated):
    found = read_date(stated)
    assert found is None or date.fromisoformat(found + "-01-01"[: 10 - len(found)]) is not None


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("daily/2024-05-03.md", "2024-05-03"),
        ("_posts/2017-04-28-some-paper.md", "2017-04-28"),
        ("Meeting 2024-05-03 notes.md", "2024-05-03"),
        ("20240503101500-adam.org", "2024-05-03"),
        ("20240503.md", "2024-05-03"),
        ("2106.09685.pdf", None),
        ("2024 goals.md", None),
        ("2024-05-03/adam.md", None),
        ("2024-99-03.md", None),
    ],
)
def test_the_name_of_a_file_may_hold_its_day(file, expected):
    assert date_in_name(file) == expected
