import io
import json
import shutil
import sys
from contextlib import nullcontext

import pytest
from desks import NOTES, write
from stub_chat import KEY, ChatServer, events, line

from indexer.catalogue import StoredPaper
from indexer.cli import Pace, counted, papers_summary, print_papers
from indexer.collect import PapersReport
from indexer.intake import Progress
from service.cli import main
from service.credentials import Tokens

pytestmark = pytest.mark.usefixtures("stub_model")


@pytest.fixture
def indexed(tmp_path, environ, capsys):
    assert main(["index", str(write(tmp_path / "notes"))], environ) == 0
    capsys.readouterr()
    return environ


def test_index_says_what_it_did_and_prints_json_on_request(tmp_path, environ, capsys):
    notes = str(write(tmp_path / "notes"))
    assert main(["index", notes, "--no-papers"], environ) == 0
    assert capsys.readouterr().out.startswith("3 files (3 new), 9 passages, 9 embedded, ")
    assert main(["index", notes, "--json"], environ) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["unchanged"], report["embedded"], report["failures"]) == (3, 0, [])


def test_the_library_option_comes_before_the_environment(tmp_path, environ, capsys):
    notes = str(write(tmp_path / "notes"))
    assert main(["index", notes, "--library", str(tmp_path / "other")], environ) == 0
    assert (tmp_path / "other" / "catalogue.db").exists()
    assert not (tmp_path / "library").exists()


def test_ask_prints_the_answer_then_its_sources(indexed, capsys):
    assert main(["ask", "how many layers in GoogLeNet"], indexed) == 0
    out = capsys.readouterr().out
    assert out.startswith("22-layers deep model [1]\nplus two heads that help while training [1]\n\n✓ Answered · ")
    assert "Sources\n  [1] group.md:2-4\n" in out
    assert "\033" not in out
    assert max(map(len, out.split("\n"))) <= 80


@pytest.fixture
def chat(indexed):
    """The library with a chat model that words what it is asked."""
    with ChatServer() as server:
        server.say(events(line("GoogLeNet is a 22 layers deep model.", (1, "22-layers deep model"))))
        named = {"FOOTNOTE_CHAT_URL": server.address, "FOOTNOTE_CHAT_MODEL": "stub", "FOOTNOTE_CHAT_KEY": KEY}
        yield server, indexed | named


ASK = ["ask", "how many layers in GoogLeNet", "--writer", "chat"]


def test_a_chat_model_words_the_answer_if_asked_to(chat, capsys):
    server, environ = chat
    assert main([*ASK, "--json"], environ) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert (answer["writer"], answer["notice"], captured.err) == ("chat", None, "")
    assert answer["sentences"] == [{"text": "GoogLeNet is a 22 layers deep model.", "citations": [1]}]
    assert answer["citations"][0]["quote"] == "22-layers deep model"
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    server.asked.clear()
    assert main(ASK[:2], environ) == 0
    assert server.asked == []


def test_on_a_terminal_each_sentence_shows_at_once_and_none_twice(chat, capsys, monkeypatch):
    server, environ = chat
    assert main(ASK, environ) == 0
    plain = capsys.readouterr().out
    assert plain.startswith("GoogLeNet is a 22 layers deep model. [1]\n\n✓ Answered")
    assert "in the words of the chat model" in plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(ASK, environ | {"TERM": "dumb"}) == 0
    assert capsys.readouterr().out == plain
    server.say(events(line("GoogLeNet is a 22 layers deep model.", (1, "22-layers deep model")), end=False))
    assert main(ASK, environ | {"TERM": "dumb"}) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("GoogLeNet is a 22 layers deep model. [1]\n22-layers deep model [1]\n")
    assert (
        captured.err
        == "footnote: in the library's own words: 127.0.0.1 broke off in the middle; ask again, or look at its log\n"
    )


def test_a_batch_is_worded_too_and_says_once_what_is_wrong(chat, capsys, tmp_path):
    server, environ = chat
    (tmp_path / "batch").write_text("how many layers in GoogLeNet\nbias correction of Adam\n" * 2)
    server.say(events("no"))
    assert main(["ask", "--writer", "chat", "--batch", str(tmp_path / "batch")], environ) == 0
    captured = capsys.readouterr()
    rows = [json.loads(row) for row in captured.out.splitlines()]
    assert [row["writer"] for row in rows] == ["extractive"] * 4
    assert captured.err.count("\n") == 1
    assert KEY not in captured.out + captured.err


