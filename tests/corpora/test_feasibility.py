"""The CTC rule: exact, by the model's own lengths, and the reasons given."""

from __future__ import annotations

import itertools

import pytest
import torch

from asr.config.encoders import TransformerEncoderParams
from asr.config.features import FbankParams
from asr.config.tokenizer import CharTokenizerParams
from asr.corpora.faults.reasons import Reason
from asr.corpora.feasibility import required_ctc_length, split_feasible
from asr.models.encoders import TransformerEncoder
from asr.signal.features.fbank import num_frames
from asr.text.tokenizers import CharTokenizer
from tests.cuts import make_cut

FEATURES = FbankParams(sampling_rate=8000, num_mel_bins=16)
TOKENIZER = CharTokenizer.train(["abc"], CharTokenizerParams())


@pytest.mark.parametrize("tokens", [[], [3], [3, 4], [3, 3], [3, 3, 3], [3, 4, 4, 3], [5, 5, 3, 3]])
def test_required_length_is_the_shortest_finite_ctc_loss(tokens: list[int]) -> None:
    needed = required_ctc_length(tokens)
    for frames in range(1, 12):
        log_probs = torch.zeros(frames, 1, 6).log_softmax(-1)
        loss = torch.nn.functional.ctc_loss(
            log_probs, torch.tensor([tokens], dtype=torch.long), torch.tensor([frames]),
            torch.tensor([len(tokens)]), blank=0, reduction="sum",
        )  # fmt: skip
        assert bool(loss.isfinite()) == (frames >= needed), (frames, tokens)


@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_the_rule_is_exact_at_every_length(factor: int) -> None:
    params = TransformerEncoderParams(
        encoder_layers=1, hidden_size=8, num_heads=2, feedforward_size=8, subsampling_channels=2,
        subsampling_factor=factor,
    )  # fmt: skip
    encoder = TransformerEncoder(FEATURES.num_mel_bins, params)
    texts = ["a", "ab", "aa", "abc", "aab", "aaa"]
    lengths = range(0, 6 * factor * 80, 40)
    cuts = [make_cut(f"{t}-{n}", n, 8000, t) for t, n in itertools.product(texts, lengths) if n]
    kept, rejected = split_feasible(cuts, TOKENIZER, FEATURES, encoder.output_lengths, "reject")
    assert len(kept) + len(rejected) == len(cuts)
    assert {item.reason for item in rejected} == {Reason.TOO_SHORT_FOR_TEXT}
    ids = {cut.id for cut in kept}
    for cut in cuts:
        frames = num_frames(cut.num_samples, FEATURES)
        features = torch.zeros(1, frames, FEATURES.num_mel_bins)
        encodings, _ = encoder(features, torch.tensor([frames]))
        needed = required_ctc_length(TOKENIZER.encode(cut.supervisions[0].text))
        assert (cut.id in ids) == (encodings.size(1) >= needed)


def test_reasons_and_unknown_characters() -> None:
    cuts = [
        make_cut("fine", 8000, 8000, "abc"),
        make_cut("empty", 8000, 8000, "  "),
        make_cut("unknown", 8000, 8000, "a?c!"),
        make_cut("short", 400, 8000, "abcabcabc"),
    ]
    kept, rejected = split_feasible(cuts, TOKENIZER, FEATURES, lambda n: n // 4, "reject")
    assert [cut.id for cut in kept] == ["fine"]
    assert [(item.id, item.reason) for item in rejected] == [
        ("empty", Reason.EMPTY_TRANSCRIPT),
        ("unknown", Reason.UNKNOWN_TOKEN),
        ("short", Reason.TOO_SHORT_FOR_TEXT),
    ]
    assert "!?" in rejected[1].detail
    kept, _ = split_feasible(cuts, TOKENIZER, FEATURES, lambda n: n // 4, "keep")
    assert [cut.id for cut in kept] == ["fine", "unknown"]
