"""The n-gram model that rescores lattices, against the rule by which ARPA files back off."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from asr.errors import UserError
from asr.graphs.folder import DecodingGraph
from asr.k2.rescoring import BackoffModel, load_rescoring_model
from tests.graphs.graph_reference import LOG10, Ngrams, make_graph, make_tokenizer, write_arpa

WORDS = ["a", "ab", "b"]


def random_trigrams(seed: int) -> Ngrams:
    """All unigrams, some bigrams and trigrams; backing off may beat an n-gram that is listed."""
    random = np.random.default_rng(seed)

    def draw(backs_off: bool) -> tuple[float, float]:
        return -random.uniform(0.1, 3.0), -random.uniform(0.1, 1.0) if backs_off else 0.0

    ngrams: Ngrams = {("<s>",): (-99.0, -0.4), ("</s>",): (-1.0, 0.0)}
    ngrams |= {(word,): draw(True) for word in WORDS}
    for pair in itertools.product(["<s>", *WORDS], [*WORDS, "</s>"]):
        if random.random() < 0.6:
            ngrams[pair] = draw(pair[1] != "</s>")
    for pair in [gram for gram in ngrams if len(gram) == 2 and gram[1] != "</s>"]:
        for word in [*WORDS, "</s>"]:
            if random.random() < 0.5:
                ngrams[(*pair, word)] = draw(False)
    return ngrams


def sentence_score(ngrams: Ngrams, words: Sequence[str]) -> float:
    """Natural log of a sentence's probability: the longest n-gram that is listed, and no other."""
    total, history = 0.0, ("<s>",)
    for word in [*words, "</s>"]:
        while (*history, word) not in ngrams:
            total += ngrams[history][1] if history in ngrams else 0.0
            history = history[1:]
        total += ngrams[(*history, word)][0]
        history = (*history, word)[-2:]
    return LOG10 * total


def make_word_graph(folder: Path) -> DecodingGraph:
    tokenizer = make_tokenizer(folder, ["ab a"])
    (folder / "words").write_text("\n".join(WORDS))
    return make_graph(folder, tokenizer, kind="hl", words=folder / "words")


def walk(model: BackoffModel, words: np.ndarray) -> float:
    """Score a sentence with the model that is written out for its words."""
    acceptor = model.written_out(np.unique(words))
    state, total = 0, 0.0
    for word in words:
        (arc,) = np.flatnonzero((acceptor.sources == state) & (acceptor.labels == word))
        total += acceptor.scores[arc]
        state = acceptor.targets[arc]
    return total + acceptor.ends[state]


@pytest.mark.parametrize("seed", range(4))
def test_every_sentence_has_the_score_of_its_longest_ngrams(seed: int, tmp_path: Path) -> None:
    graph, ngrams = make_word_graph(tmp_path), random_trigrams(seed)
    model = load_rescoring_model(write_arpa(tmp_path / "lm.arpa", ngrams), graph)
    for length in range(5):
        for words in itertools.product(WORDS, repeat=length):
            labels = np.array([graph.words.index(word) for word in words], dtype=np.int64)
            assert walk(model, labels) == pytest.approx(sentence_score(ngrams, words), abs=1e-4)


def test_a_model_without_a_word_of_the_graph_is_refused(tmp_path: Path) -> None:
    ngrams = {gram: values for gram, values in random_trigrams(0).items() if "ab" not in gram}
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    with pytest.raises(
        UserError, match=r"lm\.arpa: the model lacks 1 of the graph's words, for instance 'ab'"
    ):
        load_rescoring_model(arpa, make_word_graph(tmp_path))


def test_a_graph_of_tokens_has_nothing_to_rescore(tmp_path: Path) -> None:
    graph = make_graph(tmp_path, make_tokenizer(tmp_path, ["ab"]), kind="h")
    with pytest.raises(UserError, match="the graph has no words"):
        load_rescoring_model(write_arpa(tmp_path / "lm.arpa", random_trigrams(0)), graph)
