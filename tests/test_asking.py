"""The page where questions are asked, as the server writes it."""

import html
import re

import pytest
from fastapi.testclient import TestClient
from stub_desk import StubDesk

from indexer.settings import Settings
from service.app import create_app
from service.templates import nearness

NOTES = {
    "nets.md": "# Nets\n\nResidual connections carry the gradient.\n",
    "deep/norm.md": "# Normalisation\n\nBatch norm keeps the gradient in range.\n",
}


@pytest.fixture
def client(tmp_path):
    for name, text in NOTES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return TestClient(create_app(Settings(library=tmp_path / "x", cache=tmp_path / "y"), desk=StubDesk(tmp_path)))


def links(page, name):
    """The addresses of the links whose name for a screen reader holds a word."""
    return [
        html.unescape(at)
        for at, label in re.findall(r'<a href="([^"]*)"[^>]* aria-label="([^"]*)"', page)
        if name in label
    ]


def test_what_is_near_is_the_part_of_the_page_that_shows_it(client):
    part = client.get("/near", params={"q": "residual gradient"}).text
    assert part.lstrip().startswith('<div id="found">')
    assert re.findall(r'<p class="place"><a href="[^"]*">([^<]*)</a>', part) == ["nets.md:3", "deep/norm.md:3"]
    assert len(re.findall('class="source"', client.get("/near", params={"q": "gradient", "k": 1}).text)) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [("quasars", "Nothing comes near to it."), ("", "Nothing comes near"), ("after:20", "after:20 is no date")],
)
def test_what_is_half_typed_is_no_error(client, typed, said):
    response = client.get("/near", params={"q": typed})
    assert response.status_code == 200
    assert f'<p class="empty">{said}' in response.text


def test_a_filter_that_is_offered_is_added_to_what_is_asked(client):
    assert links(client.get("/").text, "Only path:deep/, 1 document") == ["/?q=path%3Adeep/"]
    page = client.get("/", params={"q": '"the gradient" of nets', "k": 3}).text
    (address,) = links(page, "Only path:deep/")
    assert address == "/?q=path%3Adeep/%20%22the%20gradient%22%20of%20nets&k=3"
    narrowed = client.get(address).text
    assert links(narrowed, "Only path:deep/") == []
    assert links(narrowed, "Remove the filter path:deep/") == ["/?q=%22the%20gradient%22%20of%20nets&k=3"]
    assert '<input type="hidden" form="asking" name="k" value="3">' in narrowed
    assert 'name="k"' not in client.get("/", params={"q": "gradient"}).text
    assert links(client.get("/", params={"q": "after:20 gradient"}).text, "Only") == []


def test_an_answer_says_what_its_confidence_means_and_why_its_sources_were_found(client):
    page = client.get("/", params={"q": "residual gradient explode"}).text
    assert '<rect class="share" width="67" height="8" rx="2"/>' in page
    assert "some 67 had an answer. From 77% on Footnote calls it answered, from 50% on answered in part" in page
    (first, *_) = re.findall(r'<p class="why">(.*?)</p>', page, re.DOTALL)
    assert " ".join(re.sub("<[^>]*>", " ", first).split()) == (
        "very close in meaning (0.67 of 1). has residual gradient lacks explode"
    )
    assert "\n### residual gradient explode\n\n*Answered*, 67% sure\n" in page


@pytest.mark.parametrize(
    ("closeness", "said"), [(1, "very close"), (0.5, "close"), (0.49, "related"), (0.0, "distant")]
)
def test_nearness_is_said_in_words(closeness, said):
    assert nearness(closeness) == said
