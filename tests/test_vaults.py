import json

import pytest

from indexer.vaults import Vault, count, vaults


@pytest.fixture
def home(tmp_path):
    return (tmp_path / "home").resolve()


def vault(folder, *marks, notes=("a.md",)):
    for mark in marks:
        (folder / mark).mkdir(parents=True)
    for note in notes:
        (folder / note).parent.mkdir(parents=True, exist_ok=True)
        (folder / note).write_text("x")
    return folder


def register(folder, **opened):
    folder.mkdir(parents=True)
    data = {"vaults": {str(n): {"path": path, "ts": ts} for n, (path, ts) in enumerate(opened.items())}}
    (folder / "obsidian.json").write_text(json.dumps(data))


@pytest.mark.parametrize(
    "registry",
    [
        ".config/obsidian",
        ".var/app/md.obsidian.Obsidian/config/obsidian",
        "Library/Application Support/obsidian",
        "AppData/Roaming/obsidian",
    ],
)
def test_what_obsidian_opened_last_comes_first(home, tmp_path, registry):
    old, new = vault(tmp_path / "old", ".obsidian"), vault(tmp_path / "new", ".obsidian", notes=("a.md", "b/c.org"))
    register(home / registry, **{str(old): 5, str(new): 7, str(tmp_path / "gone"): 9})
    assert vaults(home, {}) == [Vault(new, "Obsidian", 2), Vault(old, "Obsidian", 1)]


def test_variables_of_the_system_name_the_registry(home, tmp_path):
    one = vault(tmp_path / "one", ".obsidian")
    register(tmp_path / "elsewhere" / "obsidian", **{str(one): 1})
    for variable in ("XDG_CONFIG_HOME", "APPDATA"):
        assert vaults(home, {variable: str(tmp_path / "elsewhere")}) == [Vault(one, "Obsidian", 1)]


@pytest.mark.parametrize("text", ["", "[]", '{"vaults": 3}', '{"vaults": {"a": {}}}', '{"vaults": {"a": {"path": 3}}}'])
def test_a_registry_that_says_something_else_is_no_harm(home, text):
    (home / ".config/obsidian").mkdir(parents=True)
    (home / ".config/obsidian/obsidian.json").write_text(text)
    vault(home / "org", notes=("a.org",))
    assert vaults(home, {}) == [Vault(home / "org", "org", 1)]


def test_usual_places_are_looked_through_and_marks_go_before_names(home):
    vault(home / "notes")
    vault(home / "org", notes=("a.org", "b.org"))
    vault(home / "Documents/study/graph", "logseq", notes=("logseq/config.edn", "pages/a.md"))
    vault(home / "Library/Mobile Documents/iCloud~md~obsidian/Documents/Mine", ".obsidian")
    vault(home / "Documents/a/b/c/too deep", ".obsidian")
    vault(home / ".hidden", ".obsidian")
    vault(home / "empty", ".obsidian", notes=())
    vault(home / "org-roam", notes=("a.txt",))
    assert [(str(one.path.relative_to(home)), one.tool, one.notes) for one in vaults(home, {})] == [
        ("Documents/study/graph", "Logseq", 1),
        ("Library/Mobile Documents/iCloud~md~obsidian/Documents/Mine", "Obsidian", 1),
        ("notes", "notes", 1),
        ("org", "org", 2),
    ]


def test_a_vault_inside_of_another_is_part_of_it(home):
    vault(home / "Documents", ".obsidian")
    vault(home / "Documents/inner", ".obsidian")
    assert [one.path for one in vaults(home, {})] == [home / "Documents"]


def test_notes_are_counted_but_not_what_is_hidden_or_no_note(tmp_path):
    vault(tmp_path, notes=("a.md", "b.ORG", "c/d.txt", "e.png", "f.pdf", ".obsidian/g.md", "node_modules/h.md"))
    assert count(tmp_path) == 3


def test_links_that_lead_in_circles_and_out_of_the_home_are_left_soon(home, tmp_path):
    vault(home / "notes", notes=("a.md",))
    elsewhere = vault(tmp_path / "elsewhere", notes=tuple(f"{n}/a.md" for n in range(5)))
    (home / "notes" / "round").symlink_to(home)
    (home / "Documents").mkdir()
    (home / "Documents" / "up").symlink_to(home / "Documents")
    (home / "Documents" / "away").symlink_to(elsewhere)
    (home / "notes" / "away").symlink_to(elsewhere)
    assert vaults(home, {}) == [Vault(home / "notes", "notes", 1)]


def test_a_slow_drive_is_left_in_time(home):
    vault(home / "notes")
    assert count(home, until=0) == 0
    assert count(home / "notes", until=0) == 1
