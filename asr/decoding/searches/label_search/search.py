"""Label-synchronous beam search (Sutskever et al. 2014, section 3.2), with CTC or without.

For every label the best `2 * beam_size` continuations of an utterance are looked at: those with
eos among the first `beam_size` end, the best `beam_size` of the others grow on. At the greatest
length, `max_length_ratio` labels a frame, only eos is allowed.

An utterance is done, and leaves the batch, when nothing that grows can beat its `n_best` ended
hypotheses. The decoder's and CTC's scores only fall, and what the others can still add is bounded:
labels left times the length bonus and the scorers' `greatest_gain`, frames left to cover times the
coverage weight. This loses nothing of what the beam holds. Where that bound is above zero it comes
late, or never for a scorer that names none; there an utterance is also done by end detection
(`Ended.hopeless`), a rule of thumb, which therefore never changes a search without such scores.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.decoding.fusion import NO_LABEL
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.label_search.hypotheses import NEVER, Ended, Growing, take_entries
from asr.decoding.searches.label_search.scorers import Scorers, States
from asr.text.symbols import SOS_EOS_ID


class _Continuations(NamedTuple):
    """The next labels looked at in each utterance, the same for all its hypotheses."""

    labels: Tensor  # (A, M)
    totals: Tensor  # (A, K, M), scores of the continued hypotheses with CTC's
    scores: Tensor  # (A, K, M), without


class _Choice(NamedTuple):
    """The best continuations of each utterance, best first; all (A, N)."""

    totals: Tensor
    scores: Tensor
    entries: Tensor  # of the beam
    labels: Tensor

    def take(self, places: Tensor) -> _Choice:
        return _Choice(*(tensor.gather(1, places) for tensor in self))


def label_search(
    scorers: Scorers, encodings: Tensor, lengths: Tensor, options: DecodingOptions
) -> list[list[TokenPath]]:
    """Search for the label sequences that score highest.

    Args:
        scorers: what scores them.
        encodings: (B, T', D).
        lengths: (B,), frames that are real, at least one an utterance.
        options: `beam_size`, `n_best`, `max_length_ratio`, `label_candidates`, `end_lengths` and
            `end_margin` count here.

    Returns:
        For each utterance up to `n_best` paths, best first.
    """
    lengths = lengths.to(encodings.device)
    states = scorers.initial_states(encodings, lengths, options.beam_size)
    # CTC's sums over many frames are large beside what single precision resolves.
    dtype = torch.float if scorers.ctc is None else torch.double
    growing = Growing.begin(states, lengths, options.beam_size, options.max_length_ratio, dtype)
    ended = Ended.begin(len(lengths), options.n_best, options.end_lengths, growing)
    while growing.utterances.numel():
        gains, states = scorers.gains(growing.tokens[:, :, -1].flatten(), growing.states)
        gains = gains.view(*growing.scores.shape, -1)
        others = torch.arange(gains.size(2), device=gains.device) != SOS_EOS_ID
        full = growing.labels_left <= 0
        gains.masked_fill_(full[:, None, None] & others, NEVER)
        continuations = _continue(scorers, growing, states, gains, options.label_candidates)
        choice = _best(continuations, options.beam_size)
        growing = _grow(scorers, growing, states, choice, ended, options)
    return ended.paths()


def _continue(
    scorers: Scorers, growing: Growing, states: States, gains: Tensor, num_candidates: int
) -> _Continuations:
    """Score the next labels from their gains (A, K, V); with CTC only the most promising."""
    num_utterances, _, vocab_size = gains.shape
    if scorers.ctc is None:
        scores = growing.scores[:, :, None] + gains
        labels = torch.arange(vocab_size, device=gains.device).expand(num_utterances, -1)
        return _Continuations(labels, scores, scores)

    # A decoder without weight has no say in what is promising.
    size = vocab_size if scorers.decoder_weight == 0 else min(num_candidates + 1, vocab_size)
    promise = (growing.totals.float()[:, :, None] + gains).amax(dim=1)
    promise[:, SOS_EOS_ID] = torch.inf
    labels = promise.topk(size, dim=1).indices
    chosen = gains.gather(2, labels[:, None].expand(-1, gains.size(1), -1))
    scores = growing.scores[:, :, None] + chosen
    return _Continuations(labels, scores + scorers.ctc.scores(states.ctc, labels), scores)


def _best(continuations: _Continuations, beam_size: int) -> _Choice:
    """Choose the best `2 * beam_size` continuations, or as many as there are."""
    labels, totals, scores = continuations
    num_labels = labels.size(1)
    size = min(2 * beam_size, beam_size * num_labels)
    best, choice = totals.flatten(1).topk(size, dim=1)
    return _Choice(
        totals=best,
        scores=scores.flatten(1).gather(1, choice),
        entries=choice // num_labels,
        labels=labels.gather(1, choice % num_labels),
    )


def _grow(
    scorers: Scorers,
    growing: Growing,
    states: States,
    choice: _Choice,
    ended: Ended,
    options: DecodingOptions,
) -> Growing:
    """Add one label, move what ends to `ended` and leave out the utterances that are done."""
    beam_size = options.beam_size
    ends = choice.labels == SOS_EOS_ID
    ended_totals = choice.totals.masked_fill(~ends, NEVER)[:, :beam_size]
    ended_tokens = take_entries(growing.tokens, choice.entries[:, :beam_size])
    ended.add(growing.utterances, ended_totals, ended_tokens)

    totals, places = choice.totals.masked_fill(ends, NEVER).topk(beam_size, dim=1)
    kept = choice.take(places)
    first = torch.arange(len(totals), device=totals.device)[:, None] * beam_size
    rows = first + kept.entries
    still_to_gain = scorers.most_to_gain(
        states, rows.flatten(), growing.labels_left - 1, growing.num_frames
    )
    going = _going(totals, still_to_gain, growing.utterances, ended, options.end_margin)
    tokens = torch.cat([take_entries(growing.tokens, kept.entries), kept.labels[:, :, None]], dim=2)
    # Entries without a score fill up the beam; what label they have means nothing.
    labels = kept.labels.masked_fill(~totals.isfinite(), NO_LABEL)
    return Growing(
        utterances=growing.utterances[going],
        num_frames=growing.num_frames[going],
        most_labels=growing.most_labels[going],
        totals=totals[going],
        scores=kept.scores.masked_fill(totals == NEVER, NEVER)[going],
        tokens=tokens[going],
        states=scorers.select(states, rows[going].flatten(), labels[going].flatten()),
    )


def _going(
    totals: Tensor, still_to_gain: Tensor, utterances: Tensor, ended: Ended, end_margin: float
) -> Tensor:
    """Return which of the utterances (A,) are not done.

    Args:
        totals: (A, K).
        still_to_gain: (A, K) or (A, 1), a bound.
        utterances: (A,).
        ended: what they are compared with.
        end_margin: see `Ended.hopeless`.
    """
    reach = (totals + still_to_gain).masked_fill(totals == NEVER, NEVER).amax(dim=1)
    may_win = reach > ended.scores[utterances, -1]
    may_rise = (still_to_gain > 0).any(dim=1)
    given_up = may_rise & ended.hopeless(utterances, totals.amax(dim=1), end_margin)
    return (may_win & ~given_up).nonzero()[:, 0]
