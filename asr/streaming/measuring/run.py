"""`asr stream`: a split spoken to streaming sessions, into decode folders with delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lhotse.cut import Cut

from asr.alignment.utterances import align_batch
from asr.bundle import Bundle
from asr.config.streaming import StreamingOptions
from asr.corpora.feasibility import split_feasible
from asr.decoding.corpus import (
    Decoded,
    check_lengths,
    describe_decoding,
    describe_time,
    write_decoded,
)
from asr.decoding.hypothesis import Word
from asr.decoding.resources import Resources
from asr.errors import UserError
from asr.feeding.batches.sampling import duration_batches
from asr.feeding.cuts import load_cuts
from asr.files import check_writable, write_json, write_jsonl
from asr.progress import progress_bar
from asr.scoring.hypotheses import decode_folder
from asr.scoring.latency import NO_SECOND_PASS, LiveDecoding
from asr.signal.features.fbank import FbankExtractor
from asr.streaming.measuring.clock import VirtualClock
from asr.streaming.measuring.delays import DelayMeter
from asr.streaming.measuring.speakers import listen
from asr.streaming.recognizer import StreamingRecognizer

_ALIGNED_AT_ONCE = 200.0  # padded seconds
_ROUNDING = 0.01  # milliseconds: chunks are written with six digits


@dataclass(frozen=True)
class StreamRequest:
    """What is spoken, and how.

    Attributes:
        bundle_path: for the summary.
        split_dir: gets a folder for each chunk size and pass.
        chunks_ms: milliseconds of a chunk.
        packet_ms: milliseconds of audio that are sent together.
        num_speakers: speakers at once.
        endpointing: whether pauses end segments; otherwise an utterance is one.
        asked: names of streaming options that were asked for, each of which has to count.
    """

    bundle_path: Path
    cuts_path: Path
    split: str
    split_dir: Path
    chunks_ms: Sequence[float]
    packet_ms: float = 20.0
    num_speakers: int = 1
    endpointing: bool = False
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamedSplit:
    """What one chunk size gave: the folders of its passes, the delays, computing / audio time."""

    folders: list[Path]
    live: LiveDecoding
    rtf: float

    @property
    def line(self) -> str:
        """What a terminal tells of it."""
        delay, final = self.live.emission_delay, self.live.final
        told = f"{self.live.chunk_ms:g} ms chunks: real-time factor {self.rtf:.4f}"
        if delay.mean is not None:
            told += f", words shown {delay.mean:.2f} s after they were said"
        if final.mean is not None:
            told += f", final texts {final.mean:.2f} s after the audio"
        return f"{told}, in {' and '.join(map(str, self.folders))}"


def stream_split(
    bundle: Bundle, options: StreamingOptions, resources: Resources, request: StreamRequest
) -> list[StreamedSplit]:
    """Have every cut of a split spoken live, once for each chunk size.

    `decode_folder` names the folders; each holds what `decode_split` writes, of the first pass
    or of the second, and the delays of the run in its `summary.json`. The first pass' folder gets
    `partials.jsonl` too: everything that was told, and when.

    Args:
        options: passes, left context, endpoints; the request says how long chunks are.

    Raises:
        UserError: the cuts are missing or empty, a chunk is no whole number of encoder frames, or
            the model cannot do what the options ask for.
    """
    cuts = load_cuts(request.cuts_path)
    check_lengths(cuts)
    given = options
    if not request.endpointing:
        options = options.without_endpoints()
    # All of them before the first one listens: a mistake in the last one is told at once.
    recognizers = [
        StreamingRecognizer(bundle, _with_chunk(bundle, options, milliseconds), resources)
        for milliseconds in dict.fromkeys(request.chunks_ms)
    ]
    for recognizer in recognizers:
        _check_asked(request, given, recognizer.passes.rescores)
    check_writable(request.split_dir)
    cuts = sorted(cuts, key=lambda cut: cut.id)
    spoken = _spoken_words(bundle, cuts)
    return [_stream(recognizer, cuts, spoken, request) for recognizer in recognizers]


def _check_asked(request: StreamRequest, options: StreamingOptions, rescores: bool) -> None:
    """Refuse options that were asked for and count for nothing."""
    unread = options.unread(rescores=rescores, endpointing=request.endpointing)
    unread |= dict.fromkeys(("chunk_size", "chunk_ms"), "--chunk-ms, which gives it here")
    for name in request.asked:
        if name in unread:
            what = f"would change nothing: it is of {unread[name]}"
            raise UserError(what, where=f"--set {name}")


def _with_chunk(bundle: Bundle, options: StreamingOptions, milliseconds: float) -> StreamingOptions:
    frame = 1000 * bundle.seconds_per_encoding
    size = max(1, round(milliseconds / frame))
    if abs(size * frame - milliseconds) > _ROUNDING:
        raise UserError(
            f"a chunk of {milliseconds:g} ms is no whole number of the model's frames of "
            f"{frame:g} ms",
            todo=f"Take {size * frame:g}.",
        )
    return options.model_copy(update={"chunk_size": size, "chunk_ms": None})


def _spoken_words(bundle: Bundle, cuts: Sequence[Cut]) -> dict[str, list[Word]]:
    """Return the words of each cut in time; a cut that CTC cannot align has none."""
    extractor = FbankExtractor(bundle.config.features_params)
    feasible, _ = split_feasible(
        list(cuts),
        bundle.tokenizer,
        extractor.params,
        bundle.model.encoder.output_lengths,
        unknown_tokens="reject",
    )
    words: dict[str, list[Word]] = {}
    with progress_bar(len(feasible), "utt", "aligning") as bar:
        for batch in duration_batches(feasible, _ALIGNED_AT_ONCE):
            for aligned in align_batch(bundle, extractor, batch):
                if aligned is not None:
                    words[aligned.id] = aligned.transcript.words
            bar.update(len(batch))
    return words


def _stream(
    recognizer: StreamingRecognizer,
    cuts: Sequence[Cut],
    spoken: dict[str, list[Word]],
    request: StreamRequest,
) -> StreamedSplit:
    packet = request.packet_ms / 1000
    listen(recognizer, cuts[:1], VirtualClock(), packet)  # what is slow once only is not counted
    clock, meter = VirtualClock(), DelayMeter()
    chunk_ms = round(1000 * recognizer.chunk_seconds, 6)
    with progress_bar(len(cuts), "utt", f"{request.split} {chunk_ms:g} ms") as bar:
        transcripts = listen(recognizer, cuts, clock, packet, request.num_speakers, bar.update)
    for transcript in transcripts:
        meter.add(transcript, spoken.get(transcript.cut.id, []))
    first, second = _methods(recognizer)
    live = LiveDecoding(
        chunk_ms=chunk_ms,
        lookahead_ms=round(
            1000 * recognizer.chunking.lookahead * recognizer.bundle.seconds_per_encoding, 6
        ),
        packet_ms=request.packet_ms,
        sessions=request.num_speakers,
        endpointing=request.endpointing,
        first_pass=first,
        second_pass=second,
        flicker=meter.flicker,
        **meter.spreads(),
    )
    passes = {first: [one.first_pass for one in transcripts]}
    if second != NO_SECOND_PASS:
        passes[second] = [one.final for one in transcripts]
    folders = []
    for method, hypotheses in passes.items():
        decoded = [Decoded(cut, [best]) for cut, best in zip(cuts, hypotheses, strict=True)]
        folders.append(_write(recognizer, decoded, method, live, clock.busy, request))
    write_jsonl(
        folders[0] / "partials.jsonl",
        ({"id": one.cut.id, "told": [told.row() for told in one.told]} for one in transcripts),
    )
    return StreamedSplit(folders, live, clock.busy / sum(cut.duration for cut in cuts))


def _methods(recognizer: StreamingRecognizer) -> tuple[str, str]:
    """Return the names of both passes with their extras."""
    final, first = recognizer.method, recognizer.options.first_pass
    base, *extras = final.split("+")
    if base == first:
        return final, NO_SECOND_PASS
    return ("+".join([first, *extras]) if first == "ctc-prefix-beam" else first), final


def _write(
    recognizer: StreamingRecognizer,
    decoded: Sequence[Decoded],
    method: str,
    live: LiveDecoding,
    seconds: float,
    request: StreamRequest,
) -> Path:
    folder = request.split_dir / decode_folder(method, None, live.chunk_ms)
    bundle = recognizer.bundle
    write_decoded(decoded, bundle.tokenizer, folder)
    summary = {
        "split": request.split,
        "method": method,
        "bundle": str(request.bundle_path),
        "cuts": str(request.cuts_path),
        **describe_time(decoded, seconds),
        **describe_decoding(bundle, recognizer.passes.options, recognizer.chunking),
        "streaming_options": recognizer.options.model_dump(mode="json"),
        "live": live.model_dump(mode="json"),
    }
    write_json(folder / "summary.json", summary)
    return folder
