"""The text that tells whoever gets an exported folder what it is and how to run it."""

from __future__ import annotations

from typing import Any

from asr.bundle import TEST_AUDIO
from asr.deploy.exported.encoders import describe_chunking
from asr.deploy.manifest import Manifest

README_FILE = "README.md"


def export_readme(manifest: Manifest, said: str, obstacle: str | None) -> str:
    """Return the folder's README.

    Args:
        said: what greedy CTC recognises in the test recording.
        obstacle: why sherpa-onnx cannot run it; None if it can.
    """
    options, features = manifest.options, manifest.features
    bands, rate = features["num_mel_bins"], features["sampling_rate"]
    kind = f"{options['format']}{', int8' if options['int8'] else ''}"
    toolkit = (
        'In Python: `from asr.deploy.exported.model import load_exported; load_exported(".")`.'
    )
    if kind.startswith("onnx"):
        command = f"asr transcribe --backend onnx --method ctc-greedy --bundle . {TEST_AUDIO}"
        toolkit = f"```\n{command}\n```"
    sherpa = (
        _sherpa(manifest.sherpa_onnx) if manifest.sherpa_onnx else f"Cannot run it: {obstacle}."
    )
    return f"""# An exported speech recognition model

{kind}; {describe_chunking(manifest.chunking)}; {manifest.num_parameters:,} parameters,
{manifest.vocab_size} tokens, {bands} log-mel bands of {rate} Hz.
`export.json` describes files, inputs and outputs. In `{TEST_AUDIO}` greedy CTC of the bundle that
this was made of recognises:

    {said}

The commands below are for this folder.

## With the toolkit that made it

{toolkit}

## With sherpa-onnx

{sherpa}
"""


def _sherpa(how: dict[str, Any]) -> str:
    program = " ".join((*how["command"], TEST_AUDIO))
    arguments = ", ".join(f"{name}={value!r}" for name, value in how["arguments"].items())
    create = f"sherpa_onnx.{how['class']}.{how['constructor']}({arguments})"
    decode = ["recognizer.decode_stream(stream)", "print(stream.result.text)"]
    if tail := how.get("tail_seconds"):
        decode = [
            f"stream.accept_waveform(rate, [0.0] * int({tail} * rate))  # lets the last chunk pass",
            "stream.input_finished()",
            "while recognizer.is_ready(stream):",
            "    recognizer.decode_stream(stream)",
            "print(recognizer.get_result(stream))",
        ]
    lines = [
        "import sherpa_onnx",
        "import soundfile",
        "",
        f"recognizer = {create}",
        f'samples, rate = soundfile.read("{TEST_AUDIO}", dtype="float32")',
        "stream = recognizer.create_stream()",
        "stream.accept_waveform(rate, samples)",
        *decode,
    ]
    code = "\n".join(lines)
    note = "\n\nIn the silence behind the audio a model may hear a letter more." if tail else ""
    return f"""```python
{code}
```{note}

Its programs take the same files:

```
{program}
```"""
