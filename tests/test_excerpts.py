from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import NOTES

from service.excerpts import excerpt, fragment, slug

NOTE = """\
---
title: x
---
# One

para
goes on ^p1

## Two: `code` & more

- a
  - b ^item
  - c

| t |
|---|
| u |

^table

```
# no heading
^p2
```
# Three
end""".split("\n")


@pytest.mark.parametrize(
    ("anchor", "lines"),
    [
        ("", (4, 26)),
        ("One", (4, 24)),
        ("one", (4, 24)),
        ("Two: code & more", (9, 24)),
        ("One#Two code & more", (9, 24)),
        ("Three", (25, 26)),
        ("no heading", None),
        ("^p1", (6, 7)),
        ("^P1", (6, 7)),
        ("^item", (12, 12)),
        ("^table", (15, 17)),
        ("^gone", None),
    ],
)
def test_the_part_that_an_anchor_names(anchor, lines):
    assert excerpt(NOTE, anchor) == lines


@given(NOTES, st.sampled_from(["", "a", "^id1", "#", "A#b"]))
def test_a_part_lies_in_the_note(note, anchor):
    lines = note.split("\n")
    found = excerpt(lines, anchor)
    assert found is None or 1 <= found[0] <= found[1] <= len(lines)


def test_a_heading_is_named_as_github_does():
    assert slug("What's *new*, in 2.0?") == "whats-new-in-20"
    assert fragment("A#The [[B|b]] part") == "the-b-part"
    assert fragment("^a1") == "^a1"
