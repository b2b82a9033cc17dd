"""`lm-rescoring`: language models look at what CTC alone proposes."""

from __future__ import annotations

import pytest
import torch

from asr.config.decoding import DecodingOptions
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.registry import decode
from asr.decoding.resources import Resources
from asr.decoding.searches.prefix_beam import prefix_beam
from asr.decoding.searches.rescoring import lm_rescoring
from asr.errors import UserError
from tests.decoding.decoding_reference import BigramScorer, TinyModel, random_encodings

LENGTHS = torch.tensor([20, 3, 11])


def test_the_plain_beam_is_sorted_by_ctc_and_the_language_model() -> None:
    scorer, model = BigramScorer(7, seed=0), TinyModel(vocab_size=7, seed=1, with_decoder=False)
    encodings = random_encodings(3, 20, 4, seed=1)
    options = DecodingOptions(beam_size=6)
    plain = prefix_beam(model, encodings, LENGTHS, SearchRequest(options))
    fusion = Fusion([(scorer, 0.8)], 0.1)
    found = lm_rescoring(model, encodings, LENGTHS, SearchRequest(options, fusion))
    assert [paths[0].tokens for paths in found] != [paths[0].tokens for paths in plain]
    for ours, theirs in zip(found, plain, strict=True):
        gains = {
            tuple(path.tokens): 0.8 * scorer.score(tuple(path.tokens)) + 0.1 * len(path.tokens)
            for path in theirs
        }
        in_order = sorted(theirs, key=lambda path: -path.score - gains[tuple(path.tokens)])
        assert [p.tokens for p in ours] == [p.tokens for p in in_order]
        for path, before in zip(ours, in_order, strict=True):
            assert path.fused == pytest.approx(gains[tuple(path.tokens)], abs=1e-4)
            assert path.model_score == pytest.approx(before.score, abs=1e-4)


def test_it_is_a_method_with_a_language_model() -> None:
    model = TinyModel(vocab_size=7, seed=1, with_decoder=False)
    encodings, options = random_encodings(3, 20, 4, seed=1), DecodingOptions(n_best=4)
    resources = Resources(ngram=BigramScorer(7, seed=0))

    def run(method: str) -> list:
        return decode(method, model, encodings, LENGTHS, options, resources, seconds_per_frame=0.04)

    for hypotheses in run("lm-rescoring+ngram"):
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert all(len(h.timestamps) == len(h.tokens) for h in hypotheses)
    with pytest.raises(UserError, match="needs an extra"):
        run("lm-rescoring")


@pytest.mark.parametrize(
    "method", ["ctc-prefix-beam+ngram", "lm-rescoring+ngram", "attention-rescoring+ngram"]
)
def test_neighbours_and_padding_change_nothing(method: str) -> None:
    model, options = TinyModel(vocab_size=7, seed=1), DecodingOptions(n_best=4)
    resources = Resources(ngram=BigramScorer(7, seed=0))
    encodings, lengths = random_encodings(4, 20, 4, seed=1), torch.tensor([20, 3, 0, 11])

    def run(row: slice) -> list:
        heard = encodings[row, : int(lengths[row].max())]
        return decode(
            method, model, heard, lengths[row], options, resources, seconds_per_frame=0.04
        )

    for row, together in enumerate(run(slice(None))):
        (alone,) = run(slice(row, row + 1))
        assert [h.tokens for h in together] == [h.tokens for h in alone]
        assert [h.timestamps for h in together] == [h.timestamps for h in alone]
        assert [h.score for h in together] == pytest.approx([h.score for h in alone], abs=1e-4)
