"""`asr average`: choose weights on dev and write the bundle."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from asr.cli.launching import tell_next_step
from asr.cli.options import PATH, device_option, set_option


@click.command("average")
@click.option("--exp-dir", type=PATH, required=True, help="A training run's folder.")
@click.option("--dev-cuts", type=PATH, required=True, help="lhotse cuts to choose on.")
@click.option("--config", "config_path", type=PATH, help="Take the decoding options from CONF.")
@set_option
@device_option
def command(
    exp_dir: Path,
    dev_cuts: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
    device: str,
) -> None:
    """Measure checkpoints and their averages on dev; the best becomes EXP_DIR/bundle."""
    from asr.config.loading import load_config
    from asr.devices import pick_device
    from asr.training.averaging import choose_weights

    decoding = load_config(config_path, overrides).decoding if config_path else None
    choices = choose_weights(exp_dir, dev_cuts, pick_device(device), decoding)
    click.echo(f"{'weights':<10} {'dev errors':>16} {'rate %':>8} {'loss':>9}")
    for choice in choices:
        counts = f"{choice.errors} / {choice.reference_tokens}"
        rate = 100 * choice.errors / max(choice.reference_tokens, 1)
        click.echo(f"{choice.name:<10} {counts:>16} {rate:>8.2f} {choice.loss:>9.4f}")
    bundle = exp_dir / "bundle"
    click.echo(f"{choices[0].name} is now {bundle}")
    audio = bundle / "test.wav"
    words = ["asr", "transcribe", "--bundle", str(bundle), str(audio if audio.exists() else "FILE")]
    tell_next_step(f"try it:\n  {shlex.join(words)}")
