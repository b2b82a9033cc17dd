"""`asr score`: tables of error rates, or a paired comparison of two decodings."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from asr.cli.options import PATH
from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.scoring.alignment import Unit
from asr.scoring.comparison import compare_decodes
from asr.scoring.results import score_directories


@click.command("score")
@click.argument("decode_dirs", nargs=-1, type=PATH)
@click.option(
    "--results-dir",
    type=PATH,
    default=Path("results"),
    help="Where <split>.md and <split>.json are kept.",
)
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    default="word",
    help="Headline figure: WER over words, CER over characters, MER over Han characters and words"
    " of other scripts; all are computed.",
)
@click.option(
    "--normaliser",
    type=click.Choice(get_args(NormaliserName)),
    default="none",
    help="Applied to references and hypotheses; docs/text.md says what each does.",
)
@click.option(
    "--hotwords",
    type=PATH,
    metavar="FILE",
    help="Phrases, one a line: error rates on them and off them, into <split>.hotwords.md and"
    " .json; docs/scoring.md has the rules.",
)
@click.option(
    "--compare",
    nargs=2,
    type=PATH,
    metavar="A B",
    help="Test two decodings (folders or hyps.jsonl) of one split against each other.",
)
def command(
    decode_dirs: tuple[Path, ...],
    results_dir: Path,
    unit: Unit,
    normaliser: NormaliserName,
    hotwords: Path | None,
    compare: tuple[Path, Path] | None,
) -> None:
    """Score exp/<experiment>/decode/<split>/<method> folders.

    Their rows go into the tables of their splits; a row of the same experiment, method and
    normaliser is replaced.
    """
    if bool(decode_dirs) == bool(compare):
        raise UserError(
            "give either decode folders or --compare A B",
            where="asr score",
            todo="Run 'asr score --help' for both forms.",
        )
    if compare and hotwords:
        raise UserError(
            "--hotwords goes with decode folders, not with --compare",
            where="asr score",
            todo="Score the two folders with --hotwords.",
        )
    if compare:
        click.echo(compare_decodes(*compare, unit, normaliser))
        return
    for table in score_directories(decode_dirs, results_dir, unit, normaliser, hotwords):
        click.echo(f"{table.rates}{table.path}\n")
