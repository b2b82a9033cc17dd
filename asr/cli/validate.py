"""`asr validate`: decode every file once, set unusable utterances aside with reasons."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, set_option
from asr.config.features import FbankParams
from asr.config.loading import load_config
from asr.corpora.faults.reasons import rejecting_reasons


@click.command("validate")
@click.option(
    "--manifests", type=PATH, metavar="DIR", required=True, help="Written by `asr prepare`."
)
@click.option("--split", metavar="NAME", required=True, help="train, dev, test, ...")
@click.option(
    "--output-dir", type=PATH, metavar="DIR", required=True, help="Results go to DIR/NAME."
)
@click.option(
    "--config",
    "config_path",
    type=PATH,
    metavar="CONF",
    help="Its features_params.sampling_rate is that of the cuts; 16000 Hz without CONF.",
)
@set_option
@click.option(
    "--tokenizer",
    "tokenizer_dir",
    type=PATH,
    metavar="DIR",
    help="Judge by its vocabulary and by the CTC rule as well; needs --config.",
)
@click.option("--min-duration", default=0.1, help="Seconds.")
@click.option("--max-duration", default=60.0, help="Seconds.")
@click.option("--min-letter-rate", default=1.0, help="Letters a second, from 2 s on.")
@click.option(
    "--max-letter-rate",
    default=30.0,
    help="Letters a second; a Han character, Hangul syllable or digit counts as three.",
)
@click.option(
    "--reject", multiple=True, metavar="REASON", help="Set aside what is warned about otherwise."
)
@click.option(
    "--keep", multiple=True, metavar="REASON", help="Warn about what is set aside otherwise."
)
@click.option(
    "--no-audio", is_flag=True, help="Judge manifests and texts alone: no audio file is opened."
)
@click.option("--num-jobs", type=click.IntRange(min=1), default=2, help="Processes at once.")
@click.option(
    "--max-rejected-share",
    type=click.FloatRange(0, 1),
    default=1.0,
    help="Fail when more of the utterances are rejected.",
)
def command(
    manifests: Path,
    split: str,
    output_dir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    tokenizer_dir: Path | None,
    min_duration: float,
    max_duration: float,
    min_letter_rate: float,
    max_letter_rate: float,
    reject: tuple[str, ...],
    keep: tuple[str, ...],
    no_audio: bool,
    num_jobs: int,
    max_rejected_share: float,
) -> None:
    """Write DIR/NAME/{cuts,rejected,warnings}.jsonl and validation.{json,html}.

    docs/validation.md lists every REASON and what becomes of it.
    """
    if overrides and not config_path:
        raise click.UsageError("--set changes a conf file: give --config as well.")
    if tokenizer_dir and not config_path:
        raise click.UsageError("--tokenizer needs the model's conf file: give --config as well.")
    config = load_config(config_path, overrides) if config_path else None
    rejecting = rejecting_reasons(reject, keep)
    from asr.corpora.validation import CtcRule, ValidationOptions, validate_split
    from asr.text.tokenizers import load_tokenizer

    options = ValidationOptions(
        sampling_rate=(config.features_params if config else FbankParams()).sampling_rate,
        min_duration=min_duration,
        max_duration=max_duration,
        min_letter_rate=min_letter_rate,
        max_letter_rate=max_letter_rate,
        max_rejected_share=max_rejected_share,
        rejecting=rejecting,
        decode=not no_audio,
    )
    ctc = CtcRule.of(load_tokenizer(tokenizer_dir), config) if config and tokenizer_dir else None
    report = validate_split(manifests, split, output_dir, options, num_jobs, ctc)
    click.echo(report.summary())
    click.echo(f"{split}: see {output_dir / split / 'validation.html'}")
