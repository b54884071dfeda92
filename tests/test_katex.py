"""KaTeX lies among the static files as npm has it."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import service

FOLDER = Path(service.__file__).parent / "page" / "static" / "katex"
SOURCE = (FOLDER / "SOURCE.txt").read_text()
LISTED = {name: digest for line in SOURCE.splitlines() if line[0] != "#" for digest, name in [line.split("  ")]}


def test_every_file_is_the_one_that_is_listed():
    files = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    del files["SOURCE.txt"]
    assert {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == LISTED


def test_the_version_is_the_one_that_is_named():
    version = re.match(r"# KaTeX ([\d.]+) from npm", SOURCE)[1]
    assert f'version:"{version}"' in (FOLDER / "katex.min.js").read_text()


def test_every_font_that_the_style_names_first_is_there():
    fonts = set(re.findall(r"src:url\((fonts/[\w-]+\.woff2)\)", (FOLDER / "katex.min.css").read_text()))
    assert fonts == {name for name in LISTED if name.startswith("fonts/")}
