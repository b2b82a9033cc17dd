"""Scores of a decoded split: per utterance, per speaker, in total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.scoring.alignment import ErrorCounts, Pair, PairStore, Unit, align, count_errors, tokenise
from asr.scoring.hypotheses import DecodedUtterance
from asr.scoring.significance import (
    Interval,
    PairedComparison,
    bootstrap_interval,
    compare_paired,
)
from asr.speakers import is_known
from asr.text.normalise import TextNormaliser


@dataclass(frozen=True)
class UtteranceScore:
    """One utterance's alignment and its error counts."""

    id: str
    speaker: str
    pairs: list[Pair]
    counts: ErrorCounts


@dataclass(frozen=True)
class CorpusScore:
    """A split's scores in one unit; `interval` is None when there is no reference token."""

    unit: Unit
    utterances: list[UtteranceScore]
    total: ErrorCounts
    interval: Interval | None

    def per_speaker(self) -> dict[str, list[UtteranceScore]]:
        """Return the utterances of each known speaker."""
        speakers: dict[str, list[UtteranceScore]] = defaultdict(list)
        for utterance in self.utterances:
            if is_known(utterance.speaker):
                speakers[utterance.speaker].append(utterance)
        return dict(speakers)

    def of_unknown_speakers(self) -> list[UtteranceScore]:
        """Return the utterances that name no speaker: of one or of many, nobody knows."""
        return [utterance for utterance in self.utterances if not is_known(utterance.speaker)]


def total_counts(utterances: Iterable[UtteranceScore]) -> ErrorCounts:
    """Add up the counts of several utterances."""
    return sum((utterance.counts for utterance in utterances), start=ErrorCounts())


def normalise_utterances(
    utterances: Iterable[DecodedUtterance], normaliser: NormaliserName
) -> list[DecodedUtterance]:
    """Apply one text normaliser to references and hypotheses."""
    normalise = TextNormaliser(normaliser)
    return [
        utterance.model_copy(
            update={
                "reference": normalise(utterance.reference),
                "text": normalise(utterance.text),
            }
        )
        for utterance in utterances
    ]


def score_corpus(utterances: Iterable[DecodedUtterance], unit: Unit) -> CorpusScore:
    """Align every utterance in tokens of `unit`, count, and bootstrap the total's interval."""
    store = PairStore()
    scores = [_score_utterance(utterance, unit, store) for utterance in utterances]
    return CorpusScore(
        unit=unit,
        utterances=scores,
        total=total_counts(scores),
        interval=bootstrap_interval(
            [score.counts.errors for score in scores],
            [score.counts.reference_tokens for score in scores],
        ),
    )


def _score_utterance(utterance: DecodedUtterance, unit: Unit, store: PairStore) -> UtteranceScore:
    pairs = align(tokenise(utterance.reference, unit), tokenise(utterance.text, unit), store)
    return UtteranceScore(utterance.id, utterance.speaker, pairs, count_errors(pairs))


def compare_corpora(a: CorpusScore, b: CorpusScore) -> PairedComparison:
    """Compare two systems scored on the same utterances, in any order.

    Raises:
        UserError: they do not hold the same utterances with the same references, or the
            references hold no token at all.
    """
    scores_a = {score.id: score for score in a.utterances}
    scores_b = {score.id: score for score in b.utterances}
    unshared = sorted(scores_a.keys() ^ scores_b.keys())
    if unshared:
        raise UserError(
            f"{len(unshared)} utterances stand in one system only, such as '{unshared[0]}'",
            todo="Compare two decodings of the same split.",
        )
    for utterance_id, score in scores_a.items():
        if _reference(score) != _reference(scores_b[utterance_id]):
            raise UserError(
                f"the references of utterance '{utterance_id}' differ",
                todo="Decode both systems with the same manifests.",
            )
    if a.total.reference_tokens == 0:
        raise UserError("every reference is empty, so no rate is defined")
    return compare_paired(
        [score.counts.errors for score in scores_a.values()],
        [scores_b[utterance_id].counts.errors for utterance_id in scores_a],
        [score.counts.reference_tokens for score in scores_a.values()],
    )


def _reference(score: UtteranceScore) -> list[str]:
    return [pair.reference for pair in score.pairs if pair.reference is not None]
