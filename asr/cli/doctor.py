"""`asr doctor`: what this machine has and what is missing for what."""

from __future__ import annotations

import click


@click.command("doctor")
def command() -> None:
    """Print versions, devices and optional parts; exit 1 when a required part is missing."""
    from asr.doctor import examine

    report = examine()
    click.echo(report.text)
    if not report.healthy:
        raise click.exceptions.Exit(1)
