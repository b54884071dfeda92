"""A desk over a few notes and the stub encoder, for the tests of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import shelf
from stub_encoder import HashEncoder

from indexer.build import build
from indexer.catalogue import PAPERS
from indexer.change import text_hash
from indexer.library import Library, publish, writing
from indexer.settings import Settings
from indexer.types import Document, PaperId, Passage, Source
from service.desk import Desk

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


def put_paper(
    folder: Path,
    passages: Sequence[Passage] = shelf.PASSAGES,
    *,
    root: Path | None = None,
    file: str = "residual.pdf",
    paper: PaperId | None = shelf.PAPER,
    pages: int = shelf.PAGES,
) -> Path:
    """Put a paper into the library below `folder`, as if fetched or, with `root`, found there; the path of its file."""
    library, encoder = settings_for(folder).library, HashEncoder()
    path = (root or library / PAPERS) / file
    data = shelf.bars_pdf(passages) if pages else b""
    if pages:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    source = Source(root or Path(PAPERS), file, data, sha256(data).hexdigest(), path.stat().st_mtime_ns if pages else 0)
    document = Document(source, "paper", shelf.TITLE, (), (), pages=pages, paper=paper)
    texts = [passage.embedded_text for passage in passages]
    with writing(library, "test") as catalogue:
        catalogue.add_embeddings(encoder.fingerprint, [text_hash(text) for text in texts], encoder.encode(texts))
        with catalogue.change() as change:
            change.set_fingerprint(encoder.fingerprint)
            change.put_document(document, passages, size=len(data))
        publish(library, catalogue, change)
    return path
