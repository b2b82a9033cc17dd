"""`asr evaluate`: data to cuts, cuts to hypotheses, hypotheses to a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.config.tokenizer import NormaliserName
from asr.corpora.faults.rejections import name_rejections
from asr.corpora.splits.comparison import FINGERPRINTS
from asr.decoding.corpus import decode_split
from asr.decoding.recognizer import Recognizer
from asr.errors import UserError
from asr.evaluation.data import DataRequest, PreparedData, prepare_data
from asr.files import read_json, state_of, write_json
from asr.provenance import git_commit
from asr.scoring.alignment import Unit
from asr.scoring.corpus import normalise_utterances, score_corpus
from asr.scoring.hints import spelling_hints
from asr.scoring.hypotheses import decode_folder, read_hypotheses
from asr.scoring.results import WrittenTable, score_directories

_KEY = "evaluated.json"


@dataclass(frozen=True)
class EvaluationRequest:
    """What is asked for.

    Attributes:
        bundle: where the model was loaded from.
        output_dir: gets `data/`, `<name>/decode/<split>/<method>/` and `results/`.
        name: the experiment's name in the results; the bundle's when None.
        batch_duration: padded seconds decoded at once.
    """

    bundle: Path
    output_dir: Path
    unit: Unit
    normaliser: NormaliserName
    batch_duration: float
    name: str | None = None


def evaluate(
    recognizers: Sequence[Recognizer],
    data: DataRequest,
    request: EvaluationRequest,
    tell: Callable[[str], None],
) -> list[WrittenTable]:
    """Decode data with each recogniser and score it.

    What was decoded with the same model, data and options is not decoded again.

    Args:
        tell: takes lines about what was found and done.

    Raises:
        UserError: as `prepare_data`, `decode_split` and `score_directories`, or the experiment's
            name stands for another bundle.
    """
    rate = recognizers[0].bundle.config.features_params.sampling_rate
    prepared = prepare_data(data, rate)
    _tell_data(data, prepared, tell)
    experiment = request.output_dir / (request.name or bundle_name(request.bundle))
    _claim(experiment, request.bundle)
    found = _hash(prepared.cuts)
    identity = {
        "data": found,
        "bundle": list(state_of(request.bundle)),
        "toolkit": git_commit(),
    }
    results = request.output_dir / "results"
    _drop_stale(data.folder / prepared.split, results, found, tell)
    folders = []
    for recognizer in recognizers:
        folder = _folder(recognizer, experiment / "decode" / prepared.split)
        key = {**identity, **_describe(recognizer)}
        if _is_done(folder, key):
            tell(f"{recognizer.method}: decoded before, {folder}")
        else:
            split, into = prepared.split, folder.parent
            (folder / _KEY).unlink(missing_ok=True)
            done = decode_split(
                recognizer, prepared.cuts, into, split, request.batch_duration, request.bundle
            )
            write_json(folder / _KEY, key)
            tell(
                f"{recognizer.method}: {done.audio_seconds:.0f} s of audio, real-time factor "
                f"{done.rtf:.4f}, in {folder}"
            )
        folders.append(folder)
    tell("")
    tables = score_directories(folders, results, request.unit, request.normaliser)
    _tell_hints(folders[0], request.normaliser, tell)
    return tables


def _tell_hints(folder: Path, normaliser: NormaliserName, tell: Callable[[str], None]) -> None:
    """Look at what one method got wrong: how texts are written is the same for all."""
    compared = normalise_utterances(read_hypotheses(folder / "hyps.jsonl"), normaliser)
    for hint in spelling_hints(score_corpus(compared, "word").utterances, normaliser):
        tell(f"note: {hint}\n")


def bundle_name(bundle: Path) -> str:
    """Return what an experiment is called, from `exp/NAME/bundle`, `NAME.tar.gz` or `NAME`."""
    path = bundle.resolve()
    named = path.parent if path.name == "bundle" else path
    return named.name.removesuffix(".tar.gz")


def _tell_data(data: DataRequest, prepared: PreparedData, tell: Callable[[str], None]) -> None:
    tell(
        f"{data.source}: {prepared.about}; {prepared.utterances} utterances, "
        f"{len(prepared.rejected)} set aside"
    )
    for line in name_rejections(prepared.rejected):
        tell(f"  set aside: {line}")
    if prepared.rejected:
        tell(f"  all of them: {prepared.rejected_path}")


def _claim(experiment: Path, bundle: Path) -> None:
    """Note which bundle an experiment's name stands for; another one needs another name."""
    note = experiment / "bundle.json"
    made_of = {"bundle": str(bundle.resolve())}
    if note.is_file() and (before := read_json(note)) != made_of:
        raise UserError(
            f"'{experiment.name}' stands for another bundle here: {before.get('bundle')}",
            where=str(experiment),
            todo="Give --name NAME or another --output-dir.",
        )
    write_json(note, made_of)


def _folder(recognizer: Recognizer, split_dir: Path) -> Path:
    chunking = recognizer.chunking
    return split_dir / decode_folder(recognizer.method, chunking.chunk_size if chunking else None)


def _describe(recognizer: Recognizer) -> dict[str, Any]:
    """Return what the text depends on beside model and data, as plain data."""
    used = {name: value for name, value in vars(recognizer.resources.paths).items() if value}
    return {
        "method": recognizer.method,
        "options": recognizer.options.model_dump(mode="json"),
        "resources": {name: list(state_of(Path(value))) for name, value in used.items()},
        "backend": recognizer.bundle.model.backend,
    }


def _is_done(folder: Path, key: dict[str, Any]) -> bool:
    made = all((folder / name).is_file() for name in (_KEY, "hyps.jsonl", "summary.json"))
    return made and read_json(folder / _KEY) == key


def _hash(cuts: Path) -> str:
    """Return a hash of cuts and, where `asr validate` has written it, of their audio."""
    if not cuts.is_file():
        return str(state_of(cuts))
    digest = hashlib.sha256(cuts.read_bytes())
    fingerprints = cuts.with_name(FINGERPRINTS)
    if fingerprints.is_file():
        digest.update(fingerprints.read_bytes())
    return digest.hexdigest()


def _drop_stale(folder: Path, results: Path, data: str, tell: Callable[[str], None]) -> None:
    """Drop the rows of utterances that are no longer the data's: their rates do not compare."""
    note = folder / _KEY
    before = read_json(note).get("data") if note.is_file() else None
    table = results / f"{folder.name}.json"
    if before not in (None, data) and table.is_file():
        tell(f"{folder.name} has changed: rows of before are dropped from {table}")
        table.unlink()
        table.with_suffix(".md").unlink(missing_ok=True)
    write_json(note, {"data": data})
