"""`footnote doctor`: look at everything that Footnote stands on, and say of each part how it is and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from indexer.errors import FootnoteError
from service.terminal import Style

State: TypeAlias = Literal["well", "note", "broken"]

MARKS: dict[State, str] = {"well": "✓", "note": "!", "broken": "✗"}

Check: TypeAlias = "Callable[[], Iterator[Finding]]"
"""Looks at one part; may raise anything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How a part is: "well", with a "note" on what could be better, or "broken". `remedy` is what to do about it."""

    about: str
    state: State
    says: str
    remedy: str = ""


def examined(checks: Sequence[tuple[str, Check]]) -> Iterator[Finding]:
    """Go through named checks. What one raises is what it found: the others go on."""
    for about, check in checks:
        try:
            yield from check()
        except FootnoteError as error:
            says, _, remedy = str(error).rpartition("; ")
            yield Finding(about, "broken", says or remedy, remedy if says else "")
        except Exception as error:  # noqa: BLE001 - a check must not end the others, whatever it meets
            yield Finding(about, "broken", f"could not be looked at ({error!r})", "report this with the output")


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken."""
    return all(finding.state != "broken" for finding in findings)


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """What was found, as data."""
    return {"well": is_well(findings), "findings": [asdict(finding) for finding in findings]}


def finding_text(finding: Finding, style: Style) -> str:
    """A row for what was found, and one for what to do."""
    mark = style.state(finding.state, MARKS[finding.state])
    first = f"{MARKS[finding.state]} {finding.about:<9} "
    rows = style.wrapped(finding.says, first=first, then=" " * len(first))
    rows[0] = mark + rows[0][1:]
    if finding.remedy:
        remedy = style.wrapped(f"→ {finding.remedy}", first=" " * len(first), then=" " * (len(first) + 2))
        rows += [style.strong(row) if style.colour else row for row in remedy]
    return "\n".join(rows)


def last_row(findings: Sequence[Finding]) -> str:
    """Count what is to be done."""
    broken = sum(finding.state == "broken" for finding in findings)
    notes = sum(finding.state == "note" for finding in findings)
    if broken:
        return f"{broken} of {len(findings)} broken: follow the arrows."
    return f"All is well{f', with {notes} to look at' if notes else ''}."
