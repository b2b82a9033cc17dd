"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asr.archives import unpacked
from asr.config.augmentation import SpeedPerturb
from asr.config.export import BACKENDS
from asr.config.schema import ExperimentConfig
from asr.errors import UserError

PATH = click.Path(path_type=Path)


class PositiveNumber(click.ParamType):
    """A number above 0; click's own range lets `nan` through."""

    name = "number"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number; anything else is a usage error."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not number > 0:
            self.fail(f"'{value}' is no number above 0.", parameter, context)
        return number


POSITIVE = PositiveNumber()


class FiniteRange(click.FloatRange):
    """click's range of numbers, which lets `nan` through, without it."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number; anything else is a usage error."""
        number = float(super().convert(value, parameter, context))
        if not math.isfinite(number):
            self.fail(f"'{value}' is no finite number.", parameter, context)
        return number


class LayoutName(click.ParamType):
    """The name of a layout; one that is unknown is told before what else is missing."""

    name = "layout"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Return the name.

        Raises:
            UserError: there is no such layout; all of them are named.
        """
        from asr.corpora.layouts import find_layout

        return find_layout(str(value)).name


class BundlePath(click.Path):
    """A bundle's folder, unpacked into the cache where an archive is given."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Path:
        """Return the folder; a wrong archive is a `UserError`."""
        return unpacked(str(super().convert(value, parameter, context)))


config_option = click.option(
    "--config",
    "config_path",
    type=PATH,
    required=True,
    metavar="CONF",
    help="YAML or JSON conf file.",
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="A.B=C",
    multiple=True,
    help="Override a key of CONF; may be repeated.",
)
device_option = click.option("--device", default="auto", help="cpu, cuda, cuda:N, or auto.")
bundle_option = click.option(
    "--bundle",
    type=BundlePath(),
    required=True,
    metavar="DIR",
    help="A trained model's bundle folder, or the .tar.gz or .tar of one.",
)
backend_option = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="torch",
    show_default=True,
    help="onnx: DIR is a folder that asr export has written.",
)
decoding_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A=B",
    help="Override a decoding option, such as beam_size=20; may be repeated.",
)
batch_duration_option = click.option(
    "--batch-duration",
    type=POSITIVE,
    default=200.0,
    help="Seconds, padding included, that are computed at once.",
)
DEFAULT_METHOD = (
    "without it attention-rescoring, or ctc-prefix-beam where the model has no attention decoder."
)
methods_option = click.option(
    "--method",
    "methods",
    multiple=True,
    help=f"A name with its extras; may be repeated; {DEFAULT_METHOD}",
)


def asked_speeds(
    config: ExperimentConfig, speed_copies: bool, config_path: Path | None
) -> SpeedPerturb | None:
    """Return the speeds that `--speed-copies` asks for, None without it.

    Raises:
        UserError: the conf names no speeds.
    """
    speed = config.augmentation.speed_perturb
    if speed_copies and speed is None:
        raise UserError(
            "--speed-copies needs the factors of augmentation.speed_perturb",
            where=str(config_path),
            todo="Set augmentation.speed_perturb or leave --speed-copies out.",
        )
    return speed if speed_copies else None


def resource_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for what decoding uses beside the model; see `ResourcePaths`."""
    for flag, kind, text in reversed(
        (
            ("--ngram", "FILE", "n-gram language model, ARPA, .gz too; for methods with +ngram."),
            (
                "--neural-lm",
                "DIR",
                "Neural language model, a bundle of asr train-lm; for methods with +neural.",
            ),
            ("--graph", "DIR", "Decoding graph that asr graph made; for wfst and k2-hlg…."),
            ("--rescoring-ngram", "FILE", "n-gram of words, ARPA; for k2-hlg-rescoring."),
            (
                "--hotwords",
                "FILE",
                "Phrases to favour, one a line, a weight after a tab; for methods with +hotwords.",
            ),
        )
    ):
        command = click.option(flag, type=PATH, metavar=kind, help=text)(command)
    return command
