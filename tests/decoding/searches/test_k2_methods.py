"""The methods named k2-… against enumeration and against kaldi-decoder on the same graph."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.config.decoding import METHODS, DecodingOptions
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.registry import decode
from asr.decoding.resources import Resources
from asr.decoding.searches.rescoring import attention_scores
from asr.errors import UserError
from asr.k2.nbest import Lattice, LatticePath, best_paths
from asr.k2.rescoring import load_rescoring_model
from tests.decoding.decoding_reference import BigramScorer, TinyModel, random_encodings
from tests.graphs.graph_reference import (
    EVERYTHING,
    best_alignments,
    lm_score,
    make_graph,
    make_tokenizer,
    random_bigrams,
    random_scores,
    write_arpa,
)

needs_k2 = pytest.mark.needs_k2
WORDS = ["a", "ab", "b", "bee", "aab"]
LEXICON = "a a\nab a b\nb b\nbee b\naab a a b\naab b a\n"  # b and bee sound alike
GRAPH_METHODS = ["k2-hlg", "k2-hlg-rescoring", "k2-attention-rescoring"]


class Given(TinyModel):
    """A model whose encodings are its log-probabilities, which its decoder reads as well."""

    def __init__(self, vocab_size: int = 6) -> None:
        super().__init__(vocab_size=vocab_size, size=vocab_size)

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        return encodings


class Graph:
    """A graph of a few words, some of which sound alike, and another n-gram to rescore with."""

    def __init__(self, folder: Path, seed: int = 0, kind: str = "hlg") -> None:
        tokenizer = make_tokenizer(folder, ["ab a"])  # tokens a, b and the space: 3, 4, 5
        self.ngrams, self.others = (random_bigrams(WORDS, s) for s in (seed, seed + 50))
        (folder / "lexicon").write_text(LEXICON)
        given: dict[str, Any] = {}
        if kind != "h":
            given["lexicon"] = folder / "lexicon"
        if kind == "hlg":
            given["arpa"] = write_arpa(folder / "lm.arpa", self.ngrams)
        graph = make_graph(folder, tokenizer, kind=kind, **given)
        other = write_arpa(folder / "other.arpa", self.others)
        rescoring = load_rescoring_model(other, graph) if kind != "h" else None
        self.resources = Resources(graph=graph, rescoring=rescoring)


def run(
    method: str, resources: Resources, scores: Tensor, lengths: list[int], **options: Any
) -> list[list[Hypothesis]]:
    chosen = DecodingOptions(**{"beam_size": 50, "n_best": 20, **options})
    model, real = Given(scores.size(2)), torch.tensor(lengths)
    return decode(method, model, scores, real, chosen, resources, seconds_per_frame=1.0)


def batch_of_scores(rows: int, frames: int, seed: int) -> Tensor:
    scores = [random_scores(frames, 6, 10 * seed + row) for row in range(rows)]
    return torch.from_numpy(np.stack(scores))


def sentence_scores(log_probs: Tensor, lm: Callable[[Sequence[str]], float]) -> dict[str, float]:
    """Every text of the lexicon's words with the score of its best alignment and of `lm`."""
    alignments = best_alignments(log_probs.numpy())
    entries = [line.split() for line in LEXICON.splitlines()]
    ids = {"a": 3, "b": 4, "▁": 5}
    best: dict[str, float] = {}
    for length in range(4):
        for chosen in itertools.product(entries, repeat=length):
            words = [word for word, *_ in chosen]
            spelled = " ▁ ".join(" ".join(tokens) for _, *tokens in chosen).split()
            tokens = tuple(ids[token] for token in spelled)
            if tokens in alignments:
                score = alignments[tokens] + lm(words)
                text = " ".join(words)
                best[text] = max(best.get(text, -math.inf), score)
    return best


