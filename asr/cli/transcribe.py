"""`asr transcribe`: audio files of any length to text, captions or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.audio.paths import audio_files
from asr.cli.options import (
    DEFAULT_METHOD,
    PATH,
    backend_option,
    bundle_option,
    decoding_set_option,
    device_option,
    resource_options,
)
from asr.config.export import Backend
from asr.config.loading import build
from asr.config.transcription import SEGMENTATIONS, TranscriptionOptions
from asr.errors import UserError

FORMATS = ("txt", "json", "srt", "vtt")


@click.command("transcribe")
@bundle_option
@backend_option
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--method", help=f"A name with its extras; {DEFAULT_METHOD}")
@decoding_set_option
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="May be repeated; without it txt.",
)
@click.option(
    "--output-dir", type=PATH, help="Write <file's name>.<format> there instead of printing."
)
@click.option(
    "--segmentation",
    type=click.Choice(SEGMENTATIONS),
    default="auto",
    help="How long files are cut: overlapped windows, or speech by voice activity (extra vad), "
    "which auto takes for models of short utterances.",
)
@click.option(
    "--window",
    type=float,
    help="Seconds decoded at once; default: whole files up to the longest utterance that the model "
    "was trained on, of longer ones the 95th percentile within 4 and 30 s (20 s for bundles that "
    "do not tell).",
)
@click.option(
    "--overlap",
    type=float,
    help="Seconds two windows share; default: a fifth of the window, at least 2 s of it.",
)
@resource_options
@device_option
def command(
    bundle: Path,
    backend: Backend,
    files: tuple[Path, ...],
    method: str | None,
    overrides: tuple[str, ...],
    formats: tuple[str, ...],
    output_dir: Path | None,
    segmentation: str,
    window: float | None,
    overlap: float | None,
    device: str,
    **resource_files: Any,
) -> None:
    """Transcribe FILES of any length, sampling rate, channels and format, or folders of them.

    WAV, FLAC, MP3, Ogg and what else libsndfile reads; through the extra media MP4, WebM, WMA, AMR
    and what else FFmpeg reads.

    A transcription into --output-dir that was killed goes on where it stopped.
    """
    cutting = {"segmentation": segmentation, "window": window, "overlap": overlap}
    options = build(TranscriptionOptions, cutting, source="asr transcribe")
    formats = formats or ("txt",)
    files = tuple(audio_files(files))
    _check_names(files, formats, output_dir)
    from asr.decoding.long_audio.recordings import AudioFile
    from asr.decoding.recognizer import recognizers_of
    from asr.decoding.resources import ResourcePaths
    from asr.deploy.backends import load_for_backend
    from asr.files import write_text
    from asr.transcription import formats as writers
    from asr.transcription.long_audio import transcribe_file

    for path in files:
        AudioFile.open(path)  # a mistake in the last one is told before the first is decoded
    loaded = load_for_backend(bundle, backend, device)
    paths = ResourcePaths(**resource_files)
    (recognizer,) = recognizers_of(loaded, (method,), paths, overrides)
    for path in files:
        journal = output_dir / f".{path.name}.partial.jsonl" if output_dir else None
        transcript = transcribe_file(recognizer, path, options, journal)
        for name in formats:
            text = writers.FORMATS[name](transcript)
            if output_dir is None:
                named = f"{path}\t{text}" if name == "txt" and len(files) > 1 else text
                click.echo(named, nl=False)
            else:
                write_text(output_dir / f"{path.stem}.{name}", text)
                click.echo(str(output_dir / f"{path.stem}.{name}"))


def _check_names(files: tuple[Path, ...], formats: tuple[str, ...], folder: Path | None) -> None:
    if folder is None:
        if len(formats) > 1:
            raise UserError("several formats need files", todo="Give --output-dir DIR.")
        return
    stems = [path.stem for path in files]
    for path in files:
        if stems.count(path.stem) > 1:
            raise UserError(
                f"several files are called {path.stem}",
                where="--output-dir",
                todo="Transcribe them into different folders.",
            )
