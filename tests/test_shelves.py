from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from indexer.records import StoredDocument
from service.shelves import Inventories, named, shelved


def stored(number, file, root="/vault", passages=2, **more):
    return StoredDocument(
        number, root, file, "note", "md", None, None, 0, 0, 0, (), (), 0.0, more.pop("failure", None), passages, **more
    )


FILES = ["a.md", "b/c.md", "b/d/e.md", "b/d/f.md", "g/h.md"]


def test_folders_count_what_is_in_them_and_below():
    documents = [stored(n, file) for n, file in enumerate(FILES, 1)]
    documents += [stored(9, "broken.md", failure="no text"), stored(10, "x.pdf", root="papers", fetched=True)]
    (shelf,) = shelved(documents)
    assert shelf.root == "/vault"
    top = shelf.folders[""]
    assert (top.documents, top.passages, [one.file for one in top.files]) == (5, 10, ["a.md"])
    assert [(one.path, one.name, one.documents) for one in shelf.inside(top)] == [("b", "b", 3), ("g", "g", 1)]
    (inner,) = shelf.inside(shelf.folders["b"])
    assert (inner.path, inner.name, [one.file for one in inner.files]) == ("b/d", "d", ["b/d/e.md", "b/d/f.md"])


names = st.text("ab.é ", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@given(st.lists(st.tuples(st.sampled_from(["/one", "/two"]), paths), unique=True))
def test_every_document_stands_on_its_shelf_once(places):
    documents = [stored(n, file, root) for n, (root, file) in enumerate(places, 1)]
    shelves = shelved(documents)
    found = [(shelf.root, one.file) for shelf in shelves for folder in shelf.folders.values() for one in folder.files]
    assert sorted(found) == sorted(places)
    for shelf in shelves:
        reached, todo = set(), [shelf.folders[""]]
        while todo:
            folder = todo.pop()
            reached.add(folder.path)
            below = [file for root, file in places if root == shelf.root and f"{file}".startswith(f"{folder.path}/")]
            assert folder.documents == (len(below) if folder.path else shelf.folders[""].documents)
            assert all(str(PurePosixPath(one.file).parent) in (folder.path, ".") for one in folder.files)
            todo += shelf.inside(folder)
        assert reached == shelf.folders.keys()


def test_names_are_found_by_all_their_words_in_any_case():
    shelves = shelved([stored(1, "Deep/Adam.md"), stored(2, "deep/sgd.md"), stored(3, "adam.md")])
    assert [one.id for one in named(shelves, "DEEP ada")] == [1]
    assert [one.id for one in named(shelves, "adam")] == [1, 3]


def test_the_inventory_is_made_once_for_each_generation():
    class Desk:
        generation, asked = 1, 0

        def size(self):
            return self

        def status(self, *, files):
            assert not files
            return f"status of {self.generation}"

        def documents(self):
            self.asked += 1
            return [stored(n, f"{n}.md") for n in range(self.generation)]

    desk, inventories = Desk(), Inventories()
    assert inventories.of(desk) is inventories.of(desk)
    desk.generation = 3
    found = inventories.of(desk)
    assert (found.shelves[0].folders[""].documents, found.status, desk.asked) == (3, "status of 3", 2)
