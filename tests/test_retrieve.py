from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from desks import open_desk, put_paper
from hypothesis import given
from hypothesis import strategies as st
from stub_encoder import WordReranker

from service.bench.systems import alone
from service.retrieve import FUSED, Mix, _sections, read, read_hits, rerank, retrieve


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with open_desk(tmp_path_factory.mktemp("retrieve")) as found:
        yield found


def ranked(desk, question, mix=FUSED, top=50):
    with desk.library.snapshot() as snapshot:
        return retrieve(snapshot, read(snapshot, desk.encoder, question), top=top, mix=mix)


def test_hits_come_best_first_with_their_parts(desk):
    hits = ranked(desk, "moving average of the gradient")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert (hits[0].document.file, hits[0].passage.lines, hits[0].lexical) == ("adam.md", (3, 4), 1.0)
    for hit in hits:
        parts = FUSED.dense * hit.dense + FUSED.lexical * hit.lexical + FUSED.tokens * hit.tokens + FUSED.note
        assert hit.score == pytest.approx(parts + FUSED.section * sections(hits)[hit.passage_id], abs=1e-4)


def sections(hits):
    parts = [h.dense * FUSED.dense + h.lexical * FUSED.lexical + h.tokens * FUSED.tokens for h in hits]
    means = {}
    for hit in hits:
        key = (hit.document.id, hit.passage.headings)
        same = [p for h, p in zip(hits, parts, strict=True) if (h.document.id, h.passage.headings) == key]
        means[hit.passage_id] = np.mean(sorted(same)[-3:])
    return means


def test_a_note_goes_before_a_paper_whose_passage_is_as_near(tmp_path):
    with open_desk(tmp_path) as desk:
        (note,) = ranked(desk, "moving average of the gradient", top=1)
        same = replace(note.passage, ordinal=0, context="", headings=())
        put_paper(tmp_path, [same])
        first, second = ranked(desk, "moving average of the gradient", top=2)
        assert (first.document.kind, second.document.kind) == ("note", "paper")
        assert second.passage.text == first.passage.text
        plain = ranked(desk, "moving average of the gradient", replace(FUSED, note=0.0, section=0.0), top=1)
        assert plain[0].document.kind == "paper"


def test_one_search_alone_uses_nothing_else(desk):
    dense = ranked(desk, "layers GoogLeNet", alone("dense"))
    assert all(hit.score == pytest.approx(hit.dense) and hit.lexical == 0 for hit in dense)
    lexical = ranked(desk, "layers GoogLeNet", alone("lexical"))
    assert all(hit.score == pytest.approx(hit.lexical) for hit in lexical)
    assert {hit.document.file for hit in lexical} == {"group.md", "todo.md"}


def test_what_only_full_text_search_finds_has_its_cosine_too(desk):
    hits = ranked(desk, "Boltzmann", Mix(pool=1))
    exact = {hit.passage_id: hit.dense for hit in ranked(desk, "Boltzmann", alone("dense"))}
    assert all(hit.dense == pytest.approx(exact[hit.passage_id], abs=1e-3) for hit in hits)


def test_a_rare_word_counts_more_than_a_common_one(desk):
    tokens = {hit.passage.lines: hit.tokens for hit in ranked(desk, "the GoogLeNet") if hit.document.file == "group.md"}
    assert tokens[2, 4] > 0.5


def test_wikilinks_are_read_as_their_text(desk):
    plain, linked = ranked(desk, "layers in GoogLeNet"), ranked(desk, "layers in [[note|GoogLeNet]]")
    assert [hit.passage_id for hit in plain] == [hit.passage_id for hit in linked]


def test_top_is_how_many(desk):
    assert len(ranked(desk, "adam", top=2)) == 2


def test_a_section_is_as_good_as_its_three_best():
    scores = np.array([1.0, 2.0, 3.0, 4.0, 9.0], dtype=np.float32)
    one, other = (1, ("A",)), (1, ("B",))
    assert _sections(scores, [one, one, one, one, other]).tolist() == [3.0, 3.0, 3.0, 3.0, 9.0]


def reading_of(desk, question, file, lines):
    """The hit at a place, read."""
    with desk.library.snapshot() as snapshot:
        query = read(snapshot, desk.encoder, question)
        found = retrieve(snapshot, query, top=50)
        (hit,) = [hit for hit in found if (hit.document.file, hit.passage.lines) == (file, lines)]
        (reading,) = read_hits(snapshot, desk.encoder, query, [hit])
    return hit, reading


def test_the_span_that_meets_the_words_scores_best(desk):
    hit, reading = reading_of(desk, "the root of the other", "adam.md", (3, 4))
    assert [span.text for span in hit.passage.spans] == [
        "Adam keeps a moving average of the gradient and of its square.",
        "It divides the one by the root of the other.",
    ]
    assert reading.scores[1] == pytest.approx(1.2, abs=0.2)
    assert reading.scores[0] < reading.scores[1] - 0.4


