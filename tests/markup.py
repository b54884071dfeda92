"""Markdown as hypothesis draws it: pieces of every construct, in any order."""

from hypothesis import strategies as st

MARKS = st.sampled_from(
    ["# ", "## ", "- ", "  - ", "    * ", "- [ ] ", "- [x] ", "1. ", "10) ", "> ", "> > ", "> [!note]- ", "---\n",
     "===\n", "```\n", "~~~ py\n", "$$\n", "$", "`", "``", "*", "**", "_", "~~", "==", "%%", "[[", "]]", "|",
     "[[a|b]]", "![[x.png]]", "[a](b)", "![a](b.png)", "[^1]", "[^1]: ", "[r]: http://x.y\n", "<a id='x'></a>",
     "<details>\n", "<!-- ", "-->", "&amp;", "| a | b |\n|---|---|\n| c | d |\n", "https://a.b/c_(d)", "\\", "\t",
     "    ", " ^id1", "{: .a}\n", "\r\n", "\r", "\f", "\n\n", "\u2028", "-\n", "2.\n", "[TOC]", "#tag",
     "aliases: [", "?"]
)  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
PROSE = st.sampled_from(
    ["Adam keeps two moments. ", "Why does it work? ", "gradient ", "注意力机制的计算。", "\n", "\n", " "]
)
NOTES = st.lists(st.one_of(MARKS, WORDS, PROSE), max_size=40).map("".join)
