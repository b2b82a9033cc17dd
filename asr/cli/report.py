"""`asr report`: one HTML page about all results of a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, FiniteRange
from asr.errors import UserError
from asr.scoring.report import ReportOptions, write_report


@click.command("report")
@click.option(
    "--results-dir",
    type=PATH,
    default=Path("results"),
    help="Holds <split>.json, as `asr score` writes them.",
)
@click.option(
    "--exp-root",
    type=PATH,
    default=Path("exp"),
    help="Holds <experiment>/decode/<split>/<method>.",
)
@click.option(
    "--output", type=PATH, metavar="FILE", help="The page; without it report.html in --results-dir."
)
@click.option(
    "--cuts",
    "cuts",
    multiple=True,
    metavar="SPLIT=FILE",
    help="Where the audio of a split is; without it the cuts that were decoded.",
)
@click.option(
    "--system",
    metavar="EXPERIMENT/METHOD",
    help="Whose errors are shown; without it the one with the lowest error rate on --choose-on.",
)
@click.option(
    "--choose-on", metavar="SPLIT", default="dev", help="Where the system shown is chosen."
)
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    default=20,
    help="Utterances with most errors that are shown, of each split.",
)
@click.option(
    "--max-clip-seconds",
    type=FiniteRange(min=0, min_open=True),
    default=20.0,
    help="Of one utterance.",
)
@click.option(
    "--max-audio-megabytes",
    type=FiniteRange(min=0),
    default=10.0,
    help="Of all audio in the page; base64 adds a third.",
)
def command(
    results_dir: Path,
    exp_root: Path,
    output: Path | None,
    cuts: tuple[str, ...],
    system: str | None,
    choose_on: str,
    worst: int,
    max_clip_seconds: float,
    max_audio_megabytes: float,
) -> None:
    """Write a page with every split and system of a folder of results.

    It needs nothing else and no network. docs/scoring.md says what is on it.
    """
    options = ReportOptions(
        results_dir=results_dir,
        exp_root=exp_root,
        cuts=dict(_split_and_file(given) for given in cuts),
        system=system,
        choose_on=choose_on,
        worst=worst,
        max_clip_seconds=max_clip_seconds,
        max_audio_bytes=round(max_audio_megabytes * 1e6),
    )
    report = write_report(options, output or results_dir / "report.html")
    for line in (*report.remarks, str(report.path)):
        click.echo(line)


def _split_and_file(given: str) -> tuple[str, Path]:
    split, separator, path = given.partition("=")
    if not (split and separator and path):
        raise UserError(f"--cuts takes SPLIT=FILE, not '{given}'", where="asr report")
    return split, Path(path)
