from pathlib import Path

import platformdirs
import pytest

from indexer.errors import SettingsError
from indexer.settings import (
    DEFAULT_MODEL,
    DEFAULT_QUESTION_HEADINGS,
    ChatSettings,
    PaperSettings,
    RerankerSettings,
    Settings,
)

FOLDERS = {"FOOTNOTE_LIBRARY": "/l", "FOOTNOTE_CACHE": "/c"}


def test_what_is_not_set_has_a_default():
    settings = Settings.from_environ(FOLDERS)
    assert settings == Settings(library=Path("/l"), cache=Path("/c"))
    assert (settings.model, settings.device, settings.max_file_bytes) == (DEFAULT_MODEL, "auto", 10_000_000)
    assert settings.question_headings == DEFAULT_QUESTION_HEADINGS


def test_the_folders_of_the_person_are_asked_for_only_when_none_is_named(monkeypatch):
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: "/data/footnote")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: "/cache/footnote")
    assert Settings.from_environ({}).library == Path("/data/footnote")
    assert Settings.from_environ({"FOOTNOTE_LIBRARY": "~/notes"}).library == Path.home() / "notes"


def test_everything_can_be_set():
    settings = Settings.from_environ(
        FOLDERS
        | {
            "FOOTNOTE_MODEL": "intfloat/e5-small",
            "FOOTNOTE_QUERY_PROMPT": "query: ",
            "FOOTNOTE_PASSAGE_PROMPT": "passage: ",
            "FOOTNOTE_DEVICE": "cuda",
            "FOOTNOTE_QUESTION_HEADINGS": "To ask, Rätsel ,",
            "FOOTNOTE_MAX_FILE_BYTES": "5",
        }
    )
    assert (settings.model, settings.query_prompt, settings.passage_prompt) == (
        "intfloat/e5-small",
        "query: ",
        "passage: ",
    )
    assert (settings.device, settings.question_headings, settings.max_file_bytes) == ("cuda", ("to ask", "rätsel"), 5)


def test_everything_about_papers_can_be_set():
    settings = Settings.from_environ(
        FOLDERS
        | {
            "FOOTNOTE_ARXIV_API": "http://mirror/api",
            "FOOTNOTE_ARXIV_PDF": "http://mirror/pdf/",
            "FOOTNOTE_ARXIV_INTERVAL": "0.5",
            "FOOTNOTE_FETCH_TIMEOUT": "2",
            "FOOTNOTE_FETCH_HOSTS": "Files.home, 10.0.0.7:8080,",
            "FOOTNOTE_MAX_PAPER_BYTES": "7",
            "FOOTNOTE_PDF_SECONDS": "8",
            "FOOTNOTE_PDF_BYTES": "9",
        }
    )
    assert settings.papers == PaperSettings(
        "http://mirror/api", "http://mirror/pdf/", 0.5, 2.0, ("files.home", "10.0.0.7:8080"), 7, 8.0, 9
    )


def test_everything_about_the_chat_model_can_be_set():
    settings = Settings.from_environ(
        FOLDERS
        | {
            "FOOTNOTE_CHAT_URL": "https://api.example.test/v1/",
            "FOOTNOTE_CHAT_MODEL": "small",
            "FOOTNOTE_CHAT_KEY": " sk-secret\n",
            "FOOTNOTE_CHAT_TIMEOUT": "7",
            "FOOTNOTE_CHAT_SECONDS": "8",
        }
    )
    assert settings.chat == ChatSettings("https://api.example.test/v1", "small", "sk-secret", 7.0, 8.0)
    assert settings.chat.configured
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize("named", [{}, {"FOOTNOTE_CHAT_MODEL": "m"}, {"FOOTNOTE_CHAT_URL": "http://a"}])
def test_without_an_address_and_a_model_there_is_no_chat(named):
    assert not Settings.from_environ(FOLDERS | named | {"FOOTNOTE_CHAT_KEY": "k"}).chat.configured


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1"),
        ("http://[::1]:80/api/v3", "http://[::1]:80/api/v3"),
        ("https://a.test/v1/chat/completions", "https://a.test/v1"),
    ],
)
def test_the_base_of_an_endpoint_is_understood(written, read):
    assert Settings.from_environ(FOLDERS | {"FOOTNOTE_CHAT_URL": written}).chat.url == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("FOOTNOTE_CHAT_URL", value)
            for value in (
                "sk-secret",
                "ftp://sk-secret",
                "http://",
                "http://me:sk-secret@a.test/v1",
                "http://a:sk-secret",
            )
        ),
        *(("FOOTNOTE_CHAT_KEY", value) for value in ("sk-secret\r\nHost: x", "sk-secret-é", "sk-secret\x00")),
    ],
)
def test_what_may_hold_a_secret_is_not_repeated(name, value):
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environ(FOLDERS | {name: value})
    assert "sk-secret" not in str(caught.value)


def test_a_reranker_can_be_set():
    variables = {"FOOTNOTE_RERANKER": " cross-encoder/ms-marco ", "FOOTNOTE_RERANKED": "50"}
    assert Settings.from_environ(FOLDERS | variables).reranker == RerankerSettings("cross-encoder/ms-marco", 50)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOOTNOTE_DEVICE", "tpu"),
        ("FOOTNOTE_MAX_FILE_BYTES", "ten"),
        ("FOOTNOTE_ARXIV_INTERVAL", "-1"),
        ("FOOTNOTE_RERANKED", "many"),
        ("FOOTNOTE_PDF_SECONDS", "nan"),
        ("FOOTNOTE_ARXIV_API", "ftp://mirror"),
    ],
)
def test_a_value_that_cannot_be_is_named(name, value):
    with pytest.raises(SettingsError, match=f"{name} is '{value}'; set it to"):
        Settings.from_environ(FOLDERS | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOOTNOTE_LOG", "loud"),
        ("FOOTNOTE_ORIGINS", "*"),
        ("FOOTNOTE_ORIGINS", "obsidian.md"),
        ("FOOTNOTE_ORIGINS", "http://a.example/path"),
        ("FOOTNOTE_ORIGINS", "http://*.example"),
    ],
)
def test_the_service_is_not_opened_by_mistake(name, value):
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({"FOOTNOTE_LIBRARY": "/l", "FOOTNOTE_CACHE": "/c", name: value})


def test_origins_and_log_of_the_service():
    environ = {"FOOTNOTE_LOG": "json", "FOOTNOTE_ORIGINS": "app://obsidian.md, http://localhost:5173"}
    found = Settings.from_environ({"FOOTNOTE_LIBRARY": "/l", "FOOTNOTE_CACHE": "/c"} | environ).service
    assert (found.log, found.origins) == ("json", ("app://obsidian.md", "http://localhost:5173"))