def test_a_chat_model_that_is_not_set_up_is_an_error(indexed, capsys):
    assert main(ASK, indexed | {"FOOTNOTE_CHAT_MODEL": "m"}) == 2
    said = "footnote: no chat model is set up; set FOOTNOTE_CHAT_URL and FOOTNOTE_CHAT_MODEL\n"
    assert capsys.readouterr() == ("", said)


def test_what_is_not_answered_has_exit_code_1(indexed, capsys):
    assert main(["ask", "zebra migration patterns"], indexed) == 1
    assert "Nothing in the library answers this." in capsys.readouterr().out


def test_an_answer_as_json_has_the_fields_of_the_contract(indexed, capsys):
    assert main(["ask", "how many layers in GoogLeNet", "--json", "-k", "2"], indexed) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == [
        "question",
        "verdict",
        "confidence",
        "sentences",
        "citations",
        "took_ms",
        "writer",
        "notice",
    ]
    assert (answer["writer"], answer["notice"]) == ("extractive", None)
    assert list(answer["citations"][0]) == [
        "n", "kind", "file", "paper", "version", "title", "headings", "lines", "pages", "boxes", "quote", "passage",
        "score", "link", "stale", "related", "why",
    ]  # fmt: skip
    assert answer["sentences"][0] == {"text": "22-layers deep model", "citations": [1]}
    assert len(answer["citations"]) == 2


def test_an_answer_as_markdown_links_its_sources(indexed, capsys):
    assert main(["ask", "how many layers in GoogLeNet", "--markdown"], indexed) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("### how many layers in GoogLeNet\n\n*Answered*, ")
    assert "\n1. [group.md:2-4](group.md#L2-L4), Discussion 2 GoogLeNet\n" in shown


def on_terminal(monkeypatch, typed):
    """A person who types at a terminal, whose stdout is a pipe."""
    monkeypatch.setattr(sys, "stdin", type("Stdin", (io.StringIO,), {"isatty": lambda _: True})(typed))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("indexer.cli.shown_progress", lambda: nullcontext(lambda _: None))


def test_who_asks_before_there_is_a_library_is_helped_to_make_one(environ, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(tmp_path))
    question = ["ask", "how many layers in GoogLeNet"]
    on_terminal(monkeypatch, "n\n")
    assert main(question, environ) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"footnote: no library at {tmp_path / 'library'}; make one with: ")
    assert said.endswith("\nFind your notes and make it now? [Y/n] ")
    monkeypatch.setattr("indexer.vaults.vaults", lambda *_: [])
    on_terminal(monkeypatch, f"\n{write(tmp_path / 'notes')}\n\n")
    assert main(question, environ) == 0
    captured = capsys.readouterr()
    assert captured.out.split("\n")[1] == "22-layers deep model [1]"
    assert f"the notes are in {tmp_path / 'notes'}" in captured.err


def test_a_service_that_watches_indexes_what_the_settings_name_first(environ, tmp_path, capsys, monkeypatch):
    served = []
    monkeypatch.setattr("service.serve.serve", lambda *_, **options: served.append(options) or 0)
    mine = environ | {"FOOTNOTE_NOTES": str(write(tmp_path / "notes"))}
    assert main(["serve", "--watch", "--open"], mine) == main(["serve", "--watch"], mine) == 0
    captured = capsys.readouterr()
    assert captured.out.count("3 files (3 new)") == captured.err.count("first; papers are fetched") == 1
    assert served == [{"tokens": Tokens(), "watch": "new", "browse": browse} for browse in (True, False)]


def test_search_lists_passages(indexed, capsys):
    assert main(["search", "bias correction", "--json", "-k", "1"], indexed) == 0
    result = json.loads(capsys.readouterr().out)
    assert (list(result), result["hits"][0]["file"]) == (["query", "hits", "took_ms"], "adam.md")
    assert main(["search", "bias correction"], indexed) == 0
    assert capsys.readouterr().out.startswith("  [1] adam.md:8\n")


