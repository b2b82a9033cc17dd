from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from asr.config.decoders import TransformerDecoderParams
from asr.config.decoding import (
    ATTENTION_DECODER,
    METHODS,
    DecodingOptions,
    MethodName,
    check_method,
    usable_methods,
)
from asr.decoding.base import SearchRequest
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.registry import SEARCHES, decode
from asr.decoding.searches.attention import attention_beam_search
from asr.decoding.searches.rescoring import attention_scores
from asr.errors import UserError
from asr.models.decoders import TransformerDecoder
from tests.decoding.decoding_reference import TinyModel, random_encodings

NAMES = ["ctc-greedy", "ctc-prefix-beam", "attention", "joint", "attention-rescoring"]
SIZE = 8


class RealDecoderModel(TinyModel):
    """A linear CTC head with the library's decoder."""

    def __init__(self, vocab_size: int = 7, seed: int = 0) -> None:
        super().__init__(vocab_size, SIZE, seed)
        torch.manual_seed(seed)
        params = TransformerDecoderParams(hidden_layers=2, num_heads=2, feedforward_size=16)
        self.decoder = TransformerDecoder(SIZE, vocab_size, params).eval()
        with torch.no_grad():
            self.decoder.output.weight.mul_(4.0)


def run(model: TinyModel, method: str, encodings: Tensor, lengths: list[int]) -> list:
    options = DecodingOptions(beam_size=5, n_best=3)
    return decode(method, model, encodings, torch.tensor(lengths), options, seconds_per_frame=0.04)


def test_the_methods_and_what_they_need() -> None:
    assert list(SEARCHES) == list(METHODS)
    without_decoder = ["ctc-greedy", "ctc-prefix-beam", "wfst", "k2-ctc", "k2-hlg"]
    assert usable_methods([]) == [*without_decoder, "k2-hlg-rescoring"]
    usable = [name for name in METHODS if name != "lm-rescoring"]
    assert usable_methods([ATTENTION_DECODER]) == usable


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no decoding method 'ctc-gredy'.*'ctc-greedy'"):
        check_method("ctc-gredy", [ATTENTION_DECODER])


def test_extras_are_part_of_the_name() -> None:
    name = MethodName.parse("ctc-prefix-beam+hotwords+ngram")
    assert str(name) == "ctc-prefix-beam+ngram+hotwords"
    with pytest.raises(UserError, match=r"'ctc-greedy' cannot use an n-gram language model"):
        MethodName.parse("ctc-greedy+ngram")
    with pytest.raises(UserError, match=r"nothing called 'ngrm' can be added.*'ngram'"):
        MethodName.parse("attention+ngrm")


def test_a_method_may_need_one_of_several_extras() -> None:
    with pytest.raises(UserError, match=r"'lm-rescoring' needs.*lm-rescoring\+ngram or lm-resc"):
        MethodName.parse("lm-rescoring+hotwords")
    assert str(MethodName.parse("lm-rescoring+hotwords+neural")) == "lm-rescoring+neural+hotwords"


def test_an_extra_that_was_not_given_names_its_option() -> None:
    with pytest.raises(UserError, match=r"'attention\+ngram' needs .*--ngram"):
        run(TinyModel(), "attention+ngram", torch.zeros(1, 3, 4), [3])


@pytest.mark.parametrize("name", ["attention", "joint", "attention-rescoring"])
def test_a_model_without_a_decoder_is_told(name: str) -> None:
    model = TinyModel(with_decoder=False)
    with pytest.raises(UserError, match=rf"'{name}' needs an attention decoder.*ctc-prefix-beam"):
        run(model, name, torch.zeros(1, 3, 4), [3])


@pytest.mark.parametrize("name", ["ctc-greedy", "ctc-prefix-beam"])
def test_ctc_methods_do_without_a_decoder(name: str) -> None:
    encodings = random_encodings(1, 8, 4, seed=0)
    ((best, *_),) = run(TinyModel(with_decoder=False), name, encodings, [8])
    assert best.tokens


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model_class", [TinyModel, RealDecoderModel])
def test_neighbours_and_padding_change_nothing(name: str, model_class: type[TinyModel]) -> None:
    model = model_class(seed=1)
    lengths = [11, 1, 0, 6, 9]
    encodings = random_encodings(5, 13, model.head.size(0), seed=1)
    for row, length in enumerate(lengths):
        encodings[row, length:] = 100.0
    batched = run(model, name, encodings, lengths)
    for row, length in enumerate(lengths):
        (alone,) = run(model, name, encodings[row : row + 1, :length], [length])
        assert [h.tokens for h in batched[row]] == [h.tokens for h in alone]
        assert [h.timestamps for h in batched[row]] == [h.timestamps for h in alone]
        scores = [h.score for h in alone]
        assert [h.score for h in batched[row]] == pytest.approx(scores, abs=1e-4)
    assert batched[2] == [Hypothesis([], 0.0, [])]


@pytest.mark.parametrize("name", NAMES)
def test_hypotheses_are_sorted_and_stamped_in_seconds(name: str) -> None:
    model = RealDecoderModel(seed=2)
    for hypotheses in run(model, name, random_encodings(4, 20, SIZE, seed=2), [20, 15, 20, 3]):
        assert 1 <= len(hypotheses) <= 3
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for h in hypotheses:
            if h.timestamps or name != "attention":
                assert len(h.timestamps) == len(h.tokens)
            frames = [stamp / 0.04 for stamp in h.timestamps]
            assert frames == pytest.approx([round(frame) for frame in frames], abs=1e-6)
            assert all(0 <= stamp < 20 * 0.04 for stamp in h.timestamps)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [1, 2])
def test_few_frames_and_a_small_vocabulary(name: str, frames: int) -> None:
    model = TinyModel(vocab_size=3, seed=4)
    (hypotheses,) = run(model, name, random_encodings(1, frames, 4, seed=4), [frames])
    assert all(set(h.tokens) <= {1, 2} for h in hypotheses)


def test_the_decoders_search_and_its_teacher_forced_scores_agree() -> None:
    model = RealDecoderModel(seed=3)
    encodings, lengths = random_encodings(3, 10, SIZE, seed=3), torch.tensor([10, 4, 7])
    options = DecodingOptions(beam_size=4, n_best=4)
    with torch.inference_mode():
        request = SearchRequest(options)
        found = attention_beam_search(model.decoder, encodings, lengths, request)
        sequences = [[path.tokens for path in paths] for paths in found]
        scores = attention_scores(model.decoder, encodings, lengths, sequences)
    assert any(sequences[0])
    for paths, expected in zip(found, scores, strict=True):
        assert [path.score for path in paths] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_has_diverged_is_told(name: str) -> None:
    encodings = random_encodings(2, 5, 4, seed=0)
    encodings[1, 2] = torch.nan
    with pytest.raises(UserError, match=r"utterance 1 .* not finite"):
        run(TinyModel(), name, encodings, [5, 5])


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam_size": 0},
        {"beam_size": 2.5},
        {"n_best": 0},
        {"beam_size": 2, "n_best": 3},
        {"ctc_weight": 1.1},
        {"ctc_weight": -0.1},
        {"length_bonus": float("nan")},
        {"max_length_ratio": 0.0},
        {"label_candidates": 0},
        {"frame_candidates": 0},
        {"blank_skip": 0.0},
        {"blank_skip": 1.1},
        {"coverage_weight": -0.1},
        {"end_lengths": -1},
        {"end_margin": 0.0},
        {"beam": 4},
    ],
)
def test_options_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        DecodingOptions(**wrong)
