"""Every error says what to do about it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import errors

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(file for room in ("indexer", "service") for file in (ROOT / room).rglob("*.py"))

NAMES = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.FootnoteError)}


def messages(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """The line, the class and the text of each error that is made; what is filled in is left as {}."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES and node.args:
            for text in texts(node.args[0]):
                yield node.lineno, node.func.id, text


def texts(node: ast.expr) -> Iterator[str]:
    """What an expression may say, as far as it stands in the source."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one)
            yield from texts(other)
        case ast.BinOp(left=one, right=other):
            for left in texts(one):
                for right in texts(other):
                    yield left + right


def has_remedy(text: str) -> bool:
    """Whether what happened is followed, after a semicolon, by what to do, or what will be done.

    What ends in something filled in is the words of another error with a few before them, which has its own remedy.
    """
    _, found, remedy = text.rpartition("; ")
    return text.endswith((": {}", "; {}", "{}{}")) or (bool(found) and len(remedy.split()) > 1)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_error_names_its_remedy(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    # of a paper that cannot be had, the report of the run says what will become of it
    found = [(line, name, text) for line, name, text in messages(tree) if name != "FetchError"]
    assert [one for one in found if not has_remedy(one[2])] == []


def test_the_rule_tells_remedies_from_none():
    tree = ast.parse('raise InputError(f"{x} is wrong; set it to {y}" if x else "it is wrong")')
    assert [has_remedy(text) for _, _, text in messages(tree)] == [True, False]
