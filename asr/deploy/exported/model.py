"""An exported folder as a bundle whose model runs outside of the toolkit's own code."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from asr.bundle import Bundle, load_settings
from asr.deploy.exported.decoder import ExportedDecoder
from asr.deploy.exported.encoders import ExportedEncoder, OfflineEncoder, StreamingEncoder
from asr.deploy.exported.runners import RowByRow, Runner, open_graph
from asr.deploy.manifest import CTC, DECODER, MODEL, Manifest, check_files, read_manifest
from asr.files import PathLike
from asr.models.chunking import Chunking


class ExportedModel:
    """An `asr.models.interface.SpeechModel` of exported graphs.

    int8 graphs are run for one utterance at a time, whatever the batch; see `RowByRow`.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        def graph(name: str) -> Runner:
            return open_graph(folder / manifest.graphs[name])

        self.vocab_size = manifest.vocab_size
        self.num_parameters = manifest.num_parameters
        self.device = torch.device("cpu")
        self.backend = manifest.format + (" int8" if manifest.options["int8"] else "")
        alone = bool(manifest.options["int8"])
        self.encoder = _encoder(graph(MODEL), manifest, alone)
        decoder = graph(DECODER) if DECODER in manifest.graphs else None
        self.decoder = ExportedDecoder(decoder, alone) if decoder else None
        self._ctc = RowByRow(graph(CTC)) if alone else graph(CTC)

    def normalise(self, features: Tensor) -> Tensor:
        """Return the features as they are: the graphs normalise them."""
        return features

    def encode(
        self, features: Tensor, lengths: Tensor, chunking: Chunking | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode raw features (B, T, F) with lengths (B,): encodings (B, T', D), lengths (B,).

        Raises:
            UserError: another chunking than the one that was exported.
        """
        self.encoder.check_chunking(chunking)
        encodings, _ = self.encoder.encode_and_score(features, lengths)
        return encodings, self.encoder.output_lengths(lengths)

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        """Return log posteriors (B, T', V) of encodings (B, T', D)."""
        return self._ctc(encodings)[0]


def _encoder(graph: Runner, manifest: Manifest, alone: bool) -> ExportedEncoder:
    size, factor = manifest.encoding_size, manifest.subsampling_factor
    chunking = manifest.chunking
    if manifest.state is None:
        return OfflineEncoder(graph, size, factor, chunking, alone)
    assert chunking is not None
    return StreamingEncoder(graph, size, factor, chunking, manifest.state, alone)


def load_exported(directory: PathLike) -> Bundle:
    """Load what `asr export` wrote as ONNX or `torch.export` programs, to run on the CPU.

    Raises:
        UserError: it is missing, half-written, damaged or of a newer format, or a package to run
            it is not installed.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    config, tokenizer, tuned = load_settings(folder)
    return Bundle(ExportedModel(folder, manifest), config, tokenizer, manifest.provenance, tuned)
