"""What the regions of the map are called."""

import numpy as np

from indexer.regions import Wording, name_regions

ABOUT = {
    "Batch normalization": "the batch statistics of a layer",
    "Word embeddings": "the words in a space",
    "Kubernetes": "the pods of a cluster",
}


def laid_out(each: int = 30):
    random = np.random.default_rng(0)
    points, wordings = [], []
    for n, (title, text) in enumerate(ABOUT.items()):
        points.append(random.normal((30 * n, 10 * (n % 2)), 2.0, (each, 2)))
        wordings += [Wording(f"{title} | Part {i % 3}", f"{text} https://example.org/key{i}") for i in range(each)]
    return np.vstack(points).astype(np.float32), wordings


def test_a_region_is_called_by_what_only_its_passages_say():
    points, wordings = laid_out()
    regions = name_regions(points, wordings)
    assert {region.name.partition(" · ")[0] for region in regions} == set(ABOUT)
    for region in regions:
        n = list(ABOUT).index(region.name.partition(" · ")[0])
        assert abs(region.x - 30 * n) < 2
        assert region.share == 1 / 3


def test_names_have_no_common_words_no_keys_and_no_addresses():
    points, wordings = laid_out()
    names = " ".join(region.name.lower() for region in name_regions(points, wordings))
    assert not {"the", "part", "https", "example", "org", "key1"} & set(names.split())


def test_capitals_are_written_small_but_for_short_names():
    points, wordings = laid_out()
    loud = [Wording(one.headed.upper().replace("KUBERNETES", "LSTM"), one.text) for one in wordings]
    names = {region.name.partition(" · ")[0] for region in name_regions(points, loud)}
    assert names == {"Batch normalization", "Word embeddings", "LSTM"}


def test_few_passages_and_those_without_words_have_no_regions():
    points, wordings = laid_out()
    assert name_regions(points[:5], wordings[:5]) == ()
    assert name_regions(points, [Wording("", "")] * len(points)) == ()
