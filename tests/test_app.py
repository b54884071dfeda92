from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from urllib.parse import unquote

import pytest
import shelf
from fastapi.testclient import TestClient
from stub_desk import AWAITED, StubDesk

import service.desk
from indexer.errors import LibraryCorrupt, LibraryMissing
from indexer.settings import ChatSettings, Settings
from service.app import create_app
from service.guard import MAX_BODY_BYTES
from service.types import Answer, Citation, Sentence

NORM = (
    "# Normalisation\n\nBatch norm keeps the activations in range.\n\n- layer norm works **per token**, see [[nets]]\n"
)
NETS = "# Nets\n\n<script>alert(1)</script>\n\nResidual connections carry the gradient.\n"
DUMP = "# Question dump\n\n- [ ] Why residual connections?\n- [ ] Where do quasars come from?\n- [x] read\n"


@pytest.fixture
def desk(tmp_path):
    root = tmp_path / "vault"
    (root / "sub").mkdir(parents=True)
    (root / "dump.md").write_text(DUMP)
    (root / "nets.md").write_text(NETS)
    (root / "sub" / "norm.md").write_text(NORM)
    (root / "plain.org").write_text("* Heading\n<b>text</b>\n")
    return StubDesk(root)


@pytest.fixture
def settings(tmp_path):
    return Settings(library=tmp_path / "library", cache=tmp_path / "cache")


@pytest.fixture
def client(desk, settings):
    return TestClient(create_app(settings, desk=desk))


@pytest.fixture
def with_model(desk, settings):
    """A client of a service that has a chat model."""
    chat = ChatSettings("http://127.0.0.1:9/v1", "a <model>", "sk-secret")
    return TestClient(create_app(replace(settings, chat=chat), desk=desk))


def problem(response, status):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert set(body) >= {"type", "title", "status", "detail", "instance"}
    return body


def names(record):
    return [field.name for field in fields(record)]


# ----------------------------------------------------------------------------------------------------- answers


def test_ask_gives_the_answer_of_the_contract(client):
    body = client.post("/api/ask", json={"question": "batch norm activations", "k": 2}).json()
    assert list(body) == names(Answer)
    assert (body["question"], body["verdict"], body["confidence"]) == ("batch norm activations", "supported", 1.0)
    assert body["sentences"][0] == {"text": "Batch norm keeps the activations in range.", "citations": [1]}
    first = body["citations"][0]
    assert list(first) == names(Citation)
    assert first == {
        "n": 1, "kind": "note", "file": "sub/norm.md", "paper": None, "version": None, "title": "Normalisation",
        "headings": ["Normalisation"], "lines": [3, 3], "pages": None, "boxes": None,
        "quote": "Batch norm keeps the activations in range.",
        "passage": "Before. Batch norm keeps the activations in range. After.", "score": 1.0,
        "link": "/notes/4?lines=3-3#L3", "stale": False, "related": [],
        "why": {"words": ["Batch", "norm", "activations"], "missing": [], "closeness": 1.0},
    }  # fmt: skip


def events(response) -> list[tuple[str, dict]]:
    """The events of a stream: name and data."""
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    blocks = [re.fullmatch(r"event: (\w+)\ndata: (.*)", block) for block in response.text.rstrip("\n").split("\n\n")]
    return [(block[1], json.loads(block[2])) for block in blocks]


def worded(answer: Answer) -> Iterator[Answer]:
    """A chat model's words, one sentence after the other."""
    texts = ("It is <b>worded</b> anew.", "**And** that is all.")
    for n in (1, 2):
        sentences = tuple(Sentence(text, (1,)) for text in texts[:n])
        yield replace(answer, sentences=sentences, citations=answer.citations[:1], writer="chat")


def test_an_answer_may_be_streamed(client, desk):
    ask = {"question": "batch norm activations", "k": 2}
    whole = client.post("/api/ask", json=ask).json()
    assert events(client.post("/api/ask/stream", json=ask)) == [("draft", whole), ("answer", whole)]
    desk.writes = worded
    streamed = events(client.post("/api/ask/stream", json=ask | {"writer": "chat"}))
    assert [(name, len(said["sentences"]), said["writer"]) for name, said in streamed] == [
        ("draft", 1, "chat"),
        ("draft", 2, "chat"),
        ("answer", 2, "chat"),
    ]
    assert streamed[-1][1] == client.post("/api/ask", json=ask | {"writer": "chat"}).json()


@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream", "/wording"])
def test_what_cannot_be_answered_is_said_before_the_stream(client, path):
    assert "empty" in problem(client.post(path, json={"question": " "}), 422)["detail"]
    assert problem(client.post(path, json={"question": "x", "writer": "chat"}), 400)["title"] == "Settings error"
    assert problem(client.post(path, json={"question": "x", "writer": "poet"}), 422)["errors"][0]["pointer"]
    assert problem(client.post(path, json={"question": "x", "filters": {"kind": "book"}}), 400)
    json_as_a_form_sends_it = {"content": b'{"question": "x"}', "headers": {"Content-Type": "text/plain"}}
    assert problem(client.post(path, **json_as_a_form_sends_it), 422)  # a page elsewhere may send this


