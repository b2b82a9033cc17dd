"""Decoding a split of a corpus into files that scoring reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lhotse.cut import Cut

from asr.bundle import Bundle
from asr.config.base import Params
from asr.corpora.feasibility import cut_text
from asr.corpora.formats.ctm import write_ctm
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.recognizer import Recognizer
from asr.decoding.timing import ctm_words
from asr.errors import UserError
from asr.feeding.batches.sampling import duration_batches
from asr.feeding.cuts import load_cuts
from asr.files import check_writable, write_json, write_jsonl
from asr.models import Chunking
from asr.progress import progress_bar
from asr.provenance import command_line, git_commit
from asr.scoring.hypotheses import decode_folder, write_trn
from asr.signal.features.loading import load_finite_features
from asr.text.tokenizers import Tokenizer

# The time that self-attention takes grows with the square of the length.
LONGEST_CUT = 1200.0  # seconds


@dataclass(frozen=True)
class Decoded:
    """An utterance and what was recognised."""

    cut: Cut
    n_best: list[Hypothesis]


@dataclass(frozen=True)
class DecodedSplit:
    """Where a decoded split is, how long it was, and decoding time / audio time."""

    folder: Path
    audio_seconds: float
    rtf: float


def decode_split(
    recognizer: Recognizer,
    cuts_path: Path,
    split_dir: Path,
    split: str,
    batch_duration: float,
    bundle_path: Path,
) -> DecodedSplit:
    """Decode every cut into a folder of `split_dir`.

    It gets `hyps.jsonl`, `hyps.trn` (sclite's transcripts), `hyps.ctm` (words with times from the
    start of the utterance, under its id) and `summary.json`.

    The summary's real-time factor counts encoding and search, not reading files or computing
    features.

    Args:
        batch_duration: padded seconds decoded at once.

    Raises:
        UserError: the cuts are missing or empty, one is too long to be decoded whole or has bad
            values, or the folder cannot be written to.
    """
    cuts = load_cuts(cuts_path)
    check_lengths(cuts)
    chunk_size = recognizer.chunking.chunk_size if recognizer.chunking else None
    folder = split_dir / decode_folder(recognizer.method, chunk_size)
    check_writable(folder)
    decoded: list[Decoded] = []
    seconds = 0.0
    with progress_bar(len(cuts), "utt", f"{split} {recognizer.method}") as bar:
        for batch in duration_batches(cuts, batch_duration):
            features = [load_finite_features(cut, recognizer.extractor) for cut in batch]
            start = time.perf_counter()
            n_best = recognizer.decode_features(features)
            seconds += time.perf_counter() - start
            decoded += [Decoded(*pair) for pair in zip(batch, n_best, strict=True)]
            bar.update(len(batch))
    decoded.sort(key=lambda item: item.cut.id)
    write_decoded(decoded, recognizer.bundle.tokenizer, folder)
    summary = {
        "split": split,
        "method": recognizer.method,
        "bundle": str(bundle_path),
        "cuts": str(cuts_path),
        "batch_duration": batch_duration,
        **describe_time(decoded, seconds),
        **describe_decoding(recognizer.bundle, recognizer.options, recognizer.chunking),
    }
    write_json(folder / "summary.json", summary)
    return DecodedSplit(folder, summary["audio_seconds"], summary["rtf"])


def check_lengths(cuts: Iterable[Cut]) -> None:
    longest = max(cuts, key=lambda cut: cut.duration)
    if longest.duration > LONGEST_CUT:
        raise UserError(
            f"lasts {longest.duration:.0f} s; cuts are decoded whole, up to {LONGEST_CUT:.0f} s",
            where=longest.id,
            todo="Cut it into utterances, or use asr transcribe, which cuts recordings itself.",
        )


def describe_time(decoded: Sequence[Decoded], seconds: float) -> dict[str, Any]:
    """Return the part of a `summary.json` that counts audio and the seconds it was decoded in."""
    audio_seconds = sum(item.cut.duration for item in decoded)
    return {
        "audio_seconds": round(audio_seconds, 3),
        "decode_seconds": round(seconds, 3),
        "rtf": round(seconds / max(audio_seconds, 1e-9), 6),
        "utterances_without_times": sum(
            bool(item.n_best[0].tokens) and not item.n_best[0].timestamps for item in decoded
        ),
    }


def describe_decoding(bundle: Bundle, options: Params, chunking: Chunking | None) -> dict[str, Any]:
    """Return the part of a `summary.json` that says what decoded, where and how."""
    provenance = bundle.provenance
    device = bundle.model.device
    return {
        "options": options.model_dump(mode="json"),
        "chunk_size": chunking.chunk_size if chunking else None,
        "left_chunks": chunking.left_chunks if chunking else None,
        "lookahead": chunking.lookahead if chunking else None,
        "tokenizer_normaliser": bundle.tokenizer.params.normaliser,
        "backend": bundle.model.backend,
        "parameters": bundle.model.num_parameters,
        "epochs": provenance.get("epochs"),
        "weights": provenance.get("weights"),
        "training_seconds": provenance.get("training_seconds"),
        "training_device": provenance.get("device"),
        "world_size": provenance.get("world_size"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "num_threads": torch.get_num_threads(),
        "git_commit": git_commit(),
        "command": command_line(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def write_decoded(decoded: Sequence[Decoded], tokenizer: Tokenizer[Any], output_dir: Path) -> None:
    """Write `hyps.jsonl`, `hyps.trn` and `hyps.ctm` of a decoded split."""
    rows = [_row(item, tokenizer) for item in decoded]
    write_jsonl(output_dir / "hyps.jsonl", rows)
    write_trn(output_dir / "hyps.trn", [(row["id"], row["text"]) for row in rows])
    write_ctm(
        output_dir / "hyps.ctm",
        (mark for item in decoded for mark in ctm_words(item.cut.id, item.n_best[0].words)),
    )


def _row(item: Decoded, tokenizer: Tokenizer[Any]) -> dict[str, Any]:
    """Return an utterance's line of `hyps.jsonl`."""
    best = item.n_best[0]
    return {
        "id": item.cut.id,
        "speaker": item.cut.supervisions[0].speaker or "unknown",
        "duration": round(item.cut.duration, 3),
        "reference": tokenizer.canonical(cut_text(item.cut)),
        "text": best.text,
        "score": best.score,
        **best.timed_row(tokenizer.tokens),
        **({} if best.complete else {"complete": False}),
        "nbest": [{"text": h.text, "score": h.score} for h in item.n_best],
    }
