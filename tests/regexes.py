"""Every regular expression of the project, how it is used, and texts on which one that backtracks would take long.

A pattern takes long where something in it may match the same characters in more than one way, or where a search begins
anew at every character and reads far each time. Either needs a repetition. So for every repetition in a pattern's parse
tree a text is made that leads up to it, repeats what it repeats, and ends in what the rest of the pattern cannot match.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]  # the parse tree has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import indexer
import service

ROOT = Path(__file__).resolve().parents[1]
CALLS = frozenset({"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
ANCHORED = frozenset({"match", "fullmatch"})
OF_PATTERNS = CALLS - {"compile", "split"}  # texts split too
LONG = 20_000
FIRST = (12, 16, 20, 24, 28, 40, 60, 100, 200, 500, 2_000)
"""The sizes of the first texts, in characters: what takes a power of them is stopped in time."""
SUSPECT_SECONDS = 0.0008
"""What takes no longer for any of these is not looked at again: a square of the last takes ten times as much."""
MOST_GROWTH = 3.0
"""How many times longer twice the text may take; a square takes 4 times as long."""
SLOW_SECONDS = 0.05
_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}
_MANY = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A place where a pattern is made, or used by the functions of `re`: where, the pattern as code, and the function."""

    file: str
    line: int
    written: str
    function: str
    arguments: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True)
class Used:
    """A pattern, where it comes from, and the methods that are called of it; what is no `match` looks at every place."""

    pattern: re.Pattern[str] | re.Pattern[bytes]
    origin: str
    methods: frozenset[str]


def modules() -> Iterator[ModuleType]:
    """All modules of the project."""
    for package in (indexer, service):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def calls(module: ModuleType) -> Iterator[Call]:
    """Where a module calls `re`."""
    path = Path(str(module.__file__))
    for node in ast.walk(_tree(path)):
        match node:
            case ast.Call(ast.Attribute(ast.Name("re"), function), [first, *_]) if function in CALLS:
                flags = tuple(k.value for k in node.keywords if k.arg == "flags")
                positional = tuple(
                    node.args[1 if function == "compile" else 2 if function in ANCHORED | {"search"} else 99 :]
                )
                yield Call(
                    str(path.relative_to(ROOT)), node.lineno, ast.unparse(first), function, (first, *flags, *positional)
                )


def used(examples: Mapping[str, str]) -> tuple[list[Used], list[Call]]:
    """All patterns, and the calls whose pattern is unknown: made of what only a run knows, and without an example."""
    found: dict[tuple[Any, int], Used] = {}
    unknown: list[Call] = []
    methods = _methods()

    def add(pattern: re.Pattern[Any], origin: str, uses: set[str]) -> None:
        key = (pattern.pattern, pattern.flags)
        before = found.get(key, Used(pattern, origin, frozenset()))
        kinds = {use if use in ANCHORED else "search" for use in uses}
        found[key] = Used(pattern, before.origin, before.methods | kinds)

    for module in modules():
        held: dict[int, str] = {}
        for name, value in vars(module).items():
            for pattern in _patterns(value):
                held[id(pattern)] = name
                add(
                    pattern,
                    f"{module.__name__}.{name}",
                    methods[str(module.__file__), name] | methods["", name] or {"search"},
                )
        for call in calls(module):
            try:
                given = [eval(ast.unparse(one), vars(module)) for one in call.arguments]
            except NameError:
                if call.written in examples:
                    add(re.compile(examples[call.written]), f"{call.file}:{call.line}", {call.function})
                elif not _at_top(module, call.line):
                    unknown.append(call)
                continue
            if call.function != "compile" or not _at_top(module, call.line):
                flags = sum(int(one) for one in given[1:])
                pattern = given[0] if isinstance(given[0], re.Pattern) else re.compile(given[0], flags)
                add(pattern, f"{call.file}:{call.line}", {call.function})
    return list(found.values()), unknown


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _methods() -> dict[tuple[str, str], set[str]]:
    """How a name of a file is used as a pattern, there or as `module.NAME` elsewhere: `_WORD.findall` → {"findall"}.

    Of one that is handed on, what the same function calls of others: `any(rule.match(line) for rule in (A, B))`.
    """
    uses: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in [*ROOT.glob("indexer/**/*.py"), *ROOT.glob("service/**/*.py")]:
        tree = _tree(path)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for scope in [tree, *functions]:
            handed: set[str] = set()
            called: set[int] = set()
            elsewhere: set[str] = set()
            for node in ast.walk(scope):
                match node:
                    case ast.Attribute(ast.Name(name) as inner, method) if name.lstrip("_").isupper():
                        called.add(id(inner))
                        uses[str(path), name] |= {method} & CALLS
                    case ast.Attribute(ast.Attribute(ast.Name(), name), method) if name.lstrip("_").isupper():
                        uses["", name] |= {method} & CALLS
                    case ast.Attribute(ast.Name(name), method) if method in OF_PATTERNS and name != "re":
                        elsewhere.add(method)
                    case ast.Name(name, ast.Load()) if name.lstrip("_").isupper() and id(node) not in called:
                        handed.add(name)
            for name in handed if scope is not tree else ():
                uses[str(path), name] |= elsewhere
    return uses


