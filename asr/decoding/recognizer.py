"""From audio or features to text with a bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asr.bundle import Bundle, load_bundle
from asr.config.decoding import DecodingOptions, check_method, default_method
from asr.config.decoding_use import check_options_read, check_resources_used, read_options
from asr.config.loading import override_section
from asr.config.transcription import TranscriptionOptions
from asr.decoding.base import model_parts
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.long_audio.decode import decode_recording
from asr.decoding.long_audio.recordings import open_recording
from asr.decoding.registry import decode
from asr.decoding.resources import NO_RESOURCES, ResourcePaths, Resources, load_resources
from asr.decoding.timing import spell_words
from asr.devices import memory_errors
from asr.feeding.batches.dataset import collate_features
from asr.files import PathLike
from asr.models import Chunking
from asr.signal.features.fbank import FbankExtractor


def recognizers_of(
    bundle: Bundle,
    methods: Sequence[str | None],
    paths: ResourcePaths = NO_RESOURCES.paths,
    overrides: Sequence[str] = (),
    chunking: Chunking | None = None,
) -> list[Recognizer]:
    """Return a recogniser for each method, None standing for the model's best.

    Each gets what it uses of the files and reads of the overrides. All are made before the first
    one decodes, so that a mistake in the last one is told at once.

    Raises:
        UserError: as `Recognizer`, or something is given that none of the methods has a use for.
    """
    parts = model_parts(bundle.model)
    names = [check_method(method or default_method(parts), parts) for method in methods]
    names = list(dict.fromkeys(names))
    check_resources_used(paths.given, names)
    options = {
        name: override_section(bundle.decoding_options(str(name)), overrides) for name in names
    }
    check_options_read(_overridden(overrides), options)
    resources = load_resources(paths, bundle, bundle.model.device)
    return [
        Recognizer(
            bundle,
            str(name),
            chunking=chunking,
            resources=resources.used_by(name),
            overrides=[
                override
                for override in overrides
                if _overridden([override])[0] in read_options(name, options[name])
            ],
        )
        for name in names
    ]


def _overridden(overrides: Sequence[str]) -> list[str]:
    """Return the names of the options that `option=value` strings set."""
    return [override.partition("=")[0] for override in overrides]


def _asked_for(options: DecodingOptions, known: Sequence[DecodingOptions]) -> list[str]:
    """Return what was set in `options` to a value that none of `known` has."""
    return [
        name
        for name in sorted(options.model_fields_set)
        if all(getattr(options, name) != getattr(other, name) for other in known)
    ]


class Recognizer:
    """Decodes with one model, one method and one set of options.

    Args:
        bundle: the model with its tokenizer and feature settings.
        method: a name of `asr.config.decoding.METHODS`, with or without extras; the default is
            `attention-rescoring` where the model has a decoder, else `ctc-prefix-beam`.
        options: the default is what was tuned for the method, else what the configuration says.
        chunking: simulate streaming with chunks of encoder frames; the default is what the model
            was trained for: its fixed chunks, or the whole utterance.
        resources: what the method's extras are, and nothing else.
        overrides: `option=value` strings on top of the options, all of which the method reads.

    Raises:
        UserError: the model or the resources lack what the method needs, or a resource or an option
            is given that the method has no use for.
    """

    def __init__(
        self,
        bundle: Bundle,
        method: str | None = None,
        options: DecodingOptions | None = None,
        chunking: Chunking | None = None,
        resources: Resources = NO_RESOURCES,
        overrides: Sequence[str] = (),
    ) -> None:
        self.bundle = bundle
        parts = model_parts(bundle.model)
        name = check_method(method or default_method(parts), parts)
        check_resources_used(resources.given, [name])
        resources.check(name)
        self.method = str(name)
        self.resources = resources
        usual = bundle.decoding_options(self.method)
        self.options = override_section(options or usual, overrides)
        check_options_read(_overridden(overrides), {name: self.options})
        if options is not None:
            known = (DecodingOptions(), bundle.config.decoding, usual)
            asked = _asked_for(options, known)
            check_options_read(asked, {name: self.options}, where="options:")
        self.chunking = chunking or bundle.model.encoder.trained_chunking
        self.extractor = FbankExtractor(bundle.config.features_params)

    @classmethod
    def load(
        cls,
        directory: PathLike,
        method: str | None = None,
        device: str | torch.device = "cpu",
    ) -> Recognizer:
        """Load a bundle directory and decode with it."""
        return cls(load_bundle(directory, device), method)

    def transcribe(
        self, audio: PathLike | np.ndarray, sampling_rate: int | None = None
    ) -> Hypothesis:
        """Transcribe one recording of any length.

        One that is longer than what the model was trained on is cut, as `asr transcribe` does; see
        `decode_recording` for what the hypothesis then holds.

        Args:
            audio: an audio file of any format, rate and number of channels, or samples
                (N,) or (N, channels): floats within +-1, or integers.
            sampling_rate: of the samples; the model's own when left out.

        Raises:
            UserError: the file is missing, is no audio, holds no samples or values that are no
                numbers.
        """
        wanted = self.bundle.config.features_params.sampling_rate
        recording = open_recording(audio, wanted, sampling_rate)
        options = TranscriptionOptions().for_model(self.bundle.provenance)
        return decode_recording(self, recording, options)

    def decode_features(self, features: Sequence[Tensor]) -> list[list[Hypothesis]]:
        """Decode a batch of feature matrices, each (T, F): n-best hypotheses, texts filled in."""
        return self.decode_encodings(*self.encode(features))

    @torch.inference_mode()
    def encode(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Encode a batch of feature matrices, each (T, F): (B, T', D) and lengths (B,)."""
        model = self.bundle.model
        batch, lengths = collate_features(features)
        with memory_errors(f"encoding a batch of {tuple(batch.shape)} features"):
            return model.encode(batch.to(model.device), lengths.to(model.device), self.chunking)

    @torch.inference_mode()
    def decode_encodings(self, encodings: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """Decode what `encode` returned: n-best hypotheses, texts filled in."""
        with memory_errors(f"{self.method} on a batch of {tuple(encodings.shape)} encodings"):
            results = decode(
                self.method,
                self.bundle.model,
                encodings,
                lengths,
                self.options,
                self.resources,
                seconds_per_frame=self.bundle.seconds_per_encoding,
            )
        for hypothesis in (h for n_best in results for h in n_best):
            spell_words(hypothesis, self.bundle.tokenizer)
        return results
