"""`footnote bench`: how well answers and rankings do, beside what a person could use instead.

    systems.py     what is measured: Footnote, what it is compared with, and Footnote without each ingredient
    quality.py     questions with gold places: hit rates, refusals, calibration, quotes
    retrieval.py   a corpus with judged queries: nDCG, recall, reciprocal rank
    masked.py      no labels at all: links of the library's own notes, to be found again
    quotes.py      whether what is quoted stands where the citation says
    measures.py    the measures themselves, from the libraries that define them
    report.py      tables, JSON, and the stamp on both
    cli.py         the commands

It needs the extra `bench`, and nothing that answers questions imports it.
"""
