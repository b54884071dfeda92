"""The dump is answered again only as far as the library has changed, and the person is told what is new."""

import json
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from random import Random

import pytest
from desks import settings_for, write
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_encoder import HashEncoder

from indexer.build import build
from indexer.catalogue import Catalogue
from indexer.errors import LibraryFull
from indexer.lexical import Lexical
from indexer.library import CATALOGUE, Library, writing
from indexer.types import Question
from service import confidence, ledger
from service.cli import main
from service.desk import Desk
from service.reach import Reach

ENDS = ("dient", "ss", "mal", "imum", "idual", "max", "en", "ght", "nel", "put", "rate", "tor")
WORDS = [start + end for start in ("gra", "lo", "nor", "opt", "res", "tok", "var", "wei") for end in ENDS]


def sentence(random, count=8):
    return " ".join(random.choices(WORDS[:48], k=count // 2) + random.choices(WORDS, k=count - count // 2)) + "."


def paragraph(random):
    return " ".join(sentence(random).capitalize() for _ in range(5))


def far(_):
    """A paragraph that is near no question."""
    return f"{'Zebras follow the rains from the crater to the river and back again. ' * 4}\n\nOr so it seems."


def note(random):
    parts = [f"# {sentence(random, 2)[:-1]}"]
    for _ in range(random.randint(1, 3)):
        parts += [f"## {sentence(random, 3)[:-1]}", *(paragraph(random) for _ in range(random.randint(1, 3)))]
    return "\n\n".join(parts) + "\n"


def question(random):
    return f"What is {' '.join(random.choices(WORDS, k=3))}?"


def vault(random, notes=14, questions=8):
    """Notes, and a dump of questions: every other one has the words of a sentence that answers it."""
    files = {f"note {n}.md": note(random) for n in range(notes)}
    said = [
        random.choice(re.findall(r"[A-Z]([\w ]+)\.", text)) for text in random.sample(list(files.values()), questions)
    ]
    files["todo.md"] = dump(f"What of {told}?" if n % 2 else question(random) for n, told in enumerate(said))
    return files


def dump(texts):
    return "### Question dump\n\n" + "".join(f"- [ ] {text}\n" for text in texts)


def index(folder, files):
    """Let the notes be just these, and index them."""
    notes = folder / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    for path in notes.rglob("*.md"):
        if path.relative_to(notes).as_posix() not in files:
            path.unlink()
    write(notes, files)
    place = settings_for(folder)
    build(place.library, [notes], HashEncoder(), place)


def environ(folder):
    return {"FOOTNOTE_LIBRARY": str(folder / "library"), "FOOTNOTE_CACHE": str(folder / "cache")}


class CountingDesk(Desk):
    """A desk that counts how often it searched for an answer."""

    asked = 0

    def _find(self, *arguments):
        self.asked += 1
        return super()._find(*arguments)


@contextmanager
def opened(folder):
    place = settings_for(folder)
    with CountingDesk(place, Library.open(place.library), HashEncoder()) as desk:
        yield desk


def looked(folder, *, remember=True):
    """What `footnote questions` gives: the items by their text, and how many had to be answered for it."""
    with opened(folder) as desk:
        items = desk.questions()
        if remember:
            desk.remember(items)
        return {item.question.text: item for item in items}, desk.asked


def said(answer):
    """The verdict, and what is said with its places."""
    used = {n for sentence in answer.sentences for n in sentence.citations}
    places = [(c.file, c.lines, c.quote, c.stale) for c in answer.citations if c.n in used]
    return answer.verdict, [sentence.text for sentence in answer.sentences], places


# ------------------------------------------------------------------------------------------------- what is kept


def add(random, files):
    files[f"new {random.randrange(10**6)}.md"] = note(random)


def remove(random, files):
    files.pop(random.choice(names(files)))


def rename(random, files):
    files[f"renamed {random.randrange(10**6)}.md"] = files.pop(random.choice(names(files)))


def rewrite(random, files):
    name = random.choice(names(files))
    parts = files[name].split("\n\n")
    k = random.randrange(len(parts))
    parts[k] = f"## {sentence(random, 3)[:-1]}" if parts[k].startswith("#") else paragraph(random)
    files[name] = "\n\n".join(parts)


def insert(random, files):
    name = random.choice(names(files))
    parts = files[name].split("\n\n")
    parts.insert(random.randrange(len(parts) + 1), random.choice([paragraph, sentence, far])(random))
    files[name] = "\n\n".join(parts)


def tick(random, files):
    lines = files["todo.md"].split("\n")
    k = random.choice([k for k, line in enumerate(lines) if line.startswith("- ")])
    lines[k] = lines[k].replace("[ ]", "[-]").replace("[x]", "[ ]").replace("[-]", "[x]")
    files["todo.md"] = "\n".join(lines)


def ask_more(random, files):
    text = random.choice([question, sentence])(random)
    files["todo.md"] = files["todo.md"].replace("dump\n\n", f"dump\n\n- [ ] {text}\n", 1)


def names(files):
    return [name for name in files if name != "todo.md"]


EDITS = [add, remove, rename, rewrite, insert, tick, ask_more]


@pytest.fixture(scope="module")
def still_words():
    """Whatever the library holds, words are as rare as they are long, and what is further down counts for nothing.

    Only then is keeping exact.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lexical, "rarity", lambda _, words: {word: 1.0 + len(word) % 3 for word in words})
        patch.setattr(Lexical, "rarest", 4.0)
        patch.setattr(confidence, "BESIDE", slice(0, 0))
        yield


@settings(max_examples=3)
@given(seed=st.integers(0, 10**6), edits=st.lists(st.sampled_from(EDITS), min_size=2, max_size=3))
def test_what_is_kept_is_what_answering_anew_gives(seed, edits, tmp_path_factory, still_words):
    random, folder = Random(seed), tmp_path_factory.mktemp("edited")
    files = vault(random, notes=10, questions=6)
    index(folder, files)
    looked(folder)
    for edit in edits:
        edit(random, files)
        index(folder, files)
        with opened(folder) as desk:
            kept = {item.question.text: said(item.answer) for item in desk.questions() if item.answer}
            assert kept == {text: said(desk.ask(text)) for text in kept}


class Kept:
    """A vault that was indexed and looked at, as it was then: each test has it in the same place, and may change it."""

    def __init__(self, folder, files):
        self.folder, self.files = folder / "here", files
        index(self.folder, files)
        self.items, self.asked = looked(self.folder)
        self._copy = shutil.copytree(self.folder, folder / "copy")

    def fresh(self):
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder)
        return self.folder, dict(self.files)


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    kept = Kept(tmp_path_factory.mktemp("eight"), vault(Random(5)))
    assert kept.asked == 8
    return kept


@pytest.fixture
def known(eight):
    """A vault that was looked at: where it lies, and its files."""
    return eight.fresh()


def asked_again(folder, files):
    index(folder, files)
    return looked(folder)[1]


def test_nothing_is_answered_again_when_nothing_changed(known):
    folder, _ = known
    assert looked(folder)[1] == 0
    with opened(folder) as desk:
        assert desk.questions() == desk.questions()
        assert desk.asked == 0


def test_what_is_far_from_the_questions_changes_no_answer(known):
    folder, files = known
    files["zebra.md"] = "# Zebra\n\nThe zebra of the plains migrates with the rains, from the crater to the river.\n"
    assert asked_again(folder, files) == 0


def test_an_item_that_moves_is_ticked_off_or_goes_to_another_file_is_the_same(known):
    folder, files = known
    first, *others = files["todo.md"].split("\n")[2:]
    files["todo.md"] = "### Question dump\n\nIn the order of my curiosity:\n\n" + "\n".join(others)
    files["other.md"] = f"## Open questions\n\n* [ ]   {'   '.join(first[6:].split())}\n"
    index(folder, files)
    items, asked = looked(folder)
    assert (asked, {item.changed for item in items.values()}) == (0, {"same"})
    assert items[first[6:]].file == "other.md"
    files["todo.md"] = files["todo.md"].replace("[ ]", "[x]", 1)
    index(folder, files)
    assert {item.changed for item in looked(folder)[0].values()} == {"same"}


def test_an_edited_question_is_a_new_one_and_the_only_one_that_is_answered(known):
    folder, files = known
    files["todo.md"] = files["todo.md"].replace("What is", "Why is", 1)
    index(folder, files)
    items, asked = looked(folder)
    assert asked == 1
    assert {text: item.changed for text, item in items.items() if item.changed != "same"} == {
        next(text for text in items if text.startswith("Why")): "new"
    }


def test_what_cites_a_passage_that_moved_is_answered_again(known):
    folder, files = known
    answers = [item.answer for item in looked(folder)[0].values()]
    cited = next(answer.citations[0] for answer in answers if answer.verdict != "unsupported")
    top, _, rest = files[cited.file].partition("\n\n")
    files[cited.file] = f"{top}\n\n{far(None)}\n\n{rest}"
    index(folder, files)
    items, asked = looked(folder)
    assert 1 <= asked <= 8
    lines = (cited.lines[0] + 4, cited.lines[1] + 4)
    places = [(c.file, c.lines) for item in items.values() for c in item.answer.citations]
    assert (cited.file, lines) in places
    assert (cited.file, cited.lines) not in places


def test_a_file_that_changed_on_disk_is_seen_without_indexing(known):
    folder, files = known
    items, _ = looked(folder)
    text, cited = next(
        (text, item.answer.citations[0]) for text, item in items.items() if item.answer.sentences[0].citations
    )
    path = folder / "notes" / cited.file
    path.write_text("Something else.\n")
    stale, asked = looked(folder)
    assert 1 <= asked <= 8
    assert all(c.stale for item in stale.values() for c in item.answer.citations if c.file == cited.file)
    assert cited.quote not in [c.quote for c in stale[text].answer.citations if not c.stale]
    assert looked(folder)[1] == 0
    path.unlink()
    assert 1 <= looked(folder)[1] <= 8
    path.write_text(files[cited.file])
    index(folder, files)
    assert looked(folder)[0][text].answer.citations == items[text].answer.citations


def test_a_note_that_the_question_names_is_looked_at_when_it_comes(tmp_path):
    files = vault(Random(5))
    files["todo.md"] = dump(["What is [[Zorn's lemma#Proof|that lemma]] good for?", "What is gradient loss?"])
    index(tmp_path, files)
    looked(tmp_path)
    files["maths/Zorn's lemma.md"] = "Every chain has an upper bound, hence there is a maximal element.\n"
    assert asked_again(tmp_path, files) == 1


def test_what_was_an_open_question_may_answer_another_when_it_is_ticked_off(tmp_path):
    files = vault(Random(5))
    said = "momentum heavy ball keeps most of its last step and adds the new gradient"
    files["todo.md"] = dump(["momentum, the heavy ball", said])
    index(tmp_path, files)
    before, _ = looked(tmp_path)
    files["todo.md"] = files["todo.md"].replace(f"[ ] {said}", f"[x] {said}")
    index(tmp_path, files)
    after, asked = looked(tmp_path)
    first = "momentum, the heavy ball"
    assert asked == 1
    assert all(said not in sentence.text for sentence in before[first].answer.sentences)
    assert [sentence.text for sentence in after[first].answer.sentences] == [said]


def test_other_rules_answer_again(known, monkeypatch):
    folder, _ = known
    monkeypatch.setattr(ledger, "ANSWERING", ledger.ANSWERING + 1)
    assert (looked(folder)[1], looked(folder)[1]) == (8, 0)
    place = settings_for(folder)
    names = [ledger.rules(replace(place, query_prompt=prompt), "hash") for prompt in ("", "query: ")]
    assert len({*names, ledger.rules(place, "other")}) == 3


def test_what_is_kept_and_cannot_be_read_is_answered_again(known):
    folder, files = known
    with closing(sqlite3.connect(folder / "library" / CATALOGUE)) as connection:
        connection.execute("UPDATE answers SET answer = '{}' WHERE rowid = 1")
        connection.execute("UPDATE answers SET files = 'x' WHERE rowid = 2")
        connection.execute("""UPDATE answers SET basis = '{"passages": {}}' WHERE rowid = 3""")
        connection.commit()
    assert (looked(folder)[1], looked(folder)[1]) == (2, 0)
    files["zebra.md"] = ZEBRA
    assert (asked_again(folder, files), looked(folder)[1]) == (1, 0)


def test_a_run_that_is_stopped_keeps_what_it_has_answered(tmp_path, monkeypatch):
    index(tmp_path, vault(Random(5)))
    monkeypatch.setattr(ledger, "KEPT_TOGETHER", 2)
    with opened(tmp_path) as desk:
        find = desk._find

        def stopped_at_the_sixth(*arguments):
            if desk.asked == 5:
                raise KeyboardInterrupt
            return find(*arguments)

        desk._find = stopped_at_the_sixth
        with pytest.raises(KeyboardInterrupt):
            desk.questions()
    assert looked(tmp_path)[1] == 4


def test_a_run_that_is_stopped_forgets_what_was_due(known):
    folder, files = known
    files["zebra.md"] = ZEBRA
    files["todo.md"] += "- [ ] Which zebras migrate?\n"
    index(folder, files)
    with pytest.MonkeyPatch.context() as patch, opened(folder) as desk:
        patch.setattr(Reach, "reached", lambda _, known, **__: set(known))
        desk._find = stop
        with pytest.raises(KeyboardInterrupt):
            desk.questions()
    assert looked(folder)[1] == 9


def stop(*_):
    raise KeyboardInterrupt


def full(*_, **__):
    raise LibraryFull("the disk is full")


def test_an_item_of_any_length_is_answered(tmp_path):
    index(tmp_path, {"todo.md": dump([f"Why {'so ' * 5000}long?"])})
    assert [item.answer.verdict for item in looked(tmp_path)[0].values()] == ["unsupported"]


def test_a_library_that_cannot_be_written_is_answered_all_the_same(tmp_path, monkeypatch):
    index(tmp_path, vault(Random(5)))

    monkeypatch.setattr(Catalogue, "put_answers", full)
    with opened(tmp_path) as desk:
        assert len(desk.questions()) == 8
        assert desk.questions()
        assert desk.asked == 8


def test_what_a_library_that_was_taken_away_answers_is_not_kept_in_another(tmp_path):
    index(tmp_path, vault(Random(5)))
    library = settings_for(tmp_path).library
    with opened(tmp_path) as desk:
        shutil.rmtree(library)
        with writing(library, "test"):  # another is being made, and has nothing in it yet
            items = desk.questions()
            desk.remember(items)
            assert (len(items), desk.asked) == (8, 8)
            assert desk.questions() == items
            assert desk.asked == 8
        with Catalogue.open(library / CATALOGUE, write=False) as catalogue:
            assert catalogue.answers() == {}
        shutil.rmtree(library)
        desk.remember(items)
        assert [item.question for item in desk.questions()] == [item.question for item in items]


def test_the_dump_is_shown_without_the_model_when_nothing_changed(known, capsys, monkeypatch):
    folder, _ = known
    monkeypatch.setattr("service.desk.load_encoder", lambda *_, **__: pytest.fail("the model is not needed"))
    with opened(folder) as desk:
        whole = desk.questions()
    assert ledger.known(settings_for(folder), whole=True) == whole
    for option in ([], ["--markdown"], ["--json"]):
        assert main(["questions", *option], environ(folder)) == 0
    items = json.loads(capsys.readouterr().out.splitlines()[-1])["questions"]
    assert [len(item["answer"]["citations"]) for item in items] == [len(item.answer.citations) for item in whole]


# ------------------------------------------------------------------------------------------ what the person was told

ZEBRA = "# Zebra\n\nZebras migrate to the river in June, because the rains do.\n"
WHY = "Why do zebras migrate to the river in June?"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    files = vault(Random(5), notes=6, questions=2)
    files["todo.md"] = dump([WHY, "What is gradient loss?"])
    kept = Kept(tmp_path_factory.mktemp("two"), files)
    assert kept.items[WHY].answer.verdict == "unsupported"
    return kept


@pytest.fixture
def told(two):
    """A vault whose dump was shown, with a question that nothing answers."""
    return two.fresh()


def test_what_is_newly_answered_is_told_once(told):
    folder, files = told
    index(folder, files | {"zebra.md": ZEBRA})
    item = looked(folder, remember=False)[0][WHY]
    assert (item.changed, item.before, item.answer.verdict) == ("answered", "unsupported", "supported")
    assert looked(folder)[0][WHY].changed == "answered"
    item = looked(folder)[0][WHY]
    assert (item.changed, item.before) == ("same", "supported")
    index(folder, files)
    item = looked(folder)[0][WHY]
    assert (item.changed, item.before, item.answer.verdict) == ("same", "supported", "unsupported")


def test_a_file_that_is_away_for_a_while_keeps_its_history(told, monkeypatch):
    folder, files = told
    dump_file = files.pop("todo.md")
    index(folder, files)
    assert looked(folder)[0] == {}
    index(folder, files | {"todo.md": dump_file, "zebra.md": ZEBRA})
    assert looked(folder)[0][WHY].changed == "answered"


@pytest.mark.parametrize(("days", "changed"), [(89, "same"), (91, "new")])
def test_an_item_that_is_long_gone_is_forgotten(told, days, changed):
    folder, _ = told
    start = 1_800_000_000.0
    with opened(folder) as desk:
        items = desk.questions()
    library = folder / "library"
    ledger.remember(library, items, start)
    ledger.remember(library, items[1:], start + 1000 * 86400)  # as long as it is there, nobody counts the days
    ledger.remember(library, items[1:], start + (1000 + days) * 86400)
    ledger.remember(library, items[1:], start + (1000 + days) * 86400)
    assert looked(folder, remember=False)[0][WHY].changed == changed


def test_what_is_shown_in_part_says_nothing_of_the_rest(told):
    folder, files = told
    index(folder, files | {"zebra.md": ZEBRA})
    with opened(folder) as desk:
        items = desk.questions()
        others = [item for item in items if item.question.text != WHY]
        desk.remember(others, whole=False)
        assert {item.question.text for item in desk.questions() if item.changed == "answered"} == {WHY}
        desk.remember([item for item in items if item.question.text == WHY], whole=False)
        assert {item.changed for item in desk.questions()} == {"same"}
    with Catalogue.open(folder / "library" / "catalogue.db", write=False) as catalogue:
        assert {entry.missing_since for entry in catalogue.ledger().values()} == {None}


def test_the_state_of_some_items_is_that_of_their_words_and_verdicts(told):
    items = list(looked(told[0])[0].values())
    state = ledger.state_of(items)
    assert ledger.state_of([replace(item, changed="new", document_id=99) for item in items]) == state
    assert ledger.state_of(items[1:]) != state
    answered = next(item for item in items if item.answer)
    other = replace(answered, answer=replace(answered.answer, verdict="partial"))
    assert ledger.state_of([other if item is answered else item for item in items]) != state


def test_an_item_that_is_opened_again_is_compared_with_its_last_answer(told):
    folder, files = told
    files["zebra.md"] = ZEBRA
    index(folder, files)
    looked(folder)
    for mark, changed in (("[x]", "same"), ("[ ]", "same")):
        index(folder, files | {"todo.md": files["todo.md"].replace("[ ]", mark)})
        item = looked(folder)[0][WHY]
        assert (item.changed, item.before) == (changed, "supported")


def test_what_was_not_shown_is_news_the_next_time(told, monkeypatch, stub_model):
    folder, files = told
    index(folder, files | {"zebra.md": ZEBRA})
    with monkeypatch.context() as patch:
        patch.setattr("service.report.questions_markdown", broken_pipe)
        patch.setattr("service.cli._drop_output", lambda: None)
        assert main(["questions", "--markdown"], environ(folder)) == 0
    assert looked(folder)[0][WHY].changed == "answered"


def broken_pipe(_):
    raise BrokenPipeError


def test_what_cannot_be_remembered_is_said(told, capsys, monkeypatch, stub_model):
    folder, _ = told
    monkeypatch.setattr(Catalogue, "put_ledger", full)
    assert main(["questions"], environ(folder)) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("todo.md › Question dump")
    assert captured.err == "footnote: what was shown is not remembered, and will be news again: the disk is full\n"


def test_a_key_is_made_of_words_and_names():
    item = Question("Why  is it so?", "open", "question", 3, "Dump", None, ("A",), (), (), wanted=True)
    same = replace(item, text="Why is\nit so?", state="done", line=9, section="", parent="x", wanted=False)
    assert ledger.key(item) == ledger.key(same)
    others = [
        replace(item, text="Why is it?"),
        replace(item, wikilinks=()),
        replace(item, wikilinks=(), arxiv_ids=("A",)),
    ]
    assert len({ledger.key(one) for one in (item, *others)}) == 4