def test_a_batch_answers_line_by_line_in_order_and_keeps_ids(indexed, capsys, tmp_path, monkeypatch):
    lines = ['{"id": "q7", "question": "GoogLeNet layers"}', "", "bias correction", '{"id": 8, "question": ""}', "{odd"]
    (tmp_path / "batch").write_text("\n".join(lines))
    assert main(["ask", "--batch", str(tmp_path / "batch"), "--json"], indexed) == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("id") for row in rows] == ["q7", None, 8, None]
    assert [row["question"] for row in rows] == ["GoogLeNet layers", "bias correction", "", "{odd"]
    assert "is empty" in rows[2]["error"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("unused"))
    assert main(["search", "--batch", str(tmp_path / "missing")], indexed) == 2
    assert "one question a line" in capsys.readouterr().err


def test_filters_narrow_what_is_asked(indexed, capsys, tmp_path):
    assert main(["search", "gradient", "path:group", "--json"], indexed) == 0
    assert {hit["file"] for hit in json.loads(capsys.readouterr().out)["hits"]} == {"group.md"}
    assert main(["search", "gradient path:nowhere"], indexed) == 1
    assert capsys.readouterr().out == "Nothing found, only path:nowhere.\n"
    assert main(["ask", "how many layers in GoogLeNet -layers"], indexed) == 1
    assert "· only -layers\n" in capsys.readouterr().out
    no_kind = "kind:book is no kind; write kind:note or kind:paper; \\kind:book looks for these words"
    for wrong, said in (
        ("gradient kind:book", f"footnote: {no_kind}\n"),
        ("kind:note", "footnote: only filters, and no question; write one, or list what they let through: search\n"),
    ):
        assert main(["ask", wrong], indexed) == 2
        assert capsys.readouterr().err == said
    assert main(["search", "gradient", "-adam"], indexed) == 2
    assert "is put in quotes" in capsys.readouterr().err


def test_filters_in_a_batch(indexed, capsys, tmp_path):
    rows = [
        "GoogLeNet layers path:adam",
        json.dumps({"question": "GoogLeNet layers", "filters": {"path": "adam"}}),
        json.dumps({"id": 3, "question": "GoogLeNet layers", "filters": {"kind": "book"}}),
        json.dumps({"question": "x", "filters": {"author": "y"}}),
        json.dumps({"question": "x", "filters": {"tag": 7}}),
        json.dumps({"question": "x", "filters": ["tag"]}),
    ]
    (tmp_path / "batch").write_text("\n".join(rows))
    assert main(["search", "--batch", str(tmp_path / "batch")], indexed) == 2
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [{hit["file"] for hit in row["hits"]} for row in found[:2]] == [{"adam.md"}] * 2
    assert found[2] == {
        "question": "GoogLeNet layers",
        "error": "kind:book is no kind; write kind:note or kind:paper",
        "id": 3,
    }
    assert "'author' is none" in found[3]["error"]
    assert "tag is 7; write a text" in found[4]["error"]
    assert "filters is" in found[5]["error"]


def test_questions_answers_the_dump_and_remembers_what_it_showed(indexed, capsys):
    assert main(["questions", "--json"], indexed) == 0
    items = json.loads(capsys.readouterr().out)["questions"]
    assert [(item["text"], item["state"], item["kind"], item["line"]) for item in items] == [
        ("How many layers does GoogLeNet have?", "open", "question", 2),
        ("Why does Adam divide by the root of the average square?", "open", "question", 3),
        ("What is a Boltzmann machine?", "open", "question", 4),
        ("What is a learning rate?", "done", "question", 5),
        ("Buy a chair", "open", "task", 8),
    ]
    assert list(items[0]) == [
        "text", "state", "kind", "line", "section", "parent", "wikilinks", "arxiv_ids", "urls",
        "file", "answer", "changed", "before",
    ]  # fmt: skip
    assert (items[0]["changed"], items[3]["answer"]) == ("new", None)
    assert main(["questions"], indexed) == 0
    out = capsys.readouterr().out
    said = "  22-layers deep model\n  plus two heads that help while training\n    group.md:2-4\n"
    assert f" How many layers does GoogLeNet have?\n{said}" in out
    assert "✗ What is a Boltzmann machine?\n  nothing in the library answers this\n" in out
    assert out.rstrip().split("\n")[-1].startswith("3 open: ")
    assert main(["questions", "--markdown"], indexed) == 0
    report = capsys.readouterr().out
    assert report.startswith("---\nfootnote: report\n---\n\n# Question dump\n\n3 open: ")
    assert "\n- 22-layers deep model \\[1\\]\n" in report
    assert "\n1. [group.md:2-4](group.md#L2-L4), Discussion 2 GoogLeNet\n" in report