@needs_k2
@pytest.mark.parametrize("seed", range(4))
def test_k2_ctc_finds_the_best_alignments(seed: int) -> None:
    scores = batch_of_scores(3, 6, seed)
    found = run("k2-ctc", Resources(), scores, [6, 3, 5], **EVERYTHING)
    for row, (hypotheses, length) in enumerate(zip(found, [6, 3, 5], strict=True)):
        best = best_alignments(scores[row, :length].numpy())
        ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)[:20]
        assert [tuple(h.tokens) for h in hypotheses] == [tokens for tokens, _ in ranked]
        expected = [score for _, score in ranked]
        assert [h.score for h in hypotheses] == pytest.approx(expected, abs=1e-4)


@needs_k2
@pytest.mark.parametrize("seed", range(3))
def test_k2_ctc_begins_with_what_greedy_search_finds(seed: int) -> None:
    logits = 3.0 * random_encodings(4, 30, 20, seed=seed)
    scores, lengths = logits.log_softmax(-1), [30, 12, 1, 25]
    greedy = run("ctc-greedy", Resources(), scores, lengths)
    for ours, (best,) in zip(run("k2-ctc", Resources(), scores, lengths), greedy, strict=True):
        assert ours[0].tokens == best.tokens
        assert ours[0].timestamps == best.timestamps
        assert ours[0].score == pytest.approx(best.score, abs=1e-4)


@needs_k2
@pytest.mark.parametrize("kind", ["h", "hl", "hlg"])
@pytest.mark.parametrize("n_best", [1, 20])
@pytest.mark.parametrize("lm_weight", [1.0, 0.5])
def test_k2_and_kaldi_decoder_agree_on_the_same_graph(
    kind: str, n_best: int, lm_weight: float, tmp_path: Path
) -> None:
    resources = Graph(tmp_path, kind=kind).resources
    scores, lengths = batch_of_scores(6, 12, seed=3), [12, 11, 12, 7, 9, 5]
    options = {"n_best": n_best, "graph_weight": lm_weight, **EVERYTHING}
    ours = run("k2-hlg", resources, scores, lengths, **options)
    theirs = run("wfst", resources, scores, lengths, **options)
    for k2_paths, kaldi_paths in zip(ours, theirs, strict=True):
        assert len(k2_paths) == len(kaldi_paths)
        for k2_path, kaldi_path in zip(k2_paths, kaldi_paths, strict=True):
            assert k2_path.score == pytest.approx(kaldi_path.score, abs=1e-4)
        # Those that score the same may come in any order, and any of them may be the last.
        last = k2_paths[-1].score + 1e-3
        told = {(h.text, tuple(h.tokens)) for h in k2_paths if h.score > last}
        assert told <= {(h.text, tuple(h.tokens)) for h in kaldi_paths}
        assert k2_paths[0].tokens == kaldi_paths[0].tokens


@needs_k2
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lm_weight", [1.0, 0.3])
def test_rescoring_puts_the_other_model_in_the_place_of_the_graphs(
    seed: int, lm_weight: float, tmp_path: Path
) -> None:
    graph = Graph(tmp_path, seed)
    scores = batch_of_scores(2, 6, seed)
    options = {"graph_weight": lm_weight, **EVERYTHING}
    found = run("k2-hlg-rescoring", graph.resources, scores, [6, 5], **options)
    for row, (hypotheses, length) in enumerate(zip(found, [6, 5], strict=True)):
        expected = sentence_scores(
            scores[row, :length], lambda words: lm_weight * lm_score(graph.others, words)
        )
        ranked = sorted(expected.items(), key=lambda item: item[1], reverse=True)[:20]
        assert [h.text for h in hypotheses] == [text for text, _ in ranked]
        best = [score for _, score in ranked]
        assert [h.score for h in hypotheses] == pytest.approx(best, abs=1e-4)


