"""The settings described: what holds now and why, for the terminal and as data; what there is, for docs/settings.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.configuration import given, place
from indexer.settings import DEFAULTS, Settings
from indexer.variables import VARIABLES, Variable

PAGE = """\
# Settings

*Made by `footnote settings --markdown` from the table in [indexer/variables.py](../indexer/variables.py).*

A setting stands in the settings file or in a variable of the environment, which goes before the file. What is empty is
not set. `footnote init` writes the file and `footnote settings` says where it lies, what holds now, and what set it;
`--config FILE` or `FOOTNOTE_CONFIG` names another file, and `/dev/null` none. It is [TOML](https://toml.io):

```toml
notes = ["~/notes", "~/work/papers"]
links = "vscode"
```

In a variable, folders have the system's separator between them, as in `PATH`; words and hosts have commas.

| in the file | variable | meaning | default |
| --- | --- | --- | --- |
"""


def settings_json(environ: Mapping[str, str]) -> dict[str, Any]:
    """Where the settings file lies, and each setting with its value and where that comes from, None for a default."""
    settings, sources = Settings.from_environ(environ), given(environ)
    return {
        "file": str(place(environ)),
        "settings": [
            {
                "name": variable.name,
                "variable": variable.variable,
                "value": _plain(_shown(variable, settings)),
                "from": sources[variable][0].removesuffix(f": {variable.name}") if variable in sources else None,
            }
            for variable in VARIABLES
        ],
    }


def settings_text(environ: Mapping[str, str]) -> str:
    """A row for each setting, and for each that is set one that says where."""
    found = settings_json(environ)
    there = "" if Path(found["file"]).exists() else " (not there; `footnote init` makes it)"
    width = max(len(variable.name) for variable in VARIABLES)
    rows = [f"Settings file: {found['file']}{there}", ""]
    for row in found["settings"]:
        rows.append(f"{row['name']:{width}}  {_written(row['value'])}")
        if row["from"]:
            rows.append(f"{'':{width}}  from {row['from']}")
    return "\n".join(rows)


def page() -> str:
    """The text of docs/settings.md."""
    rows = []
    for variable in VARIABLES:
        default = _plain(DEFAULTS.value(variable))
        shown = variable.unless or ("none" if default in ("", []) else f"`{_written(default)}`")
        rows.append(f"| `{variable.name}` | `{variable.variable}` | {variable.meaning} | {shown} |")
    return PAGE + "\n".join(rows)


def _shown(variable: Variable, settings: Settings) -> object:
    value: object = settings.value(variable)
    return "(set, and not shown)" if variable.kind.secret and value else value


def _plain(value: object) -> Any:
    """A value as TOML and JSON know it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _written(value: object) -> str:
    """A value as the settings file has it, whose texts and lists are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
