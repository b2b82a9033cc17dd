"""`asr lm train` and `asr lm prune`: ARPA files from transcripts, and smaller ones from these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.config.ngram import NgramParams
from asr.errors import UserError
from asr.files import PathLike
from asr.lm.text import UnitText, open_vocabulary
from asr.ngrams.arpa import read_arpa, write_arpa


@dataclass(frozen=True)
class TrainingReport:
    """What a model was made of.

    Attributes:
        sentences, units: of the text.
        estimated, written: n-grams of each order before pruning, and in the file.
    """

    sentences: int
    units: int
    estimated: list[int]
    written: list[int]


def train_ngram(text: UnitText, params: NgramParams, output: PathLike) -> TrainingReport:
    """Estimate a model on `text` and write it to `output`, atomically; `.gz` compresses.

    Raises:
        UserError: see `UnitText.sentences` and the estimators; cutoffs fall with the order.
    """
    _check_output(output)
    if list(params.cutoffs) != sorted(params.cutoffs) or params.cutoffs[0] < 1:
        shown = ",".join(map(str, params.cutoffs))
        todo = "Each must be 1 or more, and no less than that of the shorter n-grams."
        raise UserError(f"{shown} cannot be used", where="--cutoffs", todo=todo)
    vocabulary, replaced = open_vocabulary(text, params.unknown_below)
    sentences = units = 0

    def counted() -> Iterator[list[str]]:
        nonlocal sentences, units
        for sentence in text.sentences("counting n-grams"):
            sentences, units = sentences + 1, units + len(sentence.units)
            yield sentence.units

    if params.estimator == "kenlm":
        from asr.lm.kenlm_estimator import estimate_by_kenlm

        model = estimate_by_kenlm(counted(), vocabulary, params)
    else:
        from asr.lm.kaldingram_estimator import estimate_by_kaldingram  # which loads torch

        model = estimate_by_kaldingram(map(replaced, counted()), params)
    pruned = model
    if params.prune:
        from asr.lm.pruning import prune_ngrams  # which loads torch

        pruned = prune_ngrams(model, params.prune)
    write_arpa(pruned, output)
    return TrainingReport(sentences, units, model.counts, pruned.counts)


def prune_arpa(path: PathLike, threshold: float, output: PathLike) -> tuple[list[int], list[int]]:
    """Prune an ARPA file into another, see `prune_ngrams`.

    Returns:
        n-grams of each order, before and after.

    Raises:
        UserError: see `read_arpa`.
    """
    from asr.lm.pruning import fit_backoffs, prune_ngrams

    _check_output(output)
    model = read_arpa(path)
    pruned = prune_ngrams(fit_backoffs(model), threshold)
    write_arpa(pruned, output)
    return model.counts, pruned.counts


def _check_output(path: PathLike) -> None:
    if Path(path).is_dir():
        raise UserError("is a folder", where=str(path), todo="Name a file to write.")
