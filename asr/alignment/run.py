"""`asr align`: from cuts with transcripts to files of words in time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lhotse.cut import Cut
from tqdm import tqdm

from asr.alignment.delay import DelayMeter, EmissionDelay
from asr.alignment.formats import FORMATS
from asr.alignment.utterances import AlignedUtterance, align_batch
from asr.bundle import Bundle
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, count_reasons, nothing_usable, write_rejections
from asr.corpora.feasibility import cut_text, feasibility_advice, split_feasible
from asr.feeding.batches.sampling import duration_batches
from asr.feeding.cuts import load_cuts
from asr.files import check_writable, write_json
from asr.progress import progress_bar
from asr.provenance import command_line, git_commit
from asr.signal.features.fbank import FbankExtractor

_CUTS_IN_MEMORY = 2000


@dataclass(frozen=True)
class AlignmentResult:
    """How many utterances were aligned, and those that could not be.

    Attributes:
        mean_score: mean of the utterances' scores (`AlignedUtterance.score`).
        delays: of the decode folders that were given.
    """

    aligned: int
    rejected: list[Rejection]
    mean_score: float
    delays: list[EmissionDelay]


def align_split(
    bundle: Bundle,
    cuts_path: Path,
    output_dir: Path,
    formats: Sequence[str] = ("ctm", "json"),
    batch_duration: float = 200.0,
    decoded: Sequence[Path] = (),
) -> AlignmentResult:
    """Align every transcript and write the formats asked for into `output_dir`.

    Utterances are written in the order of their ids. `rejected.jsonl` lists those that CTC cannot
    align, with the reason: no text, characters outside the vocabulary, too few frames.

    Args:
        formats: keys of `FORMATS`.
        batch_duration: padded seconds aligned at once.
        decoded: decode folders whose emission delays are measured against the alignment.

    Raises:
        UserError: the cuts are missing, none can be aligned, a decode folder is missing or holds
            no times, or the disk is full.
    """
    meters = [DelayMeter(folder) for folder in decoded]
    features = bundle.config.features_params
    given = load_cuts(cuts_path)
    cuts, rejected = split_feasible(
        given,
        bundle.tokenizer,
        features,
        bundle.model.encoder.output_lengths,
        unknown_tokens="reject",
    )
    check_writable(output_dir)
    if not cuts:
        write_rejections(output_dir / "rejected.jsonl", rejected)
        todo = feasibility_advice(rejected, map(cut_text, given), bundle.tokenizer)
        raise nothing_usable(rejected, cuts_path, todo)
    extractor, scores = FbankExtractor(features), []
    with ExitStack() as stack:
        writers = [
            stack.enter_context(FORMATS[name](output_dir, bundle.tokenizer.tokens))
            for name in dict.fromkeys(formats)
        ]
        bar = stack.enter_context(progress_bar(len(cuts), "utt", "aligning"))
        for cut, aligned in _aligned(bundle, extractor, cuts, batch_duration, bar):
            if aligned is None:
                detail = "fewer frames than its features promised"
                rejected.append(Rejection(cut.id, None, Reason.TOO_SHORT_FOR_TEXT, detail))
                continue
            scores.append(aligned.score)
            for write in writers:
                write(aligned)
            for meter in meters:
                meter.add(aligned)
    write_rejections(output_dir / "rejected.jsonl", rejected)
    mean_score = sum(scores) / max(len(scores), 1)
    result = AlignmentResult(len(scores), rejected, mean_score, [meter.delay() for meter in meters])
    write_json(output_dir / "summary.json", _summary(result, cuts_path, formats))
    return result


def _aligned(
    bundle: Bundle,
    extractor: FbankExtractor,
    cuts: list[Cut],
    batch_duration: float,
    bar: tqdm,
) -> Iterator[tuple[Cut, AlignedUtterance | None]]:
    """Align blocks of cuts in batches of like duration; yield them in the order of their ids."""
    cuts = sorted(cuts, key=lambda cut: cut.id)
    for first in range(0, len(cuts), _CUTS_IN_MEMORY):
        block = cuts[first : first + _CUTS_IN_MEMORY]
        results: dict[str, AlignedUtterance | None] = {}
        for batch in duration_batches(block, batch_duration):
            found = align_batch(bundle, extractor, batch)
            results |= {cut.id: aligned for cut, aligned in zip(batch, found, strict=True)}
            bar.update(len(batch))
        for cut in block:
            yield cut, results[cut.id]


def _summary(
    result: AlignmentResult,
    cuts_path: Path,
    formats: Sequence[str],
) -> dict[str, Any]:
    return {
        "cuts": str(cuts_path),
        "formats": list(formats),
        "aligned": result.aligned,
        "rejected": count_reasons(result.rejected),
        "mean_score": round(result.mean_score, 6),
        "emission_delay": [asdict(delay) for delay in result.delays],
        "git_commit": git_commit(),
        "command": command_line(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
