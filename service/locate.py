"""Where a quote stands in the passage that it was taken from."""

from __future__ import annotations

from indexer.plain import plain


def locate(passage: str, quote: str) -> tuple[str, str, str] | None:
    """Cut a passage into what stands before a quote, the quote, and what stands after; None when it is not there.

    White space, markup and case may differ: only letters and digits are compared.
    """
    letters = [i for i, char in enumerate(passage) if char.isalnum()]
    hay = "".join(passage[i].casefold()[:1] for i in letters)
    for form in (quote, plain(quote)):
        needle = "".join(char.casefold()[:1] for char in form if char.isalnum())
        at = hay.find(needle) if needle else -1
        if at >= 0:
            start, end = letters[at], letters[at + len(needle) - 1] + 1
            while start > 0 and not (passage[start - 1].isspace() or passage[start - 1].isalnum()):
                start -= 1
            while end < len(passage) and not (passage[end].isspace() or passage[end].isalnum()):
                end += 1
            return passage[:start], passage[start:end], passage[end:]
    return None
