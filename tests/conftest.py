import os
import signal
from contextlib import nullcontext

import platformdirs
import pytest
from hypothesis import settings
from stub_encoder import HashEncoder

from indexer.reader import Reader

settings.register_profile("tests", deadline=None)  # the first example of a test pays for imports
settings.load_profile("tests")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # so a shell starts what runs in the background, and the programs that tests start and interrupt would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ForgotToNameALibraryError(AssertionError):
    """A test was about to use the person's own library or cache: name a folder below tmp_path."""


@pytest.fixture(autouse=True)
def no_personal_folders(monkeypatch):
    """Keep tests away from the person's own library, cache and settings."""

    def refuse(*_args, **_options):
        raise ForgotToNameALibraryError

    monkeypatch.setattr(platformdirs, "user_data_dir", refuse)
    monkeypatch.setattr(platformdirs, "user_cache_dir", refuse)
    # of the settings file a test sees nothing unless it names one, and neither do the processes that it starts
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *_args, **_options: os.devnull)
    monkeypatch.setenv("FOOTNOTE_CONFIG", os.devnull)


@pytest.fixture
def stub_model(monkeypatch):
    """The command line with a stub for the model."""
    for name in ("indexer.encode.load_encoder", "service.desk.load_encoder"):
        monkeypatch.setattr(name, lambda *_, **__: HashEncoder())


@pytest.fixture
def environ(tmp_path):
    """An environment whose library and cache are the test's own."""
    return {"FOOTNOTE_LIBRARY": str(tmp_path / "library"), "FOOTNOTE_CACHE": str(tmp_path / "cache")}


@pytest.fixture(scope="module")
def reader():
    """Processes that read PDFs."""
    with Reader() as reading:
        yield reading


@pytest.fixture
def shared_reader(reader, monkeypatch):
    """Runs that read PDFs with the same processes: each would start its own, which takes longer than what is read."""
    monkeypatch.setattr("indexer.build.Reader", lambda _: nullcontext(reader))


@pytest.fixture(scope="module")
def chromium():
    """A real browser, headless."""
    from browser import ARGUMENTS, CHROMIUM
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM or "chromium", args=ARGUMENTS)
        yield browser
        browser.close()