def test_status_names_what_failed_and_what_is_outdated(indexed, capsys, tmp_path):
    (tmp_path / "notes" / "adam.md").write_text(NOTES["adam.md"] + "\nMore.\n")
    (tmp_path / "notes" / "bad.md").write_bytes(bytes(range(256)))
    assert main(["status"], indexed) == 0
    assert "Outdated  1" in capsys.readouterr().out
    assert main(["index"], indexed) == 0
    assert capsys.readouterr().err.startswith("bad.md: binary data")
    assert main(["status", "--json"], indexed) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["reranker"] is None
    assert main(["status"], indexed | {"FOOTNOTE_RERANKER": "a/model"}) == 0
    assert "Re-ranker a/model\n" in capsys.readouterr().out
    assert (status["documents"], status["failed"], status["stale"]) == (3, 1, [])
    assert status["failures"][0][0] == "bad.md"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", "what?"], "no library at "),
        (["status"], "make one with: footnote index FOLDER"),
        (["ask"], "no question"),
        (["index", "/nowhere/at/all"], "/nowhere/at/all is not there"),
        (["ask", "-k", "0", "x"], "a number from 1 to 200"),
        (["help", "fly"], "'fly' is no command; see: footnote --help"),
        (["fly"], "'fly' is no command; see: footnote --help"),
        (["serch"], "'serch' is no command; did you mean search? see: footnote --help"),
        (["ask", "--jsn", "x"], "unrecognized arguments: --jsn; did you mean --json? see: footnote ask --help"),
        (["bench", "quality", "/nowhere.jsonl"], "no library at "),
    ],
)
def test_errors_are_one_line_on_stderr_and_exit_code_2(arguments, says, environ, capsys):
    assert main(arguments, environ) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_an_empty_question_is_an_error(indexed, capsys):
    assert main(["ask", "  "], indexed) == 2
    assert capsys.readouterr().err == "footnote: the question is empty; write what you want to know\n"


def test_a_damaged_library_is_named(indexed, capsys, tmp_path):
    catalogue = tmp_path / "library" / "catalogue.db"
    for leftover in catalogue.parent.glob("catalogue.db-*"):
        leftover.unlink()
    catalogue.write_bytes(b"not a database at all, but long enough to be read as one" * 50)
    assert main(["ask", "what?"], indexed) == 2
    assert capsys.readouterr().err.endswith(
        f"catalogue.db is damaged; repair it with: footnote index --library {catalogue.parent}\n"
    )


