"""From manifests to the cuts of a split: what is usable, and why the rest is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, count_reasons, nothing_usable, write_rejections
from asr.corpora.manifests.files import read_manifests
from asr.corpora.splits.comparison import FINGERPRINTS
from asr.corpora.validation.audio_cache import check_files
from asr.corpora.validation.neighbours import duplicate_audio, overlapping_segments
from asr.corpora.validation.options import CtcRule, ValidationOptions
from asr.corpora.validation.page import render_page
from asr.corpora.validation.report import ValidationReport
from asr.corpora.validation.rules import Judge
from asr.corpora.validation.utterance import Utterance, link
from asr.errors import UserError
from asr.files import PathLike, write_json, write_jsonl, write_text
from asr.machine import bulk_allocation
from asr.text.inspection import ScriptProfile


def validate_split(
    manifests_dir: PathLike,
    split: str,
    output_dir: PathLike,
    options: ValidationOptions,
    num_jobs: int = 1,
    ctc: CtcRule | None = None,
) -> ValidationReport:
    """Decode every file of a split once and write which utterances are usable.

    Writes `<output_dir>/<split>/{cuts.jsonl, rejected.jsonl, warnings.jsonl, validation.json,
    validation.html, fingerprints.jsonl}`, and `audio_checks.jsonl`, which spares an unchanged file
    the next decoding. A cut loads as mono audio (1, N) at `options.sampling_rate`, whatever its
    file holds.

    Args:
        ctc: judge by a tokenizer as well: its vocabulary, and the frames its tokens need.

    Raises:
        UserError: a manifest is missing, no utterance is usable, or a larger share is rejected
            than `options` allows; cuts.jsonl is not written then, the other files are.
    """
    folder = Path(output_dir) / split
    with bulk_allocation():
        linked = link(read_manifests(manifests_dir, split))
        checks = {}
        if options.decode:
            checks = check_files(linked.segments(), folder / "audio_checks.jsonl", num_jobs)
        utterances = list(linked.utterances(checks))
        judge = Judge(options, ScriptProfile(item.text for item in utterances), ctc)
        verdict = _judge(utterances, judge)
        report = ValidationReport(
            split=split,
            options=options,
            kept=verdict.kept,
            rejected=_in_order([*linked.rejected, *verdict.rejected]),
            warnings=_in_order(item for each in verdict.warnings.values() for item in each),
            checks=list(checks.values()),
        )
        _write(report, folder)
    return report


@dataclass
class _Verdict:
    """What the rules made of the utterances.

    Attributes:
        warnings: of the utterances that are kept, by id.
    """

    kept: list[Utterance] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    warnings: dict[str, list[Rejection]] = field(default_factory=dict)

    def add(
        self, utterance: Utterance, reason: Reason, detail: str, rejecting: frozenset[Reason]
    ) -> bool:
        """Note a fault; returns whether the utterance is rejected for it."""
        fault = utterance.fault(reason, detail)
        if reason not in rejecting:
            self.warnings.setdefault(utterance.id, []).append(fault)
            return False
        self.rejected.append(fault)
        self.warnings.pop(utterance.id, None)
        return True


def _judge(utterances: Iterable[Utterance], judge: Judge) -> _Verdict:
    """Judge every utterance by itself, then those that are left beside each other."""
    verdict = _Verdict()
    rejecting = judge.options.rejecting
    for utterance in utterances:
        if not any(verdict.add(utterance, *fault, rejecting) for fault in judge.faults(utterance)):
            verdict.kept.append(utterance)
    for find in (duplicate_audio, lambda kept: overlapping_segments(kept, judge.options)):
        found = list(find(verdict.kept))
        dropped = {fault[0].id for fault in found if verdict.add(*fault, rejecting)}
        verdict.kept = [item for item in verdict.kept if item.id not in dropped]
    return verdict


def _in_order(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda item: (item.id or "", item.path or "", item.reason.value))


def _write(report: ValidationReport, folder: Path) -> None:
    """Write the report, and the cuts unless too many utterances are rejected."""
    write_rejections(folder / "rejected.jsonl", report.rejected)
    write_rejections(folder / "warnings.jsonl", report.warnings)
    write_json(folder / "validation.json", report.as_json())
    write_text(folder / "validation.html", render_page(report))
    if not report.kept:
        raise nothing_usable(report.rejected, where=folder / "rejected.jsonl")
    share = len(report.rejected) / (len(report.rejected) + len(report.kept))
    if share > report.options.max_rejected_share:
        reason, count = next(iter(count_reasons(report.rejected).items()))
        raise UserError(
            f"{share:.1%} of the utterances are rejected, most of them ({count}) for {reason}",
            where=str(folder / "rejected.jsonl"),
            todo="Mend the corpus or raise --max-rejected-share.",
        )
    write_jsonl(folder / FINGERPRINTS, (utterance.fingerprint() for utterance in report.kept))
    rate = report.options.sampling_rate
    write_jsonl(folder / "cuts.jsonl", (utterance.cut(rate).to_dict() for utterance in report.kept))
