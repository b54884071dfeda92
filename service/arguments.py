"""Parsers of command lines whose errors are one line, and ask what was meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

from indexer.errors import InputError
from indexer.variables import closest


class Help(argparse.HelpFormatter):
    """Leaves room for the names of commands, which argparse forgets to be further in than options."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse names it in no other way
            self._action_max_length += 2


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=Help, **options)

    def error(self, message: str) -> NoReturn:
        if re.match(r"unrecognized arguments: -[^\W\d_-]{2}", message):
            message += "; a question that takes words away with a minus is put in quotes"
        message, meant = _clearer(message, self)
        raise InputError(f"{message}; {meant}see: {self.prog} --help")


def _clearer(message: str, parser: argparse.ArgumentParser) -> tuple[str, str]:
    """What argparse complains about, without a list of all commands, and what may have been meant."""
    names = [*_options(parser)]
    slip = re.search(r"unrecognized arguments: (--[\w-]+)", message)
    if unknown := re.search(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)$", message):
        message, slip, names = f"{unknown[1]!r} is no command", unknown, re.findall(r"[\w-]+", unknown[2])
    hint = closest(slip[1], names) if slip else ""
    return message, f"{hint} " if hint else ""


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The names of all options, those of the commands below included."""
    for action in parser._actions:  # noqa: SLF001 - argparse names them in no other way
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _options(below)


def number(least: int, most: int) -> Callable[[str], int]:
    """Make what reads a whole number between two others, both included."""

    def parse(text: str) -> int:
        with suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text} is not a number from {least} to {most}")

    return parse
