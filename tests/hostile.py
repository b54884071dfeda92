"""PDFs made to take all the time and memory there is, or to lead round in circles: each a function that gives its bytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
WORDS = b"BT /F1 11 Tf 72 720 Td (Adam keeps two moments.) Tj ET"


def pdf(objects: Mapping[int, bytes], *, trailer: bytes = b"") -> bytes:
    """A file of numbered objects, of which the first is the catalogue."""
    body, places = bytearray(b"%PDF-1.7\n"), {}
    for number, one in objects.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = len(body)
    body += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        body += b"%d 1\n%010d 00000 n \n" % (number, place)
    body += b"trailer << /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, trailer, table)
    return bytes(body)


def stream(data: bytes, *, entries: bytes = b"") -> bytes:
    """An object that is a stream."""
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data)


def page(
    content: bytes, *, box: bytes = b"[0 0 612 792]", resources: bytes = b"", more: Mapping[int, bytes] | None = None
) -> bytes:
    """A file of one page; `content` is the object of its content, number 4."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox %b /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> %b >> >>"
        % (box, resources),
        4: content,
        5: FONT,
    }
    return pdf(objects | dict(more or {}))


_ADLER = 65_521


def packed(piece: bytes, times: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """A piece so many times over, deflated: one block that stands for it, again and again."""
    packing = zlib.compressobj(9)
    head = packing.compress(before) + packing.flush(zlib.Z_FULL_FLUSH)
    block = packing.compress(piece) + packing.flush(zlib.Z_FULL_FLUSH)
    end = packing.compress(after) + packing.flush()
    low, high = _halves(zlib.adler32(before))
    more, higher = _halves(zlib.adler32(piece))
    for _ in range(times):  # as zlib's adler32_combine does: a gigabyte need not be gone through
        low, high = (low + more - 1) % _ADLER, (high + higher + (low - 1) * len(piece)) % _ADLER
    return head + block * times + end[:-4] + zlib.adler32(after, high << 16 | low).to_bytes(4, "big")


def _halves(check: int) -> tuple[int, int]:
    return check & 0xFFFF, check >> 16


def spaces(megabytes: int) -> bytes:
    """So many spaces, in a thousandth of the room."""
    return packed(b" " * 1_000_000, megabytes)


def flate_bomb() -> bytes:
    return page(stream(spaces(1_000), entries=b"/Filter /FlateDecode"))


def nested_bomb() -> bytes:
    twice = zlib.compress(zlib.compress(spaces(1_000), 9), 9)
    return page(stream(twice, entries=b"/Filter [/FlateDecode /FlateDecode /FlateDecode]"))


def many_filters() -> bytes:
    return page(stream(WORDS, entries=b"/Filter [" + b"/ASCIIHexDecode " * 100_000 + b"]"))


def run_length_bomb() -> bytes:
    return page(stream(b"\x81 " * 3_000_000, entries=b"/Filter /RunLengthDecode"))


def operators() -> bytes:
    """A page of a hundred million operators, deflated."""
    content = packed(b"0 0 m 9 9 l S q Q " * 50_000, 300)
    return page(stream(content, entries=b"/Filter /FlateDecode"))


def letters() -> bytes:
    """A page of thirty million letters, all in one place."""
    content = packed(b"(" + b"a" * 1_000_000 + b") Tj ", 30, b"BT /F1 1 Tf 1 1 Td ", b"ET")
    return page(stream(content, entries=b"/Filter /FlateDecode"))


def page_tree_loop() -> bytes:
    kids = b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 /Parent 3 0 R >>"
    return pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: kids, 3: kids})


def page_tree_depth() -> bytes:
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
    for n in range(2, 50_000):
        objects[n] = b"<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>" % (n + 1, n - 1)
    objects[50_000] = b"<< /Type /Page /Parent 49999 0 R /MediaBox [0 0 9 9] >>"
    return pdf(objects)


def million_pages() -> bytes:
    """One page, said to be a million; and so many kids that are the same."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%b] /Count 1000000 >>" % (b"3 0 R " * 1000),
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
    }
    return pdf(objects)


def thousands_of_pages() -> bytes:
    """As many pages as are read, all of them the same."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%b] /Count 5001 >>" % (b"3 0 R " * 5001),
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        4: stream(WORDS),
    }
    return pdf(objects)


def huge_box() -> bytes:
    return page(stream(WORDS), box=b"[0 0 1000000000 1000000000]")


def tiny_box() -> bytes:
    return page(stream(WORDS), box=b"[0 0 0.00001 100000]")


