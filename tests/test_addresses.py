from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses import address_in_obsidian, address_in_vscode, address_of_arxiv_pdf, address_on_arxiv

ODD = PurePosixPath("/home/me/Größe & co/100% #1?.md")


def test_programs_open_files_with_any_name():
    assert address_in_obsidian(ODD) == (
        "obsidian://open?path=%2Fhome%2Fme%2FGr%C3%B6%C3%9Fe%20%26%20co%2F100%25%20%231%3F.md"
    )
    assert address_in_vscode(ODD, 12) == "vscode://file/home/me/Gr%C3%B6%C3%9Fe%20%26%20co/100%25%20%231%3F.md:12"
    assert address_in_vscode(PureWindowsPath(r"C:\a b\c.md"), 3) == "vscode://file/C%3A/a%20b/c.md:3"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1), min_size=1))
def test_every_path_comes_back_out_of_its_address(parts):
    path = PurePosixPath("/", *parts)
    assert parse_qs(urlsplit(address_in_obsidian(path)).query, keep_blank_values=True)["path"] == [path.as_posix()]
    assert unquote(urlsplit(address_in_vscode(path)).path) == f"{path.as_posix()}:1"


@pytest.mark.parametrize(
    ("version", "page", "abstract", "pdf"),
    [
        (None, None, "https://arxiv.org/abs/1706.03762", "https://arxiv.org/pdf/1706.03762"),
        ("v7", 3, "https://arxiv.org/abs/1706.03762v7", "https://arxiv.org/pdf/1706.03762v7#page=3"),
    ],
)
def test_a_paper_on_arxiv(version, page, abstract, pdf):
    assert address_on_arxiv("1706.03762", version) == abstract
    assert address_of_arxiv_pdf("1706.03762", version, page) == pdf
