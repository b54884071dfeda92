"""Documents as readable text, one line a block, for the parsers' fixtures."""

from __future__ import annotations

from indexer.types import Document


def drawn(document: Document) -> str:
    """One line a block, as the fixtures have it: `number kind lines | path | what else | text`."""
    rows = [f"{document.title} | {' '.join(document.tags)} | {'; '.join(document.aliases)}"]
    rows += [f"   {link.kind} {link.target} on {link.line}" for link in document.links]
    for k, block in enumerate(document.blocks):
        first, last = block.lines
        facts = [
            "" if block.parent is None else f"in {block.parent}",
            f"depth {block.depth}" if block.depth else "",
            "" if block.number is None else f"#{block.number}",
            "" if block.state == "none" else block.state,
        ]
        where = f"{first}-{last}" if last > first else f"{first}"
        head = [f"{k} {block.kind} {where}", " > ".join(block.headings), " ".join(filter(None, facts)), block.text]
        rows.append(" | ".join(head).replace("\n", "\n      "))
        rows += [f"   {n.kind} {n.target}#{n.anchor} [{n.text}] on {n.line}" for n in block.links]
    return "\n".join(rows) + "\n"
