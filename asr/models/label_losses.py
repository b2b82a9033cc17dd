"""The loss between CTC's symbols and a transcript, which the configuration chooses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from asr.config.decoders import CTCLossParams, LfMmiLossParams
from asr.errors import UserError
from asr.k2.graphs import MAX_ARCS
from asr.k2.lattices import Beams
from asr.k2.library import load_k2
from asr.k2.losses import ctc_loss as k2_ctc_loss
from asr.k2.losses import denominator_graph, total_log_probs
from asr.models.delay_penalty import delay_penalised_ctc_loss
from asr.models.losses import ctc_loss
from asr.text.symbols import SOS_EOS_ID


class CTCLoss(nn.Module):
    """CTC (Graves et al. 2006), by torch or by k2; in training perhaps with a delay penalty."""

    name: ClassVar[str] = "ctc"

    def __init__(self, params: CTCLossParams) -> None:
        super().__init__()
        self.params = params
        self.ctc = _ctc(params)

    def forward(
        self,
        log_probs: Tensor,
        lengths: Tensor,
        tokens: Tensor,
        token_lengths: Tensor,
        step: int | None = None,
    ) -> Tensor:
        """Sum the loss of log_probs (B, T', V), lengths (B,), tokens (B, U), token_lengths (B,).

        Args:
            step: of the training; None outside of it, where nothing is penalised.
        """
        penalty = self.params.delay_penalty
        if penalty and step is not None and step >= self.params.delay_penalty_start:
            return delay_penalised_ctc_loss(log_probs, lengths, tokens, token_lengths, penalty)
        return self.ctc(log_probs, lengths, tokens, token_lengths)


class LfMmiLoss(nn.Module):
    """Lattice-free maximum mutual information (Povey et al. 2016), with CTC's topology.

    The transcript W against everything W' that could have been said,

        -log p(X | W) P(W) + den_scale * log sum_W' p(X | W') P(W'),

    where p(X | W) sums CTC's alignments and P is a bigram of tokens, estimated from the training
    transcripts and saved with the model.
    """

    name: ClassVar[str] = "mmi"
    bigram: Tensor

    def __init__(self, params: LfMmiLossParams, vocab_size: int) -> None:
        super().__init__()
        if 2 * vocab_size**2 > MAX_ARCS:
            raise UserError(
                f"LfMmiLoss compares with too much for k2 with {vocab_size} tokens",
                where="loss",
                todo=f"Use at most {math.isqrt(MAX_ARCS // 2)} tokens, or CTCLoss.",
            )
        self.params = params
        self.ctc = _ctc(params)
        self.register_buffer("bigram", torch.zeros(vocab_size, vocab_size))
        self._graph: tuple[Tensor, Any] | None = None

    def forward(
        self,
        log_probs: Tensor,
        lengths: Tensor,
        tokens: Tensor,
        token_lengths: Tensor,
        step: int | None = None,
    ) -> Tensor:
        """As `CTCLoss.forward`; the same in every step."""
        acoustic = self.ctc(log_probs, lengths, tokens, token_lengths)
        prior = self._log_prior(tokens, token_lengths)
        params = self.params
        beams = Beams(params.search_beam, params.lattice_beam, params.max_active_states)
        anything = total_log_probs(self._denominator(), log_probs, lengths, beams).sum()
        return acoustic - prior + params.den_scale * anything

    def _log_prior(self, tokens: Tensor, token_lengths: Tensor) -> Tensor:
        """Sum log P of the transcripts."""
        ends = tokens.new_full((len(tokens), 1), SOS_EOS_ID)
        before = torch.cat([ends, tokens], dim=1)
        places = torch.arange(before.size(1), device=tokens.device)[None]
        is_end = places == token_lengths[:, None]
        after = torch.cat([tokens, ends], dim=1).masked_fill(is_end, SOS_EOS_ID)
        scores = self.bigram[before.clamp(min=0), after.clamp(min=0)]
        return scores.masked_fill(places > token_lengths[:, None], 0.0).sum()

    def _denominator(self) -> Any:
        """Return the graph of the bigram; it changes when a checkpoint is loaded."""
        if self._graph is None or not torch.equal(self._graph[0], self.bigram):
            self._graph = (self.bigram.clone(), denominator_graph(self.bigram))
        return self._graph[1]


def _ctc(params: CTCLossParams) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    return k2_ctc_loss if params.ctc_implementation == "k2" else ctc_loss


def make_label_loss(params: CTCLossParams, vocab_size: int) -> CTCLoss | LfMmiLoss:
    """Return the loss that `params` ask for; k2 is looked for when it is used."""
    if isinstance(params, LfMmiLossParams):
        return LfMmiLoss(params, vocab_size)
    return CTCLoss(params)


def check_loss(params: CTCLossParams) -> None:
    """Refuse a loss that needs k2 where there is none.

    Raises:
        UserError: it says how to install it.
    """
    if isinstance(params, LfMmiLossParams):
        load_k2("loss LfMmiLoss")
    elif params.ctc_implementation == "k2":
        load_k2("ctc_implementation: k2")
