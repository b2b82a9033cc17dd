"""From manifests to the cuts of a split: what is usable, and why the rest is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import MonoCut, Recording, SupervisionSegment
from lhotse.audio import AudioSource
from lhotse.utils import compute_num_samples, fastcopy

from asr.data.audio import Downmix
from asr.data.audio_checks import AudioCheck, Segment, check_files
from asr.data.manifests import Manifests, audio_path, is_one_file, read_manifests
from asr.data.reasons import Reason, Utterance, ValidationOptions, find_fault
from asr.data.rejections import Rejection, count_reasons, nothing_usable, write_rejections
from asr.errors import UserError
from asr.files import PathLike, write_json, write_jsonl
from asr.text.scripts import space_scripts

_EXAMPLES = 5
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_Linked = tuple[SupervisionSegment, Recording]


@dataclass(frozen=True)
class ValidationReport:
    """What `validate_split` found."""

    split: str
    options: ValidationOptions
    cuts: Sequence[MonoCut]
    rejected: list[Rejection]
    checks: Sequence[AudioCheck]

    def as_json(self) -> dict[str, Any]:
        """Return counts, hours, examples by reason and the spread of durations in seconds."""
        durations = [cut.duration for cut in self.cuts]
        examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for item in self.rejected:
            if len(examples[item.reason.value]) < _EXAMPLES:
                row = {"id": item.id, "path": item.path, "detail": item.detail}
                examples[item.reason.value].append(row)
        readable = [check for check in self.checks if not check.error]
        return {
            "split": self.split,
            "options": asdict(self.options),
            "kept": len(self.cuts),
            "kept_hours": round(sum(durations) / 3600, 4),
            "rejected": len(self.rejected),
            "rejected_hours": round(sum(item.duration for item in self.rejected) / 3600, 4),
            "reasons": count_reasons(self.rejected),
            "examples": examples,
            "files_by_sampling_rate": _histogram(check.sampling_rate for check in readable),
            "files_by_channels": _histogram(check.num_channels for check in readable),
            "duration_quantiles": _quantiles(durations),
        }

    def summary(self) -> str:
        """Return a line on what is kept and one for each reason of rejection."""
        data = self.as_json()
        lines = [
            f"{self.split}: {data['kept']} utterances kept ({data['kept_hours']:.2f} hours),"
            f" {data['rejected']} set aside ({data['rejected_hours']:.2f} hours)"
        ]
        for reason, count in data["reasons"].items():
            example = data["examples"][reason][0]
            name = example["id"] or example["path"]
            lines.append(f"  {count:8d} {reason}, for example {name} ({example['detail']})")
        return "\n".join(lines)


def validate_split(
    manifests_dir: PathLike,
    split: str,
    output_dir: PathLike,
    options: ValidationOptions,
    num_jobs: int = 1,
) -> ValidationReport:
    """Decode every file of a split once and write which utterances are usable.

    Writes `<output_dir>/<split>/{cuts.jsonl, rejected.jsonl, validation.json}`, and
    `audio_checks.jsonl`, which spares an unchanged file the next decoding. A cut loads as mono
    audio (1, N) at `options.sampling_rate`, whatever its file holds.

    Raises:
        UserError: a manifest is missing, no utterance is usable, or a larger share is rejected
            than `options` allows; cuts.jsonl is not written then, the other files are.
    """
    folder = Path(output_dir) / split
    linked, rejected = _link(read_manifests(manifests_dir, split))
    checks = check_files(_segments(linked), folder / "audio_checks.jsonl", num_jobs)
    cuts = []
    for supervision, recording in linked:
        utterance = Utterance(
            supervision=supervision,
            text=space_scripts(supervision.text or ""),
            recording=recording,
            segment=_segment(supervision, recording),
            audio=checks[audio_path(recording)],
        )
        fault = find_fault(utterance, options)
        if fault is None:
            cuts.append(_cut(utterance, options.sampling_rate))
        else:
            rejected.append(_rejection(supervision, recording, *fault))
    cuts.sort(key=lambda cut: cut.id)
    rejected.sort(key=lambda item: (item.id or "", item.path or ""))
    report = ValidationReport(split, options, cuts, rejected, list(checks.values()))
    _write(report, folder)
    return report


def _link(manifests: Manifests) -> tuple[list[_Linked], list[Rejection]]:
    """Join supervisions to their recordings; what has no partner is rejected."""
    recordings = {recording.id: recording for recording in manifests.recordings}
    linked, rejected = [], list(manifests.rejected)
    ids: set[str] = set()
    for supervision in manifests.supervisions:
        recording = recordings.get(supervision.recording_id)
        if supervision.id in ids:
            fault = Reason.DUPLICATE_ID, "an earlier utterance has this id"
        elif supervision.text is None:
            fault = Reason.MISSING_TRANSCRIPT, "audio without a transcript"
        elif recording is None:
            fault = Reason.MISSING_AUDIO, f"no recording '{supervision.recording_id}'"
        elif not is_one_file(recording):
            fault = Reason.UNREADABLE_AUDIO, "its recording is not one audio file"
        else:
            fault = None
            linked.append((supervision, recording))
        if fault is not None:
            rejected.append(_rejection(supervision, recording, *fault))
        ids.add(supervision.id)
    named = {supervision.recording_id for supervision in manifests.supervisions}
    for recording in manifests.recordings:
        if recording.id not in named:
            detail = "audio without a transcript"
            path, reason = audio_path(recording), Reason.MISSING_TRANSCRIPT
            rejected.append(Rejection(None, path, reason, detail, recording.duration))
    return linked, rejected


def _rejection(
    supervision: SupervisionSegment, recording: Recording | None, reason: Reason, detail: str
) -> Rejection:
    path = None if recording is None else audio_path(recording)
    return Rejection(supervision.id, path, reason, detail, supervision.duration)


def _segments(linked: Iterable[_Linked]) -> dict[str, list[Segment]]:
    """Return the segments of every file, in order."""
    found: dict[str, set[Segment]] = defaultdict(set)
    for supervision, recording in linked:
        found[audio_path(recording)].add(_segment(supervision, recording))
    return {path: sorted(segments) for path, segments in found.items()}


def _segment(supervision: SupervisionSegment, recording: Recording) -> Segment:
    rate = recording.sampling_rate
    start = compute_num_samples(supervision.start, rate)
    return start, start + compute_num_samples(supervision.duration, rate)


def _cut(utterance: Utterance, sampling_rate: int) -> MonoCut:
    """Return a cut of one channel at `sampling_rate`, within its recording."""
    supervision = utterance.supervision
    recording = utterance.recording
    channels = utterance.channels
    if len(channels) > 1:
        recording, channels = _mono(recording), [0]
    recording = recording.resample(sampling_rate)
    start = compute_num_samples(supervision.start, sampling_rate)
    wanted = compute_num_samples(supervision.duration, sampling_rate)
    duration = min(wanted, recording.num_samples - start) / sampling_rate
    return MonoCut(
        id=supervision.id,
        start=start / sampling_rate,
        duration=duration,
        channel=channels[0],
        recording=recording,
        supervisions=[
            fastcopy(
                supervision, start=0.0, duration=duration, channel=channels[0], text=utterance.text
            )
        ],
    )


def _mono(recording: Recording) -> Recording:
    """Return a view of one channel, the mean of all."""
    source = AudioSource(type="file", channels=[0], source=audio_path(recording))
    return fastcopy(recording, sources=[source], channel_ids=[0], transforms=[Downmix()])


def _write(report: ValidationReport, folder: Path) -> None:
    """Write the report, and the cuts unless too many utterances are rejected."""
    write_rejections(folder / "rejected.jsonl", report.rejected)
    write_json(folder / "validation.json", report.as_json())
    if not report.cuts:
        raise nothing_usable(report.rejected, where=folder / "rejected.jsonl")
    share = len(report.rejected) / (len(report.rejected) + len(report.cuts))
    if share > report.options.max_rejected_share:
        reason, count = next(iter(count_reasons(report.rejected).items()))
        raise UserError(
            f"{share:.1%} of the utterances are rejected, most of them ({count}) for {reason}",
            where=str(folder / "rejected.jsonl"),
            todo="Mend the corpus or raise --max-rejected-share.",
        )
    write_jsonl(folder / "cuts.jsonl", (cut.to_dict() for cut in report.cuts))


def _histogram(values: Iterable[int]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def _quantiles(durations: Sequence[float]) -> dict[str, float]:
    if not durations:
        return {}
    values = np.quantile(durations, _QUANTILES).round(3).tolist()
    return dict(zip(map(str, _QUANTILES), values, strict=True))
