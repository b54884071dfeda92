import errno
import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.discover import NOT_FOLLOWED, Found, discover, is_left_out, read
from indexer.errors import InputError, SourceError


def plant(root: Path, *files: str, text: str = "words") -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, "utf-8")


def found(root: Path, **options) -> list[str]:
    problems: list[tuple[str, str]] = []
    files = [item.file for item in discover(root, on_problem=lambda *problem: problems.append(problem), **options)]
    assert problems == []
    return files


def problems(root: Path) -> list[tuple[str, str]]:
    heard: list[tuple[str, str]] = []
    list(discover(root, on_problem=lambda *problem: heard.append(problem)))
    return heard


def test_notes_are_found_in_order(tmp_path):
    plant(
        tmp_path, "b.md", "a.TXT", "Z.org", "sub/c.markdown", "sub/deep/d.md", "sub.md", "plot.png", "Überanpassung.md"
    )
    expected = ["Z.org", "a.TXT", "b.md", "sub.md", "Überanpassung.md", "sub/c.markdown", "sub/deep/d.md"]
    assert found(tmp_path) == expected
    assert found(tmp_path, suffixes={".png"}) == ["plot.png"]


def test_what_is_found_says_what_a_stat_says(tmp_path):
    plant(tmp_path, "a.md")
    os.utime(tmp_path / "a.md", ns=(5, 123_456_789))
    (item,) = discover(tmp_path, on_problem=pytest.fail)
    assert item == Found(tmp_path.resolve(), "a.md", 5, 123_456_789)


def test_hidden_and_foreign_folders_are_left_out(tmp_path):
    plant(
        tmp_path,
        ".obsidian/a.md",
        ".git/b.md",
        ".trash/c.md",
        "node_modules/d.md",
        "x/__pycache__/e.md",
        ".f.md",
        "g.md",
    )
    assert found(tmp_path) == ["g.md"]


def test_a_root_that_is_hidden_is_still_read(tmp_path):
    plant(tmp_path, ".notes/a.md")
    assert found(tmp_path / ".notes") == ["a.md"]


def test_a_root_may_be_one_file(tmp_path):
    plant(tmp_path, "a.md", "b.md", "c.png")
    plant(tmp_path, ".gitignore", text="a.md")
    (item,) = discover(tmp_path / "a.md", on_problem=pytest.fail)
    assert (item.root, item.file) == (tmp_path.resolve(), "a.md")
    assert found(tmp_path / "c.png") == []


def test_a_root_that_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(InputError, match="is not there; check the path"):
        discover(tmp_path / "gone", on_problem=pytest.fail)


def test_a_relative_root_is_made_absolute(tmp_path, monkeypatch):
    plant(tmp_path, "notes/a.md", "other/b.md")
    monkeypatch.chdir(tmp_path / "other")
    (item,) = discover(Path("../notes"), on_problem=pytest.fail)
    assert item.root == (tmp_path / "notes").resolve()


PATTERNS = [
    ["*.txt"],
    ["*.md", "!keep/", "!a.md"],
    ["build/"],
    ["/build"],
    ["*", "!*/", "!*.md"],
    ["/*/", "!/keep/"],
    ["*/", "!keep/"],
    ["keep/**", "!keep/b.md"],
    ["keep/*", "!keep/deep", "*.txt"],
    ["**/deep/*.md"],
    ["keep/", "!keep/b.md"],
    ["# keep", "", "\\#x", "!", "/", "keep/deep/"],
    ["[ab].md"],
    ["**/"],
    ["**"],
]
TREE = ["a.md", "a.txt", "build/a.md", "build/b.txt", "keep/b.md", "keep/c.txt", "keep/deep/d.md", "keep/deep/d.txt",
        "sub/build/e.md", "sub/build/e.txt", "sub/f.md"]  # fmt: skip


