from __future__ import annotations

import os
import struct
import time
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest
from hostile import packed
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from stub_desk import StubDesk

from indexer.errors import SourceError
from service import pictures
from service.pictures import Pictures, open_picture, read_picture, size_of, type_of

SVG = b'<?xml version="1.0"?>\n<!-- a box -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


def drawn(kind: str, size: tuple[int, int] = (30, 20), **options) -> bytes:
    file = BytesIO()
    Image.new("RGB", size).save(file, kind, **options)
    return file.getvalue()


PNG = drawn("PNG")


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.png").write_bytes(PNG)
    root = tmp_path_factory.mktemp("vault")
    files = {
        "top.png": PNG, "notes/own.png": PNG, "notes/deep/far.png": PNG, "img/far.png": PNG, "img/a b#1%.svg": SVG,
        ".hidden/h.png": PNG, "img/.h.png": PNG, "node_modules/n.png": PNG, "private/p.png": PNG, "big/b.png": PNG,
        "img/text.png": b"no picture", "notes/n.md": b"# N", "img/page.svg": b"<html><svg></svg></html>",
    }  # fmt: skip
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / ".footnoteignore").write_text("private/\n")
    (root / ".gitignore").write_text("big/\n")
    (root / "img" / "out.png").symlink_to(outside / "secret.png")
    (root / "img" / "in.png").symlink_to(root / "top.png")
    (root / "img" / "sly.png").symlink_to(root / "private" / "p.png")
    (root / "out").symlink_to(outside)
    (root / "loop.png").symlink_to(root / "loop.png")
    os.mkfifo(root / "pipe.png")
    return root


@pytest.fixture(scope="module")
def note(vault):
    return StubDesk(vault / "notes").document(1)


@pytest.fixture(scope="module")
def document(vault, note):
    return replace(note, root=str(vault), file="notes/n.md")


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("own.png", "notes/own.png"),
        ("deep/far.png", "notes/deep/far.png"),
        ("../img/far.png", "img/far.png"),
        ("img/far.png", "img/far.png"),
        ("/img/far.png", "img/far.png"),
        ("far.png", "img/far.png"),
        ("FAR.png", "img/far.png"),
        ("a b#1%.svg", "img/a b#1%.svg"),
        ("b.png", "big/b.png"),
        ("in.png", "img/in.png"),
        ("p.png", None),
        ("h.png", None),
        ("n.png", None),
        ("../../outside/secret.png", None),
        ("/etc/passwd.png", None),
        ("gone.png", None),
        ("n.md", None),
        ("", None),
    ],
)
def test_a_picture_is_found_where_obsidian_finds_it(document, target, file):
    assert Pictures().find(document, target) == file


def test_a_picture_that_comes_later_is_found_by_its_name(document, vault, monkeypatch):
    found = Pictures()
    assert found.find(document, "late.png") is None
    (vault / "img" / "late.png").write_bytes(PNG)
    assert found.find(document, "late.png") is None
    monkeypatch.setattr(pictures, "FRESH_SECONDS", -1)
    assert found.find(document, "late.png") == "img/late.png"
    (vault / "img" / "late.png").unlink()
    assert found.find(document, "late.png") is None


@pytest.mark.parametrize(
    "file",
    [
        *("img/out.png", "out/secret.png", "../outside/secret.png", "img/../top.png", "/etc/passwd", "loop.png"),
        *(".hidden/h.png", "img/.h.png", "private/p.png", "img/sly.png", "node_modules/n.png", "notes/n.md", "img"),
        *("img/text.png", "img/page.svg", "pipe.png", "gone.png", "a\0.png", "x" * 300 + ".png", "top.png/x.png", ""),
        ".footnoteignore",
    ],
)
def test_nothing_else_is_opened(document, file):
    with pytest.raises(SourceError):
        open_picture(document, file)


PARTS = st.sampled_from(
    ["..", ".", "", "~", "img", "out", "notes", "private", ".hidden", "far.png", "secret.png", "out.png", "p.png", "/"]
)


@given(st.lists(PARTS, max_size=8).map("/".join) | st.text(max_size=30))
def test_whatever_is_asked_for_lies_under_the_root(document, vault, file):
    for name in (file, f"{file}.png", Pictures().find(document, file) or file):
        try:
            found = open_picture(document, name)
        except SourceError:
            continue
        inside = PurePosixPath(found.place.file)
        assert (vault / inside).resolve() == vault.resolve() / inside
        assert not any(part.startswith(".") or part == "private" for part in inside.parts)
        assert found.media_type.startswith("image/")


def test_a_picture_is_what_its_bytes_say(document, vault):
    found = open_picture(document, "top.png")
    assert (found.place.file, found.media_type, read_picture(found)) == ("top.png", "image/png", PNG)
    assert type_of(SVG) == "image/svg+xml"
    assert [type_of(drawn(kind)[:1024]) for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP")] == [
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", None)
    ]
    assert type_of(b"<html><svg>") is None


def test_comments_before_an_svg_take_no_time_that_doubles():
    assert type_of(b"<!---->" * 140 + b"<svg>") == "image/svg+xml"
    start = time.process_time()
    assert type_of(b"<!---->" * 140 + b"x") is None
    assert time.process_time() - start < 0.1


def test_a_picture_that_changes_gets_another_stamp(document, vault):
    before = open_picture(document, "top.png").stamp
    os.utime(vault / "top.png", ns=(1, 1))
    assert open_picture(document, "top.png").stamp != before


def test_a_picture_too_large_is_not_shown(document, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", len(PNG) - 1)
    with pytest.raises(SourceError):
        open_picture(document, "top.png")


def test_the_size_of_a_picture_is_the_one_it_is_shown_in(document, vault):
    exif = Image.Exif()
    exif[0x0112] = 6
    (vault / "turned.jpg").write_bytes(drawn("JPEG", exif=exif))
    assert size_of(document, "top.png") == (30, 20)
    assert size_of(document, "turned.jpg") == (20, 30)
    assert (
        size_of(document, "img/text.png") is size_of(document, "img/a b#1%.svg") is size_of(document, "no.png") is None
    )
    Path(vault / "turned.jpg").unlink()


def test_a_picture_is_measured_without_being_unpacked(vault, note, monkeypatch):
    """81 million white points in a thousandth of the room."""
    head = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed(bytes(9_001), 9_000)), (b"IEND", b""))
    data = b"".join(
        struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))
        for kind, inside in chunks
    )
    (vault / "notes" / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    monkeypatch.setattr(PngImageFile, "load", lambda _: pytest.fail("it was unpacked"))
    assert size_of(note, "bomb.png") == (9_000, 9_000)


def test_only_pictures_that_may_be_shown_are_measured(vault, note):
    for kind in ("TIFF", "BMP", "ICO", "PPM"):
        (vault / "notes" / f"{kind}.png").write_bytes(drawn(kind))
        assert size_of(note, f"{kind}.png") is None