def test_the_page_offers_a_chat_model_only_where_there_is_one(client, with_model):
    asked = {"q": "batch norm activations", "writer": "chat"}
    assert 'name="writer"' not in client.get("/").text
    assert "wording" not in client.get("/", params=asked).text
    assert 'name="writer" value="chat"> Let a &lt;model&gt; word the answer' in with_model.get("/").text
    page = with_model.get("/", params=asked | {"k": 3}).text
    assert 'value="chat" checked>' in page
    assert 'href="/?q=batch%20norm%20activations&amp;writer=chat" aria-label="Remove' in (
        with_model.get("/", params=asked | {"q": "batch norm activations kind:note"}).text
    )
    (ask,) = re.findall(r'data-ask="([^"]+)"', page)
    assert json.loads(html.unescape(ask)) == {"question": "batch norm activations", "k": 3, "writer": "chat"}
    assert "data-ask" not in with_model.get("/", params={"q": "batch norm activations"}).text
    assert "data-ask" not in with_model.get("/", params={"q": "quasars", "writer": "chat"}).text
    for address in ("/", "/api/status", "/openapi.json", "/metrics", "/library"):
        assert "sk-secret" not in with_model.get(address).text


def test_the_words_of_a_model_are_text_on_the_page(desk, with_model):
    desk.writes = worded
    ask = {"question": "batch norm activations", "writer": "chat"}
    *drafts, (name, last) = events(with_model.post("/wording", json=ask))
    assert [(draft, shown["status"]) for draft, shown in drafts] == [("draft", "a <model> is wording the answer …")] * 2
    assert (name, last["status"]) == ("answer", "Worded by a <model>; each sentence rests on the quotes below it.")
    assert "It is &lt;b&gt;worded&lt;/b&gt; anew. **And** that is all.<a" in last["html"]
    assert last["html"].count('id="source-1"') == 1
    narrowed = events(with_model.post("/wording", json=ask | {"question": "batch norm activations kind:note"}))
    assert "<h1>batch norm activations</h1>" in narrowed[-1][1]["html"]
    assert list(map(str, desk.filters)) == ["kind:note"]
    desk.writes = lambda answer: iter([replace(answer, notice="in the library's own words: x is down")])
    assert [(name, shown["status"]) for name, shown in events(with_model.post("/wording", json=ask))] == [
        ("answer", "In the library's own words: x is down")
    ]


def test_search_gives_hits(client):
    body = client.get("/api/search", params={"q": "residual gradient", "k": 1}).json()
    assert list(body) == ["query", "hits", "took_ms"]
    assert [(hit["file"], hit["lines"]) for hit in body["hits"]] == [("nets.md", [5, 5])]


def test_questions_give_the_dump_with_answers(client):
    items = client.get("/api/questions").json()["questions"]
    assert list(items[0]) == [
        *("text", "state", "kind", "file", "line", "section", "parent", "wikilinks", "arxiv_ids", "urls"),
        *("answer", "changed", "before"),
    ]
    assert [
        (item["text"], item["state"], item["line"], item["answer"] and item["answer"]["verdict"]) for item in items
    ] == [
        ("Why residual connections?", "open", 3, "supported"),
        ("Where do quasars come from?", "open", 4, "unsupported"),
        ("read", "done", 5, None),
    ]


def test_status_says_what_failed(client):
    body = client.get("/api/status").json()
    assert (body["documents"], body["passages"], body["generation"], body["vectors"]) == (4, 12, 3, "flat")
    assert body["failures"] == [{"file": "broken.md", "reason": "binary data, not text"}]


def test_documents_carry_their_lines(client):
    listed = client.get("/api/documents").json()["documents"]
    assert [(one["id"], one["file"], one["title"], one["link"]) for one in listed] == [
        (1, "dump.md", "Question dump", "/notes/1"),
        (2, "nets.md", "Nets", "/notes/2"),
        (3, "plain.org", "plain", "/notes/3"),
        (4, "sub/norm.md", "Normalisation", "/notes/4"),
    ]
    one = client.get("/api/documents/2").json()
    assert (one["source_lines"], one["stale"]) == (NETS.rstrip("\n").split("\n"), False)


def test_a_changed_file_is_shown_as_it_is_and_called_stale(client, desk):
    (desk.root / "nets.md").write_text("new\r\ntext")
    body = client.get("/api/documents/2").json()
    assert (body["source_lines"], body["stale"]) == (["new", "text"], True)
    assert "has changed since it was indexed" in client.get("/notes/2").text


def test_a_library_without_papers_says_so(client):
    detail = problem(client.get("/api/papers/1512.03385/pages/3.png"), 404)["detail"]
    assert detail == "the library has no paper 1512.03385; /library lists all"


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"question": "   "}, "the question is empty"),
        ({}, "body/question: Field required"),
        ({"question": 3}, "body/question: Input should be a valid string"),
        ({"question": "x", "k": 0}, "body/k: Input should be greater than or equal to 1"),
        ({"question": "x", "k": 51}, "body/k: Input should be less than or equal to 50"),
        ([], "body: "),
    ],
)
def test_a_bad_question_is_a_problem(client, body, said):
    assert said in problem(client.post("/api/ask", json=body), 422)["detail"]


def test_a_problem_leads_to_its_description(client):
    body = problem(client.post("/api/ask", json={"question": ""}), 422)
    assert (body["type"], body["title"], body["instance"]) == ("/docs#question-error", "Question error", "/api/ask")
    assert 'id="question-error"' in client.get("/docs").text


