"""Label-synchronous beam search with the attention decoder (Sutskever et al. 2014, section 3.2)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from asr.config.decoding import DecodingOptions
from asr.decoding.alignment import ctc_token_frames
from asr.decoding.base import AttentionDecoder, DecodableModel, SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.text.symbols import BLANK_ID, SOS_EOS_ID

_NEVER = float("-inf")


@dataclass
class _Growing:
    """The beams of the A utterances that are not done; all on U labels so far, sos included."""

    utterances: Tensor  # (A,), rows of the batch
    most_labels: Tensor  # (A,)
    scores: Tensor  # (A, K), best first
    tokens: Tensor  # (A, K, U)
    state: Any  # the decoder's, A * K rows


@dataclass
class _Ended:
    """The best N hypotheses of each utterance that have emitted eos."""

    scores: Tensor  # (B, N), best first; -inf where there is none yet
    tokens: Tensor  # (B, N, U), begins with sos, padded
    sizes: Tensor  # (B, N), of the tokens

    def add(self, utterances: Tensor, scores: Tensor, tokens: Tensor) -> None:
        """Merge hypotheses of `utterances` (A,): scores (A, K), tokens (A, K, U)."""
        size = tokens.size(2)
        self.tokens = pad(self.tokens, (0, size - self.tokens.size(2)))
        sizes = torch.full_like(scores, size, dtype=torch.long)
        all_scores = torch.cat([self.scores[utterances], scores], dim=1)
        all_sizes = torch.cat([self.sizes[utterances], sizes], dim=1)
        all_tokens = torch.cat([self.tokens[utterances], tokens], dim=1)
        best, choice = all_scores.topk(self.scores.size(1), dim=1)
        self.scores[utterances] = best
        self.sizes[utterances] = all_sizes.gather(1, choice)
        self.tokens[utterances] = _take_entries(all_tokens, choice)

    def paths(self) -> list[list[TokenPath]]:
        """Turn the hypotheses into lists, without sos."""
        batch = zip(self.tokens.tolist(), self.sizes.tolist(), self.scores.tolist(), strict=True)
        return [
            [
                TokenPath(tokens[1:size], score)
                for tokens, size, score in zip(*utterance, strict=True)
                if score != _NEVER
            ]
            for utterance in batch
        ]


def attention(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`attention`: what the decoder finds most probable; CTC only places its tokens in time."""
    assert model.decoder is not None
    found = attention_beam_search(model.decoder, encodings, lengths, request.options)
    log_probs = model.ctc_log_probs(encodings)
    return [
        [
            dataclasses.replace(path, frames=ctc_token_frames(scores[:length], path.tokens))
            for path in paths
        ]
        for paths, scores, length in zip(found, log_probs, lengths.tolist(), strict=True)
    ]


def attention_beam_search(
    decoder: AttentionDecoder,
    encodings: Tensor,
    lengths: Tensor,
    options: DecodingOptions,
    blank_id: int = BLANK_ID,
    sos_eos_id: int = SOS_EOS_ID,
) -> list[list[TokenPath]]:
    """Search for the label sequences that the decoder scores highest.

    For every label the best `2 * beam_size` continuations of an utterance are looked at: those with
    eos among the first `beam_size` end, the best `beam_size` of the others grow on. An utterance is
    done when nothing that grows can beat its `n_best` ended hypotheses. At the greatest length,
    `max_length_ratio` labels a frame, only eos is allowed.

    Args:
        decoder: the attention decoder.
        encodings: (B, T', D).
        lengths: (B,), frames that are real, at least one an utterance.
        options: `beam_size`, `n_best`, `length_bonus` and `max_length_ratio` count.
        blank_id: id of the blank symbol, which is never emitted.
        sos_eos_id: id of the symbol that begins and ends a sequence.

    Returns:
        For each utterance up to `n_best` paths, best first, without frames. A score is the sum of
        the log-probabilities of the labels and of eos, plus `length_bonus` for every label.
    """
    growing = _begin(decoder, encodings, lengths, options, sos_eos_id)
    nothing = growing.tokens.new_zeros(encodings.size(0), options.n_best)
    ended = _Ended(
        scores=torch.full_like(nothing, _NEVER, dtype=growing.scores.dtype),
        tokens=nothing[:, :, None],
        sizes=nothing.clone(),
    )
    while growing.utterances.numel():
        log_probs, growing.state = decoder.step(growing.tokens[:, :, -1].flatten(), growing.state)
        gains = _gains(log_probs, growing, options.length_bonus, blank_id, sos_eos_id)
        growing = _grow(decoder, growing, ended, gains, options.length_bonus, sos_eos_id)
    return ended.paths()


