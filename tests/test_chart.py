"""The map as the service gives it: as numbers, as a picture, and with the hits of a question."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from desks import write
from fastapi.testclient import TestClient
from PIL import Image
from stub_encoder import HashEncoder
from test_map import TOPICS, note
from test_style import channels, contrast

import service
from indexer.build import build
from indexer.derived import MAP
from indexer.library import Library
from indexer.map import Map
from indexer.settings import Settings
from service.app import create_app
from service.chart import COLOURS, FULL, divided, shown
from service.desk import Desk
from service.picture import HEIGHT, dot, draw, palette

NOTES = {
    "garden/batch.md": f"# Batches\n\n{note(TOPICS[0], 10)}\n",
    "garden/bread.md": f"# **Bread**\n\n{note(TOPICS[1], 10)}\n",
    "sea/ferries.md": f"# Ferries\n\n{note(TOPICS[2], 10)}\n",
    "alone.md": "# Alone\n\nThis one lies in no folder.\n",
}


@pytest.fixture
def place(tmp_path):
    write(tmp_path / "notes", NOTES)
    settings = Settings(library=tmp_path / "library", cache=tmp_path / "cache")
    build(settings.library, [tmp_path / "notes"], HashEncoder(), settings)
    return settings, tmp_path / "notes"


@pytest.fixture
def desk(place):
    settings, _ = place
    with Library.open(settings.library) as library:
        yield Desk(settings, library, HashEncoder())


@pytest.fixture
def client(place, desk):
    with TestClient(create_app(place[0], desk=desk), base_url="http://localhost") as client:
        yield client


def test_the_chart_has_a_place_and_a_source_for_every_passage(desk):
    chart = desk.chart()
    with desk.library.snapshot() as snapshot:
        ids, documents = snapshot.catalogue.documents_of_passages()
        names = {one.id: one.file for one in snapshot.catalogue.documents()}
    assert np.array_equal(chart.ids, ids)
    assert [(one.name, one.kind, one.count) for one in chart.sources] == [
        ("garden", "folder", 20), ("sea", "folder", 10), ("Alone", "note", 1),
    ]  # fmt: skip
    for document, source in zip(documents.tolist(), chart.sources_of.tolist(), strict=True):
        assert names[document].startswith(chart.sources[source].name.lower())
    assert 0 < chart.points.min() < chart.points.max() < FULL
    x, y = chart.point(int(ids[7]))
    assert (x, y) == tuple((chart.points[7] / FULL).round(4).tolist())
    assert chart.point(10**6) is None


def test_the_chart_is_made_once_a_generation_and_a_note_that_is_saved_moves_nothing(place, desk):
    settings, notes = place
    chart = desk.chart()
    assert desk.chart() is chart
    written = (settings.library / MAP).stat().st_mtime_ns
    (notes / "sea" / "ferries.md").write_text(NOTES["sea/ferries.md"] + "\n## More\n\nAbout ferries between islands.\n")
    build(settings.library, [notes], HashEncoder(), settings)
    after = desk.chart()
    assert after.generation == chart.generation + 1
    assert after.tag != chart.tag
    assert (settings.library / MAP).stat().st_mtime_ns == written
    both, before, now = np.intersect1d(chart.ids, after.ids, return_indices=True)
    assert np.abs(after.points[now].astype(int) - chart.points[before]).max() < FULL / 20  # the frame may grow a little
    (new,) = np.setdiff1d(after.ids, chart.ids)
    apart = np.linalg.norm(after.points[now].astype(float) - np.array(after.point(int(new))) * FULL, axis=1)
    of = {number: chart.sources[s].name for number, s in zip(chart.ids.tolist(), chart.sources_of, strict=True)}
    assert of[int(both[apart.argmin()])] == "sea"


def of_another_library(path):
    made = Map.open(path)
    replace(made, landmarks=replace(made.landmarks, vectors=made.landmarks.vectors[::-1].copy())).save(path)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"no map"), of_another_library])
def test_without_a_map_of_its_own_the_library_has_none(place, desk, client, spoil):
    spoil(place[0].library / MAP)
    assert desk.chart() is None
    for address in ("/api/map", "/api/map/points", "/api/map.png"):
        problem = client.get(address)
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
        assert "`footnote index` lays it out" in problem.json()["detail"]
    page = client.get("/library").text
    assert "map" not in re.findall(r'id="(\w+)"', page)
    assert "/static/map" not in page


def test_a_map_that_was_lost_comes_with_the_next_run(place, desk):
    (place[0].library / MAP).unlink()
    assert desk.chart() is None
    build(place[0].library, [place[1]], HashEncoder(), place[0])
    assert len(desk.chart().ids) == 31


def test_points_are_columns_of_nine_bytes_a_passage(client, desk):
    chart, answer = desk.chart(), client.get("/api/map/points")
    count = len(chart.ids)
    assert len(answer.content) == 9 * count
    assert np.array_equal(np.frombuffer(answer.content, "<u4", count), chart.ids)
    xy = np.frombuffer(answer.content, "<u2", 2 * count, 4 * count)
    assert np.array_equal(xy.reshape(2, count).T, chart.points)
    assert np.array_equal(np.frombuffer(answer.content, "u1", count, 8 * count), chart.sources_of)
    again = client.get("/api/map/points", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_map_says_what_is_on_it(client, desk):
    said = client.get("/api/map").json()
    assert (said["generation"], said["count"]) == (1, 31)
    assert said["sources"][1] == {"name": "sea", "kind": "folder", "count": 10, "colour": 1}
    assert len(said["regions"]) == 3
    named = " ".join(region["name"] for region in said["regions"]).lower()
    assert "layers" in named
    assert "ferries" in named
    assert all(0 < region["x"] < 1 and 0 < region["y"] < 1 for region in said["regions"])


def test_hits_lie_where_their_passages_do(client, desk):
    said = client.get("/api/map/hits", params={"q": "sourdough ovens number 7", "k": 3}).json()
    assert said["query"] == "sourdough ovens number 7"
    assert [hit["citation"]["n"] for hit in said["hits"]] == [1, 2, 3]
    first = said["hits"][0]
    assert first["citation"]["file"] == "garden/bread.md"
    assert first["place"].startswith("garden/bread.md:")
    assert "number 7" in first["citation"]["passage"]
    assert first["point"] == list(desk.chart().point(first["passage_id"]))
    assert client.get("/api/map/hits", params={"q": " "}).status_code == 422
    assert first["citation"] == client.get("/api/search", params={"q": said["query"], "k": 3}).json()["hits"][0]


def test_a_passage_that_is_pointed_at_is_shown(client, desk):
    number = client.get("/api/map/hits", params={"q": "sourdough 7", "k": 1}).json()["hits"][0]["passage_id"]
    said = client.get(f"/api/map/passages/{number}").json()
    assert said["title"] == "Bread"
    assert said["headings"][-1] == "Part 7"
    assert said["excerpt"] == "About bread and sourdough ovens, in particular number 7."
    assert client.get(said["link"]).status_code == 200
    assert "#L" in said["link"]
    for missing in (0, 10**9, 2**70):
        assert client.get(f"/api/map/passages/{missing}").status_code == 404


def test_long_passages_are_cut_between_words(desk):
    with desk.library.snapshot() as snapshot:
        (stored,) = snapshot.catalogue.passages([1]).values()
        document = snapshot.catalogue.document(stored.document_id)
    long = replace(stored, passage=replace(stored.passage, text="*word* " * 100))
    assert shown(long, document).excerpt == "word " * 47 + "word …"


def test_the_page_lists_everything_that_is_drawn(client):
    page = client.get("/library", params={"q": "sourdough <7>"}).text
    assert "Nearest to “sourdough &lt;7&gt;”" in page
    assert len(re.findall(r'<li data-id="\d+" data-x="0\.\d+" data-y="0\.\d+"><a href="/notes/', page)) == 8
    assert '<span class="map-source">garden</span> <span class="count">20</span>' in page
    assert page.count('#map">') == 1 + 3  # the form, and a link for each region
    assert "scheme=dark&amp;q=sourdough%20%3C7%3E" in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_has_a_dot_where_each_passage_lies(client, desk, scheme):
    chart, colours = desk.chart(), palette(scheme)
    answer = client.get("/api/map.png", params={"scheme": scheme, "width": 800})
    picture = Image.open(BytesIO(answer.content)).convert("RGB")
    assert picture.size == (800, round(800 * HEIGHT))
    bare = Image.open(BytesIO(draw(replace(chart, regions=()), [], scheme, 800))).convert("RGB")
    pixels = np.asarray(bare).astype(int)
    found = 0
    for (x, y), source in zip(chart.points / FULL * 600, chart.sources_of, strict=True):
        found += np.abs(pixels[int(y), int(x + 100)] - colours.sources[source]).max() < 24
    assert found >= 0.8 * len(chart.ids)  # others lie below their neighbours
    assert np.abs(np.asarray(picture).astype(int) - colours.ink).max(2).min() < 24  # the names of regions
    assert np.abs(pixels[2, 2] - colours.paper).max() < 4
    lit = client.get("/api/map.png", params={"scheme": scheme, "width": 800, "q": "sourdough 7"})
    accent = np.abs(np.asarray(Image.open(BytesIO(lit.content)).convert("RGB")).astype(int) - colours.accent).max(2) < 8
    x, y = desk.lit("sourdough 7", k=1)[0].point
    assert accent[int(y * 600) - 14 : int(y * 600) + 14, int(x * 600) + 86 : int(x * 600) + 114].sum() > 50
    assert client.get("/api/map.png", headers={"If-None-Match": answer.headers["etag"]}).status_code == 200
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get("/api/map.png", params={"scheme": scheme, "width": 800}, headers=known).status_code == 304


def test_sources_are_the_folders_that_differ_then_files_and_papers(desk):
    with desk.library.snapshot() as snapshot:
        one = snapshot.catalogue.document(1)

    def stored(number, file, *, passages=1, kind="note", root="/v"):
        return replace(
            one, id=number, root=root, file=file, passages=passages, kind=kind, stated_title=None, failure=None
        )

    nested = [stored(1, "all/a/x.md"), stored(2, "all/a/y.md"), stored(3, "all/b/z.md"), stored(4, "all/b/c/z.md")]
    sources, of = divided(nested, ["/v"])
    assert [source.name for source in sources] == ["a", "b"]
    assert of == {1: 0, 2: 0, 3: 1, 4: 1}
    assert [source.name for source in divided(nested[:2], ["/v"])[0]] == ["x", "y"]
    roots = [stored(1, "x.md", root="/home/vault"), stored(2, "x.md", root="/home/work", passages=5)]
    assert [source.name for source in divided(roots, ["/home/vault", "/home/work"])[0]] == ["work", "vault"]
    many = [stored(n, f"f{n}/x.md", passages=20 - n) for n in range(1, 13)]
    sources, of = divided([*many, stored(99, "p.pdf", kind="paper")], ["/v"])
    assert [source.name for source in sources] == [*(f"f{n}" for n in range(1, 8)), "Papers", "Everything else"]
    assert (of[1], of[99], of[12]) == (0, 7, 8)
    assert len(sources) == COLOURS + 1
    assert divided([], []) == ([], {})


def test_dots_shrink_as_they_become_many():
    assert [round(dot(count, 600), 2) for count in (10, 10_000, 100_000)] == [3.6, 1.68, 0.8]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dots_can_be_told_from_the_ground_and_from_each_other(scheme):
    text = (Path(service.__file__).parent / "page" / "static" / "map.css").read_text()
    blocks = [
        dict(re.findall(r"--(map-\w+): (#[0-9a-f]{6});", one))
        for one in re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    ]
    colours = blocks[scheme == "dark"]
    assert len(colours) == COLOURS + 1
    ground = [value / 255 for value in palette(scheme).paper]
    ratios = {name: contrast(channels(value), ground) for name, value in colours.items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio < 3} == {}
    assert palette(scheme).sources[0] == tuple(round(c * 255) for c in channels(colours["map-1"]))