def test_filters_are_those_of_the_question_and_of_the_body(client, desk):
    body = {
        "tag": "ml", "path": ["a b", "c"], "kind": "note", "after": "2024", "before": "2024-05-13",
        "phrase": ["batch norm"],
        "without": {"word": "adam", "tag": ["x"], "phrase": "y z"},
    }  # fmt: skip
    answer = client.post("/api/ask", json={"question": "norm -layer", "filters": body})
    assert answer.json()["question"] == "norm -layer"
    assert set(map(str, desk.filters)) == {
        "-layer", "tag:ml", 'path:"a b"', "path:c", "kind:note", "after:2024", "before:2024-05-13", '"batch norm"',
        "-adam", "-tag:x", '-"y z"',
    }  # fmt: skip
    for empty in ({}, None):
        assert client.post("/api/ask", json={"question": "norm", "filters": empty}).json()["citations"]
        assert desk.filters == ()
    client.get("/api/search", params={"q": 'norm "layer norm" -tag:x'})
    assert list(map(str, desk.filters)) == ['"layer norm"', "-tag:x"]


@pytest.mark.parametrize(
    ("filters", "status", "said"),
    [
        ({"kind": "book"}, 400, "kind:book is no kind"),
        ({"after": "yesterday"}, 400, "after:yesterday is no date"),
        ({"phrase": 'a "b"'}, 400, "cannot be looked for"),
        ({"tag": ["ml", ""]}, 400, "tag: names nothing"),
        ({"without": {"word": "two words"}}, 400, "cannot be looked for"),
        ({"author": "x"}, 422, "body/filters/author"),
        ({"without": {"kind": "note"}}, 422, "body/filters/without/kind"),
        ({"tag": 7}, 422, "body/filters/tag"),
        (["tag"], 422, "body/filters"),
    ],
)
def test_filters_are_not_silently_ignored(client, filters, status, said):
    found = problem(client.post("/api/ask", json={"question": "norm", "filters": filters}), status)
    assert said in found["detail"]


def test_a_filter_with_a_wrong_value_is_a_problem(client):
    found = problem(client.get("/api/search", params={"q": "norm before:soon"}), 400)
    assert found["type"] == "/docs#filter-error"
    assert found["detail"].startswith("before:soon is no date; write before:2024,")
    page = client.get("/", params={"q": "norm before:soon"}, headers={"accept": "text/html"})
    assert (page.status_code, "before:soon is no date" in page.text) == (400, True)


def test_the_page_shows_filters_and_how_to_remove_each(client):
    page = client.get("/", params={"q": 'norm "batch norm" kind:note -tag:x'}).text
    chips = re.findall(r'<a href="([^"]*)" aria-label="Remove the filter ([^"]*)">', page)
    assert [(html.unescape(unquote(address)), html.unescape(name)) for address, name in chips] == [
        ("/?q=kind:note -tag:x norm batch norm", '"batch norm"'),
        ('/?q=-tag:x norm "batch norm"', "kind:note"),
        ('/?q=kind:note norm "batch norm"', "-tag:x"),
    ]
    assert "<h1>norm &#34;batch norm&#34;</h1>" in page
    assert "Remove the filter" not in client.get("/", params={"q": "norm x:y -1"}).text


def test_filters_alone_list_what_they_let_through(client):
    page = client.get("/", params={"q": "kind:paper"}).text
    assert "<h1>Nothing matches</h1>" in page
    assert 'href="/" aria-label="Remove the filter kind:paper"' in page


def test_a_question_of_the_dump_is_asked_as_it_is_written(client, desk):
    (desk.root / "dump.md").write_text('# Question dump\n\n- [ ] Why "batch norm" -layer connections?\n')
    desk.__init__(desk.root)
    asked = html.unescape(unquote(re.search(r'<li><a href="/\?q=([^"]*)"', client.get("/").text)[1]))
    assert asked == 'Why \\"batch norm" \\-layer connections?'
    assert asked in html.unescape(unquote(client.get("/questions").text))
    client.get("/", params={"q": asked})
    assert desk.filters == ()


@pytest.mark.parametrize(
    "path", ["/nope", "/api/documents/99", "/api/documents/99999999999999999999", "/static/../app.py"]
)
def test_what_is_not_there_is_a_problem(client, path):
    problem(client.get(path), 404)


def test_other_methods_are_refused(client):
    response = client.delete("/api/ask")
    assert problem(response, 405)["detail"].startswith("DELETE /api/ask")
    assert response.headers["allow"] == "POST"


