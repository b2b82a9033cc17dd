"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

config_option = click.option(
    "--config",
    "config_path",
    type=PATH,
    required=True,
    metavar="CONF",
    help="YAML or JSON conf file.",
)
set_option = click.option(
    "--set", "overrides", metavar="A.B=C", multiple=True, help="Override a key of CONF."
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:N, or auto."
)
bundle_option = click.option(
    "--bundle", type=PATH, required=True, metavar="DIR", help="A trained model's bundle folder."
)
