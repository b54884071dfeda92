"""What a note shows that is no text: pictures that lie beside it, and pages of PDFs."""

from __future__ import annotations

import re
from html import escape, unescape
from urllib.parse import unquote

from service.view import Shown, View

IMAGE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp|avif|mp4|webm|mov|mp3|wav)$", re.IGNORECASE)
"""The end of a name that is no note's."""

_PAGE = re.compile(r"page=(\d{1,6})")
_IMG = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(alt|src|width|height)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_SIDES = frozenset({"left", "center", "right"})
_SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?")


def picture(view: View, source: str, words: str) -> str:
    """Show the picture that a note names, or its words where there is none; one on another host becomes a link to it.

    `words` may hold a size in pixels, and where to put it, as in Obsidian: `a plot|300`, `center|300x200`.
    """
    parts = [part.strip() for part in words.split("|")]
    asked = next(filter(None, map(_SIZE.fullmatch, parts)), None)
    side = next((part for part in parts if part in _SIDES), "")
    alt = " ".join(part for part in parts if part and part not in _SIDES and not _SIZE.fullmatch(part))
    alt = alt or unquote(source.rpartition("/")[2]) or "image"
    if source.startswith(("http://", "https://")):
        return f'{view.tag("span", class_="image")}<a href="{escape(source)}">{escape(alt)}</a></span>'
    found = view.links.picture(unquote(source)) if source else None
    if found is None:
        return f"{view.tag('span', class_='image')}{escape(alt)}</span>"
    width, height = found.width, found.height
    if asked:
        width, height = int(asked[1]), int(asked[2]) if asked[2] else None
        if height is None and found.width and found.height:
            height = round(width * found.height / found.width)
    shape = "".join(f' {name}="{n}"' for name, n in (("width", width), ("height", height)) if n)
    name = f"picture {side}".strip()
    return view.keep(f'<img class="{name}" src="{escape(found.address)}" alt="{escape(alt)}"{shape} loading="lazy">')


def html_images(view: View, html: str) -> str:
    """Show the pictures that a note names in HTML."""
    return _IMG.sub(lambda image: _image(view, image[0]), html)


def _image(view: View, tag: str) -> str:
    found = {match[1].lower(): unescape(match[2] or match[3] or match[4] or "") for match in _ATTRIBUTE.finditer(tag)}
    width, height = found.get("width", ""), found.get("height", "")
    size = f"|{width}x{height}" if width and height else f"|{width}" if width else ""
    source = found.get("src", "")
    return picture(view, source, found.get("alt", "") + size)


def leaf(pdf: Shown, anchor: str) -> str:
    """Show the first page of a PDF, or the one that `anchor` names (`page=3`), as a picture that leads to it."""
    page = on_page(anchor) or 1
    named = f"{escape(pdf.title)}, page {page}"
    return (
        f'<figure class="embed"><a href="{pdf.address}?page={page}">'
        f'<img src="/api{pdf.address}/pages/{page}.png" alt="{named}" loading="lazy"></a>'
        f'<figcaption><a href="{pdf.address}?page={page}">{named}</a></figcaption></figure>'
    )


def on_page(anchor: str) -> int | None:
    """Read the page (from 1) that stands behind the `#` of a link to a PDF: `page=3`."""
    match = _PAGE.match(anchor)
    return int(match[1]) or None if match else None