def test_a_large_body_is_refused(client):
    problem(client.post("/api/ask", content=b"x" * (MAX_BODY_BYTES + 1)), 413)

    def chunks():
        for _ in range(11):
            yield b"x" * (MAX_BODY_BYTES // 10)

    problem(client.post("/api/ask", content=chunks(), headers={"content-type": "application/json"}), 413)


def test_an_unexpected_error_shows_no_internals(client, desk, monkeypatch, caplog):
    def fail(*_args, **_options):
        raise RuntimeError("secret")

    monkeypatch.setattr(desk, "ask", fail)
    response = client.post("/api/ask", json={"question": "norm"})
    problem(response, 500)
    assert "secret" not in response.text
    assert "secret" in caplog.text
    page = client.get("/?q=norm", headers={"accept": "text/html"})
    assert (page.status_code, "secret" in page.text, "<h1>That went wrong</h1>" in page.text) == (500, False, True)


def test_a_library_error_has_its_status(client, desk, monkeypatch):
    def fail():
        raise LibraryCorrupt("catalogue.db is damaged; index again")

    monkeypatch.setattr(desk, "status", fail)
    assert problem(client.get("/api/status"), 503)["detail"] == "catalogue.db is damaged; index again"


def test_a_browser_gets_a_page_where_a_program_gets_a_document(client):
    page = client.get("/nope", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Nothing is here</h1>" in page.text
    assert '<p class="lead">There is nothing at /nope; /docs lists what there is</p>' in page.text


# ------------------------------------------------------------------------------------------------------ safety


@pytest.mark.parametrize("path", ["/", "/notes/2", "/api/status", "/nope", "/static/style.css", "/docs"])
def test_every_response_is_fenced_in(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types footnote"
    )
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")


@pytest.mark.parametrize(
    "path", ["/", "/?q=norm", "/questions?show=all", "/notes/2", "/notes/2?view=source", "/library", "/docs"]
)
def test_pages_hold_nothing_that_the_policy_forbids(client, path):
    page = client.get(path).text
    assert not re.search(
        r"<script(?! type=\"module\" src=\"/static/[\w-]+\.js\">)|<style| style=| on\w+=|javascript:", page
    )
    assert not re.search(r'(?:src|<link [^>]*href)="(?!/static/)', page)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "192.168.1.7", "footnote", "a.localhost", "notes.lan"]
)
def test_hosts_that_are_ours(desk, settings, host):
    client = TestClient(create_app(settings, desk=desk, hosts=["notes.lan"]))
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:8000", "127.0.0.1.example.com", "localhost.example.com"]
)
def test_a_name_pointed_at_us_is_refused(client, host):
    problem(client.get("/api/documents", headers={"host": host}), 421)


@pytest.mark.parametrize("file", ["../outside.md", "/etc/hostname", "sub/../../outside.md"])
def test_only_files_under_their_root_are_served(client, desk, file):
    (desk.root.parent / "outside.md").write_text("secret")
    desk.move(2, file)
    assert "secret" not in client.get("/notes/2").text
    problem(client.get("/api/documents/2"), 404)


def test_a_link_is_not_served(client, desk, tmp_path):
    outside = tmp_path / "outside.md"
    (desk.root / "nets.md").rename(outside)
    (desk.root / "nets.md").symlink_to(outside)
    problem(client.get("/api/documents/2"), 404)
    outside.write_text("secret")
    assert "secret" not in client.get("/notes/2").text


def test_a_note_that_is_gone_says_so(client, desk):
    (desk.root / "nets.md").unlink()
    assert problem(client.get("/notes/2"), 404)["detail"].startswith("nets.md is gone since it was indexed; ")


# ------------------------------------------------------------------------------------------------------- pages


def test_the_search_page_shows_the_answer_and_its_sources(client):
    page = client.get("/", params={"q": "layer norm per token", "k": 3}).text
    assert "Your notes answer this" in page
    assert (
        'layer norm works <strong>per token</strong>, see <a href="/notes/2" rel="noopener noreferrer">nets</a>' in page
    )
    assert '<a class="cite" href="#source-1" aria-label="source 1">1</a>' in page
    assert '<a href="/notes/4?lines=5-5#L5">sub/norm.md:5</a>' in page
    assert "Before. <mark>layer norm works **per token**, see [[nets]]</mark> After." in re.sub(
        r'<span class="met">(.*?)</span>', r"\1", page
    )
    assert (
        '<span class="met">layer</span> <span class="met">norm</span> works **per <span class="met">token</span>**'
        in page
    )


def test_a_question_that_is_not_answered_lists_what_is_near(client):
    page = client.get("/", params={"q": "activations of quasars beyond distant galaxies"}).text
    assert "Your library does not answer this" in page
    assert "The nearest passages" in page
    assert '<h2 id="sources">' not in page


