"""What `footnote doctor` looks at, a function for each part of Footnote and of the machine."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from indexer import __version__
from indexer.configuration import given, place
from indexer.errors import FetchError, FootnoteError
from indexer.settings import DEFAULT_MODEL, Settings
from indexer.variables import CONFIG, PREFIX, VARIABLES, closest
from service.credentials import exposed, tokens_of
from service.doctor import Check, Finding
from service.terminal import can_link, style_of

LEAST_FREE = 50_000_000
"""With less space on a disk than so many bytes, nothing can be indexed, …"""

MUCH_FREE = 1_000_000_000
"""… and with less than that it soon cannot."""

PORT = 8000

ASKED = "1706.03762"
"""A paper that arXiv has, to see whether it answers."""

PYTHON = (3, 11)


def checks(environ: Mapping[str, str], settings: Settings | None, *, online: bool) -> list[tuple[str, Check]]:
    """Every check, in the order to be read; without settings, those that need none."""
    found: list[tuple[str, Check]] = [
        ("versions", _versions),
        ("processor", lambda: _processor(Path("/proc/cpuinfo"), platform.machine())),
        ("settings", lambda: _settings(environ)),
    ]
    if settings:
        found += [
            ("notes", lambda: _notes(settings)),
            ("model", lambda: _model(settings)),
            ("library", lambda: _library(settings)),
            ("disk", lambda: _disk(settings)),
            ("service", lambda: _service(settings)),
            ("access", lambda: _access(settings)),
            ("network", lambda: _network(settings, environ, online=online)),
            ("chat", lambda: _chat(settings)),
        ]
    return [*found, ("terminal", lambda: _terminal(environ))]


def _versions() -> Iterator[Finding]:
    about, python = "versions", platform.python_version()
    if sys.version_info < PYTHON:
        yield Finding(about, "broken", f"Python {python} is too old", "install Python 3.11 or newer")
    from packaging.requirements import Requirement

    wrong, count = [], 0
    for line in metadata.requires("footnote") or ():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            have = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
        else:
            if not requirement.specifier.contains(have, prereleases=True):
                wrong.append(f"{requirement.name} is {have}, not {requirement.specifier}")
    if wrong:
        remedy = "install Footnote again: pip install --upgrade footnote, or make setup in its folder"
        yield Finding(about, "broken", "; ".join(wrong), remedy)
    else:
        yield Finding(about, "well", f"Footnote {__version__}, Python {python}, {count} packages as they should be")


def _processor(cpuinfo: Path, machine: str) -> Iterator[Finding]:
    """What the eight-bit model can use; where the system does not tell, only the kind."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shown = f"{machine}, {cores} core{'s' if cores != 1 else ''}"
    flags = _flags(cpuinfo)
    if not flags or machine not in ("x86_64", "AMD64"):
        yield Finding("processor", "well", shown)
    elif "avx2" not in flags:
        remedy = "nothing is wrong; expect a few passages a second, or index on a newer machine and copy the library"
        yield Finding("processor", "note", f"{shown}, without AVX2: embedding is slow", remedy)
    else:
        names = {"avx2": "AVX2", "avx512f": "AVX-512", "avx_vnni": "VNNI", "avx512_vnni": "VNNI", "amx_int8": "AMX"}
        known = dict.fromkeys(name for flag, name in names.items() if flag in flags)
        slow = "" if "VNNI" in known else "; with VNNI, eight bits would be about twice as fast"
        yield Finding("processor", "well", f"{shown}, {', '.join(known)}{slow}")


def _flags(cpuinfo: Path) -> frozenset[str]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), frozenset())


def _settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    about, file = "settings", place(environ)
    known = [CONFIG, *(variable.variable for variable in VARIABLES)]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            hint = closest(name, known, beyond=PREFIX)
            yield Finding(
                about, "note", f"{name} is no setting, and does nothing", hint or "take it out of the environment"
            )
    Settings.from_environ(environ)  # an error says what is wrong, and where
    sources = given(environ)
    if file.is_file():
        yield Finding(about, "well", f"{file}, {len(sources)} set")
        secret = any(variable.kind.secret and where != variable.variable for variable, (where, _) in sources.items())
        if secret and exposed(file):
            yield Finding(about, "note", "others on this machine can read the secret in it", f"chmod 600 {file}")
    else:
        yield Finding(about, "well", f"no file at {file}; {len(sources)} set in the environment")


def _notes(settings: Settings) -> Iterator[Finding]:
    for folder in settings.notes:
        if not folder.exists():
            remedy = "connect the drive that it is on, or correct notes in the settings file"
            yield Finding("notes", "broken", f"{folder} is not there", remedy)
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield Finding("notes", "broken", f"{folder} cannot be read", f"chmod u+rx {folder}")
        else:
            yield Finding("notes", "well", f"{folder}")