def _begin(
    decoder: AttentionDecoder,
    encodings: Tensor,
    lengths: Tensor,
    options: DecodingOptions,
    sos_eos_id: int,
) -> _Growing:
    """Start each utterance with one hypothesis, sos, and room for K - 1 more."""
    lengths = lengths.to(encodings.device)
    utterances = torch.arange(encodings.size(0), device=encodings.device)
    state = decoder.initial_state(encodings, lengths)
    tokens = utterances.new_full((encodings.size(0), options.beam_size, 1), sos_eos_id)
    scores = torch.full_like(tokens[:, :, 0], _NEVER, dtype=torch.float)
    scores[:, 0] = 0.0
    return _Growing(
        utterances=utterances,
        most_labels=(lengths * options.max_length_ratio).ceil().long(),
        scores=scores,
        tokens=tokens,
        state=decoder.select(state, utterances.repeat_interleave(options.beam_size)),
    )


def _gains(
    log_probs: Tensor, growing: _Growing, length_bonus: float, blank_id: int, sos_eos_id: int
) -> Tensor:
    """Return what each next label adds to the score, (A, K, V), from log_probs (A * K, V)."""
    gains = log_probs.float().view(*growing.scores.shape, -1) + length_bonus
    full = growing.most_labels < growing.tokens.size(2)
    gains = gains.masked_fill(full[:, None, None], _NEVER)
    gains[:, :, blank_id] = _NEVER
    gains[:, :, sos_eos_id] = log_probs.view_as(gains)[:, :, sos_eos_id]
    return gains


def _grow(
    decoder: AttentionDecoder,
    growing: _Growing,
    ended: _Ended,
    gains: Tensor,
    length_bonus: float,
    sos_eos_id: int,
) -> _Growing:
    """Add one label, move what ends to `ended` and leave out the utterances that are done."""
    beam_size, vocab_size = gains.shape[1:]
    best, choice = (growing.scores[:, :, None] + gains).flatten(1).topk(2 * beam_size, dim=1)
    entry, token = choice // vocab_size, choice % vocab_size
    ends = token == sos_eos_id
    ended_scores = best.masked_fill(~ends, _NEVER)[:, :beam_size]
    ended_tokens = _take_entries(growing.tokens, entry[:, :beam_size])
    ended.add(growing.utterances, ended_scores, ended_tokens)

    scores, kept = best.masked_fill(ends, _NEVER).topk(beam_size, dim=1)
    entry, token = entry.gather(1, kept), token.gather(1, kept)
    tokens = torch.cat([_take_entries(growing.tokens, entry), token[:, :, None]], dim=2)
    still_to_gain = (growing.most_labels + 1 - tokens.size(2)) * max(length_bonus, 0.0)
    worst_kept = ended.scores[growing.utterances, -1]
    going = (scores[:, 0] + still_to_gain > worst_kept).nonzero()[:, 0]
    rows = (going * beam_size)[:, None] + entry[going]
    return _Growing(
        utterances=growing.utterances[going],
        most_labels=growing.most_labels[going],
        scores=scores[going],
        tokens=tokens[going],
        state=decoder.select(growing.state, rows.flatten()),
    )


def _take_entries(tokens: Tensor, entries: Tensor) -> Tensor:
    """Reorder the beam of tokens (A, K, U) by entries (A, N); return (A, N, U)."""
    return tokens.gather(1, entries[:, :, None].expand(-1, -1, tokens.size(2)))
