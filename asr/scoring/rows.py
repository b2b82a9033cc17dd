"""One row of a results table, made from a decode folder."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.scoring.alignment import ErrorCounts, Unit
from asr.scoring.corpus import CorpusScore, normalise_utterances, score_corpus
from asr.scoring.hypotheses import (
    DecodedUtterance,
    DecodeSummary,
    compared_after,
    hypotheses_path,
    read_hypotheses,
    read_summary,
)
from asr.scoring.records import Record
from asr.scoring.significance import Interval


class ErrorRate(Record):
    """A rate with the counts it comes from and its 95 % interval; None without reference tokens."""

    errors: int
    reference_tokens: int
    correct: int
    substitutions: int
    deletions: int
    insertions: int
    rate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, counts: ErrorCounts, interval: Interval | None) -> ErrorRate:
        """Return the rate of some counts with its interval, if it has one."""
        return cls(
            errors=counts.errors,
            reference_tokens=counts.reference_tokens,
            rate=counts.rate,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            **asdict(counts),
        )

    @property
    def counts(self) -> ErrorCounts:
        return ErrorCounts(self.correct, self.substitutions, self.deletions, self.insertions)

    @property
    def interval(self) -> Interval | None:
        if self.low is None or self.high is None:
            return None
        return Interval(self.low, self.high)


class ResultRow(DecodeSummary):
    """What a decode folder shows: all rates, and from its summary how they came about.

    `normaliser` went over references and hypotheses before they were compared.
    """

    experiment: str
    utterances: int
    normaliser: str
    wer: ErrorRate
    cer: ErrorRate
    mer: ErrorRate

    @property
    def key(self) -> tuple[str, str, int, float, str]:
        """What a table holds one row of.

        Experiment, method, chunk size (0: none), milliseconds of a live chunk (0: not live),
        normaliser.
        """
        live_chunk = self.live.chunk_ms if self.live else 0.0
        return self.experiment, self.method, self.chunk_size or 0, live_chunk, self.normaliser

    @property
    def compared_after(self) -> str:
        """What the texts went through; the rates of two rows compare where it is equal."""
        return compared_after(self.normaliser, self.tokenizer_normaliser)

    def rate(self, unit: Unit) -> ErrorRate:
        return {"word": self.wer, "char": self.cer, "mixed": self.mer}[unit]


@dataclass(frozen=True)
class ScoredDecode:
    """A decode folder with its utterances, its scores in every unit and its results row.

    The utterances are as they were decoded, the scores those of their normalised texts.
    """

    directory: Path
    utterances: list[DecodedUtterance]
    scores: dict[Unit, CorpusScore]
    row: ResultRow


def score_decode(directory: Path, normaliser: NormaliserName = "none") -> ScoredDecode:
    """Score `exp/<experiment>/decode/<split>/<method>`; nothing is written.

    Args:
        directory: the folder.
        normaliser: applied to references and hypotheses before they are compared.

    Raises:
        UserError: the folder or one of its files is missing or malformed, or the folder's path does
            not agree with its summary.
    """
    if directory.is_file():
        raise UserError("is not a decode folder", where=str(directory), todo="Give its folder.")
    utterances = read_hypotheses(hypotheses_path(directory))
    summary = read_summary(directory / "summary.json")
    experiment = _experiment(directory, summary)
    compared = normalise_utterances(utterances, normaliser)
    units: tuple[Unit, ...] = get_args(Unit)
    scores = {unit: score_corpus(compared, unit) for unit in units}
    rates = {unit: ErrorRate.of(score.total, score.interval) for unit, score in scores.items()}
    row = ResultRow(
        **summary.model_dump(),
        experiment=experiment,
        utterances=len(utterances),
        normaliser=normaliser,
        wer=rates["word"],
        cer=rates["char"],
        mer=rates["mixed"],
    )
    return ScoredDecode(directory, utterances, scores, row)


def _experiment(directory: Path, summary: DecodeSummary) -> str:
    # Not resolve(): a link in exp/ keeps the name that the user gave it.
    parts = Path(os.path.abspath(directory)).parts  # noqa: PTH100
    if len(parts) < 5 or parts[-3] != "decode":
        raise UserError(
            "is not laid out as exp/<experiment>/decode/<split>/<method>", where=str(directory)
        )
    expected = (summary.split, summary.folder)
    if parts[-2:] != expected:
        raise UserError(
            f"summary.json belongs to {'/'.join(expected)}, the folder is {'/'.join(parts[-2:])}",
            where=str(directory),
            todo="Give the folder its name back, or decode again.",
        )
    return parts[-4]