def git_sees(root: Path) -> set[str]:
    git = [shutil.which("git"), "-c", "core.excludesFile=", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run([*git, "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
    return {file for file in listed.stdout.split("\n") if file.endswith((".md", ".txt"))}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git to compare with")
@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_ignore_rules_are_gits(tmp_path, patterns):
    plant(tmp_path, *TREE)
    plant(tmp_path, ".gitignore", text="\n".join(patterns) + "\n")
    assert set(found(tmp_path)) == git_sees(tmp_path)


def test_inner_ignore_files_have_the_last_word(tmp_path):
    plant(tmp_path, "a.md", "in/a.md", "in/b.md", "in/deep/a.md", "out/a.md")
    plant(tmp_path, ".gitignore", text="a.md\nout/\n")
    plant(tmp_path, "in/.gitignore", text="!/a.md\nb.md\n")
    plant(tmp_path, "out/.gitignore", text="!a.md\n")  # never read: its folder is left out
    assert found(tmp_path) == ["in/a.md"]


def test_footnoteignore_goes_over_gitignore(tmp_path):
    plant(tmp_path, "a.md", "b.md", "drafts/c.md")
    plant(tmp_path, ".gitignore", text="a.md")
    plant(tmp_path, ".footnoteignore", text="\ufeff!a.md\r\ndrafts/\r\n")
    assert found(tmp_path) == ["a.md", "b.md"]


def test_links_are_not_followed(tmp_path):
    """What they lead to is found by its own name; where that cannot be, it is said."""
    vault, elsewhere = tmp_path / "vault", tmp_path / "elsewhere"
    plant(vault, "z/real.md", ".store/a.md", "drafts/d.md", "secret.env", "in/a.md")
    plant(vault, ".footnoteignore", text="drafts/\nleft.md\n")
    plant(elsewhere, "far.md", "more/further.md")
    for link, target in {
        "a.md": "z/real.md", "same": "z", "up": "..", "in/self": ".", "in/up": "..", "over": tmp_path,
        "b.md": elsewhere / "far.md", "chain.md": "b.md", "folder": elsewhere, "hidden.md": ".store/a.md",
        "draft.md": "drafts/d.md", "env.md": "secret.env", "left.md": elsewhere / "far.md", "plain": "secret.env",
    }.items():  # fmt: skip
        (vault / link).symlink_to(target)
    heard = []
    files = [item.file for item in discover(vault, on_problem=lambda *problem: heard.append(problem))]
    assert files == ["in/a.md", "z/real.md"]
    led_away = ["b.md", "chain.md", "draft.md", "env.md", "folder", "hidden.md", "over", "up"]
    assert heard == [(link, NOT_FOLLOWED) for link in led_away]


def test_a_root_may_be_a_link(tmp_path):
    plant(tmp_path, "real/a.md")
    (tmp_path / "vault").symlink_to("real")
    (tmp_path / "note.md").symlink_to("real/a.md")
    for root in ("vault", "note.md"):
        (item,) = discover(tmp_path / root, on_problem=pytest.fail)
        assert (item.root, item.file) == ((tmp_path / "real").resolve(), "a.md")
        assert read(item, max_bytes=100).data == b"words"


def test_broken_links_pipes_and_odd_names_are_problems(tmp_path):
    plant(tmp_path, "a.md")
    (tmp_path / "broken.md").symlink_to("gone.md")
    (tmp_path / "circle.md").symlink_to("circle.md")
    (tmp_path / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.md")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).write_text("words", "utf-8")
    broken = "a broken link; remove or repair it"
    assert problems(tmp_path) == [
        ("broken.md", broken),
        ("circle.md", broken),
        ("pipe.md", "a folder, pipe or device, not a file; remove it or rename it"),
        ("\ufffd.md", "its name is not valid UTF-8; rename it"),
    ]


def test_a_folder_that_cannot_be_read_is_a_problem_and_the_walk_goes_on(tmp_path, monkeypatch):
    plant(tmp_path, "a/x.md", "b/y.md", "c/z.md")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    heard = []
    files = [item.file for item in discover(tmp_path, on_problem=lambda *problem: heard.append(problem))]
    assert files == ["a/x.md", "c/z.md"]
    assert heard == [("b", "permission denied; make it readable and index again")]


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda file: file.write_bytes(bytes(range(256))), "binary data, not text; remove it"),
        (lambda file: file.write_bytes(b"#" * 1_000_001), "1,000,001 bytes, over the limit of 1,000,000; "),
        (lambda file: file.symlink_to("../rules"), "not under its root by its own path; links are not followed"),
    ],
)
@pytest.mark.parametrize("name", [".gitignore", ".footnoteignore"])
def test_a_folder_whose_ignore_file_cannot_be_read_is_left_out_and_that_is_said(tmp_path, name, break_it, reason):
    plant(tmp_path, "a.md", "in/b.md", "in/deep/c.md", "later/d.md")
    plant(tmp_path, "rules", text="private.md")
    break_it(tmp_path / "in" / name)
    heard = []
    files = [item.file for item in discover(tmp_path, on_problem=lambda *problem: heard.append(problem))]
    assert files == ["a.md", "later/d.md"]
    ((folder, said),) = heard
    assert folder == "in"
    assert said.startswith(f"left out, because its {name}, which says what else to leave out, cannot be read: {reason}")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_an_ignore_file_of_any_encoding_is_read(tmp_path, encoding):
    plant(tmp_path, "Tagebücher/a.md", "b.md")
    (tmp_path / ".gitignore").write_bytes("Tagebücher/\r\n".encode(encoding))
    assert found(tmp_path) == ["b.md"]


def test_an_ignore_file_that_cannot_be_read_is_a_problem(tmp_path):
    plant(tmp_path, "a.md")
    (tmp_path / ".gitignore").mkdir()
    ((folder, said),) = problems(tmp_path)
    assert folder == "."
    assert said.endswith("cannot be read: a folder, pipe or device, not a file; remove it or rename it")


# reading


def a_file(root: Path, data: bytes = b"caf\xe9\r\n") -> Found:
    (root / "a.md").write_bytes(data)
    (item,) = discover(root, on_problem=pytest.fail)
    return item


def reason(item: Found, max_bytes: int = 100) -> str:
    with pytest.raises(SourceError) as caught:
        read(item, max_bytes=max_bytes)
    return str(caught.value)


def test_a_source_holds_the_bytes_as_they_are(tmp_path):
    item = a_file(tmp_path)
    source = read(item, max_bytes=6)
    assert (source.data, source.file, source.path) == (b"caf\xe9\r\n", "a.md", tmp_path.resolve() / "a.md")
    assert source.sha256 == hashlib.sha256(b"caf\xe9\r\n").hexdigest()
    assert source.mtime_ns == item.mtime_ns
    assert source.read_at == pytest.approx(time.time(), abs=60)


def test_a_file_over_the_limit_is_not_read(tmp_path):
    item = a_file(tmp_path, b"x" * 2000)
    assert reason(item, 1999) == "2,000 bytes, over the limit of 1,999; split it, or raise FOOTNOTE_MAX_FILE_BYTES"
    (tmp_path / "a.pdf").write_bytes(b"x" * 2000)
    assert reason(replace(item, file="a.pdf"), 1999).endswith("or raise FOOTNOTE_MAX_PAPER_BYTES")


def test_a_file_that_vanished(tmp_path):
    item = a_file(tmp_path)
    (tmp_path / "a.md").unlink()
    assert reason(item) == "vanished while it was being indexed; index again"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_any_more(tmp_path, make):
    item = a_file(tmp_path)
    (tmp_path / "a.md").unlink()
    make(tmp_path / "a.md")
    assert reason(item) == "a folder, pipe or device, not a file; remove it or rename it"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied; make it readable and index again"),
        (
            OSError(errno.EIO, "Input/output error"),
            "cannot be read (Input/output error); check the disk and index again",
        ),
    ],
)
def test_a_file_that_cannot_be_opened(tmp_path, monkeypatch, error, expected):
    item = a_file(tmp_path)

    def refuse(*_):
        raise error

    monkeypatch.setattr(os, "open", refuse)
    assert reason(item) == expected


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    item = a_file(tmp_path, b"old")
    grow = [b"newer", b"newest"]
    fdopen = os.fdopen

    def meanwhile(*args, **options):
        if grow:
            (tmp_path / "a.md").write_bytes(grow.pop(0))
        return fdopen(*args, **options)

    monkeypatch.setattr(os, "fdopen", meanwhile)
    assert read(item, max_bytes=100).data == b"newest"


