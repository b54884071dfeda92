from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.replies import LONGEST_CLAIM, Claim, Quote, claims_in

ONE = Claim("Adam adapts.", (Quote(2, "keeps a moving average"),))
LINE = '{"text": "Adam adapts.", "quotes": [{"passage": 2, "quote": "keeps a moving average"}]}'


@pytest.mark.parametrize(
    "reply",
    [
        LINE,
        f"{LINE}\n",
        f"Here you are:\n```json\n{LINE}\n```\nI hope it helps.",
        f"[{LINE}]",
        f'{{"sentences": [{LINE}]}}',
        json.dumps(json.loads(LINE), indent=4),
        f'<think>Passage {{2}} says "so. {LINE}</think>\n\n{LINE}',
        f"<Thinking>{LINE}</Thinking>{LINE}",
        f'Some {{braces and a " mark.\n{LINE}',
        f'{{"text": "no end of a string, "quotes": []}}\n{LINE}',
        f'{{"text": "cut off\n{LINE}',
        f'{{"text": 3, "quotes": []}} {{"quotes": []}} {{}} {LINE}',
        f"{'{' * 50}\n{LINE}",
        '{"sentence": "Adam adapts.", "citations": [{"source": "[2]", "text": "keeps a moving average"}]}',
        '{"text": "Adam adapts.", "passage": "passage 2", "quote": "keeps a moving average"}',
    ],
)
def test_a_claim_is_read_whatever_stands_around_it(reply):
    assert list(claims_in([reply])) == [ONE]
    assert list(claims_in(reply)) == [ONE]  # a character at a time


def test_claims_come_as_soon_as_they_are_complete():
    seen = []

    def pieces():
        yield LINE[:30]
        assert seen == []
        yield LINE[30:]
        assert seen == [ONE]
        yield "\n" + LINE.replace("Adam", "SGD")
        assert len(seen) == 2

    for claim in claims_in(pieces()):
        seen += [claim]
    assert seen[1].text == "SGD adapts."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\\lambda_1", r"\lambda_1"),
        (r"\lambda_1 \sum \theta \frac{1}{2} \beta \nabla \rho \neq", None),
        (r"a \"word\" and \u00e9", 'a "word" and é'),
        (r"one\ntwo", "one\ntwo"),
        (r"\tau", r"\tau"),  # nobody writes a tab before a letter
        (r"\underline{x}", None),
        ("half of a pair: \\ud800", "half of a pair: ?"),
    ],
)
def test_the_backslashes_of_tex_survive(written, read):
    (claim,) = claims_in([f'{{"text": "{written}", "quotes": []}}'])
    assert claim.text == (written if read is None else read)


@pytest.mark.parametrize(
    ("quotes", "read"),
    [
        ('["keeps it"]', [Quote(None, "keeps it")]),
        ('{"passage": 1, "quote": "keeps it"}', [Quote(1, "keeps it")]),
        ('[{"passage": true, "quote": "keeps it"}, {"passage": 1, "quote": null}, 7, null]', [Quote(None, "keeps it")]),
        ('[{"passage": "3, 4", "quote": "keeps it"}]', [Quote(None, "keeps it")]),
        ('[{"passage": -1, "quote": "keeps it"}]', [Quote(1, "keeps it")]),
        ('[{"passage": 99999, "quote": "keeps it"}]', [Quote(None, "keeps it")]),
        ("null", None),
        ('["a", "b", "c", "d", "e"]', [Quote(None, letter) for letter in "abcd"]),
    ],
)
def test_quotes_are_read_as_they_are_meant(quotes, read):
    found = [claim.quotes for claim in claims_in([f'{{"text": "x", "quotes": {quotes}}}'])]
    assert found == ([] if read is None else [tuple(read)])


def test_what_has_no_end_costs_nothing_more():
    assert list(claims_in(["{" + "x" * 10 * LONGEST_CLAIM, "\n", LINE])) == [ONE]
    long = json.dumps({"text": "x" * LONGEST_CLAIM, "quotes": []})
    assert list(claims_in([long, LINE])) == [ONE]
    assert list(claims_in(["<think>", LINE * 100])) == []
    begun = time.process_time()
    for reply in ("{" * 100_000, '{"' * 50_000, "<" * 100_000, "{}" * 50_000, '{"a":' * 20_000 + "}" * 20_000):
        assert list(claims_in(reply)) == []
    assert time.process_time() - begun < 10


@given(st.text(alphabet='{}[]"\\,: \n<think/>a\ud800é', max_size=80), st.integers(1, 9))
def test_any_reply_can_be_read(reply, size):
    pieces = [reply[n : n + size] for n in range(0, len(reply), size)]
    assert list(claims_in(pieces)) == list(claims_in([reply]))
    assert list(claims_in([*pieces, "</think></thinking>\n", LINE]))[-1:] == [ONE]
