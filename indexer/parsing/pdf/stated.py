"""What a PDF states of itself beside its pages; the only importer of pypdf."""

from __future__ import annotations

import logging
import re
from io import BytesIO

_FOLD = re.compile(r"[\W_]+")


def title(data: bytes, first_page: str) -> str | None:
    """The title in the metadata, if the first page shows it: "Untitled" and names of files are not on it."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong with a file is said by who reads its pages
    try:
        metadata = PdfReader(BytesIO(data)).metadata
        stated = " ".join((metadata.title or "").split()) if metadata else ""
    except Exception:  # noqa: BLE001 - on damaged files pypdf raises whatever it stumbles over
        return None
    folded = _FOLD.sub("", stated.lower())
    return stated if folded and folded in _FOLD.sub("", first_page.lower()) else None