def _patterns(value: object) -> Iterator[re.Pattern[Any]]:
    """The patterns in a value of a module."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _patterns(one)
    elif isinstance(value, dict):
        yield from _patterns([*value, *value.values()])


def _at_top(module: ModuleType, line: int) -> bool:
    """Whether a line is run when the module is imported: what it makes is found among the module's values."""
    body = _tree(Path(str(module.__file__))).body
    inside = (ast.FunctionDef, ast.ClassDef)
    return not any(isinstance(node, inside) and node.lineno <= line <= (node.end_lineno or 0) for node in body)


# ------------------------------------------------------------------------------------------------------- attacks


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """What leads up to each repetition of a pattern, what it repeats, and what the pattern cannot go on with."""
    flags = pattern.flags
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, flags & ~re.LOCALE if isinstance(pattern.pattern, str) else flags & ~re.UNICODE)
    seen: set[tuple[str, str]] = set()
    for before, inside in _repetitions(tree, [""]):
        for lead, pump in islice(product(before[:3], _texts(inside)), 24):
            if pump and (lead, pump) not in seen:
                seen.add((lead, pump))
                for end in ("", "\0", "\n", "!", lead + pump[:-1] + "\0"):
                    yield lead, pump, end
    for pump in filter(None, _pairs(tree)):
        for end in ("", "\0"):
            yield "", pump, end


def _repetitions(tree: Any, before: list[str]) -> Iterator[tuple[list[str], Any]]:
    """Each repetition, with texts that match what stands before it."""
    for op, argument in tree:
        if op in _REPEATS:
            _, high, inside = argument
            if high is codes.MAXREPEAT or high > _MANY:
                yield before, inside
            yield from _repetitions(inside, before)
        elif op is codes.BRANCH:
            for branch in argument[1]:
                yield from _repetitions(branch, before)
        elif op is codes.SUBPATTERN:
            yield from _repetitions(argument[-1], before)
        elif op is codes.ATOMIC_GROUP:
            yield from _repetitions(argument, before)
        elif op in (codes.ASSERT, codes.ASSERT_NOT):
            yield from _repetitions(argument[1], before)
        before = [lead + text for lead, text in islice(product(before, _texts([(op, argument)])), 4)]


