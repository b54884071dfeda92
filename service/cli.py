"""The command `footnote`, and its short form `ask`: run one command, and tell the shell what came of it.

What the commands are made of is imported by `main`, so that an interrupt meanwhile ends it as any later one does.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import StringIO, TextIOWrapper
from typing import NoReturn

from indexer.errors import FootnoteError, SettingsError
from indexer.visible import STOPPED, notice

OK, ERROR, INTERRUPTED = 0, 2, 130


def run() -> NoReturn:
    """The console script `footnote`."""
    _mend_streams()
    _leave(main(sys.argv[1:], os.environ))


def run_ask() -> NoReturn:
    """The console script `ask`: `ask What is …` is `footnote ask What is …`."""
    _mend_streams()
    _leave(main(["ask", *sys.argv[1:]], os.environ))


def _leave(code: int) -> NoReturn:
    """End the process. The system takes back at once what a model holds, which takes a tenth of a second bit by bit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads it any more
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and return its exit code: 0 answered, 1 not answered, 2 an error (one line on stderr)."""
    if argv[:1] == ["help"]:  # what many tools know
        argv = [*argv[1:2], "--help"]
    try:
        from service.commands import all_commands, run_command

        parser = all_commands()
        arguments = parser.parse_args(argv)
        if not hasattr(arguments, "run"):
            parser.print_help()
            print(f"\n{_next_step(environ)}")
            return OK
        code = run_command(arguments, environ)
        print(end="", flush=True)  # what cannot be written is found out here, not after the end
    except FootnoteError as error:
        notice(f"footnote: {error}")
        return ERROR
    except KeyboardInterrupt:
        notice(STOPPED)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        _drop_output()
        return OK
    except OSError as error:
        _drop_output()
        remedy = "free space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check that it can be used"
        notice(f"footnote: {error.filename or 'the output'}: {error.strerror}; {remedy}")
        return ERROR
    except SystemExit as error:  # argparse has shown a help or the version
        return int(error.code or OK)
    return code


def _next_step(environ: Mapping[str, str]) -> str:
    """What somebody who named no command may want to do now."""
    from indexer.connect import CATALOGUE
    from indexer.settings import Settings

    try:
        library = Settings.from_environ(environ).library
    except SettingsError as error:
        return f"First mend a setting: {error}"
    if not (library / CATALOGUE).exists():
        return "Begin with: footnote init"
    return f'Ask your library ({library}): ask "What is …?"   In the browser: footnote serve --watch --open'


def _mend_streams() -> None:
    """Read UTF-8 whatever the locale, and let a character that the output cannot hold be a `?`, not the end."""
    sys.stdout = sys.stdout or StringIO()  # None where it was closed
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if stream is sys.stdin else None, errors="replace")


def _drop_output() -> None:
    """Send what is still to be written to stdout nowhere, so that Python does not try again at the end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
