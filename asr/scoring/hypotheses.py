"""What decoding leaves in its folder, `hyps.jsonl` and `summary.json`, and sclite's trn form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field

from asr.errors import UserError
from asr.files import PathLike, read_json, read_jsonl, write_text
from asr.scoring.latency import LiveDecoding
from asr.scoring.records import Record

_MEND = "Decode the split again with 'asr decode'."


class DecodedUtterance(Record):
    """One line of `hyps.jsonl`, as far as scoring needs it."""

    id: str
    speaker: str
    reference: str
    text: str
    duration: float | None = None  # seconds


class DecodeSummary(Record):
    """`summary.json`, as far as results rows need it; null where a figure is not known.

    `chunk_size` is in encoder frames, null when the whole utterance was seen at once. `device` is
    what decoded, `training_device` and `world_size` what trained. `tokenizer_normaliser` has gone
    over the references, and over the transcripts the model learned from. `weights` says which
    checkpoints the model is made of, `cuts` which file was decoded, `options` what the method was
    run with, `live` what `asr stream` measured.
    """

    split: str
    method: str
    chunk_size: int | None
    parameters: int
    epochs: float | None
    device: str
    num_threads: int
    rtf: float
    training_seconds: float | None
    world_size: int | None
    training_device: str | None
    git_commit: str | None
    command: str
    tokenizer_normaliser: str = "none"
    weights: str | None = None
    cuts: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    live: LiveDecoding | None = None

    @property
    def folder(self) -> str:
        """The name of the folder that the summary lies in."""
        return decode_folder(
            self.method, self.chunk_size, self.live.chunk_ms if self.live else None
        )


def decode_folder(method: str, chunk_size: int | None, live_chunk_ms: float | None = None) -> str:
    """Return the name of a decode folder.

    Args:
        method: what decoded.
        chunk_size: encoder frames of a chunk in simulated streaming, None for whole utterances.
        live_chunk_ms: milliseconds of a chunk where the split was spoken to a streaming recogniser.
    """
    if live_chunk_ms is not None:
        return f"streaming-{live_chunk_ms:g}ms-{method}"
    return method if chunk_size is None else f"{method}-chunk{chunk_size}"


def compared_after(normaliser: str, tokenizer_normaliser: str) -> str:
    """Say what references went through before they were compared; rates compare where it is equal.

    Args:
        normaliser: of `asr score`, which goes over references and hypotheses.
        tokenizer_normaliser: of the model, which has gone over the references by then.
    """
    if tokenizer_normaliser in ("none", normaliser):  # what a normaliser has written, it leaves
        return normaliser
    after = "" if normaliser == "none" else f", then {normaliser}"
    return f"{tokenizer_normaliser} by the tokenizer{after}"


def read_hypotheses(path: PathLike) -> list[DecodedUtterance]:
    """Read `hyps.jsonl`.

    Raises:
        UserError: the file is missing, empty or malformed, a field is missing or has the wrong
            type, or an utterance stands twice.
    """
    seen: set[str] = set()
    utterances = []
    for number, row in enumerate(read_jsonl(path), start=1):
        utterance = DecodedUtterance.parse(row, f"{path}: utterance {number}", _MEND)
        if utterance.id in seen:
            raise UserError(f"utterance '{utterance.id}' stands twice", where=str(path), todo=_MEND)
        seen.add(utterance.id)
        utterances.append(utterance)
    if not utterances:
        raise UserError("holds no utterances", where=str(path), todo=_MEND)
    return utterances


def read_summary(path: PathLike) -> DecodeSummary:
    """Read `summary.json`.

    Raises:
        UserError: the file is missing or malformed, a field is missing or has the wrong type.
    """
    return DecodeSummary.parse(read_json(path), str(path), _MEND)


def write_trn(path: PathLike, transcripts: Iterable[tuple[str, str]]) -> None:
    """Write (utterance id, text) pairs as sclite's trn: `text (id)`, one a line.

    sclite takes the last round brackets of a line for the id, so round brackets inside an id are
    written as square ones.
    """
    brackets = str.maketrans("()", "[]")
    lines = []
    for utterance_id, text in transcripts:
        words = [*text.split(), f"({utterance_id.translate(brackets)})"]
        lines.append(" ".join(words) + "\n")
    write_text(path, "".join(lines))


def hypotheses_path(path: Path) -> Path:
    """Return the `hyps.jsonl` of a decode folder, or `path` itself when it is a file.

    Raises:
        UserError: there is nothing at `path`.
    """
    if not path.exists():
        raise UserError(
            "no such decode folder",
            where=str(path),
            todo="Run 'asr decode' first, or mend the path.",
        )
    return path / "hyps.jsonl" if path.is_dir() else path
