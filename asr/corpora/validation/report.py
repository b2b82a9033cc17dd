"""What the validation of a split found, as numbers and as lines for the terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asr.corpora.faults.rejections import Rejection, count_reasons
from asr.corpora.validation.audio_checks import AudioCheck
from asr.corpora.validation.options import ValidationOptions
from asr.corpora.validation.utterance import Utterance
from asr.speakers import is_known
from asr.text.inspection import spoken_letters

_EXAMPLES = 5
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class ValidationReport:
    """What `validate_split` found.

    Attributes:
        kept: the usable utterances, in the order of their ids.
        rejected: what was set aside, and why.
        warnings: faults of utterances that are kept.
        checks: of every file; empty when nothing was decoded.
    """

    split: str
    options: ValidationOptions
    kept: Sequence[Utterance]
    rejected: Sequence[Rejection]
    warnings: Sequence[Rejection]
    checks: Sequence[AudioCheck]

    @cached_property
    def durations(self) -> np.ndarray:
        """Seconds of every utterance that is kept (N,)."""
        return np.array([utterance.duration for utterance in self.kept])

    @cached_property
    def letter_rates(self) -> np.ndarray:
        """Letters a second of every utterance that is kept (N,)."""
        letters = np.array([spoken_letters(utterance.text) for utterance in self.kept])
        return letters / self.durations

    @cached_property
    def speakers(self) -> list[tuple[str, int, float]]:
        """Name, utterances and seconds of every known speaker, who speaks longest first."""
        counts: Counter[str] = Counter()
        seconds: dict[str, float] = defaultdict(float)
        for utterance, duration in zip(self.kept, self.durations.tolist(), strict=True):
            speaker = utterance.supervision.speaker
            if speaker is not None and is_known(speaker):
                counts[speaker] += 1
                seconds[speaker] += duration
        return sorted(
            ((name, counts[name], total) for name, total in seconds.items()),
            key=lambda item: (-item[2], item[0]),
        )

    @property
    def num_unknown(self) -> int:
        """How many utterances that are kept name no speaker."""
        return len(self.kept) - sum(count for _, count, _ in self.speakers)

    def as_json(self) -> dict[str, Any]:
        """Return counts, hours, examples by reason and the spread of durations in seconds."""
        readable = [check for check in self.checks if check.exists and not check.error]
        return {
            "split": self.split,
            "options": self.options.as_json(),
            "kept": len(self.kept),
            "kept_hours": _hours(self.durations.sum()),
            "rejected": len(self.rejected),
            "rejected_hours": _hours(sum(item.duration for item in self.rejected)),
            "reasons": count_reasons(self.rejected),
            "examples": _examples(self.rejected),
            "warnings": count_reasons(self.warnings),
            "warning_examples": _examples(self.warnings),
            "speakers": len(self.speakers),
            "utterances_of_unknown_speakers": self.num_unknown,
            "files_by_sampling_rate": _histogram(check.sampling_rate for check in readable),
            "files_by_channels": _histogram(check.num_channels for check in readable),
            "duration_quantiles": _quantiles(self.durations),
            "letter_rate_quantiles": _quantiles(self.letter_rates),
        }

    def summary(self) -> str:
        """Return a line on what is kept and one for each reason of rejection or warning."""
        data = self.as_json()
        unheard = "" if self.options.decode else "; the audio was not decoded"
        lines = [
            f"{self.split}: {data['kept']} utterances kept ({data['kept_hours']:.2f} hours),"
            f" {data['rejected']} set aside ({data['rejected_hours']:.2f} hours){unheard}",
            *_reason_lines(data["reasons"], data["examples"]),
        ]
        if self.warnings:
            lines.append(f"{self.split}: kept, with a warning")
            lines += _reason_lines(data["warnings"], data["warning_examples"])
        return "\n".join(lines)


def _examples(rejections: Iterable[Rejection]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in rejections:
        if len(found[item.reason.value]) < _EXAMPLES:
            row = {"id": item.id, "path": item.path, "detail": item.detail}
            found[item.reason.value].append(row)
    return found


def _reason_lines(counts: dict[str, int], examples: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = []
    for reason, count in counts.items():
        example = examples[reason][0]
        name = example["id"] or example["path"]
        lines.append(f"  {count:8d} {reason}, for example {name} ({example['detail']})")
    return lines


def _hours(seconds: float) -> float:
    return round(float(seconds) / 3600, 4)


def _histogram(values: Iterable[int]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    quantiles = np.quantile(values, _QUANTILES).round(3).tolist()
    return dict(zip(map(str, _QUANTILES), quantiles, strict=True))
