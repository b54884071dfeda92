from __future__ import annotations

from threading import Event

from watchfiles import Change

from indexer import watch as watching
from indexer.errors import NothingToIndex
from indexer.watch import LOOK_AGAIN_SECONDS, MOST_FILES, TRY_AGAIN_SECONDS, changed, watch


def follow(monkeypatch, events, look, *, tmp_path, said=lambda _: None):
    """Let a watcher hear of `events`: each a time, and what changed at it."""
    clock = []

    def changes(*_, **__):
        for at, paths in events:
            clock[:] = [at]
            yield {(Change.modified, str(path)) for path in paths}

    monkeypatch.setattr("watchfiles.watch", changes)
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])
    return watch([tmp_path], look, library=tmp_path / "library", notice=said)


def test_everything_is_looked_at_first_and_then_what_changed(tmp_path, monkeypatch):
    note = tmp_path / "note.md"
    note.write_text("saved")
    looks, said = [], []
    events = [(1, []), (2, []), (3, [note]), (4, [tmp_path / "draft.tmp", note]), (5, []), (1 + LOOK_AGAIN_SECONDS, [])]
    assert follow(monkeypatch, events, looks.append, tmp_path=tmp_path, said=said.append)
    assert looks == [None, [note], [tmp_path / "draft.tmp", note], None]
    assert said == [f"Watching {tmp_path}; press Ctrl-C to stop"]


def test_a_look_that_left_something_to_do_is_followed_by_another(tmp_path, monkeypatch):
    looks = []

    def look(only):
        looks.append(only)
        return len(looks) < 3

    follow(monkeypatch, [(n, []) for n in range(1, 7)], look, tmp_path=tmp_path)
    assert looks == [None, None, None]


def test_an_error_is_said_once_and_everything_looked_at_again(tmp_path, monkeypatch):
    said, looks = [], []

    def look(only):
        looks.append(only)
        if len(looks) < 4:
            raise NothingToIndex("no notes there")

    soon = TRY_AGAIN_SECONDS
    events = [(1, []), (2, []), (1 + soon, []), (1 + 2 * soon, []), (1 + 3 * soon, []), (2 + 4 * soon, [])]
    follow(monkeypatch, events, look, tmp_path=tmp_path, said=said.append)
    assert looks == [None] * 4
    assert said[1:] == ["footnote: no notes there"]


def test_an_interrupt_within_a_look_is_told_from_one_between_two(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    assert not follow(monkeypatch, [(1, [])], interrupt, tmp_path=tmp_path)
    monkeypatch.setattr("watchfiles.watch", lambda *_, **__: (interrupt(None) for _ in "x"))
    assert watch([tmp_path], lambda _: False, library=tmp_path / "library", notice=lambda _: None)


def test_a_real_watcher_ends_when_it_is_told_to(tmp_path):
    stop, looks = Event(), []
    note = tmp_path / "note.md"

    def look(only):
        looks.append(only)
        if len(looks) == 2:
            stop.set()
        note.write_text("saved")

    watch([tmp_path], look, library=tmp_path / "library", notice=lambda _: None, stop=stop)
    assert looks == [None, [note]]


def watched(roots, tmp_path, *acts):
    """The looks of a real watcher: after each, the next of `acts` is done, until all are and one more look was."""
    stop, looks, left = Event(), [], list(acts)

    def look(only):
        looks.append(only)
        if left:
            left.pop(0)()
        else:
            stop.set()

    watch(roots, look, library=tmp_path / "library", notice=lambda _: None, stop=stop)
    return looks


def test_a_single_file_is_watched_on_when_it_is_replaced(tmp_path):
    note, draft = tmp_path / "note.md", tmp_path / "draft"
    note.write_text("saved")

    def replace():
        draft.write_text("saved again")
        draft.replace(note)

    looks = watched([note], tmp_path, replace, replace, lambda: note.write_text("written"))
    assert looks == [None, None, None, [note]]


def test_a_folder_that_is_not_there_yet_or_made_again_is_watched(tmp_path):
    notes, note = tmp_path / "notes", tmp_path / "notes" / "a.md"

    def make():
        notes.mkdir()
        note.write_text("saved")

    def make_again():
        notes.rename(tmp_path / "old")
        make()

    looks = watched([tmp_path / "never", notes], tmp_path, make, make_again, lambda: note.write_text("written"))
    assert looks == [None, None, None, [note]]


def test_a_link_to_itself_is_no_end_of_watching(tmp_path):
    link, note = tmp_path / "link.md", tmp_path / "note.md"
    looks = watched([tmp_path], tmp_path, lambda: link.symlink_to("link.md"), lambda: note.write_text("saved"))
    assert looks == [None, None, [note]]


def test_what_is_written_to_the_library_does_not_count(tmp_path, monkeypatch):
    seen = {}

    def changes(*_, watch_filter, **__):
        names = ("note.md", ".git/index", "library/lock.json", "library/papers/a.pdf", "library notes/b.md")
        for path in (*names, "a/.gitignore", "node_modules/a.md", "flycheck_a.md", ".obsidian/b.md"):
            seen[path] = watch_filter(Change.added, str(tmp_path / path))
        return iter(())

    monkeypatch.setattr("watchfiles.watch", changes)
    watch([tmp_path], lambda _: False, library=tmp_path / "library", notice=lambda _: None)
    assert [path for path, counts in seen.items() if counts] == [
        "note.md",
        "library notes/b.md",
        "a/.gitignore",
        "flycheck_a.md",
    ]


def test_notes_and_what_is_gone_can_be_looked_at_alone(tmp_path):
    for name in ("a.md", "b.PDF", "picture.png"):
        (tmp_path / name).write_text("x")
    paths = [tmp_path / name for name in ("picture.png", "b.PDF", "a.md", "gone.md", "gone folder", "a.md")]
    assert changed(paths) == [tmp_path / name for name in ("a.md", "b.PDF", "gone folder", "gone.md")]
    assert changed([tmp_path / "picture.png"]) == []


def test_where_more_may_have_changed_everything_is_looked_at(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.md").write_text("x")
    (tmp_path / "link.md").symlink_to("folder/a.md")
    (tmp_path / "way").symlink_to("folder")
    for name in ("folder", "link.md", "way/a.md", ".gitignore", "deep/.footnoteignore"):
        assert changed([tmp_path / name]) is None, name
    assert changed([tmp_path / ("too long a name " * 20)]) is None
    many = [tmp_path / f"{n}.md" for n in range(MOST_FILES + 1)]
    assert changed(many) is None
    assert changed(many[:-1]) == sorted(many[:-1])
