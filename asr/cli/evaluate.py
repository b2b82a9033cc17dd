"""`asr evaluate`: a model's error rate on any data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from asr.cli.options import (
    PATH,
    POSITIVE,
    LayoutName,
    backend_option,
    batch_duration_option,
    bundle_option,
    decoding_set_option,
    device_option,
    methods_option,
    resource_options,
)
from asr.config.export import Backend
from asr.config.tokenizer import NormaliserName
from asr.errors import UserError
from asr.scoring.alignment import Unit


@click.command("evaluate")
@bundle_option
@backend_option
@click.option(
    "--data",
    "source",
    type=PATH,
    required=True,
    metavar="PATH",
    help="A table (CSV, TSV, JSON lines), a Kaldi directory, a folder of recordings with text "
    "files, lhotse cuts, a corpus: what asr init-recipe reads.",
)
@click.option("--part", metavar="NAME", help="Of data with parts; without it its test part.")
@click.option(
    "--layout",
    type=LayoutName(),
    metavar="NAME",
    help="Of the data, as asr table has it; else found out.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="KEY:NAME",
    help="Of a table: the column for path, text, speaker, id, start, end or duration.",
)
@methods_option
@decoding_set_option
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    default="word",
    help="Headline figure, as of asr score.",
)
@click.option(
    "--normaliser",
    type=click.Choice(get_args(NormaliserName)),
    default="none",
    help="Applied to references and hypotheses before they are compared; see docs/text.md.",
)
@click.option(
    "--output-dir",
    type=PATH,
    default=Path("evaluate"),
    help="Gets results/<split>.md and all else.",
)
@click.option("--split", metavar="NAME", help="Of the data in the results; without it the file's.")
@click.option("--name", help="Of the model in the results; without it the experiment's.")
@click.option(
    "--keep", multiple=True, metavar="REASON", help="Set nothing aside for it; docs/validation.md."
)
@click.option(
    "--max-duration", type=POSITIVE, default=60.0, help="Seconds; longer ones are set aside."
)
@click.option("--num-jobs", type=click.IntRange(min=1), default=2, help="Processes for audio.")
@batch_duration_option
@resource_options
@device_option
def command(
    bundle: Path,
    backend: Backend,
    source: Path,
    part: str | None,
    layout: str | None,
    columns: tuple[str, ...],
    methods: tuple[str, ...],
    overrides: tuple[str, ...],
    unit: Unit,
    normaliser: NormaliserName,
    output_dir: Path,
    split: str | None,
    name: str | None,
    keep: tuple[str, ...],
    max_duration: float,
    num_jobs: int,
    batch_duration: float,
    device: str,
    **resource_files: Any,
) -> None:
    """Decode data and score it: from a table or folder to an error rate.

    What cannot be used of the data is set aside and listed. Several bundles and methods on the same
    data stand in one table. Run again, it goes on where it stopped.
    """
    if not source.exists():
        raise UserError("no such file or folder", where=str(source), todo="Give --data PATH.")
    from asr.corpora.tables.corpora import parse_columns
    from asr.decoding.recognizer import recognizers_of
    from asr.decoding.resources import ResourcePaths
    from asr.deploy.backends import load_for_backend
    from asr.evaluation.data import DataRequest
    from asr.evaluation.run import EvaluationRequest, evaluate

    data = DataRequest(
        source=source,
        folder=output_dir / "data",
        split=split,
        layout=layout,
        columns=parse_columns(columns),
        part=part,
        keep=keep,
        max_duration=max_duration,
        num_jobs=num_jobs,
    )
    loaded = load_for_backend(bundle, backend, device)
    paths = ResourcePaths(**resource_files)
    recognizers = recognizers_of(loaded, methods or (None,), paths, overrides)
    request = EvaluationRequest(bundle, output_dir, unit, normaliser, batch_duration, name)
    for table in evaluate(recognizers, data, request, click.echo):
        click.echo(f"{table.rates}{table.path}")
