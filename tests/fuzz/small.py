"""The smaller readers: questions, links, formulas, pictures, what chat models reply, and the files that say how things are."""

from __future__ import annotations

import json
import tempfile
import tomllib
from functools import cache
from io import BytesIO
from pathlib import Path

from desks import open_desk
from PIL import Image
from stub_desk import StubDesk
from test_render import Elements

from indexer.configuration import CONFIG, written
from indexer.errors import QuestionError, SettingsError
from indexer.lock import HOLDER, LOCK, _describe, locked
from indexer.running import RUNNING, Running, bar
from indexer.settings import Settings
from indexer.visible import visible
from service import client
from service.desk import Desk
from service.filters import as_words, parse
from service.formula_text import formula_text, with_formulas
from service.formulas import mathml
from service.links import links_of
from service.pictures import Pictures, open_picture, size_of, type_of
from service.replies import MOST_QUOTES, claims_in
from tests.fuzz.target import Target, text_of


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="footnote-fuzz-"))


# ------------------------------------------------------------------------------------------------------ questions


@cache
def _desk() -> Desk:
    return open_desk(_folder() / "desk")


def query(data: bytes) -> None:
    """A question is told from its filters, both are written as they are read, and it is answered or refused in words."""
    question = text_of(data)
    words = parse(as_words(question))
    assert (words.filters, words.text) == ((), " ".join(question.split()))
    try:
        inquiry = parse(question)
    except QuestionError as error:
        assert "\n" not in str(error)
        return
    again = parse(str(inquiry))
    assert (again.text, set(again.filters)) == (inquiry.text, set(inquiry.filters)), f"{inquiry} is read as {again}"
    for one in inquiry.filters:
        assert parse(str(one)).filters == (one,), f"{one} is read as {parse(str(one))}"
        assert one not in inquiry.dropped(one).filters
    try:
        answer = _desk().ask(question, k=3)
        found = _desk().search(question, k=3)
    except QuestionError:
        return
    assert len(answer.citations) <= 3
    assert {n for sentence in answer.sentences for n in sentence.citations} <= {one.n for one in answer.citations}
    for cited in (*answer.citations, *found.hits):
        assert cited.file
        assert cited.lines
        first, last = cited.lines
        rows = (_folder() / "desk" / "notes" / cited.file).read_text(encoding="utf-8").split("\n")[first - 1 : last]
        assert " ".join(cited.quote.split()) in " ".join(" ".join(rows).split()), "a quote that is not there"


# ---------------------------------------------------------------------------------------------- links and pictures


@cache
def _linked() -> tuple[StubDesk, Path]:
    root = _folder() / "linked"
    for name in ("a.md", "sub/b.md", "sub/a.md", "c.org"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# Alpha")
    Image.new("RGB", (3, 2)).save(root / "sub" / "p q.png")
    Image.new("RGB", (3, 2)).save(root.parent / "outside.png")
    (root / "out.png").symlink_to(root.parent / "outside.png")
    return StubDesk(root), root


def link(data: bytes) -> None:
    """A link leads to a document or a picture of its own root, or nowhere."""
    desk, root = _linked()
    target = text_of(data)
    pictures = Pictures()
    for document in desk.documents():
        links = links_of(document, desk.documents, pictures, max_bytes=1_000)
        page, embed = links.page(target), links.embed(target)
        assert page in {None, *(f"/notes/{one.id}" for one in desk.documents())}
        assert embed is None or embed.id in {one.id for one in desk.documents()}
        if file := pictures.find(document, target):
            place = open_picture(document, file).place
            assert (Path(place.root) / place.file).resolve().is_relative_to(root.resolve())


def picture(data: bytes) -> None:
    """What a picture is and how large, is told by its bytes or not at all."""
    desk, root = _linked()
    kind = type_of(data[:1024])
    assert kind in {None, "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml"}
    file = root / "fuzzed.png"
    file.write_bytes(data)
    size = size_of(desk.documents()[0], file.name)
    assert size is None or min(size) >= 0


def _drawn() -> list[bytes]:
    found = [b'<?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE svg>\n<svg xmlns="http://www.w3.org/2000/svg"/>']
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF"):
        file = BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (5, 4), "red").save(file, kind, **({} if kind == "GIF" else {"exif": exif}))
        found.append(file.getvalue())
    return found


# -------------------------------------------------------------------------------------------------------- formulas

_MATHML = frozenset("math mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow mspace msqrt mstyle msub "
                    "msubsup msup mtable mtd mtext mtr munder munderover".split())  # fmt: skip


def formula(data: bytes) -> None:
    """A formula becomes MathML and nothing else, or stays as it is."""
    latex = text_of(data)
    for display in (False, True):
        if drawn := mathml(latex, display=display):
            found = Elements(drawn).found
            assert {tag for tag, _ in found} <= _MATHML, drawn
            assert not [
                name
                for _, attributes in found
                for name in attributes
                if name.startswith(("on", "href", "src", "style"))
            ]
    shown = formula_text(latex)
    assert shown is None or shown == " ".join(shown.split())
    assert with_formulas("no formula") == "no formula"
    with_formulas(latex)


# --------------------------------------------------------------------------------------------------------- replies


def reply(data: bytes) -> None:
    """Claims are the same however the text comes in, short enough, and text that can be written."""
    said = text_of(data)
    claims = list(claims_in([said]))
    assert claims == list(claims_in(said))
    half = len(said) // 2
    assert claims == list(claims_in([said[:half], "", said[half:]]))
    for claim in claims:
        assert len(claim.quotes) <= MOST_QUOTES
        for text in (claim.text, *(quote.text for quote in claim.quotes)):
            assert text.encode().decode() == text


