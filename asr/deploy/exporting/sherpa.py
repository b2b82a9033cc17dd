"""How sherpa-onnx loads an exported model, where its features can equal ours."""

from __future__ import annotations

import math
from typing import Any

from asr.config.export import ExportOptions
from asr.config.features import FbankParams
from asr.text.tokenizers import Tokenizer

# What sherpa-onnx computes for these kinds of models; its Python interface lets nobody change it.
_FIXED = {"frame_length": 0.025, "frame_shift": 0.01, "low_freq": 20.0, "high_freq": -400.0}


def sherpa_obstacle(
    params: FbankParams, tokenizer: Tokenizer[Any], options: ExportOptions
) -> str | None:
    """Return why sherpa-onnx cannot run an export of these features and tokens, None if it can."""
    if not options.is_onnx:
        return "it runs ONNX, not torch.export programs"
    for name, value in _FIXED.items():
        own = getattr(params, name)
        if own != value:
            return f"its features have {name} {value:g}, this model's {own:g}"
    for token in tokenizer.tokens:
        if not token or token != "".join(token.split()):
            return f"the token {token!r} does not go into its tokens.txt"
    return None


def how_to_load(
    params: FbankParams, options: ExportOptions, model: str, tokens: str, delay: int
) -> dict[str, Any]:
    """Return what a program needs to run an export in sherpa-onnx.

    Args:
        model, tokens: names of the files.
        delay: frames of features that a streaming graph takes at once.

    Returns:
        class, constructor and its arguments, the command line of its program, and for streaming
        the seconds of silence that have to follow the audio, since what does not fill a graph's
        window and one frame more stays unheard.
    """
    streaming = options.streaming
    rate, bins = params.sampling_rate, params.num_mel_bins
    how: dict[str, Any] = {
        "class": "OnlineRecognizer" if streaming else "OfflineRecognizer",
        "constructor": "from_zipformer2_ctc" if streaming else "from_zipformer_ctc",
        "arguments": {
            "model": model,
            "tokens": tokens,
            "sample_rate": rate,
            "feature_dim": bins,
        },
    }
    command = [f"--sample-rate={rate}", f"--feat-dim={bins}", f"--tokens={tokens}"]
    if not streaming:
        how["command"] = ["sherpa-onnx-offline", *command, f"--zipformer-ctc-model={model}"]
        return how
    # Rounded up, and one frame for the program's "more than a window".
    how["tail_seconds"] = math.ceil((delay + 1) * params.frame_shift * 10) / 10
    padding = ["--left-padding=0", f"--right-padding={how['tail_seconds']}"]
    how["command"] = [
        "sherpa-onnx", *command, f"--zipformer2-ctc-model={model}", *padding,
        "--enable-endpoint=false",
    ]  # fmt: skip
    return how