def _model(settings: Settings) -> Iterator[Finding]:
    about, name = "model", settings.model.removeprefix("sentence-transformers/")
    if settings.device == "cuda":
        from indexer.models import chosen_device

        chosen_device("cuda")
    if name != DEFAULT_MODEL:
        folder = Path(name).expanduser()
        if not folder.is_dir() and (name.startswith((".", "~")) or folder.is_absolute()):
            yield Finding(
                about, "broken", f"there is no folder {folder}", "set FOOTNOTE_MODEL to one that holds a model"
            )
        else:
            yield Finding(about, "well", f"{name}, loaded by sentence-transformers when it is needed")
        return
    from indexer.compile import WEIGHTS_SHA256, bundled_model, check_weights, folder_of, opened

    check_weights(bundled_model())
    model = opened(folder_of(settings.cache))
    if model is None:
        remedy = "nothing to do: footnote index compiles it, in about 20 seconds"
        yield Finding(about, "note", f"{name} is not compiled yet, in {settings.cache}", remedy)
    elif model.meta.precision != "int8":
        remedy = "nothing is wrong; it only is slower"
        yield Finding(about, "note", f"{name} runs with 32 bits: with 8 it strays too far on this processor", remedy)
    else:
        digest = f"sha256 {WEIGHTS_SHA256[:12]}… as it should be"
        yield Finding(
            about, "well", f"{name}, {digest}; compiled to int8, cosine {model.meta.cosine:.3f} to the original"
        )


def _library(settings: Settings) -> Iterator[Finding]:
    from indexer.catalogue import Catalogue
    from indexer.connect import CATALOGUE
    from indexer.derived import open_lexical, open_vectors
    from indexer.lock import is_locked

    about, path = "library", settings.library
    if not (path / CATALOGUE).exists():
        yield Finding(about, "note", f"none at {path} yet", "footnote init finds your notes and makes it")
        return
    with closing(Catalogue.open(path / CATALOGUE, write=False)) as catalogue:
        catalogue.hold()
        counts, fingerprint = catalogue.counts(), catalogue.fingerprint
        behind = [
            name
            for name, store in (("lexical", open_lexical(path, catalogue)), ("vectors", open_vectors(path, catalogue)))
            if store is None
        ]
    yield Finding(about, "well", f"{path}: {counts.documents} documents, {counts.passages} passages")
    if behind and is_locked(path):
        yield Finding(about, "note", "another process is writing it", "wait for it")
    elif behind:
        says = f"{' and '.join(behind)} {'are' if behind != ['lexical'] else 'is'} not in step with the catalogue"
        yield Finding(about, "note", says, "nothing to do: the next question has them made again")
    if not os.access(path, os.W_OK | os.X_OK):
        yield Finding(about, "broken", "it cannot be written", f"chmod u+rwx {path}, or name another with --library")
    if exposed(path):
        yield Finding(about, "note", "others on this machine can read what it holds of the notes", f"chmod 700 {path}")
    yield from _left_over(path)
    yield from _made_with(settings, fingerprint)
    if not behind:
        yield from _contents(settings)


def _left_over(library: Path) -> Iterator[Finding]:
    """What a repair has kept of a catalogue that was damaged."""
    from indexer.connect import CATALOGUE
    from indexer.repair import DAMAGED

    kept = library / f"{CATALOGUE}{DAMAGED}"
    if kept.exists():
        says = f"{kept.name}, {_size(kept.stat().st_size)}, is left from a repair"
        yield Finding("library", "note", says, f"when all is well: rm {kept}*")


def _made_with(settings: Settings, fingerprint: str | None) -> Iterator[Finding]:
    """Whether the vectors of the library are those of the model that is set."""
    name = settings.model.removeprefix("sentence-transformers/")
    if fingerprint is None:
        return
    same = fingerprint.rpartition("-")[0] == Path(name).name
    if same and name == DEFAULT_MODEL:
        from indexer.compile import folder_of, opened
        from indexer.encode import fingerprint_of

        model = opened(folder_of(settings.cache))
        same = model is None or fingerprint == fingerprint_of(settings, model.meta)
    if not same:
        says = f"it was made with the model {fingerprint}, and the settings name {name} or other prompts"
        yield Finding("library", "broken", says, "footnote index, or set FOOTNOTE_MODEL and the prompts back")


def _contents(settings: Settings) -> Iterator[Finding]:
    from indexer.library import Library
    from indexer.status import status

    about = "library"
    with Library.open(settings.library) as library, library.snapshot() as snapshot:
        found = status(snapshot, settings)
    if found.failures:
        file, reason = found.failures[0]
        yield Finding(
            about, "note", f"{found.failed} could not be read, like {file}: {reason}", "footnote status lists them"
        )
    if found.stale:
        says = f"{len(found.stale)} changed or are gone since they were indexed, like {found.stale[0]}"
        yield Finding(about, "note", says, "footnote index, or let footnote serve --watch do it")
    waiting = sum(paper.state != "fetched" for paper in found.papers)
    if waiting:
        says = f"{waiting} of {len(found.papers)} papers that the notes name are not there"
        yield Finding(about, "note", says, "footnote status says why; footnote index fetches what is pending")