# ------------------------------------------------------------------------------- settings and the state of things


def settings(data: bytes) -> None:
    """A settings file is read or refused in words, and what is written into it changes nothing else."""
    path = _folder() / "settings.toml"
    path.write_bytes(data)
    try:
        Settings.from_environ({CONFIG: str(path), "FOOTNOTE_LIBRARY": "l", "FOOTNOTE_CACHE": "c"})
    except SettingsError as error:
        assert "\n" not in visible(str(error)), str(error)
    text = text_of(data)
    try:
        before = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        before = None
    try:
        after = written(text, {"model": 'a "b"', "reranked": 7})
    except SettingsError:
        return
    read = tomllib.loads(after)
    assert (read["model"], read["reranked"]) == ('a "b"', 7)
    if before is not None:
        assert {k: v for k, v in read.items() if k not in ("model", "reranked")} == {
            k: v for k, v in before.items() if k not in ("model", "reranked")
        } or "nan" in repr(before)


def state(data: bytes) -> None:
    """Whatever stands in the files that say who writes and what runs: they are courtesies, and believed or passed over."""
    library = _folder() / "library"
    library.mkdir(exist_ok=True)
    for name in (HOLDER, RUNNING, client.ADDRESS_FILE):
        (library / name).write_bytes(data)
    assert _describe(library / HOLDER)
    client.version(library)
    client.address(Settings(library=library, cache=library))
    with locked(library, "fuzz", wait=5):
        (library / RUNNING).write_bytes(data)
        running = Running.read(library)
    if running:
        shown = bar(running)
        assert isinstance(shown.stage, str)
        assert shown.done >= 0
    assert (library / LOCK).exists()


def _states() -> list[bytes]:
    run = {
        "command": "index",
        "pid": 7,
        "stage": "read",
        "done": 1,
        "total": 9,
        "embedded": 2,
        "expected": 8,
        "pace": 1.5,
        "left": 3.0,
    }
    made = [
        run,
        {"pid": 1, "host": "a", "command": "b", "started": "c"},
        {"url": "http://127.0.0.1:1", "version": "0", "pid": 1},
    ]
    return [json.dumps(one).encode() for one in made]


TARGETS = {
    "query": Target(
        query,
        lambda: [b'why tag:ml -path:"my notes" "moving average" -adam after:2024-05 kind:note', "“a b” \\-Wall before:2024?".encode()],
        (*(b"tag:", b"path:", b"kind:", b"after:", b"before:", b'"', b"-", b"\\", b"note", b"paper", b"2024-05-13", b" ", b"*.org"),
         *("“".encode(), "”".encode(), b"Adam", b"how many layers", b"AND", b"NOT", b"(", b")", b"[a TO b]", b"^2", b"?", b".")),
        longest=300,
    ),
    "links": Target(link, lambda: [b"a", b"../a", b"sub/p q.png", b"/out.png", b"p q.png"],
                    (b"../", b"./", b"/", b"\\", b"%2e%2e", b"\0", b"a.md", b"sub", b"p q.png", b"out.png", b"#"), longest=200),
    "pictures": Target(picture, _drawn, (b"<svg ", b"<!--", b"-->", b"<?xml", b"IHDR", b"eXIf", b"iTXt", b"zTXt", b"\xff\xe1", b"Exif\0\0")),
    "formulas": Target(formula, lambda: [one.encode() for one in (r"\frac{1}{\sqrt{d_k}}", r"\begin{aligned}a&=b\\c&=d\end{aligned}",
                                         r"\sum_{i=1}^n x_i^2", r"\text{<script>} \mathbb{R}", r"\left( \hat{y} \right)")],
                       (b"\\frac", b"{", b"}", b"_", b"^", b"\\text{", b"\\left(", b"\\right)", b"\\begin{pmatrix}", b"\\end{pmatrix}",
                        b"&", b"\\\\", b"\\sqrt[3]", b"\\color{red}", b"\\href{", b"<", b"\\hat", b"\\operatorname{", b"$"), longest=600),
    "replies": Target(reply, lambda: [b'{"text": "Adam adapts.", "quotes": [{"passage": 2, "quote": "keeps a moving average"}]}\n',
                                      b'<think>{"a": 1}</think>```json\n[{"sentence": "x \\lambda", "citations": ["y"]}]\n```'],
                      (b'{"text": "', b'"quotes": [', b'"}', b"<think>", b"</think>", b"\\u", b"\\ud800", b"\\", b'"', b"{", b"}", b"\n")),
    "settings": Target(settings, lambda: [b'model = "x"\nreranked = 3\nnotes = ["~/a"]\n# model = "y"\n', b"[a]\nb = 1\n[[c]]\nd = {e = 2}\n"],
                       (b"model = ", b"# model = ", b"reranked = ", b"[", b"]", b'"', b"'''", b'"""', b"\n", b"= nan", b"1979-05-27", b"notes = [",
                        b"pdf_seconds = ", b"chat_url = ", b"log = ", b"links = ", b"inf", b"1e400", b"\xef\xbb\xbf"), longest=600),
    "state": Target(state, _states, (b'"pid": ', b'"stage": ', b"null", b'"read"', b"[]", b"{}", b"-1", b"1e999", b"NaN", b'"'), longest=600),
}  # fmt: skip
