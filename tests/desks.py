"""A desk over a few notes and the stub encoder, for the tests of asking."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stub_encoder import HashEncoder

from indexer.build import build
from indexer.library import Library
from indexer.settings import Settings
from service.ask import Desk

NOTES = {
    "adam.md": """\
# Adam

Adam keeps a moving average of the gradient and of its square.
It divides the one by the root of the other.

## Bias correction

Both averages start at zero, so Adam divides them by one minus the decay to the power of the step.
""",
    "group.md": """\
## Discussion 2 GoogLeNet
1. how many layers in GoogLeNet ?
- 22-layers deep model
- plus **two** heads that help while training
2. What is dropout ?
-
""",
    "todo.md": """\
### Question Dump:
- [ ] How many layers does GoogLeNet have?
- [ ] Why does Adam divide by the root of the average square?
- [ ] What is a Boltzmann machine?
- [x] What is a learning rate?

### Tasks
- [ ] Buy a chair
""",
}


def write(folder: Path, notes: Mapping[str, str] = NOTES) -> Path:
    for name, text in notes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def settings_for(folder: Path) -> Settings:
    return Settings(library=folder / "library", cache=folder / "cache")


def open_desk(folder: Path, notes: Mapping[str, str] = NOTES) -> Desk:
    """Index `notes`, written below `folder`, and open a desk over them; the caller closes it."""
    settings, encoder = settings_for(folder), HashEncoder()
    build(settings.library, [write(folder / "notes", notes)], encoder, settings)
    return Desk(settings, Library.open(settings.library), encoder)
