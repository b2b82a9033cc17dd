"""`asr score`: tables of error rates, a paired comparison of two decodings, or two files."""

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
from asr.scoring.transcripts.formats import FORMATS, FormatName
from asr.scoring.transcripts.score import score_files

_FORMATS = click.Choice(get_args(FormatName))
_NAMES = "; ".join(f"{name}: {about}" for name, about in FORMATS.items())


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
    "--units",
    "unit",
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
@click.option(
    "--ref",
    "reference",
    type=PATH,
    metavar="FILE",
    help="Score files of other programs instead: the references; needs --hyp.",
)
@click.option("--hyp", "hypothesis", type=PATH, metavar="FILE", help="The hypotheses of --ref.")
@click.option(
    "--ref-format",
    type=_FORMATS,
    help=f"Of --ref; without it found out. {_NAMES}.",
)
@click.option("--hyp-format", type=_FORMATS, help="Of --hyp, which may differ from --ref's.")
@click.option(
    "--details",
    type=PATH,
    metavar="DIR",
    help="Of --ref and --hyp: gets score.json and alignments.txt.",
)
def command(
    decode_dirs: tuple[Path, ...],
    results_dir: Path,
    unit: Unit,
    normaliser: NormaliserName,
    hotwords: Path | None,
    compare: tuple[Path, Path] | None,
    reference: Path | None,
    hypothesis: Path | None,
    ref_format: FormatName | None,
    hyp_format: FormatName | None,
    details: Path | None,
) -> None:
    """Score exp/<experiment>/decode/<split>/<method> folders, or a file against another.

    Rows of folders go into the tables of their splits; a row of the same experiment, method and
    normaliser is replaced. Of files (--ref, --hyp) the rate is printed.
    """
    files = (reference, hypothesis, ref_format, hyp_format, details)
    given = [bool(decode_dirs), bool(compare), any(one is not None for one in files)]
    if sum(given) != 1:
        raise UserError(
            "give either decode folders, or --compare A B, or --ref R --hyp H",
            where="asr score",
            todo="Run 'asr score --help' for all forms.",
        )
    if hotwords and not decode_dirs:
        raise UserError(
            f"--hotwords goes with decode folders, not with {'--compare' if compare else '--ref'}",
            where="asr score",
            todo="Score decode folders with --hotwords.",
        )
    if given[2]:
        if reference is None or hypothesis is None:
            raise UserError("--ref and --hyp go together", where="asr score", todo="Give both.")
        formats = (ref_format, hyp_format)
        click.echo(score_files(reference, hypothesis, unit, normaliser, formats, details).render())
        return
    if compare:
        click.echo(compare_decodes(*compare, unit, normaliser))
        return
    for table in score_directories(decode_dirs, results_dir, unit, normaliser, hotwords):
        click.echo(f"{table.rates}{table.path}\n")