def test_spans_are_found_behind_their_markup(desk):
    hit, reading = reading_of(desk, "two heads help while training", "group.md", (2, 4))
    assert [span.text for span in hit.passage.spans][-1] == "plus **two** heads that help while training"
    assert int(np.argmax(reading.scores)) == len(reading.scores) - 1
    assert reading.scores[-1] == pytest.approx(1.2, abs=0.2)


def test_each_word_is_met_where_it_stands(desk):
    _, reading = reading_of(desk, "root of zebras", "adam.md", (3, 4))
    (met,) = reading.met
    words = [met.text[start:end] for start, end in met.offsets]
    assert words == ["root", "of", "zebras"]
    assert met.spans[0, 0] < 0.6
    assert met.spans[1, 0] == pytest.approx(1.0, abs=0.1)
    assert met.passage == pytest.approx(np.maximum(met.spans.max(axis=0), met.passage))
    assert met.passage[:2] == pytest.approx([1.0, 1.0], abs=0.1)
    assert met.passage[2] < 0.6
    assert met.rarity[2] == pytest.approx(1.0)  # no passage has it
    assert met.rarity[1] < met.rarity[0] < 1


def test_a_passage_without_codes_meets_nothing(desk, monkeypatch):
    monkeypatch.setattr(type(desk.encoder), "offsets", lambda _, texts: [[] for _ in texts])
    _, reading = reading_of(desk, "the root of the other", "adam.md", (3, 4))
    assert reading.scores.tolist() == [0.0, 0.0]
    assert not reading.met[0].spans.any()


def test_hits_are_read_together_as_each_alone(desk, monkeypatch):
    with desk.library.snapshot() as snapshot:
        query = read(snapshot, desk.encoder, "the root of the other")
        hits = retrieve(snapshot, query, top=6)
        alone = [read_hits(snapshot, desk.encoder, query, [hit])[0] for hit in hits]
        token_codes = snapshot.catalogue.token_codes
        monkeypatch.setattr(  # the third has no codes
            type(snapshot.catalogue),
            "token_codes",
            lambda _, model, ids: {n: codes for n, codes in token_codes(model, ids).items() if n != ids[2]},
        )
        together = read_hits(snapshot, desk.encoder, query, hits)
        assert read_hits(snapshot, desk.encoder, query, []) == []
    assert len(together) == len(hits) == 6
    for k, (one, other) in enumerate(zip(alone, together, strict=True)):
        coded = k != 2
        assert one.scores.max() > 0
        assert other.scores == pytest.approx(one.scores * coded, abs=1e-6)
        for met, found in zip(one.met, other.met, strict=True):
            assert found.spans == pytest.approx(met.spans * coded, abs=1e-6)
            assert found.passage == pytest.approx(met.passage * coded, abs=1e-6)


def reread(desk, question, reranker, reads):
    with desk.library.snapshot() as snapshot:
        query = read(snapshot, desk.encoder, question)
        hits = retrieve(snapshot, query, top=50)
        return hits, rerank(reranker, query, hits, reads=reads)


def test_what_a_reranker_prefers_comes_first(desk):
    reranker = WordReranker("start")
    before, after = reread(desk, "average of the [[gradient]]", reranker, 50)
    assert (before[0].passage.lines, after[0].passage.lines) == ((3, 4), (8, 8))
    assert reranker.read == [("average of the gradient", hit.passage.embedded_text) for hit in before]
    fused = {hit.passage_id: hit.score for hit in before}
    for hit in after:
        assert hit.score == fused[hit.passage_id] + FUSED.reranker * ("start" in hit.passage.embedded_text)


def test_a_reranker_reads_the_best_alone(desk):
    before, after = reread(desk, "moving average", WordReranker("Boltzmann"), 2)
    assert "Boltzmann" not in before[0].passage.text + before[1].passage.text
    assert after == before
    assert reread(desk, "moving average", WordReranker("the"), len(before) + 5)[1][0].document == before[0].document


@given(st.lists(st.integers(0, 4), max_size=9), st.data())
def test_any_scores_of_a_reranker_leave_an_order(desk, scores, data):
    with desk.library.snapshot() as snapshot:
        query = read(snapshot, desk.encoder, "moving average")
        hits = retrieve(snapshot, query, top=len(scores))
    reads = data.draw(st.integers(0, len(hits)))
    reranker = SimpleNamespace(score=lambda _, texts: np.array(scores[: len(texts)], np.float32) / 4)
    after = rerank(reranker, query, hits, reads=reads)
    assert [hit.score for hit in after] == sorted((hit.score for hit in after), reverse=True)
    assert after[reads:] == hits[reads:]
    assert {hit.passage_id for hit in after[:reads]} == {hit.passage_id for hit in hits[:reads]}
