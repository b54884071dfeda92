from pathlib import Path

import platformdirs
import pytest

from indexer.errors import SettingsError
from indexer.settings import DEFAULT_MODEL, DEFAULT_QUESTION_HEADINGS, PaperSettings, RerankerSettings, Settings

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