def _pairs(tree: Any) -> Iterator[str]:
    """What the whole pattern matches, and what it matches but for its end, to be repeated."""
    for text in islice(_texts(tree), 6):
        yield text
        yield text[: max(1, len(text) // 2)]
        yield text[:-1]


def _texts(tree: Any) -> list[str]:
    """Some texts that a part of a pattern matches, as far as that can be told without running it."""
    found = [""]
    for op, argument in tree:
        found = [before + after for before, after in islice(product(found, _matching(op, argument)), 8)]
    return list(dict.fromkeys(found))


def _matching(op: Any, argument: Any) -> list[str]:  # noqa: PLR0911 - a case for each kind of node
    match op:
        case codes.LITERAL:
            return [chr(argument)]
        case codes.NOT_LITERAL:
            return [next(char for char in "a b" if ord(char) != argument)]
        case codes.ANY:
            return ["a", " "]
        case codes.IN:
            return _members(argument)
        case codes.BRANCH:
            return [text for branch in argument[1] for text in _texts(branch)[:2]][:8]
        case codes.SUBPATTERN:
            return _texts(argument[-1])
        case codes.ATOMIC_GROUP:
            return _texts(argument)
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            low, _, inside = argument
            texts = _texts(inside)[:4]
            return [text * max(low, 1) for text in texts] + ([""] if low == 0 else [])
        case _:
            return [""]


_SAMPLES = (
    "a",
    "1",
    " ",
    "-",
    ".",
    "A",
    "\t",
    "\n",
    "_",
    "/",
    "é",
    "ζ",
    "{",
    "(",
    "[",
    "]",
    "*",
    "#",
    "<",
    '"',
    "!",
    "中",
)


def _members(members: Any) -> list[str]:
    """Characters of different kinds that a set holds."""
    source = "".join(chr(one) for kind, one in members if kind is codes.LITERAL)
    ranges = [(low, high) for kind, span in members if kind is codes.RANGE for low, high in [span]]
    classes = [one for kind, one in members if kind is codes.CATEGORY]
    negated = any(kind is codes.NEGATE for kind, _ in members)

    def holds(char: str) -> bool:
        inside = char in source or any(low <= ord(char) <= high for low, high in ranges)
        return (inside or any(_CLASSES[one](char) for one in classes)) != negated

    extra = [*source[:3], *(chr(low) for low, _ in ranges[:3])]
    return [char for char in dict.fromkeys([*_SAMPLES, *extra]) if holds(char)][:4] or [""]


_CLASSES = {
    codes.CATEGORY_DIGIT: str.isdecimal,
    codes.CATEGORY_NOT_DIGIT: lambda char: not char.isdecimal(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    codes.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    codes.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}


# ---------------------------------------------------------------------------------------------------------- times


def slow(use: Used, through: Callable[[str], object] | None = None) -> str | None:
    """A text on which a pattern takes more time than its length explains, in words; None where none was found.

    With `through`, the function that alone uses the pattern is given the texts.
    """
    run = through or _runner(use)
    as_bytes = isinstance(use.pattern.pattern, bytes)

    def seconds(lead: str, pump: str, end: str, size: int) -> float:
        text: Any = lead + pump * max(1, (size - len(lead) - len(end)) // len(pump)) + end
        text = text.encode("utf-8", "replace") if as_bytes else text
        begun = time.thread_time()
        run(text)
        return time.thread_time() - begun

    for lead, pump, end in attacks(use.pattern):
        times: dict[int, float] = {}
        for size in FIRST:
            times[size] = seconds(lead, pump, end, size)
            if times[size] > SLOW_SECONDS:
                return f"{times[size]:.2f} s for {size} characters: {_named(lead, pump, end)}"
        while max(times.values()) > SUSPECT_SECONDS and size < LONG:
            size *= 2
            times[size] = min(seconds(lead, pump, end, size) for _ in range(2))
            if times[size] > SLOW_SECONDS and times[size] > MOST_GROWTH * (half := times[size // 2]):
                return f"{half:.3f} s for {size // 2} characters, {times[size]:.3f} s for {size}: {_named(lead, pump, end)}"
    return None


def _named(lead: str, pump: str, end: str) -> str:
    return f"{lead!r} + n * {pump!r} + {end!r}"


def _runner(use: Used) -> Callable[[Any], None]:
    """What gives a text to a pattern in every way in which it is given one."""
    anchored = [getattr(use.pattern, method) for method in use.methods & ANCHORED]
    searched = bool(use.methods - ANCHORED)

    def run(text: Any) -> None:
        for method in anchored:
            method(text)
        if searched:
            deque(use.pattern.finditer(text), maxlen=0)

    return run
