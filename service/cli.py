"""The command `footnote`, and its short form `ask`: parse, call one function, print."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from indexer import __version__
from indexer.cli import add_commands as add_indexer_commands
from indexer.cli import add_library, notice, settings_of
from indexer.errors import FootnoteError, InputError, QuestionError

if TYPE_CHECKING:
    from service.ask import Desk

OK, NOT_ANSWERED, ERROR, INTERRUPTED = 0, 1, 2, 130


def run() -> NoReturn:
    """The console script `footnote`."""
    sys.exit(main(sys.argv[1:], os.environ))


def run_ask() -> NoReturn:
    """The console script `ask`: `ask What is …` is `footnote ask "What is …"`."""
    sys.exit(main(["ask", *_as_one_question(sys.argv[1:])], os.environ))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and return its exit code: 0 answered, 1 not answered, 2 an error (one line on stderr)."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
        if not hasattr(arguments, "run"):
            parser.print_help()
            return OK
        return int(arguments.run(arguments, environ))
    except FootnoteError as error:
        notice(f"footnote: {error}")
        return ERROR
    except KeyboardInterrupt:
        notice("footnote: stopped; what was done is kept")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except SystemExit as error:  # argparse has said what is wrong
        return int(error.code or OK)


def _as_one_question(argv: Sequence[str]) -> list[str]:
    """Join the words before the first option, so that a question needs no quotes."""
    cut = next((k for k, word in enumerate(argv) if word.startswith("-")), len(argv))
    words = argv[:cut]
    return ([" ".join(words)] if words else []) + list(argv[cut:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="footnote", description="Answers from your own notes, with the exact place under every sentence."
    )
    parser.add_argument("--version", action="version", version=f"footnote {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_indexer_commands(commands)

    ask = commands.add_parser("ask", help="answer a question")
    ask.add_argument("question", nargs="?", metavar="QUESTION", help="what you want to know; - reads it from stdin")
    ask.add_argument("--writer", choices=("extractive",), default="extractive", help="how the answer is worded")
    _add_asking(ask)
    ask.set_defaults(run=_ask)

    search = commands.add_parser("search", help="list the passages nearest to a query")
    search.add_argument("question", nargs="?", metavar="QUERY")
    _add_asking(search)
    search.set_defaults(run=_search)

    questions = commands.add_parser("questions", help="answer the open questions that stand in the notes")
    form = questions.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print every item of the dumps as JSON")
    form.add_argument("--markdown", action="store_true", help="print a report in Markdown")
    add_library(questions)
    questions.set_defaults(run=_questions)

    serve = commands.add_parser("serve", help="answer over HTTP and in the browser")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000; 0: any free one)")
    serve.add_argument("--watch", action="store_true", help="index again whenever a note is saved")
    add_library(serve)
    serve.set_defaults(run=_serve)

    bench = commands.add_parser("bench", help="measure the quality of answers").add_subparsers(required=True)
    quality = bench.add_parser("quality", help="hit rates and refusals on a file of questions with gold places")
    quality.add_argument("gold", type=Path, metavar="GOLD.jsonl")
    quality.add_argument("-k", type=_count, default=10, help="citations an answer (default: 10)")
    quality.add_argument("--json", action="store_true", help="print the figures as JSON")
    add_library(quality)
    quality.set_defaults(run=_bench_quality)
    return parser


def _add_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-k", type=_count, default=8, metavar="N", help="how many passages to cite (default: 8)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--batch", metavar="FILE", help="one question a line, as text or JSON; - reads stdin; prints JSON lines"
    )
    add_library(parser)


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 200:
        raise argparse.ArgumentTypeError("a number from 1 to 200")
    return number


# ------------------------------------------------------------------------------------------------- commands


def _ask(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if arguments.batch:
        return _batch(arguments, environ)
    from service import client
    from service.present import answer_json
    from service.terminal import answer_text

    question = _one_question(arguments)
    settings = settings_of(arguments, environ)
    answer = client.ask(settings, environ, question, k=arguments.k)
    if answer is None:
        with _desk(arguments, environ) as desk:
            answer = desk.ask(question, k=arguments.k)
    print(_json(answer_json(answer)) if arguments.json else answer_text(answer, _style(environ)))
    return NOT_ANSWERED if answer.verdict == "unsupported" else OK


def _search(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if arguments.batch:
        return _batch(arguments, environ)
    from service.present import search_json
    from service.terminal import search_text

    query = _one_question(arguments)
    with _desk(arguments, environ) as desk:
        result = desk.search(query, k=arguments.k)
    print(_json(search_json(result)) if arguments.json else search_text(result, _style(environ)))
    return OK if result.hits else NOT_ANSWERED


def _batch(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Answer line by line; a line that cannot be answered gives an object with `error`, and exit code 2."""
    from service.present import answer_json, search_json

    code = OK
    with _desk(arguments, environ) as desk:
        for line in _lines(arguments.batch):
            asked = _parsed(line)
            try:
                if arguments.run is _search:
                    found = search_json(desk.search(asked.text, k=arguments.k), identifier=asked.identifier)
                else:
                    found = answer_json(desk.ask(asked.text, k=arguments.k), identifier=asked.identifier)
            except QuestionError as error:
                found = {"question": asked.text, "error": str(error)}
                found |= {} if asked.identifier is None else {"id": asked.identifier}
                code = ERROR
            print(_json(found), flush=True)
    return code


@dataclass(frozen=True, slots=True)
class _Asked:
    text: str
    identifier: str | int | None


def _parsed(line: str) -> _Asked:
    """A line of a batch: text as it is, or JSON with `question` (or `query`) and, maybe, `id`."""
    if line.startswith("{"):
        try:
            data = json.loads(line)
        except ValueError:
            return _Asked(line, None)
        return _Asked(str(data.get("question") or data.get("query") or ""), data.get("id"))
    return _Asked(line, None)


def _lines(name: str) -> Iterator[str]:
    try:
        with open(0 if name == "-" else name, encoding="utf-8", closefd=name != "-") as file:
            for line in file:
                if line.strip():
                    yield line.strip()
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}; name a file with one question a line, or - for stdin") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _questions(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.present import question_json
    from service.terminal import questions_markdown, questions_text

    with _desk(arguments, environ) as desk:
        items = desk.questions()
        desk.remember(items)
    if arguments.json:
        print(_json({"questions": [question_json(item) for item in items]}))
    elif arguments.markdown:
        print(questions_markdown(items))
    else:
        print(questions_text(items, _style(environ)))
    return OK


def _serve(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.serve import serve

    return serve(settings_of(arguments, environ), arguments.host, arguments.port, watch=arguments.watch)


def _bench_quality(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from service.bench import quality, quality_json, quality_table

    with _desk(arguments, environ) as desk:
        figures = quality(desk, arguments.gold, k=arguments.k)
    print(_json(quality_json(figures)) if arguments.json else quality_table(figures))
    return OK


# -------------------------------------------------------------------------------------------------- helpers


def _desk(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Desk:
    from service.ask import Desk

    return Desk.open(settings_of(arguments, environ), notice=notice)


def _one_question(arguments: argparse.Namespace) -> str:
    if arguments.question is None:
        raise InputError('no question; ask one: footnote ask "What is …?"')
    return sys.stdin.read() if arguments.question == "-" else str(arguments.question)


def _style(environ: Mapping[str, str]) -> Any:
    from service.terminal import Style

    return Style(colour=sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False)
