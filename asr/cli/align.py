"""`asr align`: known transcripts in time."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH, batch_duration_option, bundle_option, device_option


@click.command("align")
@bundle_option
@click.option(
    "--cuts", type=PATH, required=True, metavar="CUTS.jsonl", help="lhotse cuts with transcripts."
)
@click.option("--output-dir", type=PATH, required=True, metavar="DIR", help="Gets the files.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["ctm", "json", "textgrid"]),
    default=("ctm", "json"),
    help="May be repeated. textgrid writes a file an utterance.",
)
@batch_duration_option
@click.option(
    "--delay-of",
    "decoded",
    type=PATH,
    multiple=True,
    metavar="DECODE_FOLDER",
    help="Also measure how late its words come out; may be repeated.",
)
@device_option
def command(
    bundle: Path,
    cuts: Path,
    output_dir: Path,
    formats: tuple[str, ...],
    batch_duration: float,
    decoded: tuple[Path, ...],
    device: str,
) -> None:
    """Place the words and tokens of known transcripts in time, as CTC does.

    Writes DIR/alignments.ctm, DIR/alignments.jsonl and DIR/textgrid/, as --format says,
    rejected.jsonl and summary.json.
    """
    from asr.alignment.run import align_split
    from asr.bundle import load_bundle
    from asr.corpora.faults.rejections import name_rejections
    from asr.devices import pick_device

    loaded = load_bundle(bundle, pick_device(device))
    done = align_split(loaded, cuts, output_dir, formats, batch_duration, decoded)
    click.echo(
        f"{done.aligned} utterances aligned, {done.mean_score:.3f} a frame; "
        f"{len(done.rejected)} could not be; in {output_dir}"
    )
    for line in name_rejections(done.rejected):
        click.echo(line)
    for delay in done.delays:
        if delay.words:
            click.echo(
                f"{delay.folder}: {delay.words} words, {delay.mean:.3f} s late on average, "
                f"{delay.p90:.3f} s at the 90th percentile"
            )
