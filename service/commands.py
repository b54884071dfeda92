"""What the commands take, and what each does: read the arguments, call one function, print."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from indexer import __version__
from indexer.cli import add_commands as add_indexer_commands
from indexer.cli import add_library, as_json, configured, settings_of
from indexer.errors import InputError, LibraryError, LibraryMissing, QuestionError, SettingsError
from indexer.visible import notice
from service.arguments import Parser, number
from service.bench.cli import add_commands as add_bench_commands
from service.export_cli import add_commands as add_export_commands
from service.export_cli import add_forms, write
from service.mcp.cli import add_commands as add_mcp_commands
from service.token_cli import add_commands as add_token_commands

if TYPE_CHECKING:
    from indexer.collect import Papers
    from indexer.settings import Settings
    from service.desk import Desk
    from service.terminal import Said, Style
    from service.types import Answer, Citation, Related

FILTERS = (
    "Filters in the question: tag:ml, path:papers/, kind:note or kind:paper, after:2024, before:2024-05-13, "
    '"exact words", and a minus before any of them or before a word to leave out what it finds. Quote the whole for '
    "the shell."
)
OK, NOT_ANSWERED, ERROR = 0, 1, 2
_open: list[Desk] = []
"""What was opened last stays until the process ends: to take a model down takes longer than to print an answer."""

WRITER_HELP = "whose words: the library's own (default), or those of the chat model that is set up, on quotes"


def all_commands() -> argparse.ArgumentParser:
    """The parser of the command line; what it gives has `run`, for `run_command`, where a command was named."""
    parser = Parser(
        prog="footnote", description="Answers from your own notes, with the exact place under every sentence."
    )
    parser.add_argument("--version", action="version", version=f"footnote {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_indexer_commands(commands)

    _add_ask(commands.add_parser("ask", help="answer a question", epilog=FILTERS))

    search = commands.add_parser("search", help="list the passages nearest to a query", epilog=FILTERS)
    search.add_argument("question", nargs="*", metavar="QUERY", help="words to look for; - reads them from stdin")
    _add_asking(search)
    search.set_defaults(run=_search)

    questions = commands.add_parser("questions", help="answer the open questions that stand in the notes")
    form = questions.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print every item of the dumps as JSON")
    form.add_argument("--markdown", action="store_true", help="print a report in Markdown")
    add_forms(form)
    add_library(questions)
    questions.set_defaults(run=_questions)

    serve = commands.add_parser("serve", help="answer over HTTP and in the browser")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument(
        "--port",
        type=number(0, 65535),
        default=8000,
        metavar="PORT",
        help="port to listen on (default: 8000; 0: any free one)",
    )
    serve.add_argument("--open", action="store_true", help="open the pages in the browser")
    serve.add_argument("--watch", action="store_true", help="index again whenever a note is saved")
    serve.add_argument("--no-papers", action="store_true", help="while watching, do not fetch the papers of new links")
    serve.add_argument(
        "--log", choices=("off", "text", "json"), help="write a line for each request to stderr (default: off)"
    )
    add_library(serve)
    serve.set_defaults(run=_serve)

    add_token_commands(commands)
    add_export_commands(commands)
    add_mcp_commands(commands)
    completion = commands.add_parser("completion", help="print what lets a shell complete these commands")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")
    completion.set_defaults(run=_completion)

    doctor = commands.add_parser("doctor", help="look whether all is as it should be, and say what to do")
    doctor.add_argument("--online", action="store_true", help="ask arXiv as well")
    doctor.add_argument("--json", action="store_true", help="print what was found as JSON")
    add_library(doctor)
    doctor.set_defaults(run=_doctor)

    add_bench_commands(commands)
    return parser


def _ask_parser() -> argparse.ArgumentParser:
    """The parser of the short form `ask`."""
    parser = Parser(prog="ask", description="Answers from your own notes, with their exact places.", epilog=FILTERS)
    _add_ask(parser)
    return parser


def _add_ask(ask: argparse.ArgumentParser) -> None:
    ask.add_argument("question", nargs="*", metavar="QUESTION", help="what you want to know; - reads it from stdin")
    add_forms(ask)
    ask.add_argument("--markdown", action="store_true", help="print the answer as Markdown, with links to its sources")
    ask.add_argument("--writer", choices=("extractive", "chat"), default="extractive", help=WRITER_HELP)
    _add_asking(ask)
    ask.set_defaults(run=_ask)


def _add_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k", type=number(1, 200), default=8, metavar="N", help="how many passages to cite (default: 8)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--batch", metavar="FILE", help="one question a line, as text or JSON; - reads stdin; prints JSON lines"
    )
    add_library(parser)


def run_command(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run a command; where a person asks a library that is not there yet, offer to make it first."""
    try:
        return int(arguments.run(arguments, environ))
    except LibraryMissing as error:
        asks = arguments.run in (_ask, _search, _questions, _serve) and not getattr(arguments, "batch", None)
        if not (asks and sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        from indexer.init import agreed

        notice(f"footnote: {error}\n")
        if not agreed("Find your notes and make it now?"):
            return ERROR
        setup = all_commands().parse_args(["init"])
        setup.library, setup.config = arguments.library, arguments.config
        return int(setup.run(setup, environ)) or int(arguments.run(arguments, environ))


# ------------------------------------------------------------------------------------------------- commands


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if arguments.batch:
        return _batch(arguments, environ)
    from service import client

    question = _one_question(arguments)
    settings = settings_of(arguments, environ)
    as_text = not (arguments.json or arguments.form or arguments.markdown)

    @cache
    def said() -> Said:
        from service.terminal import Said, style_of

        return Said(style_of(environ))

    def partly(answer: Answer) -> None:
        if sys.stdout.isatty() and as_text:
            said().more(answer)

    answer = client.ask(settings, question, k=arguments.k, writer=arguments.writer, partly=partly, notice=_warn)
    service = client.address(settings) if answer else None
    if answer is None:
        with _desk(settings) as desk:
            for answer in desk.stream(question, k=arguments.k, writer=arguments.writer):
                partly(answer)
    assert answer is not None
    if answer.notice:
        notice(f"footnote: {answer.notice}")
    if arguments.json:
        from service.present import answer_json

        print(as_json(answer_json(answer)))
    elif arguments.form:
        from service.exports import answer_as, works_in

        write(answer_as(arguments.form, answer, works_in(settings.library)))
    elif arguments.markdown:
        from service.as_markdown import answer_markdown

        print(answer_markdown(answer))
    else:
        print(said().rest(answer, _style(settings, environ, answer.citations, service)))
    return NOT_ANSWERED if answer.verdict == "unsupported" else OK


def _warn(line: str) -> None:
    notice(f"footnote: {line}")


def _search(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if arguments.batch:
        return _batch(arguments, environ)
    from service.present import search_json
    from service.terminal import search_text

    query, settings = _one_question(arguments), settings_of(arguments, environ)
    with _desk(settings) as desk:
        result = desk.search(query, k=arguments.k)
    if arguments.json:
        print(as_json(search_json(result)))
    else:
        print(search_text(result, _style(settings, environ, result.hits)))
    return OK if result.hits else NOT_ANSWERED


def _batch(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Answer line by line; a line that cannot be answered gives an object with `error`, and exit code 2."""
    from service.batch import lines, parsed
    from service.filters import read_filters
    from service.present import answer_json, search_json

    code, told = OK, set[str]()
    with _desk(settings_of(arguments, environ)) as desk:
        for line in lines(arguments.batch):
            asked = parsed(line)
            try:
                options = {"k": arguments.k, "filters": read_filters(asked.filters)}
                if arguments.run is _search:
                    found = search_json(desk.search(asked.text, **options), identifier=asked.identifier)
                else:
                    answer = desk.ask(asked.text, **options, writer=arguments.writer)
                    if answer.notice and answer.notice not in told:
                        told.add(answer.notice)
                        notice(f"footnote: {answer.notice}")
                    found = answer_json(answer, identifier=asked.identifier)
            except QuestionError as error:
                found = {"question": asked.text, "error": str(error)}
                found |= {} if asked.identifier is None else {"id": asked.identifier}
                code = ERROR
            print(as_json(found), flush=True)
    return code


def _questions(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service import ledger
    from service.present import question_json
    from service.report import questions_markdown
    from service.terminal import questions_text

    settings = settings_of(arguments, environ)
    items = ledger.known(settings, whole=arguments.json or bool(arguments.form))
    if items is None:
        with _desk(settings) as desk:
            items = desk.questions()
    if arguments.json:
        print(as_json({"questions": [question_json(item) for item in items]}))
    elif arguments.form:
        from service.exports import questions_as, works_in

        write(questions_as(arguments.form, items, works_in(settings.library)))
    elif arguments.markdown:
        print(questions_markdown(items))
    else:
        cited = [citation for item in items if item.answer for citation in item.answer.citations]
        print(questions_text(items, _style(settings, environ, cited)))
    sys.stdout.flush()  # what was not shown is news the next time
    try:
        ledger.remember(settings.library, items, time.time())
    except LibraryError as error:
        notice(f"footnote: what was shown is not remembered, and will be news again: {error}")
    return OK


def _serve(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from indexer.connect import CATALOGUE
    from service.credentials import tokens_for
    from service.serve import serve

    settings = settings_of(arguments, environ)
    tokens = tokens_for(settings.service, arguments.host)
    watch: Papers | None = None if not arguments.watch else "known" if arguments.no_papers else "new"
    if arguments.log:
        settings = replace(settings, service=replace(settings.service, log=arguments.log))
    if watch and settings.notes and not (settings.library / CATALOGUE).exists():
        notice(f"Indexing {', '.join(map(str, settings.notes))} first; papers are fetched while it serves")
        first = all_commands().parse_args(["index", "--no-papers"])
        first.library, first.config = arguments.library, arguments.config
        first.run(first, environ)
    return serve(settings, arguments.host, arguments.port, tokens=tokens, watch=watch, browse=arguments.open)


def _completion(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from service.completion import script

    print(script(arguments.shell, all_commands(), _ask_parser()))
    return OK


def _doctor(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.checks import checks
    from service.doctor import examined, finding_text, findings_json, is_well, last_row
    from service.terminal import style_of

    environ = configured(arguments, environ)
    try:
        settings = settings_of(arguments, environ)
    except SettingsError:  # which is one of the findings
        settings = None
    style, findings = style_of(environ), []
    for finding in examined(checks(environ, settings, online=arguments.online)):
        findings.append(finding)
        if not arguments.json:
            print(finding_text(finding, style), flush=True)
    print(as_json(findings_json(findings)) if arguments.json else f"\n{last_row(findings)}")
    return OK if is_well(findings) else ERROR


# -------------------------------------------------------------------------------------------------- helpers


def _desk(settings: Settings) -> Desk:
    from service.opening import open_desk

    desk = open_desk(settings, notice)
    _open[:] = [desk]
    return desk


def _one_question(arguments: argparse.Namespace) -> str:
    if not arguments.question:
        raise InputError('no question; ask one: footnote ask "What is …?"')
    if arguments.question == ["-"]:
        return sys.stdin.read()
    # what the locale could not decode was UTF-8 all the same
    return " ".join(arguments.question).encode(errors="surrogateescape").decode(errors="replace")


def _style(
    settings: Settings, environ: Mapping[str, str], citations: Iterable[Citation] = (), service: str | None = None
) -> Style:
    """What stdout can show, and what the places there lead to."""
    from service.terminal import can_link, style_of

    style = style_of(environ)
    if not can_link(environ):
        return style
    from service.hyperlinks import addresses

    places: list[Citation | Related] = []
    for citation in citations:
        places += [citation, *citation.related]
    return replace(style, address=addresses(settings, places, service))
