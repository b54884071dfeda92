"""Parsers of command lines whose errors are one line, and ask what was meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
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

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Complain of what a command does not know in its own name, where its help has what there is."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        if re.match(r"unrecognized arguments: -[^\W\d_-]{2}", message):
            message += "; a question that takes words away with a minus is put in quotes"
        message, meant = _clearer(message, self)
        raise InputError(f"{message}; {meant}see: {self.prog} --help")


def _clearer(message: str, parser: argparse.ArgumentParser) -> tuple[str, str]:
    """What argparse complains about, without a list of all commands, and what may have been meant."""
    names = [name for action in parser._actions for name in action.option_strings]  # noqa: SLF001 - argparse names them in no other way
    slip = re.search(r"unrecognized arguments: (--[\w-]+)", message)
    if unknown := re.match(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)$", message):
        message, slip, names = f"{unknown[1]!r} is no command", unknown, re.findall(r"[\w-]+", unknown[2])
    if missing := re.match("the following arguments are required: (.*)", message):
        for action in parser._actions:  # noqa: SLF001 - as above
            if action.dest == missing[1] and action.choices:
                message = f"{message} ({', '.join(map(str, action.choices))})"
    hint = closest(slip[1], names) if slip else ""
    return message, f"{hint} " if hint else ""


def number(least: int, most: int) -> Callable[[str], int]:
    """Make what reads a whole number between two others, both included."""

    def parse(text: str) -> int:
        with suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text} is not a number from {least} to {most}")

    return parse
