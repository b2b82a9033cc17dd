"""`asr graph`: build a decoding graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, FiniteRange


@click.command("graph")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["h", "hl", "hlg"]),
    default="hlg",
    help="h: any tokens; hl: words of a lexicon; hlg: words with a language model.",
)
@click.option("--tokenizer", type=PATH, metavar="DIR", required=True, help="The model's tokenizer.")
@click.option(
    "--arpa", type=PATH, metavar="FILE", help="Language model, for hlg; of any order, .gz too."
)
@click.option(
    "--lexicon",
    type=PATH,
    metavar="FILE",
    help="`word token token …` a line; default: the tokenizer spells the words.",
)
@click.option(
    "--words",
    type=PATH,
    metavar="FILE",
    help="List of words or transcripts (.jsonl: cuts); default: the words of --arpa.",
)
@click.option(
    "--unknown-cost",
    type=FiniteRange(0.0),
    help="Let other words be spelled, as <unk> to the language model, for this cost a token "
    "(natural log; the log of the number of tokens makes all equally probable).",
)
@click.option("--output-dir", type=PATH, metavar="DIR", required=True, help="Where to write it.")
def command(kind: Any, output_dir: Path, **given: Any) -> None:
    """Build H, HL or HLG for the methods wfst and k2-….

    Writes OUTPUT_DIR/{HLG.fst,words.txt,tokens.txt,graph.json}.
    """
    from asr.graphs.build import GraphRequest, build_graph

    folder = build_graph(GraphRequest(kind=kind, output_dir=output_dir, **given), click.echo)
    click.echo(f"written to {folder}")