def test_the_search_page_escapes_the_question(client):
    page = client.get("/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in page


def test_an_empty_library_says_how_to_fill_it(tmp_path, settings):
    client = TestClient(create_app(settings, desk=StubDesk(tmp_path)))
    for path in ("/", "/?q=norm", "/library"):
        assert "Fill it with <code>footnote index FOLDER</code>." in client.get(path).text


def test_an_empty_question_shows_the_empty_page(client):
    for path in ("/", "/?q=", "/?q=++"):
        assert "12 passages from 4 notes" in client.get(path).text


@pytest.mark.parametrize(
    ("show", "texts"),
    [
        ("open", ["Why residual connections?", "Where do quasars come from?"]),
        ("answered", ["Why residual connections?"]),
        ("unsupported", ["Where do quasars come from?"]),
        ("all", ["Why residual connections?", "Where do quasars come from?", "read"]),
    ],
)
def test_the_questions_page_filters(client, show, texts):
    page = client.get("/questions", params={"show": show}).text
    assert re.findall(r'<p class="text">([^<]*?)(?: <span|</p>)', page) == texts
    assert re.findall(r'<span class="count">(\d+)</span>', page)[:4] == ["2", "1", "1", "3"]


def test_nothing_is_news_before_the_person_has_seen_the_questions(client, desk):
    page = client.get("/questions").text
    assert 'class="changed' not in page
    assert "show=news" not in page
    assert mark_seen(client, page) == "/questions?show=open"
    assert [item.question.text for item in desk.seen] == [
        "Why residual connections?",
        "Where do quasars come from?",
        "read",
    ]


def mark_seen(client, page):
    """Press the one button of the page; where it leads."""
    action = html.unescape(re.search(r'<form class="seen" action="([^"]+)" method="post">', page)[1])
    return client.post(action, follow_redirects=False).headers["location"]


@pytest.fixture
def told(desk):
    """The desk of a person who has seen the questions, of which the first was not answered then."""
    desk.told = {
        "Why residual connections?": ("answered", "unsupported"),
        "Where do quasars come from?": ("same", "partial"),
        "read": ("same", None),
    }
    return desk


def test_the_questions_page_shows_what_is_news_and_marks_just_that_as_seen(client, told):
    page = client.get("/questions?show=news").text
    assert re.findall(r'<span class="changed (\w+)">([^<]+)</span>', page) == [
        ("supported", "newly answered"),
        ("unsupported", "not answered any more"),
    ]
    assert re.findall(r'>(\w+) <span class="count">(\d+)</span>', page)[:2] == [("Open", "2"), ("News", "2")]
    assert told.seen == []  # a page that was loaded was not read yet
    assert mark_seen(client, page) == "/questions?show=open"
    assert [item.question.text for item in told.seen] == ["Why residual connections?", "Where do quasars come from?"]
    assert 'class="seen"' not in client.get("/questions").text  # it does not show all of the news


def test_what_came_after_the_page_was_loaded_is_not_marked_as_seen(client, told):
    page = client.get("/questions?show=news").text
    del told.told["read"]
    told.told["Why residual connections?"] = ("same", "supported")
    assert mark_seen(client, page) == "/questions?show=news"
    assert told.seen == []


def test_without_news_the_page_says_so(client, told):
    told.told = dict.fromkeys(told.told, ("same", None))
    assert "show=news" not in client.get("/questions").text
    assert "Nothing is new since" in client.get("/questions?show=news").text


def test_an_unknown_filter_is_refused(client):
    problem(client.get("/questions?show=some"), 422)


def test_a_note_marks_its_cited_lines(client):
    page = client.get("/notes/4?lines=3-3").text
    assert '<p id="L3" class="cited">Batch norm keeps the activations in range.</p>' in page
    assert '<a class="jump" href="#L3">Line 3</a>' in page
    assert 'href="/notes/4?lines=3-3&amp;view=source#L3"' in page


def test_a_note_in_source_view_marks_exact_lines(client):
    page = client.get("/notes/2?lines=3-4&view=source").text
    assert re.findall(r'<li id="L(\d+)" class="cited">', page) == ["3", "4"]
    assert "<code>&lt;script&gt;alert(1)&lt;/script&gt;</code>" in page


def test_org_is_shown_as_it_is_read_and_as_its_source(client):
    page = client.get("/notes/3?lines=2-2").text
    assert '<p id="L2" class="cited">&lt;b&gt;text&lt;/b&gt;</p>' in page
    page = client.get("/notes/3?lines=2-2&view=source").text
    assert '<li id="L2" class="cited">' in page
    assert "<code>&lt;b&gt;text&lt;/b&gt;</code>" in page


@pytest.mark.parametrize("lines", ["0-3", "9-12", "4-2", "a-b", "-1", "1-2-3", "99999999999", "<x>"])
def test_lines_that_are_none_mark_nothing(client, lines):
    response = client.get("/notes/4", params={"lines": lines})
    assert (response.status_code, "cited" in response.text) == (200, False)


def test_a_long_source_is_shown_in_parts(client, desk):
    (desk.root / "nets.md").write_text("\n".join(f"line {n}" for n in range(1, 5001)))
    page = client.get("/notes/2?view=source&lines=2500-2501").text
    numbers = [int(number) for number in re.findall(r'<li id="L(\d+)"', page)]
    assert (numbers[0], numbers[-1]) == (2001, 4000)
    assert 'href="/notes/2?view=source&amp;at=1"' in page
    assert 'href="/notes/2?view=source&amp;at=4001"' in page


def test_the_library_page_lists_notes_and_failures(client):
    page = client.get("/library").text
    assert '<a href="/notes/4">Normalisation</a> <span class="place">sub/norm.md</span>' in page
    assert '<span class="place">broken.md</span> binary data, not text' in page
    assert "old.md" in page


def test_pages_answer_head(client):
    response = client.head("/")
    assert (response.status_code, response.content) == (200, b"")


# ------------------------------------------------------------------------------------------------------ papers

READING = "# Reading\n\nNothing much.\n\n- https://arxiv.org/abs/2101.00001 takes the input along\n"


@pytest.fixture
def shelved(tmp_path):
    """A desk over a note (1), a paper (2), one of which there is the abstract only (3), and an old one (4)."""
    root = tmp_path / "shelf"
    (root / "hep-th").mkdir(parents=True)
    (root / "2101.00001v2.pdf").write_bytes(shelf.bars_pdf())
    (root / "hep-th" / "9901001v1.pdf").write_bytes(shelf.bars_pdf(pages=1))
    (root / "2101.00003v1.abstract").write_text("")
    (root / "reading.md").write_text(READING)
    return StubDesk(root)


@pytest.fixture
def pdf(shelved):
    """The file of the paper (2)."""
    return shelved.root / "2101.00001v2.pdf"


@pytest.fixture
def papers(shelved, settings):
    with TestClient(create_app(settings, desk=shelved)) as client:
        yield client


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return tuple(int.from_bytes(data[n : n + 4], "big") for n in (16, 20))


def test_an_answer_from_a_paper_has_the_fields_of_the_contract(papers):
    first = papers.post("/api/ask", json={"question": shelf.KEEPS}).json()["citations"][0]
    assert first == {
        "n": 1, "kind": "paper", "file": None, "paper": "2101.00001", "version": "v2", "title": "Residual Stacks",
        "headings": ["1 Method"], "lines": None, "pages": [1, 1],
        "boxes": [
            {"page": 1, "x0": 310.0, "y0": 700.0, "x1": 540.0, "y1": 710.0},
            {"page": 1, "x0": 72.0, "y0": 680.0, "x1": 200.0, "y1": 690.0},
        ],
        "quote": shelf.KEEPS, "passage": f"{shelf.ADDS} {shelf.KEEPS}", "score": 1.0,
        "link": "/papers/2?page=1&sentences=2-2#quote", "stale": False,
        "related": [
            {"relation": "your note on this paper", "title": "Reading", "file": "reading.md", "lines": [5, 5],
             "paper": None, "link": "/notes/1?lines=5-5#L5"},
        ],
        "why": {"words": ["keeps", "gradient", "alive", "deep", "stacks"], "missing": [], "closeness": 1.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["2101.00001", "2101.00001v2", "2", "hep-th/9901001", "hep-th/9901001v1", "hep-th%2F9901001"]
)
def test_a_page_is_drawn_whatever_the_paper_is_called_by(papers, name):
    response = papers.get(f"/api/papers/{name}/pages/1.png")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    assert png_size(response.content) == (1000, pytest.approx(1000 * 792 / 612, abs=1))


def test_a_picture_is_as_wide_as_asked_and_is_not_sent_twice(papers):
    response = papers.get("/api/papers/2/pages/2.png?width=300")
    assert png_size(response.content)[0] == 300
    assert response.headers["cache-control"] == "private, no-cache"
    etag = response.headers["etag"]
    again = papers.get("/api/papers/2/pages/2.png?width=300", headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    others = {papers.get(f"/api/papers/2/pages/{page}").headers["etag"] for page in ("1.png?width=300", "2.png")}
    assert etag not in others
    assert len(others) == 2


def test_a_picture_of_a_file_that_changed_is_another(papers, pdf):
    etag = papers.get("/api/papers/2/pages/1.png").headers["etag"]
    pdf.write_bytes(shelf.bars_pdf(()))
    again = papers.get("/api/papers/2/pages/1.png", headers={"if-none-match": etag})
    assert (again.status_code, again.headers["etag"] != etag) == (200, True)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("9999.99999/pages/1.png", "the library has no paper 9999.99999; /library lists all"),
        ("2101.00001v1/pages/1.png", "the library has no paper 2101.00001v1, but has v2 of it"),
        ("9" * 5000 + "/pages/1.png", f"the library has no paper {'9' * 5000}; /library lists all"),
        ("%00/pages/1.png", "the library has no paper \0; /library lists all"),
        ("99/pages/1.png", "the library has no document 99; /library lists all"),
        ("1/pages/1.png", "document 1 is a note, and has no pages; see reading.md"),
        ("2/pages/4.png", "Residual Stacks: there is no page 4, the last one is 3"),
        (
            "2/pages/99999999999999999999.png",
            "Residual Stacks: there is no page 99999999999999999999, the last one is 3",
        ),
        ("2/pages/0.png", "Residual Stacks: there is no page 0, the last one is 3"),
        (
            "2101.00003/pages/1.png",
            "Residual Stacks: the library has the abstract only, and no pages; /papers/3 says why",
        ),
    ],
)
def test_a_page_that_is_not_there_is_a_problem(papers, path, said):
    assert problem(papers.get(f"/api/papers/{path}"), 404)["detail"] == said


@pytest.mark.parametrize("width", ["199", "3001", "wide"])
def test_a_width_that_is_none_is_refused(papers, width):
    problem(papers.get(f"/api/papers/2/pages/1.png?width={width}"), 422)


def test_a_page_that_cannot_be_drawn_says_why_and_the_service_goes_on(papers, pdf):
    pdf.write_bytes(b"%PDF-1.4\nnothing of use")
    response = papers.get("/api/papers/2/pages/1.png")
    assert problem(response, 422)["detail"].startswith("page 1 of Residual Stacks: cannot be drawn: ")
    assert papers.get("/api/papers/hep-th/9901001/pages/1.png").status_code == 200
    page = papers.get("/papers/2").text
    assert "page 1 cannot be shown: cannot be drawn" in page
    assert shelf.ADDS in page


def test_a_pdf_that_could_not_be_read_says_why(papers, shelved):
    shelved._documents[1] = replace(shelved._documents[1], failure="it is damaged", pages=0)
    number = shelved._documents[1].id
    page = papers.get(f"/papers/{number}").text
    assert "This file could not be read: it is damaged." in page
    assert "abstract" not in page
    assert problem(papers.get(f"/api/papers/{number}/pages/1.png"), 404)["detail"].endswith(": it is damaged")


def test_a_paper_whose_file_is_gone_says_so(papers, pdf):
    pdf.unlink()
    assert problem(papers.get("/api/papers/2/pages/1.png"), 404)["detail"].startswith(
        "2101.00001v2.pdf is gone since it was indexed; "
    )
    page = papers.get("/papers/2").text
    assert "This file has changed since it was indexed" in page
    assert shelf.ADDS in page


def test_only_pdfs_under_their_root_are_drawn(papers, shelved):
    (shelved.root.parent / "outside.pdf").write_bytes(shelf.bars_pdf())
    shelved.move(2, "../outside.pdf")
    problem(papers.get("/api/papers/2/pages/1.png"), 404)


def test_a_document_that_is_a_paper_says_what_arxiv_says(papers):
    body = papers.get("/api/documents/2").json()
    assert (body["kind"], body["pages"], body["paper"], body["version"]) == ("paper", 3, "2101.00001", "v2")
    assert (body["authors"], body["published"], body["abstract"]) == (["A. Mull", "B. Grau"], "2021-01-03", "Short.")
    assert (body["source_lines"], body["stale"], body["link"]) == (None, False, "/papers/2")


def test_status_lists_the_papers_with_what_became_of_them(papers):
    body = papers.get("/api/status").json()
    assert [(one["paper"], one["named"], one["state"], one["reason"], one["link"]) for one in body["papers"]] == [
        ("2101.00001", None, "fetched", None, "/papers/2"),
        ("2101.00002", "v1", "pending", "arxiv.org cannot be reached", None),
    ]
    assert body["remarks"] == [{"file": "scan.pdf", "remark": "no text on page 2"}]


def test_the_page_of_a_paper_marks_what_is_cited(papers):
    page = papers.get("/papers/2?page=1&sentences=2-2").text
    assert re.findall(r"<rect [^>]*>", page) == [
        '<rect x="310.0" y="82.0" width="230.0" height="10.0"/>',
        '<rect x="72.0" y="102.0" width="128.0" height="10.0"/>',
    ]
    assert f'<blockquote class="passage"><mark>{shelf.KEEPS}</mark></blockquote>' in page
    assert f"{shelf.ADDS} <mark>{shelf.KEEPS}</mark>" in page
    assert '<span id="quote"></span>' in page
    assert 'src="/api/papers/2/pages/1.png"' in page
    assert "A. Mull, B. Grau · 2021-01-03" in page
    assert '<a href="https://arxiv.org/abs/2101.00001v2" rel="noopener noreferrer">' in page
    assert '<a href="/notes/1?lines=5-5#L5">Reading, line 5</a>' in page
    assert '<a rel="next" href="/papers/2?page=2">' in page
    assert 'rel="prev"' not in page
    assert '<a href="/papers/2?page=2">2 Results</a>' in page


def test_a_quote_that_goes_on_shows_both_pages(papers):
    page = papers.get("/papers/2?sentences=4-4").text
    assert re.findall(r'src="([^"]*)"', page)[-2:] == ["/api/papers/2/pages/1.png", "/api/papers/2/pages/2.png"]
    assert len(re.findall(r"<rect ", page)) == 2
    assert page.count('id="quote"') == 1
    assert '<a rel="next" href="/papers/2?page=3">' in page


@pytest.mark.parametrize("query", ["page=3&sentences=2-2", "page=1&sentences=77-78", "page=1&sentences=x", "page=1"])
def test_sentences_that_are_not_on_the_page_any_more_mark_nothing(papers, query):
    response = papers.get(f"/papers/2?{query}")
    assert (response.status_code, "<rect" in response.text, "<mark" in response.text) == (200, False, False)


def test_the_page_of_an_abstract_says_why_it_is_alone(papers, shelved):
    shelved.papers = (replace(AWAITED, document_id=3),)
    page = papers.get("/papers/3?sentences=2-2").text
    assert "The library has only the abstract of this paper: arxiv.org cannot be reached." in page
    assert f"<mark>{shelf.KEEPS}</mark>" in page
    assert "<img" not in page


def test_papers_and_notes_lead_to_their_own_pages(papers):
    assert papers.get("/notes/2", follow_redirects=False).headers["location"] == "/papers/2"
    assert papers.get("/papers/1", follow_redirects=False).headers["location"] == "/notes/1"
    problem(papers.get("/papers/2?page=4"), 404)
    problem(papers.get("/papers/99"), 404)


def test_the_answer_page_shows_where_in_a_paper_and_your_note_on_it(papers):
    page = papers.get("/", params={"q": shelf.KEEPS}).text
    assert "Your papers answer this" in page
    assert '<a href="/papers/2?page=1&amp;sentences=2-2#quote">2101.00001v2, p. 1</a>' in page
    assert 'Your note on this paper: <a href="/notes/1?lines=5-5#L5">Reading, line 5</a>' in page
    assert page.count("Your note on this paper") == 1  # not beside every citation of the paper
    note = papers.get("/notes/1").text
    assert "<summary>1 paper of the library named here</summary>" in note
    assert '<li><a href="/papers/2">Residual Stacks</a></li>' in note


def test_the_library_page_lists_papers_with_why_they_are_not_there(papers):
    page = papers.get("/library").text
    assert '<a href="/papers/2">Residual Stacks</a> <span class="place">2101.00001v2</span>' in page
    assert '<a href="https://arxiv.org/abs/2101.00002v1" rel="noopener noreferrer">arXiv 2101.00002v1</a>' in page
    assert (
        '<summary><h3 class="became">Pending&nbsp;<span class="count">1</span></h3> '
        '<span class="reason">arxiv.org cannot be reached</span></summary>' in page
    )


def test_a_long_list_of_papers_that_are_not_there_is_folded(papers, shelved):
    shelved.papers = (shelved.papers[0], *(replace(AWAITED, key=f"2101.0{n}") for n in range(10002, 10009)))
    page = papers.get("/library").text
    assert re.findall(r"<details( open)?>\s*<summary>.*?>(.*?)&nbsp;<span class=\"count\">(\d+)", page) == [
        (" open", "In the library", "1"),
        ("", "Pending", "7"),
    ]
    assert page.count('<span class="reason">arxiv.org cannot be reached</span>') == 1


# ----------------------------------------------------------------------------------------------------- service


def test_metrics_count_requests_by_route(client):
    client.get("/notes/1")
    client.get("/notes/2")
    client.get("/nope")
    said = client.get("/metrics").text
    assert 'footnote_requests_total{method="GET",route="/notes/{document_id}",status="200"} 2.0' in said
    assert 'footnote_requests_total{method="GET",route="unmatched",status="404"} 1.0' in said
    assert 'footnote_request_seconds_count{method="GET",route="/notes/{document_id}"} 2.0' in said
    assert "footnote_passages 12.0" in said
    assert 'footnote_vectors_info{kind="flat"} 1.0' in said


def test_problems_are_documented_as_what_they_are(client):
    for path in client.get("/openapi.json").json()["paths"].values():
        for operation in path.values():
            for status in ("4XX", "5XX"):
                ((media, content),) = operation["responses"][status]["content"].items()
                assert media == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_operations_have_stable_names(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {one["operationId"]: (method, path) for path, each in paths.items() for method, one in each.items()} == {
        "ask": ("post", "/api/ask"),
        "ask_stream": ("post", "/api/ask/stream"),
        "search": ("get", "/api/search"),
        "questions": ("get", "/api/questions"),
        "status": ("get", "/api/status"),
        "documents": ("get", "/api/documents"),
        "document": ("get", "/api/documents/{document_id}"),
        "paper_page": ("get", "/api/papers/{paper_id}/pages/{page}.png"),
        "papers": ("get", "/api/papers"),
        "paper": ("get", "/api/papers/{paper_id}"),
        "add_paper": ("post", "/api/papers"),
        "remove_paper": ("delete", "/api/papers/{paper_id}"),
        "search_papers": ("post", "/api/papers/search"),
        "indexing": ("get", "/api/indexing"),
        "look": ("post", "/api/indexing"),
        "progress": ("get", "/api/progress"),
        "export_papers": ("get", "/api/export/papers.{form}"),
        "export_questions": ("get", "/api/export/questions.{form}"),
        "export_answer": ("get", "/api/export/answer.{form}"),
        "map": ("get", "/api/map"),
        "map_points": ("get", "/api/map/points"),
        "map_hits": ("get", "/api/map/hits"),
        "map_passage": ("get", "/api/map/passages/{passage_id}"),
        "map_picture": ("get", "/api/map.png"),
        "health": ("get", "/healthz"),
        "ready": ("get", "/readyz"),
        "metrics": ("get", "/metrics"),
    }
    assert all(one.get("description") for each in paths.values() for one in each.values())
    assert "POST /api/ask" in client.get("/docs").text


def until(client, path, status, said=""):
    """Ask until the answer has a status and says something."""
    deadline = time.monotonic() + 10
    while (response := client.get(path)).status_code != status or said not in response.text:
        assert time.monotonic() < deadline, response.text
    return response


class Opening(StubDesk):
    """A desk as the service opens it."""

    closed = 0

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        type(self).closed += 1


def test_the_library_is_opened_behind_the_service_and_closed_at_the_end(desk, settings, monkeypatch):
    opened = []

    def open_desk(given, *, notice):
        opened.append(given)
        return Opening(desk.root)

    monkeypatch.setattr(service.desk.Desk, "open", open_desk)
    with TestClient(create_app(settings)) as client:
        until(client, "/readyz", 200)
        assert client.get("/api/status").json()["documents"] == 4
        assert Opening.closed == 0
    assert (opened, Opening.closed) == ([settings], 1)


def test_until_the_library_is_there_the_service_says_what_is_missing(settings, monkeypatch):
    def open_desk(given, *, notice):
        raise LibraryMissing("no library at /x; make one with: footnote index FOLDER")

    monkeypatch.setattr(service.desk.Desk, "open", open_desk)
    with TestClient(create_app(settings)) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert problem(client.get("/readyz"), 503)
        response = until(client, "/api/status", 503, "no library at /x")
        assert problem(response, 503)["type"] == "/docs#library-missing"
        assert response.headers["retry-after"] == "2"
        page = client.get("/?q=why", headers={"accept": "text/html"}).text
        assert '<p class="lead">No library at /x; make one with: footnote index FOLDER</p>' in page
        assert '<a href="/?q=why">Try again</a>' in page
