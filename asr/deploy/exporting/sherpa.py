"""How sherpa-onnx loads an exported model, where its features can equal ours."""

from __future__ import annotations

from typing import Any

from asr.config.export import ExportOptions
from asr.config.features import FbankParams
from asr.text.tokenizers import Tokenizer

# What sherpa-onnx computes for these kinds of models; its Python interface lets nobody change it.
_FIXED = {"frame_length": 0.025, "frame_shift": 0.01, "low_freq": 20.0, "high_freq": -400.0}


def how_to_load(
    params: FbankParams, tokenizer: Tokenizer[Any], options: ExportOptions
) -> dict[str, Any] | None:
    """Return class, constructor and its arguments; None where sherpa-onnx cannot run the export.

    It cannot run `torch.export` programs, nor models whose features differ from what it computes.
    """
    if not options.is_onnx or any(getattr(params, k) != v for k, v in _FIXED.items()):
        return None
    if any(not token or token != "".join(token.split()) for token in tokenizer.tokens):
        return None  # its tokens.txt separates columns by white space
    streaming = options.streaming
    return {
        "class": "OnlineRecognizer" if streaming else "OfflineRecognizer",
        "constructor": "from_zipformer2_ctc" if streaming else "from_zipformer_ctc",
        "arguments": {
            "model": "model.onnx",
            "tokens": "tokens.txt",
            "sample_rate": params.sampling_rate,
            "feature_dim": params.num_mel_bins,
        },
    }
