"""Find passages, answer from them with citations, and serve that to terminals, programs and browsers.

    from service import ask

    answer = ask("Why is the learning rate warmed up?")

`ask`, `search`, `questions` and `read` keep the library open for the next call; `open_desk` gives it for a `with`
block. What they give and raise is here as well. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.errors import FootnoteError
    from service.api import ask, close, open_desk, questions, read, search
    from service.desk import Desk
    from service.places import Reading
    from service.types import Answer, AnsweredQuestion, Citation, SearchResult, Sentence

__all__ = [
    "Answer",
    "AnsweredQuestion",
    "Citation",
    "Desk",
    "FootnoteError",
    "Reading",
    "SearchResult",
    "Sentence",
    "ask",
    "close",
    "open_desk",
    "questions",
    "read",
    "search",
]

_HOMES = {
    "Desk": "service.desk",
    "FootnoteError": "indexer.errors",
    "Reading": "service.places",
} | dict.fromkeys(("Answer", "AnsweredQuestion", "Citation", "SearchResult", "Sentence"), "service.types")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "service.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and what the module has already."""
    return sorted({*__all__, *globals()})
