"""A bundle as a folder of graphs that need none of the toolkit's code."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asr.bundle import TUNED_FILE, Bundle, load_bundle
from asr.config.export import ExportOptions
from asr.config.streaming import StreamingOptions
from asr.decoding.recognizer import Recognizer
from asr.decoding.self_test import (
    SelfTest,
    check_bundle,
    has_self_test,
    read_test_audio,
    write_self_test,
)
from asr.deploy.exported.model import load_exported
from asr.deploy.exporting.graphs import (
    Graph,
    ctc_graph,
    decoder_graph,
    offline_graph,
    streaming_graph,
)
from asr.deploy.exporting.placing import place_export
from asr.deploy.exporting.readme import README_FILE, export_readme
from asr.deploy.exporting.sherpa import how_to_load, sherpa_obstacle
from asr.deploy.exporting.tracing import write_graph
from asr.deploy.exporting.verification import Check, check_export, expected_results
from asr.deploy.manifest import (
    MODEL,
    Manifest,
    write_manifest,
)
from asr.deploy.state_layout import StateLayout
from asr.errors import UserError
from asr.files import check_writable, disk_errors, write_text
from asr.models import AsrModel
from asr.models.chunking import Chunking
from asr.saved_models import CONFIG_FILE, TOKENIZER_FOLDER
from asr.streaming.chunks import session_chunking
from asr.text.tokenizers.base import TOKENS_FILE


@dataclass(frozen=True)
class Exported:
    """Where an export is, and what its check gave.

    Attributes:
        obstacle: why sherpa-onnx cannot run the ONNX files; None if it can.
    """

    folder: Path
    check: Check
    obstacle: str | None

    def summary(self) -> list[str]:
        """Return what to tell the user, a line each."""
        check = self.check
        lines = [f"{self.folder}: checked on {check.seconds:.1f} s of speech"]
        for one in check.methods:
            same = f"{one.changed} differ from the bundle's" if one.changed else "the bundle's own"
            lines.append(f"{one.method}: '{one.exported_text}', {len(one.tokens)} tokens, {same}")
        lines.append(f"log-probabilities differ by up to {check.log_prob_difference:.2g}")
        if self.obstacle is not None:
            lines.append(f"sherpa-onnx cannot run it: {self.obstacle}")
        return lines


def export_bundle(
    bundle_folder: Path, output: Path, options: ExportOptions, test_audio: Path | None = None
) -> Exported:
    """Write a bundle as graphs, after they have given the bundle's own tokens for a recording.

    The folder holds the graphs (`model`, `ctc` and, where the model has one, `decoder`),
    `tokens.txt`, configuration, tokenizer, tuned options and the test recording; `export.json`
    describes them and is written last.

    Args:
        test_audio: a recording of at most 20 s to compare on; the bundle's own when None.

    Raises:
        UserError: the bundle is damaged or brings no test recording and none is given, the folder
            cannot be written to, a package is missing, or the exported model differs.
    """
    if output.resolve() == bundle_folder.resolve():
        raise UserError("is the bundle itself", where=str(output), todo="Choose another folder.")
    check_writable(output)
    bundle = load_bundle(bundle_folder)
    samples = _test_samples(bundle, bundle_folder, test_audio)
    chunking = _chunking_of(bundle, options)
    with disk_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_self_test(Recognizer(bundle, "ctc-greedy", chunking=chunking), folder, samples)
        stored = SelfTest.load(folder, bundle.config.features_params.sampling_rate).samples
        expected = expected_results(bundle, stored, chunking)
        manifest = _write_graphs(bundle, folder, chunking, options)
        obstacle = sherpa_obstacle(bundle.config.features_params, bundle.tokenizer, options)
        if obstacle is None:
            manifest = replace(manifest, sherpa_onnx=_sherpa_onnx(manifest, bundle, options))
        _write_surroundings(bundle, bundle_folder, folder)
        readme = export_readme(manifest, expected["ctc-greedy"].text, obstacle)
        write_text(folder / README_FILE, readme)
        write_manifest(folder, manifest)
        check = check_export(bundle, load_exported(folder), stored, expected, options)
        write_manifest(folder, replace(manifest, check=check.to_json()))
        place_export(folder, output)
    return Exported(output, check, obstacle if options.is_onnx else None)


def _test_samples(bundle: Bundle, folder: Path, test_audio: Path | None) -> np.ndarray:
    rate = bundle.config.features_params.sampling_rate
    if test_audio is not None:
        return read_test_audio(test_audio, rate)
    if not has_self_test(folder):
        raise UserError(
            "the bundle brings no test recording",
            where=str(folder),
            todo="Give one with --test-audio FILE, or make the bundle again (stage 5).",
        )
    check_bundle(folder)
    return SelfTest.load(folder, rate).samples


def _chunking_of(bundle: Bundle, options: ExportOptions) -> Chunking | None:
    """Return what the graphs hide: what was asked for, else what the model was trained with."""
    size, lefts = options.chunk_size, options.left_chunks
    if options.streaming:
        chunking = session_chunking(bundle, StreamingOptions(chunk_size=size, left_chunks=lefts))
        return _with_fixed_caches(chunking)
    if size is None and lefts is None:
        return bundle.model.encoder.trained_chunking
    if size is None:
        raise UserError("goes with --chunk-size", where="--left-chunks")
    return bundle.model.encoder.chunking_of(size, lefts)


def _with_fixed_caches(chunking: Chunking) -> Chunking:
    lefts = chunking.left_chunks
    if lefts == 0 or (isinstance(lefts, tuple) and not any(lefts)):
        raise UserError(
            f"left chunks {lefts} leave nothing to cache",
            where="--left-chunks",
            todo="Give 1 or more.",
        )
    return chunking


def _write_graphs(
    bundle: Bundle, folder: Path, chunking: Chunking | None, options: ExportOptions
) -> Manifest:
    model, params = bundle.model, bundle.config.features_params
    assert isinstance(model, AsrModel)
    layout, main = None, offline_graph(model, params.num_mel_bins, chunking)
    if options.streaming:
        assert chunking is not None
        layout = StateLayout.of(
            model.encoder.initial_state(1, chunking),
            (chunking.chunk_size, model.encoder.output_size),
        )
        main = streaming_graph(model, params.num_mel_bins, chunking, layout)
    graphs: list[Graph] = [main, ctc_graph(model)]
    if model.decoder is not None:
        graphs.append(decoder_graph(model))
    files = {graph.name: write_graph(graph, folder, options).name for graph in graphs}
    return Manifest(
        options=options.model_dump(mode="json"),
        graphs=files,
        vocab_size=model.vocab_size,
        encoding_size=model.encoder.output_size,
        subsampling_factor=model.encoder.subsampling_factor,
        num_parameters=model.num_parameters,
        chunking=chunking,
        state=layout,
        features=params.model_dump(mode="json"),
        provenance=bundle.provenance,
    )


def _sherpa_onnx(manifest: Manifest, bundle: Bundle, options: ExportOptions) -> dict[str, Any]:
    delay = 0 if manifest.chunking is None else manifest.chunking.delay
    window = delay * manifest.subsampling_factor
    params = bundle.config.features_params
    return how_to_load(params, options, manifest.graphs[MODEL], TOKENS_FILE, window)


def _write_surroundings(bundle: Bundle, bundle_folder: Path, folder: Path) -> None:
    """Copy what a user of the graphs needs beside them."""
    shutil.copyfile(bundle_folder / CONFIG_FILE, folder / CONFIG_FILE)
    bundle.tokenizer.save(folder / TOKENIZER_FOLDER)
    shutil.copyfile(folder / TOKENIZER_FOLDER / TOKENS_FILE, folder / TOKENS_FILE)
    if (bundle_folder / TUNED_FILE).exists():
        shutil.copyfile(bundle_folder / TUNED_FILE, folder / TUNED_FILE)
