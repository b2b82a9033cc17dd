"""`asr lm`: n-gram language models, trained, pruned, measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, FiniteRange
from asr.config.loading import build
from asr.config.ngram import Estimator, NgramParams, Unit
from asr.errors import UserError
from asr.files import write_json


@click.group("lm", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """N-gram language models: ARPA files for methods with +ngram, and for asr graph."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _text_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add what says which text is counted, and in which units."""
    for option in (
        click.option(
            "--tokenizer",
            "tokenizer_dir",
            type=PATH,
            metavar="DIR",
            help="Whose tokens are counted; with --unit word only its normaliser is used.",
        ),
        click.option(
            "--unit",
            type=click.Choice(["word", "token"]),
            default="word",
            help="What is counted: words, or the tokens of --tokenizer.",
        ),
        click.option(
            "--text",
            "text_files",
            type=PATH,
            metavar="FILE",
            required=True,
            multiple=True,
            help="Cuts or supervisions (.jsonl) or one sentence a line; .gz too; may be repeated.",
        ),
    ):
        function = option(function)
    return function


@command.command("train")
@_text_options
@click.option("--output", type=PATH, metavar="FILE", required=True, help="ARPA file; .gz too.")
@click.option("--order", type=click.IntRange(1, 10), default=3, help="Of the longest n-grams.")
@click.option(
    "--estimator",
    type=click.Choice(["kaldingram", "kenlm"]),
    default="kaldingram",
    help="kenlm runs the program lmplz.",
)
@click.option(
    "--cutoffs",
    metavar="N,N,…",
    default="1",
    help="How often a 2-gram, 3-gram, … must be seen to be kept; the last holds for longer ones.",
)
@click.option(
    "--unknown-below",
    type=click.IntRange(1),
    default=1,
    help="Words seen less often become <unk>.",
)
@click.option(
    "--prune",
    type=FiniteRange(0, 1, max_open=True),
    default=0.0,
    help="Leave out n-grams that change the perplexity by a lesser share, such as 1e-7.",
)
def train(
    text_files: tuple[Path, ...],
    unit: Unit,
    tokenizer_dir: Path | None,
    output: Path,
    order: int,
    estimator: Estimator,
    cutoffs: str,
    unknown_below: int,
    prune: float,
) -> None:
    """Estimate a model from transcripts."""
    from asr.lm.text import UnitText
    from asr.lm.training import train_ngram

    given = {
        "order": order,
        "estimator": estimator,
        "cutoffs": _numbers(cutoffs),
        "unknown_below": unknown_below,
        "prune": prune,
    }
    params = build(NgramParams, given, source="asr lm train")
    report = train_ngram(UnitText(text_files, unit, tokenizer_dir), params, output)
    click.echo(f"{report.sentences} sentences, {report.units} {unit}s")
    if prune:
        click.echo(f"estimated: {_counts(report.estimated)}")
    click.echo(f"{_counts(report.written)} in {output}")


@command.command("prune")
@click.option("--lm", "path", type=PATH, metavar="FILE", required=True, help="ARPA file.")
@click.option(
    "--threshold",
    type=FiniteRange(0, 1, min_open=True),
    required=True,
    help="N-grams that change the perplexity by a lesser share go, such as 1e-7.",
)
@click.option("--output", type=PATH, metavar="FILE", required=True, help="ARPA file; .gz too.")
def prune(path: Path, threshold: float, output: Path) -> None:
    """Leave out what changes the perplexity by a share of less than the threshold."""
    from asr.lm.training import prune_arpa

    before, after = prune_arpa(path, threshold, output)
    click.echo(f"read: {_counts(before)}")
    click.echo(f"{_counts(after)} in {output}")


@command.command("perplexity")
@_text_options
@click.option("--lm", "path", type=PATH, metavar="FILE", required=True, help="ARPA file.")
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write the figures here too.")
def perplexity(
    text_files: tuple[Path, ...],
    unit: Unit,
    tokenizer_dir: Path | None,
    path: Path,
    json_file: Path | None,
) -> None:
    """Measure how well a model foretells a text."""
    from asr.lm.perplexity import measure_perplexity
    from asr.lm.text import UnitText
    from asr.ngrams.arpa import read_arpa

    text = UnitText(text_files, unit, tokenizer_dir)
    report = measure_perplexity(read_arpa(path), text)
    for line in report.lines(unit):
        click.echo(line)
    if json_file is not None:
        figures: dict[str, Any] = {"lm": str(path), "text": [str(f) for f in text_files]}
        write_json(json_file, {**figures, "unit": unit, **report.as_dict()})
        click.echo(f"written to {json_file}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise UserError(f"'{text}' is no list like 1,2,2", where="--cutoffs") from error


def _counts(counts: list[int]) -> str:
    return ", ".join(f"{count} {order}-grams" for order, count in enumerate(counts, start=1))
