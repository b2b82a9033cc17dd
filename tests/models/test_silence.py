"""CTC restricted to where somebody may speak, against enumeration, and in a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.config.augmentation import Pauses
from asr.config.loading import parse_config
from asr.models import AsrModel
from asr.models.losses import ctc_loss
from asr.models.silence import blank_in, silent_frames
from asr.signal.augmentation.pauses import with_pauses
from tests.models.ctc_alignments import alignments

LENGTHS = torch.tensor([5, 4, 3])
TOKENS = torch.tensor([[1, 1], [2, 0], [0, 0]])
TOKEN_LENGTHS = torch.tensor([2, 1, 0])
SILENT = torch.tensor(
    [[True, False, False, False, True], [True, True, False, True, False], [False] * 5]
)


def enumerated_loss(log_probs: Tensor) -> Tensor:
    """Sum over all paths that are blank where it is silent."""
    loss = log_probs.new_zeros(())
    for row, length in enumerate(LENGTHS.tolist()):
        wanted = TOKENS[row, : TOKEN_LENGTHS[row]].tolist()
        scores = []
        for path, _ in alignments(wanted, length, num_symbols=3):
            if not any(v and SILENT[row, t] for t, v in enumerate(path)):
                scores.append(sum(log_probs[row, t, v] for t, v in enumerate(path)))
        loss = loss - torch.stack(scores).logsumexp(0)
    return loss


def test_loss_and_gradient_equal_the_sum_over_alignments() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 5, 3, dtype=torch.float64, requires_grad=True)
    restricted, cost = blank_in(logits.log_softmax(-1), SILENT)
    found = ctc_loss(restricted, LENGTHS, TOKENS, TOKEN_LENGTHS) + cost
    expected = enumerated_loss(logits.log_softmax(-1))
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, logits)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0])


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_a_frame_is_silent_when_all_it_stands_for_is(factor: int) -> None:
    spans = torch.tensor([[0, 30], [9, 17], [8, 16], [30, 30]])
    lengths = torch.tensor([30, 29, 30, 20]) // factor
    num_frames = 30 // factor
    found = silent_frames(spans, lengths, num_frames, factor)
    for row, ((start, end), length) in enumerate(
        zip(spans.tolist(), lengths.tolist(), strict=True)
    ):
        for frame in range(num_frames):
            stands_for = range(frame * factor, (frame + 1) * factor)
            silent = not any(start <= f < end for f in stands_for) and frame < length
            assert found[row, frame] == silent


def small_model(factor: int = 4, **loss_params: object) -> AsrModel:
    config = parse_config(
        {
            "features_params": {"num_mel_bins": 16},
            "encoder": "ConformerEncoder",
            "encoder_params": {
                "encoder_layers": 2, "hidden_size": 16, "num_heads": 2, "feedforward_size": 16,
                "kernel_size": 3, "subsampling_channels": 4, "dropout": 0.0,
                "intermediate_ctc_layers": [1], "subsampling_factor": factor,
            },
            "decoder": "CTCDecoder",
            "loss": "CTCLoss",
            "loss_params": loss_params,
        },
        source="test",
    )  # fmt: skip
    torch.manual_seed(0)
    return AsrModel(config, vocab_size=6)


@pytest.mark.parametrize("loss_params", [{}, {"delay_penalty": 0.01}, {"consistency_weight": 0.1}])
def test_a_model_learns_that_pauses_are_blank(loss_params: dict[str, object]) -> None:
    model = small_model(**loss_params)
    views = 2 if "consistency_weight" in loss_params else 1
    features = torch.randn(2 * views, 80, 16, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([80, 64] * views)
    spans = torch.tensor([[32, 80], [0, 40]] * views)
    tokens, token_lengths = torch.tensor([[3, 4, 5], [5, 3, 0]]), torch.tensor([3, 2])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(60):
        optimizer.zero_grad()
        arguments = (features, lengths, tokens, token_lengths, None, step)
        losses = model(*arguments, spans).losses
        losses["loss"].backward()
        optimizer.step()
    free = model(*arguments).losses
    assert losses["ctc"] >= free["ctc"] - 1e-3  # fewer alignments are allowed
    with torch.no_grad():
        encodings, _ = model.encode(features, lengths)
        blank = model.ctc_log_probs(encodings)[..., 0].exp()
    assert blank[0, :8].min() > 0.8
    assert blank[1, 10:16].min() > 0.8
    assert blank[0, 8:].min() < 0.7  # while labels stand elsewhere


@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_labels_keep_the_room_that_they_have_without_pauses(factor: int) -> None:
    """What could be trained on before pauses were added can be trained on with them."""
    lengths_of = small_model(factor).encoder.output_lengths
    params = Pauses(max_seconds=0.4, probability=1.0)
    rng = np.random.default_rng(0)
    for num_frames in range(1, 60):
        for _ in range(5):
            padded, span = with_pauses(torch.zeros(num_frames, 1), params, 0.01, rng)
            lengths = lengths_of(torch.tensor([len(padded)]))
            silent = silent_frames(torch.tensor([span]), lengths, int(lengths), factor)
            room = int(lengths) - int(silent.sum())
            assert room >= int(lengths_of(torch.tensor([num_frames])))


def test_spans_of_the_whole_utterance_restrict_nothing() -> None:
    model = small_model().eval()
    features, lengths = torch.randn(2, 40, 16), torch.tensor([40, 28])
    labels = (torch.tensor([[3, 4], [5, 0]]), torch.tensor([2, 1]), None, None)
    everywhere = torch.stack([torch.zeros_like(lengths), lengths], dim=1)
    found = model(features, lengths, *labels, everywhere).losses
    expected = model(features, lengths, *labels).losses
    assert found.keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss)
