"""CTC with a delay penalty against enumeration, against CTC, and in training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from asr.config.loading import parse_config
from asr.errors import UserError
from asr.models.delay_penalty import delay_penalised_ctc_loss
from asr.models.label_losses import make_label_loss
from asr.models.losses import ctc_loss
from tests.models.ctc_alignments import alignments

LENGTHS = torch.tensor([5, 3, 4, 1])
TOKENS = torch.tensor([[1, 1], [2, 0], [2, 1], [0, 0]])
TOKEN_LENGTHS = torch.tensor([2, 1, 2, 0])


def enumerated_loss(log_probs: Tensor, penalty: float) -> Tensor:
    """Sum over all paths of all utterances, as the paper defines it."""
    loss = log_probs.new_zeros(())
    for row, length in enumerate(LENGTHS.tolist()):
        wanted = TOKENS[row, : TOKEN_LENGTHS[row]].tolist()
        scores = []
        for path, starts in alignments(wanted, length, num_symbols=3):
            gained = penalty * sum((length - 1) / 2 - t for t in starts)
            scores.append(sum(log_probs[row, t, v] for t, v in enumerate(path)) + gained)
        loss = loss - torch.stack(scores).logsumexp(0)
    return loss


@pytest.mark.parametrize("penalty", [0.0, 0.01, 0.7])
def test_loss_and_gradient_equal_the_sum_over_alignments(penalty: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 5, 3, dtype=torch.float64, requires_grad=True)
    found = delay_penalised_ctc_loss(
        logits.log_softmax(-1), LENGTHS, TOKENS, TOKEN_LENGTHS, penalty
    )
    expected = enumerated_loss(logits.log_softmax(-1), penalty)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, logits)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0])


def test_without_penalty_it_is_ctc() -> None:
    torch.manual_seed(1)
    logits = torch.randn(3, 60, 9, requires_grad=True)
    lengths, token_lengths = torch.tensor([60, 47, 22]), torch.tensor([20, 1, 11])
    tokens = torch.randint(1, 4, (3, 20))  # few labels: many are doubled
    labels = (lengths, tokens, token_lengths)
    found = delay_penalised_ctc_loss(logits.log_softmax(-1), *labels, 0.0)
    expected = ctc_loss(logits.log_softmax(-1), *labels)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_too_few_frames_are_infinite() -> None:
    log_probs = torch.randn(1, 2, 3).log_softmax(-1)
    one, two = torch.tensor([2]), torch.tensor([[1, 1]])
    assert delay_penalised_ctc_loss(log_probs, one, two, one, 0.1) == torch.inf


class _Listener(nn.Module):
    """A recurrent network that hears a label's cue and may answer at any later frame."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.GRU(3, 12, batch_first=True)
        self.output = nn.Linear(12, 3)

    def forward(self, cues: Tensor) -> Tensor:
        log_probs: Tensor = self.output(self.network(cues)[0]).log_softmax(-1)
        return log_probs


def _mean_delay(penalty: float) -> float:
    """Train on cues of labels 1 and 2 that last; return frames from cue to label."""
    torch.manual_seed(3)
    onsets, tokens = torch.randint(1, 5, (32,)), torch.randint(1, 3, (32, 1))
    cues = nn.functional.one_hot(tokens * (torch.arange(10) >= onsets[:, None]), 3).float()
    lengths, ones = torch.full((32,), 10), torch.ones(32, dtype=torch.long)
    params = {"delay_penalty": penalty, "delay_penalty_start": 150}
    config = {"decoder": "CTCDecoder", "loss": "CTCLoss", "loss_params": params}
    loss = make_label_loss(parse_config(config, "test").loss_params, 3)
    model = _Listener()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(250):
        optimizer.zero_grad()
        (loss(model(cues), lengths, tokens, ones, step) / 32).backward()
        optimizer.step()
    found = model(cues).argmax(-1) == tokens
    assert found.any(dim=1).all(), "the labels were not learned"
    return (found.int().argmax(dim=1) - onsets).float().mean().item()


def test_training_with_it_brings_labels_earlier() -> None:
    without, with_penalty = _mean_delay(0.0), _mean_delay(0.05)
    assert 0.0 <= with_penalty < without - 1.0


def test_it_begins_at_its_step_and_is_no_part_of_evaluation() -> None:
    torch.manual_seed(4)
    data = (torch.randn(4, 5, 3).log_softmax(-1), LENGTHS, TOKENS, TOKEN_LENGTHS)
    params = {"delay_penalty": 0.5, "delay_penalty_start": 7}
    config = {"decoder": "CTCDecoder", "loss": "CTCLoss", "loss_params": params}
    loss = make_label_loss(parse_config(config, "test").loss_params, 3)
    plain, penalised = ctc_loss(*data), delay_penalised_ctc_loss(*data, 0.5)
    assert plain != penalised
    assert loss(*data) == loss(*data, step=6) == plain
    assert loss(*data, step=7) == penalised


@pytest.mark.parametrize(
    "loss",
    [
        {"loss": "CTCLoss", "loss_params": {"delay_penalty": 0.1, "ctc_implementation": "k2"}},
        {"loss": "LfMmiLoss", "loss_params": {"delay_penalty": 0.1}},
    ],
)
def test_losses_that_cannot_have_it_say_so(loss: dict[str, object]) -> None:
    with pytest.raises(UserError, match="delay_penalty"):
        parse_config({"decoder": "CTCDecoder", **loss}, "test")
