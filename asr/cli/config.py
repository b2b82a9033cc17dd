"""`asr config`: check a conf file."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from asr.cli.options import PATH, set_option
from asr.config.decoders import JointCTCAttentionDecoderParams
from asr.config.decoding import ATTENTION_DECODER, choose_methods
from asr.config.language_model import LmConfig
from asr.config.loading import dump_config, load_config, load_config_of
from asr.config.overrides import split_overrides
from asr.config.reference import render_reference
from asr.config.stages import stage_settings
from asr.k2.library import load_k2


@click.command("config")
@click.argument("conf", type=PATH, required=False)
@set_option
@click.option(
    "--overrides", "several", default="", metavar='"A.B=C …"', help="Several of --set in one text."
)
@click.option(
    "--method", "methods", multiple=True, help="Check that it can be used here with CONF's models."
)
@click.option(
    "--usual-method",
    "usual",
    multiple=True,
    help="As --method, but left out where CONF's model has no part for it.",
)
@click.option("--lm", "is_lm", is_flag=True, help="CONF is one of asr train-lm.")
@click.option("--recipe", is_flag=True, help="Print what the stages of a recipe depend on.")
@click.option("--reference", is_flag=True, help="Print the reference of all keys instead.")
def command(
    conf: Path | None,
    overrides: tuple[str, ...],
    several: str,
    methods: tuple[str, ...],
    usual: tuple[str, ...],
    is_lm: bool,
    recipe: bool,
    reference: bool,
) -> None:
    """Print CONF with every default filled in."""
    if reference:
        click.echo(render_reference().rstrip())
        return
    if conf is None:
        raise click.UsageError("give a conf file, or --reference")
    override_list = [*overrides, *split_overrides(several)]
    option = "--overrides" if several else "--set"
    if is_lm:
        click.echo(dump_config(load_config_of(LmConfig, conf, override_list, option)).rstrip())
        return
    config = load_config(conf, override_list, option)
    joint = isinstance(config.decoder_params, JointCTCAttentionDecoderParams)
    names = choose_methods(methods, usual, {ATTENTION_DECODER} if joint else set())
    for name in names:
        if name.uses_k2:
            load_k2(f"decoding method '{name}'")  # a recipe would miss it after its training
    if not recipe:
        click.echo(dump_config(config).rstrip())
        return
    click.echo(f"override_list=({shlex.join(override_list)})")
    click.echo(f"methods={shlex.quote(' '.join(map(str, names)))}")
    for variable, value in stage_settings(config, names).items():
        click.echo(f"{variable}={shlex.quote(value)}")
