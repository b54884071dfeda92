from __future__ import annotations

import os
import threading

import pytest

from indexer.discover import Found, read
from indexer.errors import SourceError
from indexer.rooted import NOT_A_FILE, NOT_UNDER, opened, opened_itself

SECRET = b"canary outside"


@pytest.fixture
def root(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.md").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "a.md").write_bytes(b"inside")
    (root / "b.md").symlink_to("in/a.md")
    (root / "way").symlink_to("in")
    (root / "out.md").symlink_to(outside / "a.md")
    (root / "away").symlink_to(outside)
    (root / "chain").symlink_to("away")
    (root / "again.md").symlink_to("chain/a.md")
    return root


def said(root, file, how=opened):
    with how(str(root), file) as found:
        return found.file, os.read(found.descriptor, 100)


def refused(root, file, how=opened):
    with pytest.raises(SourceError) as caught, how(str(root), file):
        pass
    return str(caught.value)


def test_a_file_is_opened_by_its_path(root):
    assert said(root, "in/a.md") == said(root, "in/a.md", opened_itself) == ("in/a.md", b"inside")


def test_a_link_within_the_root_is_the_file_that_it_leads_to(root):
    assert {said(root, file) for file in ("b.md", "way/a.md")} == {("in/a.md", b"inside")}
    assert {refused(root, file, opened_itself) for file in ("b.md", "way/a.md")} == {NOT_UNDER}


@pytest.mark.parametrize(
    "file",
    [
        *("out.md", "away/a.md", "chain/a.md", "again.md", "../outside/a.md", "in/../../outside/a.md", "/etc/hostname"),
        *("", ".", "..", "in/a.md\0", "/"),
    ],
)
def test_nothing_outside_is_opened(root, file):
    assert refused(root, file) == refused(root, file, opened_itself) == NOT_UNDER


def test_a_root_may_be_reached_by_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to("root")
    assert said(tmp_path / "link", "in/a.md", opened_itself) == ("in/a.md", b"inside")


def test_what_begins_like_the_root_is_not_under_it(root, tmp_path):
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "a.md").write_bytes(SECRET)
    (root / "near.md").symlink_to(tmp_path / "root2" / "a.md")
    assert refused(root, "near.md") == NOT_UNDER


def test_pipes_folders_and_devices_are_no_files(root):
    os.mkfifo(root / "pipe.md")
    assert refused(root, "pipe.md") == refused(root, "in") == NOT_A_FILE
    (root / "null.md").symlink_to(os.devnull)
    assert refused(root, "null.md") == NOT_UNDER


@pytest.mark.parametrize("swapped", ["in/a.md", "in"])
def test_a_link_put_there_after_it_was_looked_at_leads_nowhere(root, swapped, monkeypatch):
    """Between the look and the opening, and between the opening and the reading."""
    really = os.open
    away = root.parent / "outside" / ("a.md" if swapped.endswith("a.md") else "")

    def late(path, *arguments):
        if not (root / swapped).is_symlink():
            (root / swapped).rename(root.parent / "before")
            (root / swapped).symlink_to(away)
        return really(path, *arguments)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(SourceError, match="links are not followed"):
        read(Found(root, "in/a.md", 6, 0), max_bytes=100)


def test_while_links_come_and_go_only_what_is_inside_is_read(root):
    done, place, away = threading.Event(), root / "in", root.parent / "outside"

    def swap():
        (root / "link").symlink_to(away)
        while not done.is_set():
            place.rename(root / "aside")
            (root / "link").rename(place)
            place.rename(root / "link")
            (root / "aside").rename(place)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                seen.add(read(Found(root, "in/a.md", 6, 0), max_bytes=100).data)
            except SourceError as error:
                seen.add(str(error))
    finally:
        done.set()
        swapping.join()
    assert b"inside" in seen
    assert SECRET not in seen


def test_a_file_that_is_saved_anew_meanwhile_is_read_all_the_same(root, monkeypatch):
    """Editors write another file, and give it the name."""
    really, left = os.readlink, [1]

    def late(path, *arguments):
        if left and left.pop():
            (root / "new").write_bytes(b"saved")
            (root / "new").rename(root / "in" / "a.md")
        return really(path, *arguments)

    monkeypatch.setattr(os, "readlink", late)
    assert read(Found(root, "in/a.md", 6, 0), max_bytes=100).data == b"saved"


def test_a_hard_link_is_a_file_like_any_other(root):
    os.link(root / "in" / "a.md", root / "same.md")
    assert said(root, "same.md", opened_itself) == ("same.md", b"inside")


def test_where_the_system_does_not_say_what_is_open_the_path_is_resolved(root, monkeypatch):
    really = os.readlink

    def without(path, *arguments, **options):
        if str(path).startswith("/proc/self/fd/"):
            raise FileNotFoundError(path)
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "readlink", without)
    assert said(root, "in/a.md")[1] == b"inside"
    assert said(root, "b.md") == ("in/a.md", b"inside")
    assert refused(root, "out.md") == NOT_UNDER
