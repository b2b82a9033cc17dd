"""`asr tokenizer`: train or build a tokenizer."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, config_option, set_option
from asr.config.loading import load_config
from asr.text.build import build_tokenizer


@click.command("tokenizer")
@config_option
@set_option
@click.option(
    "--text",
    "text_files",
    type=PATH,
    metavar="FILE",
    required=True,
    multiple=True,
    help="Cuts or supervisions (.jsonl) or one transcript a line; .gz too; may be repeated.",
)
@click.option("--output-dir", type=PATH, metavar="DIR", required=True, help="Where to write it.")
def command(
    config_path: Path, overrides: tuple[str, ...], text_files: tuple[Path, ...], output_dir: Path
) -> None:
    """Build the tokenizer that CONF names from training transcripts."""
    config = load_config(config_path, overrides)
    report = build_tokenizer(config.tokenizer, config.tokenizer_params, text_files, output_dir)
    click.echo(
        f"{config.tokenizer} with {report.tokenizer.vocab_size} tokens"
        f" from {report.transcripts} transcripts ({report.words} words),"
        f" {report.tokens_per_word:.2f} tokens per word, in {output_dir}"
    )
    if report.unknown:
        shown = ", ".join(f"{c!r} {count}" for c, count in report.unknown.most_common(10))
        click.echo(f"characters that become <unk>: {len(report.unknown)}, most often {shown}")