def image(width: int, height: int) -> bytes:
    """A picture of white, as large as it is said to be."""
    drawn = stream(
        spaces(width * height // 1_000_000),
        entries=b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
        % (width, height),
    )
    return page(stream(b"600 0 0 700 0 0 cm /Im Do"), resources=b"/XObject << /Im 6 0 R >>", more={6: drawn})


def giant_image() -> bytes:
    return image(60_000, 30_000)


def claimed_image() -> bytes:
    """A picture that is said to be far larger than it is."""
    said = b"/Type /XObject /Subtype /Image /Width 2147483647 /Height 2147483647 /ColorSpace /DeviceRGB /BitsPerComponent 16"
    return page(
        stream(b"600 0 0 700 0 0 cm /Im Do"),
        resources=b"/XObject << /Im 6 0 R >>",
        more={6: stream(b"abc", entries=said)},
    )


def forms_in_circles() -> bytes:
    form = stream(b"/A Do /B Do " + WORDS, entries=b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources "
                  b"<< /XObject << /A 6 0 R /B 7 0 R >> /Font << /F1 5 0 R >> >>")  # fmt: skip
    return page(stream(b"/A Do"), resources=b"/XObject << /A 6 0 R /B 7 0 R >>", more={6: form, 7: form})


def forms_that_double() -> bytes:
    """Thirty forms, each of which draws the next one twice: a thousand million words."""
    more = {}
    for n in range(6, 36):
        inner = b"<< /XObject << /A %d 0 R >> /Font << /F1 5 0 R >> >>" % (n + 1)
        content = b"/A Do /A Do" if n < 35 else WORDS
        more[n] = stream(content, entries=b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources " + inner)
    return page(stream(b"/A Do"), resources=b"/XObject << /A 6 0 R >>", more=more)


def brackets() -> bytes:
    """Objects inside objects, a million deep."""
    return pdf({1: b"<< /Type /Catalog /Pages 2 0 R /Deep " + b"[" * 1_000_000 + b"]" * 1_000_000 + b" >>",
                2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>", 4: stream(WORDS)})  # fmt: skip


def dictionaries() -> bytes:
    return page(stream(WORDS), resources=b"/Deep " + b"<< /A " * 300_000 + b"0" + b" >>" * 300_000)


def outline_loop() -> bytes:
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        4: stream(WORDS),
        5: FONT,
        6: b"<< /Type /Outlines /First 7 0 R /Last 8 0 R /Count 2 >>",
        7: b"<< /Title (One) /Parent 6 0 R /Next 8 0 R /First 7 0 R >>",
        8: b"<< /Title (Two) /Parent 6 0 R /Next 7 0 R /First 6 0 R >>",
    }
    return pdf(objects)


def long_outline() -> bytes:
    """A table of contents of 60,000 entries."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        4: stream(WORDS),
        5: FONT,
        6: b"<< /Type /Outlines /First 7 0 R /Last 59999 0 R /Count 59993 >>",
    }
    for n in range(7, 60_000):
        objects[n] = b"<< /Title (Entry %d) /Parent 6 0 R /Next %d 0 R >>" % (n, n + 1)
    return pdf(objects)


def bad_key() -> bytes:
    """Encrypted, with keys that are no keys."""
    encrypt = b"/Encrypt << /Filter /Standard /V 5 /R 6 /Length 256 /O <00> /U <00> /OE <> /UE <> /P -1 /Perms <> >> /ID [<00> <00>]"
    return pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [] /Count 0 >>"}, trailer=encrypt)


def xref_loop() -> bytes:
    """A table of references whose previous one is itself, and one of streams that names itself."""
    body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
    at = len(body)
    table = b"xref\n0 1\n0000000000 65535 f \n1 1\n0000000009 00000 n \n"
    return (
        body
        + table
        + b"trailer << /Size 3 /Root 1 0 R /Prev %d /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n" % (at, at, at)
    )


def stream_in_itself() -> bytes:
    """A stream whose length is said by itself, and objects that lie in a stream which lies in them."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        4: b"<< /Length 4 0 R /Filter 4 0 R >>\nstream\n" + WORDS + b"\nendstream",
        6: stream(b"6 0 << /Type /ObjStm >>", entries=b"/Type /ObjStm /N 1000000 /First 4 /Extends 6 0 R"),
    }
    return pdf(objects)


def functions() -> bytes:
    """A shading whose function is stitched together of itself, and one sampled in 32 dimensions."""
    stitched = b"<< /FunctionType 3 /Domain [0 1] /Functions [7 0 R 7 0 R] /Bounds [0.5] /Encode [0 1 0 1] >>"
    shading = b"<< /ShadingType 1 /ColorSpace /DeviceGray /Domain [0 1 0 1] /Function 7 0 R >>"
    return page(stream(b"/Sh sh " + WORDS), resources=b"/Shading << /Sh 6 0 R >>", more={6: shading, 7: stitched})


def tiles() -> bytes:
    """A pattern of tiles so small that a page holds a million million of them."""
    tile = stream(b"0 0 1 1 re f", entries=b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.0005 "
                  b"/YStep 0.0005 /Resources << >> /Matrix [0.001 0 0 0.001 0 0]")  # fmt: skip
    return page(
        stream(b"/Pattern cs /P scn 0 0 612 792 re f " + WORDS), resources=b"/Pattern << /P 6 0 R >>", more={6: tile}
    )


HOSTILE: dict[str, Callable[[], bytes]] = {
    make.__name__: make
    for make in (
        flate_bomb, nested_bomb, many_filters, run_length_bomb, operators, letters, page_tree_loop, page_tree_depth, million_pages,
        thousands_of_pages, huge_box, tiny_box, giant_image, claimed_image, forms_in_circles, forms_that_double, brackets,
        dictionaries, outline_loop, long_outline, bad_key, xref_loop, stream_in_itself, functions, tiles,
    )
}  # fmt: skip
