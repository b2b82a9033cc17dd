"""From audio or features to text with a bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asr.bundle import Bundle, load_bundle
from asr.config.decoding import DecodingOptions, check_method, default_method
from asr.data.audio import read_audio
from asr.data.dataset import collate_features
from asr.data.features import FbankExtractor
from asr.decoding.base import model_parts
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.registry import decode
from asr.decoding.resources import NO_RESOURCES, Resources
from asr.files import PathLike
from asr.models import Chunking


class Recognizer:
    """Decodes with one model, one method and one set of options.

    Args:
        bundle: the model with its tokenizer and feature settings.
        method: a name of `asr.config.decoding.METHODS`, with or without extras; the default is
            `attention-rescoring` where the model has a decoder, else `ctc-prefix-beam`.
        options: the default is what the training configuration says.
        chunking: simulate streaming with chunks of encoder frames; the default is what the model
            was trained for: its fixed chunks, or the whole utterance.
        resources: what the method's extras are.

    Raises:
        UserError: the model or the resources lack what the method needs.
    """

    def __init__(
        self,
        bundle: Bundle,
        method: str | None = None,
        options: DecodingOptions | None = None,
        chunking: Chunking | None = None,
        resources: Resources = NO_RESOURCES,
    ) -> None:
        self.bundle = bundle
        parts = model_parts(bundle.model)
        name = check_method(method or default_method(parts), parts)
        resources.check(name)
        self.method = str(name)
        self.resources = resources
        self.options = options or bundle.config.decoding
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
        """Transcribe one recording.

        Args:
            audio: a file that libsndfile reads, of any rate and number of channels, or samples
                (N,) or (N, channels): floats within +-1, or integers.
            sampling_rate: of the samples; the model's own when left out.

        Raises:
            UserError: the file is missing, is no audio, holds no samples or values that are no
                numbers.
        """
        wanted = self.bundle.config.features_params.sampling_rate
        samples = read_audio(audio, wanted, sampling_rate)
        return self.decode_features([self.extractor.extract(samples)])[0][0]

    @torch.inference_mode()
    def decode_features(self, features: Sequence[Tensor]) -> list[list[Hypothesis]]:
        """Decode a batch of feature matrices, each (T, F): n-best hypotheses, texts filled in."""
        model = self.bundle.model
        batch, lengths = collate_features(features)
        device = next(model.parameters()).device
        encodings, lengths = model.encode(batch.to(device), lengths.to(device), self.chunking)
        results = decode(
            self.method,
            model,
            encodings,
            lengths,
            self.options,
            self.resources,
            seconds_per_frame=self.bundle.seconds_per_encoding,
        )
        tokenizer = self.bundle.tokenizer
        for hypothesis in (h for n_best in results for h in n_best):
            words = hypothesis.text  # of a graph
            hypothesis.text = (
                tokenizer.spaced(words) if words else tokenizer.decode(hypothesis.tokens)
            )
        return results
