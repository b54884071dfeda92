from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from stub_desk import StubDesk

from service.links import links_of, resolver
from service.pictures import Pictures
from service.view import Picture


@pytest.fixture
def desk(tmp_path):
    files = {"a.md": "# Alpha", "sub/b.md": "![[a]]", "sub/a.md": "other", "c.org": "* C", "2101.00001v2.pdf": ""}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    Image.new("RGB", (30, 20)).save(tmp_path / "sub" / "p q.png")
    return StubDesk(tmp_path)


def find(desk, file):
    return next(one for one in desk.documents() if one.file == file)


def links(desk, file, **options):
    return links_of(find(desk, file), desk.documents, Pictures(), **({"max_bytes": 1000} | options))


@pytest.mark.parametrize(
    ("beside", "target", "file"),
    [
        ("sub/b.md", "a", "sub/a.md"),
        ("sub/b.md", "../a", "a.md"),
        ("c.org", "a", "a.md"),
        ("c.org", "ALPHA", "a.md"),
        ("c.org", "sub/a.md", "sub/a.md"),
        ("c.org", "2101.00001v2.pdf", "2101.00001v2.pdf"),
        ("c.org", "nothing", None),
    ],
)
def test_a_link_leads_to_the_nearest_of_a_name(desk, beside, target, file):
    found = resolver(desk.documents, beside=find(desk, beside))(target)
    kind = "papers" if file and file.endswith(".pdf") else "notes"
    assert found == (file and f"/{kind}/{find(desk, file).id}")
    assert links(desk, beside).page(target) == found


def test_the_library_is_listed_once_and_only_when_a_link_asks(desk):
    asked = []
    found = links_of(find(desk, "sub/b.md"), lambda: asked.append(1) or desk.documents(), Pictures(), max_bytes=1000)
    assert asked == []
    inner = found.embed("../a").links
    assert (inner.page("c"), found.page("a")) == (
        f"/notes/{find(desk, 'c.org').id}",
        f"/notes/{find(desk, 'sub/a.md').id}",
    )
    assert asked == [1]


def test_a_picture_has_its_address_and_size(desk):
    note = find(desk, "a.md")
    assert links(desk, "a.md").picture("p q.png") == Picture(f"/files/{note.id}/sub/p%20q.png", 30, 20)
    assert links(desk, "a.md").picture("gone.png") is None


def test_what_a_note_shows_inside_itself(desk):
    shown = links(desk, "sub/b.md").embed("../a.md")
    assert (shown.title, shown.lines, shown.address) == ("Alpha", ("# Alpha",), f"/notes/{find(desk, 'a.md').id}")
    own = links(desk, "sub/b.md").embed("")
    assert own.lines == ("![[a]]",)
    assert links(desk, "a.md").embed("c") is None
    assert links(desk, "a.md").embed("gone") is None
    assert links(desk, "sub/b.md", max_bytes=3).embed("../a.md") is None
    paper = links(desk, "a.md").embed("2101.00001v2.pdf")
    assert (paper.lines, paper.address) == ((), f"/papers/{find(desk, '2101.00001v2.pdf').id}")
    find(desk, "a.md").path.unlink()
    assert links(desk, "sub/b.md").embed("../a.md") is None


def test_a_paper_without_pages_is_not_shown(desk):
    paper = find(desk, "2101.00001v2.pdf")
    found = links_of(find(desk, "a.md"), lambda: [replace(paper, pages=0)], Pictures(), max_bytes=1000)
    assert found.embed("2101.00001v2.pdf") is None
