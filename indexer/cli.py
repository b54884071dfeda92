"""`footnote index` and `footnote status`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import LibraryLocked
from indexer.running import STAGES, Pace, bar
from indexer.settings import Settings
from indexer.variables import CONFIG
from indexer.visible import STOPPED, notice, visible

if TYPE_CHECKING:
    from indexer.build import Report
    from indexer.collect import Papers, PapersReport
    from indexer.intake import Progress
    from indexer.records import StoredPaper
    from indexer.types import Encoder

OK, ERROR = 0, 2


def add_commands(commands: Any) -> None:
    """Add this package's commands to the parser's subcommands."""
    index = commands.add_parser("index", help="read folders of notes into the library, or bring it up to date")
    index.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a folder or a file; none: all known folders, and those of the settings",
    )
    index.add_argument(
        "--no-papers", action="store_true", help="contact nothing: do not fetch the papers that notes link"
    )
    index.add_argument(
        "--update-papers", action="store_true", help="ask arXiv for newer versions, and try again what failed for good"
    )
    index.add_argument("--watch", action="store_true", help="stay, and index again whenever a note is saved")
    index.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to embed (default: auto)")
    index.add_argument("--json", action="store_true", help="print the report as JSON")
    add_library(index)
    index.set_defaults(run=run_index)
    add = commands.add_parser("add", help="add papers to the library that no note names: fetch and index them")
    _add_papers(add)
    add.set_defaults(run=run_add)
    remove = commands.add_parser("remove", help="take papers out again that were added")
    _add_papers(remove)
    remove.set_defaults(run=run_remove)
    status = commands.add_parser("status", help="say what is in the library, what failed and what is out of date")
    status.add_argument("--json", action="store_true", help="print it as JSON")
    add_library(status)
    status.set_defaults(run=run_status)
    init = commands.add_parser("init", help="find your notes, write the settings file, and offer to index them")
    init.add_argument("paths", nargs="*", type=Path, metavar="FOLDER", help="the notes; none: look for them")
    init.add_argument("--yes", "-y", action="store_true", help="ask nothing: take what is found, and index it")
    init.add_argument("--no-index", action="store_true", help="write the settings and leave the rest")
    init.add_argument(
        "--no-papers", action="store_true", help="contact nothing: do not fetch the papers that notes link"
    )
    add_library(init)
    init.set_defaults(run=run_init)
    settings = commands.add_parser("settings", help="list the settings, what each is now, and what set it")
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print them as JSON")
    form.add_argument("--markdown", action="store_true", help="print what can be set, with its meaning, as Markdown")
    add_config(settings)
    settings.set_defaults(run=run_settings)


def _add_papers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "papers", nargs="+", metavar="PAPER", help="an arXiv id like 1706.03762, a link to it, or the address of a PDF"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to embed (default: auto)")
    add_library(parser)


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add `--library`."""
    parser.add_argument(
        "--library",
        type=Path,
        metavar="DIR",
        help="where the library lies (default: $FOOTNOTE_LIBRARY, else the user's data folder)",
    )
    add_config(parser)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the settings file (default: $FOOTNOTE_CONFIG, else settings.toml in the user's configuration folder)",
    )


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """The settings of the environment and the settings file, with what the command line says on top."""
    settings = Settings.from_environ(configured(arguments, environ))
    if arguments.library:
        settings = replace(settings, library=arguments.library.expanduser())
    if getattr(arguments, "device", None):
        settings = replace(settings, device=arguments.device)
    return settings


