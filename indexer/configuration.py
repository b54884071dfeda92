"""The settings file: where it lies, what it says, and how a setting is written into it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from indexer.errors import SettingsError
from indexer.variables import CONFIG, VARIABLES, Variable, closest, named
from indexer.whole import replaced

NAME = "settings.toml"

HEAD = """\
# The settings of Footnote. What is behind a # is not set, and shown with its default; `footnote settings` lists what
# holds now. A variable of the environment, like FOOTNOTE_LIBRARY, goes before what stands here.
"""


def place(environ: Mapping[str, str]) -> Path:
    """Where the settings file lies, or would: at FOOTNOTE_CONFIG, else in the user's folder for such files."""
    if given := environ.get(CONFIG):
        return Path(given).expanduser()
    return Path(platformdirs.user_config_dir("footnote", appauthor=False)) / NAME


def given(environ: Mapping[str, str]) -> dict[Variable, tuple[str, object]]:
    """What is set, each with the words for where: in the environment, else in the settings file.

    What is empty is not set. Raises SettingsError where the file cannot be read, is no TOML, or names
    what is no setting.
    """
    found: dict[Variable, tuple[str, object]] = {}
    path = place(environ)
    text = text_of(path, needed=bool(environ.get(CONFIG)))
    if text:
        for name, value in parsed(path, text).items():
            where = f"{path}{_line(text, name)}: {name}"
            variable = named(name)
            if variable is None:
                hint = closest(name, [one.name for one in VARIABLES]) or "footnote settings lists those there are"
                raise SettingsError(f"{where} is no setting; {hint}")
            if value not in ("", []):
                found[variable] = where, value
    for variable in VARIABLES:
        if value := environ.get(variable.variable):
            found[variable] = variable.variable, value
    return found


def written(text: str, values: Mapping[str, object]) -> str:
    """The text of a settings file with some settings changed, and all else as it was; of an empty text, a whole file.

    Raises SettingsError where the text is no TOML.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    text = text or template()
    try:
        for name, value in values.items():
            document = tomlkit.parse(text)
            commented = re.compile(rf"^# {name} = .*$", re.MULTILINE)
            if name not in document and (found := commented.search(text)):  # below what says what it is
                text = text[: found.start()] + tomlkit.dumps({name: value}).rstrip() + text[found.end() :]
            else:
                document[name] = value
                text = document.as_string()
    except TOMLKitError as error:
        raise SettingsError(f"the settings file is no TOML ({error}); mend it, or move it away") from error
    return text


def save(path: Path, text: str) -> None:
    """Put a settings file in its place, whole, for nobody else to read: a key may stand in it. Raises SettingsError."""
    place = path.resolve()  # where the file is a link, to the file itself
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replaced(place, private=True) as new:
            new.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path} ({error.strerror}); name another place with --config") from error


def template() -> str:
    """A settings file that sets nothing, and says of each setting what it is."""
    import tomlkit

    from indexer.settings import DEFAULTS

    blocks = [HEAD]
    for variable in VARIABLES:
        meaning = textwrap.fill(variable.sentence, 100, initial_indent="# ", subsequent_indent="# ")
        value = "" if variable.unless else DEFAULTS.value(variable)
        shown = tomlkit.dumps({variable.name: list(value) if isinstance(value, tuple) else value}).rstrip()
        unless = f"  # {variable.unless}" if variable.unless else ""
        blocks.append(f"{meaning}\n# {shown}{unless}\n")
    return "\n".join(blocks)


def text_of(path: Path, *, needed: bool = True) -> str:
    """Read a settings file; raise SettingsError where it cannot be, or is `needed` and not there."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        if needed:
            raise SettingsError(f"no settings file at {path}; make it with: footnote init --config {path}") from None
        return ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file {path} ({error.strerror}); make it readable, or name another in {CONFIG}"
        ) from error


def parsed(path: Path, text: str) -> dict[str, Any]:
    """What a settings file says; raise SettingsError where it is no TOML."""
    import tomllib  # a fiftieth of a second, for those who have such a file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f'{path} is no TOML: {error}; put texts in quotes, as in model = "…"') from error


def _line(text: str, name: str) -> str:
    """Where in the text of a file a name is given a value, as far as that can be told."""
    found = re.search(rf"^[ \t]*[\[\"']*{re.escape(name)}[\"'\]]*[ \t]*(?:=|$|\.)", text, re.MULTILINE)
    return f", line {text.count(chr(10), 0, found.start()) + 1}" if found else ""
