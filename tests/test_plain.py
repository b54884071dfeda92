import pytest
from hypothesis import given
from markup import NOTES

from indexer.plain import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("**bold** *soft* _soft_ ~~gone~~ ==marked== `code`", "bold soft soft gone marked code"),
        ("a_b_c and 2 * 3 * 4", "a_b_c and 2 * 3 * 4"),
        ("[[Note]] [[Note|alias]] ![[x.png]] [[id:1][org]]", "Note alias x.png org"),
        ('[text](http://a.b/c_(d) "title") ![alt](x.png)', "text alt"),
        ("<http://a.b> x<sup>2</sup><br> <b>y</b> &amp; z", "http://a.b x^2 y & z"),
        ("> [!note]- Title", "Title"),
        ("%%aside%% said[^1] ^block-id", "aside said"),
        (r"\*literal\* \$5", r"*literal* \$5"),
        ("a < b and c > d", "a < b and c > d"),
        ("  white \t space\n", "white space"),
    ],
)
def test_plain(markup, text):
    assert plain(markup) == text


@pytest.mark.parametrize("piece", ["**a ", "[^", "<a ", "`", "[[", "[a](", "<http://", "*a ", " ^a", "%%", "<sup "])
def test_what_never_closes_is_read_in_linear_time(piece):
    assert plain(piece * (100_000 // len(piece)))[:1] in (piece.strip()[:1], "")  # minutes, were it quadratic


@given(NOTES)
def test_white_space_is_folded(text):
    found = plain(text)
    assert found == " ".join(found.split())
