"""A stream's state as three flat tensors, which is what other runtimes can carry.

| tensor | holds |
|---|---|
| `cache_last_channel` (B, 1, 1, N) float | keys and values, block by block |
| `cache_last_time` (B, 1, 1, M) float | input frames of the subsampling, then of the convolutions |
| `cache_last_channel_len` (B,) int64 | encoder frames given out so far |

Names and ranks are those of NeMo's streaming models, so that programs that run these run ours.
All zero is the state before the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.models.encoders.state import BlockCache, EncoderState

Shape = tuple[int, ...]


class PackedState(NamedTuple):
    """See the module."""

    cache_last_channel: Tensor
    cache_last_time: Tensor
    cache_last_channel_len: Tensor


@dataclass(frozen=True)
class StateLayout:
    """The shapes of what is packed, without the batch.

    Attributes:
        keys: of each block's keys, (H, left context, head size); its values have the same.
        subsampling: of the input frames that each layer of the subsampling keeps.
        convolutions: of the input frames that each block's convolution keeps, None without one.
    """

    keys: tuple[Shape, ...]
    subsampling: tuple[Shape, ...]
    convolutions: tuple[Shape | None, ...]

    @classmethod
    def of(cls, state: EncoderState) -> StateLayout:
        """Return the layout of streams like `state`, whose left contexts are finite."""
        keys = []
        for block, left in zip(state.blocks, state.left_contexts, strict=True):
            _, heads, _, size = block.keys_values[0].shape
            keys.append((heads, left, size))
        return cls(
            tuple(keys),
            tuple(tuple(layer.shape[1:]) for layer in state.subsampling),
            tuple(
                None if block.convolution is None else tuple(block.convolution.shape[1:])
                for block in state.blocks
            ),
        )

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StateLayout:
        """Read what `to_json` wrote."""
        return cls(
            tuple(tuple(shape) for shape in value["keys"]),
            tuple(tuple(shape) for shape in value["subsampling"]),
            tuple(None if shape is None else tuple(shape) for shape in value["convolutions"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @property
    def left_contexts(self) -> tuple[int, ...]:
        """Frames of keys and values that each block keeps."""
        return tuple(shape[1] for shape in self.keys)

    @property
    def sizes(self) -> tuple[int, int]:
        """N and M."""
        return 2 * sum(map(prod, self.keys)), sum(map(prod, self._frames))

    @property
    def _frames(self) -> list[Shape]:
        return [*self.subsampling, *(shape for shape in self.convolutions if shape is not None)]

    def empty(self, batch_size: int) -> PackedState:
        """Return the state before the first frame."""
        attention, frames = self.sizes
        return PackedState(
            torch.zeros(batch_size, 1, 1, attention),
            torch.zeros(batch_size, 1, 1, frames),
            torch.zeros(batch_size, dtype=torch.long),
        )

    def pack(self, state: EncoderState) -> PackedState:
        """Flatten a state; keys and values of a shorter past get zeros before them."""
        attention = [
            F.pad(tensor, (0, 0, shape[1] - tensor.size(2), 0)).flatten(1)
            for block, shape in zip(state.blocks, self.keys, strict=True)
            for tensor in block.keys_values
        ]
        convolutions = [b.convolution for b in state.blocks if b.convolution is not None]
        frames = [tensor.flatten(1) for tensor in (*state.subsampling, *convolutions)]
        return PackedState(_joined(attention), _joined(frames), state.offset)

    def unpack(self, packed: PackedState) -> EncoderState:
        """Undo `pack`: every block has its full left context, of which `offset` frames are real."""
        pairs = (shape for shape in self.keys for _ in range(2))
        attention = _split(packed.cache_last_channel, pairs)
        frames = _split(packed.cache_last_time, self._frames)
        subsampling, rest = frames[: len(self.subsampling)], iter(frames[len(self.subsampling) :])
        blocks = [
            BlockCache((keys, values), None if shape is None else next(rest))
            for keys, values, shape in zip(
                attention[::2], attention[1::2], self.convolutions, strict=True
            )
        ]
        return EncoderState(
            subsampling, blocks, packed.cache_last_channel_len, self.left_contexts
        )


def _joined(tensors: list[Tensor]) -> Tensor:
    return torch.cat(tensors, dim=1)[:, None, None]


def _split(packed: Tensor, shapes: Iterable[Shape]) -> list[Tensor]:
    tensors, start = [], 0
    for shape in shapes:
        size = prod(shape)
        tensors.append(packed[:, 0, 0, start : start + size].unflatten(1, shape))
        start += size
    return tensors
