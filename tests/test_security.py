"""What SECURITY.md names as its witnesses is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 50
    for file, test in named:
        assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), test


def test_every_claim_names_a_mechanism_and_a_test():
    claims = TEXT.partition("## Claims")[2]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in re.findall(r"(?m)^\| .*$", claims)]
    tested = [row for row in rows if row[0] not in ("claim", "---")]
    assert len(tested) > 30
    for claim, held, tests, *more in tested:
        assert held, claim
        assert "`tests/test_" in tests, claim
        assert more == [], claim
