"""`asr train-lm`: train a neural language model, always under torchrun."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from asr.cli.launching import end_training, launch_options, start_processes
from asr.cli.options import PATH, config_option, set_option
from asr.config.language_model import LmConfig
from asr.config.loading import load_config_of

_FORMS = "one sentence a line, or a .jsonl manifest; may be .gz; may be repeated."


@click.command("train-lm")
@config_option
@set_option
@click.option("--text", "texts", type=PATH, required=True, multiple=True, help=f"Text: {_FORMS}")
@click.option(
    "--dev-text", "dev_texts", type=PATH, required=True, multiple=True, help=f"Dev text: {_FORMS}"
)
@click.option("--tokenizer", type=PATH, required=True, help="Folder that asr tokenizer made.")
@launch_options
@click.pass_context
def command(
    context: click.Context,
    config_path: Path,
    overrides: tuple[str, ...],
    texts: tuple[Path, ...],
    dev_texts: tuple[Path, ...],
    tokenizer: Path,
    exp_dir: Path,
    restart: bool,
    **processes: Any,
) -> None:
    """Train or continue training; the model best on dev becomes EXP_DIR/bundle.

    Decode with it by --neural-lm EXP_DIR/bundle and a method with +neural.
    """
    load_config_of(LmConfig, config_path, overrides)  # a mistake there is told before processes
    next_step = (
        f"model: {exp_dir / 'bundle'}; decode with it:"
        f" --neural-lm {shlex.quote(str(exp_dir / 'bundle'))} and a method with +neural"
    )
    start_processes(context.obj, exp_dir, **processes, then=next_step)
    from asr.training.run_lm import LmTrainingRequest, train_lm

    request = LmTrainingRequest(
        config_path, overrides, texts, dev_texts, tokenizer, exp_dir, restart
    )
    end_training(train_lm(request))