def configured(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the settings file that the command line names."""
    return {**environ, CONFIG: str(arguments.config)} if arguments.config else environ


def result(text: str) -> None:
    """Print a result for a person: on stdout."""
    print(visible(text), flush=True)


def as_json(data: object) -> str:
    """JSON as a person reads it best; escaped is what the encoding of stdout lacks, and what a terminal obeys."""
    text = re.sub("[\x7f-\x9f]", lambda char: f"\\u{ord(char[0]):04x}", json.dumps(data, ensure_ascii=False))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(data)
    return text


def run_index(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Index, print the report, and with `--watch` go on."""
    from indexer.build import INDEX, build, check_first, places
    from indexer.encode import load_encoder

    settings = settings_of(arguments, environ)
    check_first(settings.library, arguments.paths, settings)
    encoder = load_encoder(settings, notice=notice)
    papers: Papers = "known" if arguments.no_papers else "update" if arguments.update_papers else "new"

    def once(
        papers: Papers, paths: Sequence[Path], most_papers: int | None = None, only: Collection[Path] | None = None
    ) -> Report:
        with shown_progress() as progress:
            report = build(
                settings.library,
                paths,
                encoder,
                settings,
                papers=papers,
                most_papers=most_papers,
                only=only,
                progress=progress,
                notice=notice,
                command=f"{INDEX} --watch" if arguments.watch else INDEX,
            )
        for file, reason in report.failures:
            notice(f"{file}: {reason}")
        for problem in report.problems:
            notice(problem)
        if did_something(report) or not said:
            result(as_json(asdict(report)) if arguments.json else summary(report))
            said.append(report)
        return report

    said: list[Report] = []
    report = once(papers, arguments.paths)
    if arguments.watch:
        from indexer.library import Library
        from indexer.watch import WATCHED_PAPERS, watch

        with Library.open(settings.library, notice=notice) as library, library.snapshot() as snapshot:
            roots = arguments.paths or places(snapshot.catalogue.roots(), settings)
        encoder.count_tokens([""])  # loaded now, so that the first save does not wait for it
        later: Papers = "known" if arguments.no_papers else "new"  # arXiv is not asked for updates at every save

        def look(only: Collection[Path] | None) -> bool:
            return once(later, roots, WATCHED_PAPERS, only).papers.fetched == WATCHED_PAPERS

        if not watch(roots, look, library=settings.library, notice=notice):
            notice(STOPPED)
    return ERROR if report.problems and not report.files else OK


def run_add(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Have papers fetched and indexed that no note names, and say what became of each."""
    from indexer.adding import add, state_of
    from indexer.encode import load_encoder
    from indexer.papers import paper_named

    settings = settings_of(arguments, environ)
    links = [paper_named(name) for name in arguments.papers]
    add(settings.library, links)
    try:
        _gather(settings, {link.key for link in links}, load_encoder(settings, notice=notice))
    except LibraryLocked as error:
        raise LibraryLocked(f"noted for the next run: {error}") from error
    papers = {link.key: state_of(settings.library, link) for link in links}
    for key, paper in papers.items():
        if paper and paper.state == "fetched":
            result(f"{key}{'' if paper.named else paper.version or ''}: {paper.title or 'added'}")
        elif paper:
            notice(f"{key}: {paper.state}: {paper.reason}")
    return OK if all(paper and paper.state == "fetched" for paper in papers.values()) else ERROR


def run_remove(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take papers out again that were added; those that notes name stay."""
    from indexer.adding import remove
    from indexer.encode import load_encoder
    from indexer.papers import paper_named

    settings = settings_of(arguments, environ)
    links = [paper_named(name) for name in arguments.papers]
    naming = {link.key: remove(settings.library, link) for link in links}
    _gather(settings, (), load_encoder(settings, notice=notice))
    for key, notes in naming.items():
        stays = f"stays: {notes} note{' names' if notes == 1 else 's name'} it" if notes else "removed"
        result(f"{key}: {stays}")
    return OK


def _gather(settings: Settings, keys: Collection[str], encoder: Encoder) -> None:
    from indexer.build import gather

    with shown_progress() as progress:
        gather(settings.library, keys, encoder, settings, progress=progress, notice=notice)


def did_something(report: Report) -> bool:
    """Whether a run found anything other than what it had found before."""
    files = report.new or report.changed or report.renamed or report.removed or report.failures
    return bool(files or report.papers.fetched)


def summary(report: Report) -> str:
    """A line or a few for a person."""
    parts = [
        f"{count} {word}"
        for word in ("new", "changed", "renamed", "removed", "unchanged")
        if (count := getattr(report, word))
    ]
    failed = f", {len(report.failures)} could not be read" if report.failures else ""
    files = "1 file" if report.files == 1 else f"{report.files} files"
    return (
        f"{files} ({', '.join(parts) or 'nothing to do'}{failed}), {report.passages} passages, "
        f"{report.embedded} embedded, {report.seconds:.1f} s" + papers_summary(report.papers)
    )


def papers_summary(papers: PapersReport) -> str:
    """A line about the papers that the notes name, and one for each different reason why some are not there."""
    if not papers.named:
        return ""
    named = f"{papers.named} paper{'s' if papers.named > 1 else ''} named"
    lines = [f"{named}, {papers.held} in the library ({papers.fetched} fetched now)"]
    failed = "failed, for --update-papers to try again"
    for word, rows in (("pending, for the next run", papers.pending), (failed, papers.failed)):
        lines += _by_reason(word, rows)
    return "\n" + "\n".join(lines)


def _by_reason(word: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A line for each reason, with the first papers that it holds for."""
    reasons: dict[str, list[str]] = {}
    for key, reason in rows:
        reasons.setdefault(reason, []).append(key)
    for reason, keys in reasons.items():
        shown = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        yield f"  {word}: {shown}: {reason}" if reason else f"  {word}: {shown}"


def run_status(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what is in the library."""
    from indexer.library import Library
    from indexer.status import status

    settings = settings_of(arguments, environ)
    with Library.open(settings.library, notice=notice) as library, library.snapshot() as snapshot:
        found = status(snapshot, settings)
        wanted = sum(stored.question.wanted for stored in snapshot.catalogue.questions())
    if arguments.json:
        result(as_json(asdict(found)))
        return OK
    result(f"Library   {found.library}")
    result(f"Documents {found.documents} in {', '.join(found.roots) or 'no folder'}")
    print_papers(found.papers)
    result(f"Passages  {found.passages}" + (f", embedded with {found.fingerprint}" if found.fingerprint else ""))
    result(f"Vectors   {found.vectors}")
    if found.reranker:
        result(f"Re-ranker {found.reranker}")
    result(f"Questions {wanted} open, of {found.questions} items in the question dumps")
    if found.failures:
        result(f"Failed    {found.failed}")
        for file, reason in found.failures:
            result(f"  {file}: {reason}")
    if found.remarks:
        result(f"Remarks   {len(found.remarks)}")
        for file, remark in found.remarks:
            result(f"  {file}: {remark}")
    if found.stale:
        result(f"Outdated  {len(found.stale)}; bring them up to date with: footnote index")
        for file in found.stale:
            result(f"  {file}")
    return OK


def print_papers(papers: Sequence[StoredPaper]) -> None:
    """Print how many papers the notes name, and why some are not there; `--json` names each of them."""
    if papers:
        states = Counter(paper.state for paper in papers)
        result(
            f"Papers    {len(papers)} named: {', '.join(f'{count} {state}' for state, count in states.most_common())}"
        )
        for state in states:
            if state != "fetched":
                rows = ((paper.key, paper.reason or "") for paper in papers if paper.state == state)
                result("\n".join(_by_reason(state, rows)))


def run_init(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the settings file, and index."""
    from indexer.init import init

    environ = configured(arguments, environ)
    rest = {"paths": [], "update_papers": False, "watch": False, "device": None, "json": False}
    index = argparse.Namespace(**vars(arguments) | rest)
    return init(arguments, environ, notice=notice, index=lambda: run_index(index, environ))


def run_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the settings."""
    from indexer.describe import page, settings_json, settings_text

    environ = configured(arguments, environ)
    if arguments.markdown:
        result(page())
    else:
        result(as_json(settings_json(environ)) if arguments.json else settings_text(environ))
    return OK


def shown_progress() -> AbstractContextManager[Callable[[Progress], None]]:
    """One line on a terminal, rewritten as the run goes on; elsewhere nothing."""
    return _Line() if sys.stderr.isatty() else nullcontext(lambda _: None)


class _Line:
    """Progress as a bar, and how many files were read and passages embedded, how fast, and how long it will take."""

    def __enter__(self) -> Callable[[Progress], None]:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[counts]}"))
        self._display = Bar(*columns, console=Console(stderr=True), transient=True)
        task = self._display.add_task(STAGES["scan"], total=None, counts="")
        self._display.start()
        pace = Pace()

        def show(progress: Progress) -> None:
            stage, done, total = bar(progress)
            counts = counted(progress, pace(progress))
            self._display.update(task, description=stage, completed=done, total=total, counts=counts)

        return show

    def __exit__(self, *_: object) -> None:
        self._display.stop()


def counted(progress: Progress, pace: float) -> str:
    """Files, passages a second and the time left, as far as they are known."""
    what = "papers" if progress.stage == "fetch" else "files"
    parts = [f"{progress.done}/{progress.total} {what}"] if progress.total else []
    if progress.embedded:
        parts.append(f"{progress.embedded} passages")
    if pace:
        parts.append(f"{pace:.0f}/s")
        left = (progress.expected - progress.embedded) / pace
        if progress.stage == "read" and left >= 1:
            parts.append(f"{int(left) // 60}:{int(left) % 60:02} left")
    return ", ".join(parts)