def _disk(settings: Settings) -> Iterator[Finding]:
    """The space where the library and the model lie, or would."""
    for name, path in (("library", settings.library), ("cache", settings.cache)):
        there = next(one for one in (path, *path.absolute().parents) if one.exists())
        free = shutil.disk_usage(there).free
        says = f"{_size(free)} free for the {name}"
        if free < LEAST_FREE:
            yield Finding("disk", "broken", says, f"free space at {there}, or set {PREFIX}{name.upper()} elsewhere")
        elif free < MUCH_FREE:
            yield Finding("disk", "note", says, f"free some: a library takes 6 KB a passage (at {there})")
        else:
            yield Finding("disk", "well", says)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= MUCH_FREE else f"{count / 1e6:.0f} MB"


def _service(settings: Settings) -> Iterator[Finding]:
    from service import client

    about, url = "service", client.address(settings)
    if url and client.answers(url):
        version = client.version(settings.library)
        if settings.terminal.url or version == __version__:
            yield Finding(about, "well", f"runs at {url}; ask uses it")
        else:
            says = f"runs at {url}, and is version {version or 'older than this one'}, not {__version__}"
            yield Finding(about, "note", says, "stop it, and start it again: footnote serve")
    elif settings.terminal.url:
        remedy = f"start it, or unset {PREFIX}URL; until then ask answers by itself"
        yield Finding(about, "note", f"nothing answers at {url}", remedy)
    elif _is_free(PORT):
        yield Finding(about, "well", f"does not run; ask answers by itself, and port {PORT} is free for it")
    else:
        remedy = "footnote serve --port 0 takes a free one"
        yield Finding(about, "note", f"does not run, and port {PORT} is taken by something else", remedy)


def _access(settings: Settings) -> Iterator[Finding]:
    """What lets into the service; an error says which token cannot be used."""
    tokens = tokens_of(settings.service)
    if tokens:
        which = " and ".join(name for name, token in (("to do all", tokens.admin), ("to look", tokens.read)) if token)
        yield Finding("access", "well", f"the service wants a token ({which})")
    elif settings.service.hosts or settings.service.proxies:
        says = "whoever comes through the proxy may do all: no token is set"
        yield Finding("access", "note", says, "make one, unless the proxy asks who comes: footnote token")
    else:
        yield Finding("access", "well", "the service lets in whoever is on this machine; footnote token changes that")


def _is_free(port: int) -> bool:
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _network(settings: Settings, environ: Mapping[str, str], *, online: bool) -> Iterator[Finding]:
    about, host = "network", urlsplit(settings.papers.arxiv_api).hostname
    proxies = [name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if environ.get(name)]
    if proxies:
        says = f"{proxies[0]} is set, and not used: papers are fetched directly"
        remedy = f"where that cannot be, set {PREFIX}ARXIV_API and {PREFIX}ARXIV_PDF to a mirror that can be reached"
        yield Finding(about, "note", says, remedy)
    if not online:
        yield Finding(
            about, "well", "not tried, and needed for fetching papers only; footnote doctor --online asks arXiv"
        )
        return
    from indexer.fetch import Fetcher
    from indexer.metadata import look_up
    from indexer.types import PaperId

    try:
        with Fetcher(settings.papers) as fetcher:
            (_, found), *_rest = look_up([PaperId(ASKED)], fetcher)
    except FetchError as error:
        remedy = "connect to the internet, or set FOOTNOTE_ARXIV_API to a mirror; notes can be asked all the same"
        yield Finding(about, "broken", f"{host} cannot be asked: {error}", remedy)
        return
    if isinstance(found, FootnoteError):
        yield Finding(about, "note", f"{host} answers, but not as arXiv does: {found}", "check FOOTNOTE_ARXIV_API")
    else:
        yield Finding(about, "well", f"{host} answers")


def _chat(settings: Settings) -> Iterator[Finding]:
    chat = settings.chat
    if chat.configured:
        yield Finding("chat", "well", f"{chat.model} at {urlsplit(chat.url).netloc}, asked with --writer chat only")
    elif chat.url or chat.model:
        missing = "CHAT_MODEL" if chat.url else "CHAT_URL"
        yield Finding("chat", "note", "half of a chat model is set up", f"set {PREFIX}{missing} as well")


def _terminal(environ: Mapping[str, str]) -> Iterator[Finding]:
    about, style = "terminal", style_of(environ)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding not in ("utf8", "utf8sig"):
        says = f"{sys.stdout.encoding} cannot show every character of the notes"
        yield Finding(about, "note", says, "set LANG=C.UTF-8, or PYTHONUTF8=1")
    if not sys.stdout.isatty():
        yield Finding(about, "well", "the output goes to no terminal: no colour and no links there")
        return
    colour = "colour" if style.colour else "no colour"
    links = "places can be clicked" if can_link(environ) else "no links"
    yield Finding(about, "well", f"{style.width} columns are used, {colour}, {links}")
