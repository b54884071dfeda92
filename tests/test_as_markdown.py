"""An answer as Markdown says what it said, with links to where that stands."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markup import NOTES as MARKUP
from mdit_py_plugins.gfm import gfm_plugin

from indexer.parsing.obsidian import obsidian_plugin
from service.as_markdown import answer_markdown
from service.present import sureness
from service.types import Answer, Citation, Sentence

NOTE = Citation(
    n=1, kind="note", file="my notes/Nets.md", paper=None, version=None, title="Nets", headings=("ResNet", "Why"),
    lines=(3, 5), pages=None, boxes=None, quote="The *gradient* passes unchanged.", passage="…", score=1.0,
    link="/notes/1", stale=False,
)  # fmt: skip
PAPER = replace(
    NOTE, n=3, kind="paper", file=None, paper="1512.03385", version="v1", title="Deep nets", headings=("3 Method",),
    lines=None, pages=(3, 3), quote="x_i is added.",
)  # fmt: skip
ANSWER = Answer(
    question="Why do *residual* connections help?", verdict="supported", confidence=0.837,
    sentences=(Sentence(NOTE.quote, (1,)), Sentence(PAPER.quote, (1, 3))),
    citations=(NOTE, replace(NOTE, n=2, file="far.md"), PAPER), took_ms=1,
)  # fmt: skip


def test_an_answer_is_what_is_said_and_numbered_links_to_where_it_stands():
    assert (
        answer_markdown(ANSWER)
        == """\
### Why do \\*residual\\* connections help?

*Answered*, 84% sure

- The gradient passes unchanged. \\[1\\]
- x\\_i is added. \\[1\\] \\[2\\]

1. [my notes/Nets.md:3-5](my%20notes/Nets.md#L3-L5), ResNet › Why
2. [1512.03385v1, p. 3](https://arxiv.org/pdf/1512.03385v1#page=3), Deep nets › 3 Method"""
    )


def test_a_chat_models_words_stand_beside_what_they_rest_on():
    worded = replace(ANSWER, sentences=(Sentence("It *flows*.", (3,)),), writer="chat", verdict="partial")
    assert answer_markdown(worded).endswith("""
*Answered in part*, 84% sure, in the words of a chat model

- It \\*flows\\*. \\[1\\]

1. [1512.03385v1, p. 3](https://arxiv.org/pdf/1512.03385v1#page=3), Deep nets › 3 Method
   > x\\_i is added.""")


def test_where_nothing_answers_the_nearest_are_quoted():
    refused = replace(
        ANSWER, verdict="unsupported", confidence=0.314, sentences=(Sentence("Nothing.", ()),), citations=(NOTE,)
    )
    assert sureness(refused) == "31% chance that the library does"
    assert answer_markdown(refused).endswith("""
*Not answered*, 31% chance that the library does

The nearest passages:

1. [my notes/Nets.md:3-5](my%20notes/Nets.md#L3-L5), ResNet › Why
   > The gradient passes unchanged.""")
    said = answer_markdown(replace(refused, citations=()))
    assert said.endswith("\n\n*Not answered*, 31% chance that the library does")


READERS = [
    MarkdownIt("commonmark").use(gfm_plugin),
    MarkdownIt("commonmark").use(gfm_plugin, dollarmath=True).use(obsidian_plugin),
]
SKELETON = [
    *("heading", "inline", "paragraph", "inline", "bullet_list", "list_item", "paragraph", "inline"),
    *("ordered_list", "list_item", "paragraph", "inline", "blockquote", "paragraph", "inline"),
]


@settings(max_examples=60)
@given(asked=MARKUP, said=MARKUP, quote=MARKUP, file=st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_in_the_notes_or_in_what_a_model_says_breaks_the_structure(asked, said, quote, file):
    cited = replace(NOTE, file=f"{file}.md", quote=f"As {quote} is")
    worded = replace(
        ANSWER,
        question=f"Why {asked}",
        sentences=(Sentence(f"So {said} it is", (1,)),),
        citations=(cited,),
        writer="chat",
    )
    for reader in READERS:
        tokens = [token for token in reader.parse(answer_markdown(worded)) if token.nesting >= 0]
        assert [token.type.removesuffix("_open") for token in tokens] == SKELETON
        kinds = {child.type for token in tokens for child in token.children or ()}
        assert not kinds & {"html_inline", "code_inline", "image", "wikilink", "embed", "softbreak", "hardbreak"}
