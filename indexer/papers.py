"""arXiv references in what people write."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SITES = (
    r"(?:(?:www\.|export\.|browse\.)?arxiv\.org|ar5iv(?:\.labs\.arxiv)?\.org|(?:www\.)?alphaxiv\.org|huggingface\.co)"
)
_NEW = r"(?P<new>\d{4}\.\d{4,5})"
_OLD = r"(?P<old>[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{7})"
_REFERENCE = re.compile(
    rf"(?:https?://{_SITES}/(?:abs|pdf|html|format|papers|overview)/|\barxiv:\s?|\b10\.48550/arxiv\.)"
    rf"(?:{_NEW}|{_OLD})(?P<version>v\d+)?(?![\d/])",
    re.IGNORECASE,
)


def references(text: str) -> Iterator[tuple[str, str | None]]:
    """The arXiv ids named in a text, each with the version named ("v3") or None, in order."""
    for match in _REFERENCE.finditer(text):
        identifier = match["new"] or match["old"].lower()
        if match["new"] and not 1 <= int(match["new"][2:4]) <= 12:  # the month
            continue
        yield identifier, match["version"].lower() if match["version"] else None


def arxiv_ids(text: str) -> list[str]:
    """The arXiv ids named in a text, without versions, each once, in order."""
    return list(dict.fromkeys(identifier for identifier, _ in references(text)))
