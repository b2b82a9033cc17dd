"""`asr stream`: decode a split as live speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import (
    PATH,
    POSITIVE,
    bundle_option,
    device_option,
    resource_options,
)
from asr.config.loading import override_section
from asr.config.streaming import StreamingOptions


@click.command("stream")
@bundle_option
@click.option("--cuts", type=PATH, required=True, help="lhotse cuts of the split.")
@click.option("--split", required=True, help="The split's name in the results.")
@click.option("--output-dir", type=PATH, required=True, help="Gets a folder a chunk and pass.")
@click.option(
    "--chunk-ms",
    "chunks_ms",
    type=POSITIVE,
    multiple=True,
    default=(640.0, 320.0, 160.0),
    help="Milliseconds that are decoded at once; may be repeated.",
)
@click.option("--packet-ms", type=POSITIVE, default=20.0, help="Audio that arrives at a time.")
@click.option(
    "--speakers",
    type=click.IntRange(1),
    default=1,
    help="Who speak at once and share the machine. One tells the delays of a session alone; more "
    "are faster in all, as their chunks are batched.",
)
@click.option(
    "--endpointing",
    is_flag=True,
    help="End segments at pauses, as the options say; without it an utterance is one segment.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A=B",
    help="Override an option of streaming, such as first_pass=ctc-greedy or left_chunks=8; may be "
    "repeated.",
)
@resource_options
@device_option
def command(
    bundle: Path,
    cuts: Path,
    split: str,
    output_dir: Path,
    chunks_ms: tuple[float, ...],
    packet_ms: float,
    speakers: int,
    endpointing: bool,
    overrides: tuple[str, ...],
    device: str,
    **resource_files: Any,
) -> None:
    """Decode a split as live speech: error rates and delays of streaming.

    Audio arrives in real time on a simulated clock, which goes on by the time that computing takes;
    docs/streaming.md says what is measured. Writes OUTPUT_DIR/streaming-<N>ms-<method>/ for the
    first and the second pass, as asr decode does, with the delays in summary.json. Language models
    and hotwords that are given count in both passes and are part of their names, as in
    ctc-prefix-beam+ngram+hotwords. Offline decoding with the chunks of streaming is asr decode
    --chunk-size.
    """
    options = override_section(StreamingOptions(), overrides)
    from asr.bundle import load_bundle
    from asr.decoding.resources import ResourcePaths, load_resources
    from asr.devices import pick_device
    from asr.streaming.measuring.run import StreamRequest, stream_split

    loaded = load_bundle(bundle, pick_device(device))
    resources = load_resources(ResourcePaths(**resource_files), loaded, loaded.model.device)
    request = StreamRequest(
        bundle_path=bundle,
        cuts_path=cuts,
        split=split,
        split_dir=output_dir,
        chunks_ms=chunks_ms,
        packet_ms=packet_ms,
        num_speakers=speakers,
        endpointing=endpointing,
        asked=tuple(override.partition("=")[0].partition(".")[0] for override in overrides),
    )
    for done in stream_split(loaded, options, resources, request):
        click.echo(done.line)