def test_a_file_that_never_rests(tmp_path, monkeypatch):
    item = a_file(tmp_path, b"")
    fdopen = os.fdopen

    def meanwhile(*args, **options):
        with (tmp_path / "a.md").open("ab") as file:
            file.write(b"more")
        return fdopen(*args, **options)

    monkeypatch.setattr(os, "fdopen", meanwhile)
    assert reason(item) == "changed while it was read, 3 times; index again when nothing writes it"


def test_one_file_is_judged_as_the_walk_judges_it(tmp_path):
    plant(tmp_path, ".gitignore", text="/big/\n*.log.md\n!keep.log.md\n")
    plant(tmp_path, "sub/.footnoteignore", text="private\n!open.md\n")
    files = [
        *("a.md", "big/b.md", "sub/big/c.md", "x.log.md", "keep.log.md", "sub/private/d.md", "sub/private/open.md"),
        *("sub/e.md", ".hidden/f.md", "sub/.g.md", "node_modules/h.md"),
    ]
    plant(tmp_path, *files)
    walked = found(tmp_path)
    assert {file for file in files if not is_left_out(tmp_path, file)} == set(walked)
    left_in = {file for file in files if not is_left_out(tmp_path, file, ignore_files=[".footnoteignore"])}
    assert left_in - set(walked) == {"big/b.md", "x.log.md"}
