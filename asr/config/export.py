"""What `asr export` makes of a bundle."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from asr.config.base import Params

ExportFormat = Literal["onnx", "onnx-streaming", "torch", "torch-streaming"]
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)

Backend = Literal["torch", "onnx"]
BACKENDS: tuple[str, ...] = get_args(Backend)


class ExportOptions(Params):
    """How a model is turned into graphs.

    Offline graphs take whole utterances; with a `chunk_size` they hide what streaming would not
    have seen. Streaming graphs take one chunk and the caches of the past, whose sizes are fixed.
    """

    format: ExportFormat = "onnx"
    chunk_size: int | None = Field(
        None,
        ge=1,
        description="encoder frames; null: as trained, and for streaming as `StreamingOptions`",
    )
    left_chunks: int | None = Field(
        None,
        ge=-1,
        description="chunks of the past that stay visible; streaming needs 1 or more; null: as "
        "trained, and for streaming as `StreamingOptions`",
    )
    int8: bool = Field(False, description="weights of matrix products as 8-bit integers; ONNX")
    opset: int = Field(20, ge=18, le=23, description="of ONNX")
    max_changed: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the test recording's tokens that int8 may change, at least one token "
        "and never all",
    )

    @model_validator(mode="after")
    def _fits(self) -> ExportOptions:
        if self.int8 and not self.is_onnx:
            raise ValueError("int8 is for onnx and onnx-streaming")
        if self.streaming and self.left_chunks is not None and self.left_chunks < 1:
            raise ValueError(
                "a streaming graph needs left_chunks of 1 or more: its caches are fixed"
            )
        return self

    @property
    def streaming(self) -> bool:
        """Whether the graph takes chunks."""
        return self.format.endswith("-streaming")

    @property
    def is_onnx(self) -> bool:
        """Whether the files are ONNX; else they are `torch.export` programs."""
        return self.format.startswith("onnx")