@needs_k2
@pytest.mark.parametrize("ctc_weight", [0.0, 0.4, 1.0])
def test_attention_rescoring_weighs_graph_and_decoder(ctc_weight: float, tmp_path: Path) -> None:
    resources = Graph(tmp_path).resources
    scores, lengths = batch_of_scores(3, 8, seed=5), [8, 6, 7]
    proposed = run("k2-hlg", resources, scores, lengths, n_best=10, beam_size=10)
    found = run(
        "k2-attention-rescoring", resources, scores, lengths, beam_size=10, ctc_weight=ctc_weight,
        n_best=4,
    )  # fmt: skip
    sequences = [[h.tokens for h in hypotheses] for hypotheses in proposed]
    attention = attention_scores(Given().decoder, scores, torch.tensor(lengths), sequences)
    for ours, theirs, gains in zip(found, proposed, attention, strict=True):
        expected = [
            ctc_weight * h.score + (1 - ctc_weight) * gain
            for h, gain in zip(theirs, gains, strict=True)
        ]
        best = sorted(expected, reverse=True)[:4]
        assert [h.score for h in ours] == pytest.approx(best, abs=1e-4)
        assert ours[0].text == theirs[expected.index(max(expected))].text


@needs_k2
def test_the_least_max_active_that_options_allow(tmp_path: Path) -> None:
    (found,) = run(
        "k2-hlg", Graph(tmp_path).resources, batch_of_scores(1, 8, 1), [8], max_active=20
    )
    assert found


@needs_k2
def test_extras_of_attention_rescoring_count_in_full(tmp_path: Path) -> None:
    scorer = BigramScorer(6, seed=2)
    resources = replace(Graph(tmp_path).resources, neural=scorer)
    scores, method = batch_of_scores(1, 8, seed=5), "k2-attention-rescoring"
    options = {"beam_size": 10, "n_best": 10, "neural_weight": 0.7, "graph_paths": 10}
    (plain,) = run(method, resources, scores, [8], ctc_weight=0.4, **options)
    (found,) = run(f"{method}+neural", resources, scores, [8], ctc_weight=0.4, **options)
    gained = [h.score + 0.7 * scorer.score(tuple(h.tokens)) for h in plain]
    assert [h.score for h in found] == pytest.approx(sorted(gained, reverse=True), abs=1e-4)


@needs_k2
def test_extras_sort_the_list_anew(tmp_path: Path) -> None:
    scorer = BigramScorer(6, seed=1)
    resources = replace(Graph(tmp_path).resources, neural=scorer, ngram=scorer)
    scores = batch_of_scores(1, 6, seed=2)
    options = {"neural_weight": 0.7, "ngram_weight": 0.7, "graph_paths": 50, **EVERYTHING}
    for method in ("k2-ctc", "k2-hlg"):
        (plain,) = run(method, resources, scores, [6], n_best=50, **options)
        (found,) = run(f"{method}+neural", resources, scores, [6], n_best=5, **options)
        gained = [h.score + 0.7 * scorer.score(tuple(h.tokens)) for h in plain]
        assert [h.score for h in found] == pytest.approx(sorted(gained)[:-6:-1], abs=1e-4)
    # An n-gram takes the place of the graph's: the score is that of CTC and the n-gram alone.
    alignments = best_alignments(scores[0].numpy())
    for h in run("k2-hlg+ngram", resources, scores, [6], n_best=5, **options)[0]:
        tokens = tuple(h.tokens)
        expected = alignments[tokens] + 0.7 * scorer.score(tokens)
        assert h.score == pytest.approx(expected, abs=1e-4)