def test_a_port_in_use_is_an_error_that_names_the_option(indexed, capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", "--port", str(taken.getsockname()[1])], indexed) == 2
    assert "choose another with --port" in capsys.readouterr().err


def test_a_question_needs_no_quotes(indexed, capsys):
    assert main(["ask", "how", "many", "layers", "in", "GoogLeNet", "--json", "-k", "1"], indexed) == 0
    assert json.loads(capsys.readouterr().out)["question"] == "how many layers in GoogLeNet"


def test_help_names_every_command_and_what_to_do_next(environ, indexed, capsys, tmp_path):
    assert main([], environ | {"FOOTNOTE_LIBRARY": str(tmp_path / "none")}) == 0
    out = capsys.readouterr().out
    assert out.endswith("\nBegin with: footnote init\n")
    assert main([], indexed) == 0
    assert capsys.readouterr().out.endswith('ask "What is …?"   In the browser: footnote serve --watch --open\n')
    assert main([], environ | {"FOOTNOTE_DEVICE": "tpu"}) == 0
    assert capsys.readouterr().out.endswith(
        "\nFirst mend a setting: FOOTNOTE_DEVICE is 'tpu'; set it to auto, cpu or cuda\n"
    )
    for command in ("index", "status", "ask", "search", "questions", "serve", "bench"):
        assert command in out


def test_help_and_version_import_nothing_heavy():
    import subprocess

    code = (
        "import sys; from service.cli import main; main(['--version'], {}); main([], {});"
        "heavy = {'torch', 'openvino', 'faiss', 'tantivy', 'fastapi', 'numpy', 'rich', 'markdown_it'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_papers_that_are_missing_for_the_same_reason_share_a_line():
    report = PapersReport(7, 1, 1, (("1", "no way there"), ("2", "no way there")), tuple((k, "gone") for k in "3456"))
    assert papers_summary(report) == (
        "\n7 papers named, 1 in the library (1 fetched now)"
        "\n  pending, for the next run: 1, 2: no way there"
        "\n  failed, for --update-papers to try again: 3, 4, 5 and 1 more: gone"
    )
    assert papers_summary(PapersReport(0, 0, 0, (), ())) == ""


def test_status_has_a_line_for_each_reason_why_papers_are_missing(capsys):
    rows = [("1", "fetched", None), ("2", "pending", "no way"), ("3", "failed", "gone"), ("4", "pending", "no way")]
    rows += [("5", "withdrawn", None)]
    print_papers([StoredPaper(key, key, state=state, reason=reason) for key, state, reason in rows])
    assert capsys.readouterr().out.splitlines() == [
        "Papers    5 named: 2 pending, 1 fetched, 1 failed, 1 withdrawn",
        "  pending: 2, 4: no way",
        "  failed: 3: gone",
        "  withdrawn: 5",
    ]


def test_help_names_every_command_on_its_own_line(environ, capsys):
    assert main([], environ) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "    questions   answer the open questions that stand in the notes" in rows


def test_a_watcher_asks_for_newer_versions_once(tmp_path, environ, monkeypatch):
    from indexer import build

    asked, once = [], build.build

    def spy(*arguments, papers, command, **options):
        asked.append((papers, command))
        return once(*arguments, papers="known", command=command, **options)

    monkeypatch.setattr(build, "build", spy)
    monkeypatch.setattr("indexer.watch.watch", lambda _roots, look, **_: not look(None))
    notes = str(write(tmp_path / "notes"))
    assert main(["index", notes, "--watch", "--update-papers"], environ) == 0
    assert main(["index", notes, "--watch", "--no-papers"], environ) == 0
    assert asked == [(papers, "footnote index --watch") for papers in ("update", "new", "known", "known")]


def test_a_watcher_goes_on_with_its_folders_when_the_library_is_deleted(indexed, tmp_path, monkeypatch, capsys):
    note = min((tmp_path / "notes").glob("*.md"))

    def watch(roots, look, *, library, notice):
        assert roots == [tmp_path / "notes"]
        shutil.rmtree(library)
        look([note])
        return True

    monkeypatch.setattr("indexer.watch.watch", watch)
    assert main(["index", "--watch", "--no-papers"], indexed) == 0  # names no folder: it is known
    assert "3 files (3 new), 9 passages" in capsys.readouterr().out


def test_progress_says_files_passages_a_second_and_the_time_left():
    assert counted(Progress("scan", 0, 0), 0) == ""
    assert counted(Progress("read", 64, 300, 0, 900), 0) == "64/300 files"
    assert counted(Progress("read", 64, 300, 100, 9100), 100.0) == "64/300 files, 100 passages, 100/s, 1:30 left"
    assert counted(Progress("read", 300, 300, 900, 900), 90.4) == "300/300 files, 900 passages, 90/s"
    assert counted(Progress("fetch", 2, 5, 900, 900), 90.0) == "2/5 papers, 900 passages, 90/s"


def test_the_pace_is_that_since_embedding_began():
    times = iter([0.0, 10.0, 12.0, 20.0])
    pace = Pace(lambda: next(times))
    assert pace(Progress("scan", 0, 0)) == 0
    assert pace(Progress("read", 1, 9, 0, 50)) == 0
    assert pace(Progress("read", 2, 9, 100, 500)) == 50
    assert pace(Progress("read", 9, 9, 500, 500)) == 50


@pytest.mark.parametrize(("words", "usage"), [(["help"], "footnote [-h]"), (["help", "serve"], "footnote serve [-h]")])
def test_help_is_a_command_too(words, usage, capsys):
    assert main(words, {}) == 0
    assert capsys.readouterr().out.startswith(f"usage: {usage}")


def test_an_interrupt_before_the_command_has_begun_is_told_as_any(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, *_):
            if name == "service.commands":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "service.commands", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert main(["import", "a file"], {}) == 130
    assert capsys.readouterr().err == "footnote: stopped; what was done is kept\n"