@needs_k2
def test_lattices_of_noise_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get narrower, whatever else is in the batch, and keep the best."""
    resources = Graph(tmp_path).resources
    scores, lengths = batch_of_scores(3, 40, seed=3), [40, 40, 40]
    scores[1] = 0.01 * scores[1] - math.log(scores.size(2))
    sizes: list[int] = []

    def measured(lattice: Lattice, limit: int) -> list[LatticePath]:
        sizes.append(len(lattice.source))
        return best_paths(lattice, limit)

    monkeypatch.setattr("asr.decoding.searches.k2_lattices.best_paths", measured)
    wide = run("k2-hlg", resources, scores, lengths, n_best=5)
    assert max(sizes) > 40 * 100
    sizes.clear()
    monkeypatch.setattr("asr.k2.lattices.MOST_ARCS", 40)
    narrow = run("k2-hlg", resources, scores, lengths, n_best=5)
    assert max(sizes) <= 40 * 40
    for ours, theirs in zip((narrow[0], narrow[2]), (wide[0], wide[2]), strict=True):
        assert [h.score for h in ours] == pytest.approx([h.score for h in theirs])
    for row in range(3):
        alone = run("k2-hlg", resources, scores[row : row + 1], [40], n_best=5)
        assert alone[0] == narrow[row]


@needs_k2
@pytest.mark.parametrize("method", ["k2-ctc", *GRAPH_METHODS])
def test_neighbours_and_padding_change_nothing(method: str, tmp_path: Path) -> None:
    resources = Graph(tmp_path).resources
    scores, lengths = batch_of_scores(5, 13, seed=1), [11, 1, 0, 6, 13]
    for row, length in enumerate(lengths):
        scores[row, length:] = 0.0
    batched = run(method, resources, scores, lengths, n_best=5)
    for row, length in enumerate(lengths):
        (alone,) = run(method, resources, scores[row : row + 1, :length], [length], n_best=5)
        assert [(h.tokens, h.text, h.timestamps) for h in batched[row]] == [
            (h.tokens, h.text, h.timestamps) for h in alone
        ]
        expected = [h.score for h in alone]
        assert [h.score for h in batched[row]] == pytest.approx(expected, abs=1e-4)
        scored = [h.score for h in batched[row]]
        assert scored == sorted(scored, reverse=True)
        said = [h.text if method in GRAPH_METHODS else tuple(h.tokens) for h in batched[row]]
        assert len(set(said)) == len(said)
        for h in batched[row]:
            assert len(h.timestamps) == len(h.tokens)
            assert h.timestamps == sorted(set(h.timestamps))
    assert batched[2] == [Hypothesis([], 0.0, [])]


@needs_k2
@pytest.mark.parametrize("method", GRAPH_METHODS)
def test_audio_that_ends_within_a_word_gives_what_was_said_so_far(
    method: str, tmp_path: Path
) -> None:
    """Two frames of the space, with which no text begins or ends."""
    scores = torch.full((1, 3, 6), -50.0)
    scores[0, [0, 1, 2], [3, 5, 5]] = 0.0
    found = run(method, Graph(tmp_path).resources, scores, [3], n_best=1, graph_beam=5.0)
    assert not found[0][0].complete
    assert found[0][0].tokens == [3, 5]


@needs_k2
@pytest.mark.parametrize("method", ["k2-ctc", "k2-hlg"])
def test_scores_that_are_no_numbers_are_told(method: str, tmp_path: Path) -> None:
    scores = batch_of_scores(2, 5, seed=0)
    scores[1] = torch.nan
    with pytest.raises(UserError, match=r"utterance 1 .* not finite"):
        run(method, Graph(tmp_path).resources, scores, [5, 5])


@pytest.mark.parametrize("method", [name for name in METHODS if name.startswith("k2-")])
def test_without_k2_the_installer_is_named(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "k2", None)
    with pytest.raises(UserError) as caught:
        run(method, Graph(tmp_path).resources, batch_of_scores(1, 5, 0), [5])
    assert f"'{method}' needs k2, which is not installed" in str(caught.value)
    assert "tools/install_k2.sh" in str(caught.value)


def test_a_missing_graph_or_model_names_its_option(tmp_path: Path) -> None:
    scores = batch_of_scores(1, 5, 0)
    with pytest.raises(UserError, match=r"'k2-hlg' needs a decoding graph \(--graph\)"):
        run("k2-hlg", Resources(), scores, [5])
    only_graph = replace(Graph(tmp_path).resources, rescoring=None)
    with pytest.raises(UserError, match=r"'k2-hlg-rescoring' needs .*--rescoring-ngram"):
        run("k2-hlg-rescoring", only_graph, scores, [5])
