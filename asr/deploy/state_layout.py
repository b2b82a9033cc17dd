"""A stream's state as the eight tensors that streaming Zipformer2 CTC models have.

Programs that run these models make, stack and carry such tensors without looking into them, and so
run ours. The tensors are used for what fits them; B streams, N, M numbers, C encodings of width D
a chunk:

| tensor | shape | holds |
|---|---|---|
| `cached_key_0` | (1, B, N) | keys and values, block by block |
| `cached_nonlin_attn_0` | (1, B, 1, 3 M // 4) | nothing |
| `cached_val1_0` | (1, B, C D) | given: first the features that the chunk lacks to be whole |
| `cached_val2_0` | (1, B, C D) | returned: the encodings of the chunk |
| `cached_conv1_0`, `cached_conv2_0` | (B, M, 1) | input frames of subsampling and convolutions |
| `embed_states` | (B, 128, 3, 19) | nothing |
| `processed_lens` | (B,) int64 | encoder frames given out so far |

All zero is the state before the first frame, and no chunk lacks anything unless it is told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.models.encoders.state import BlockCache, EncoderState

Shape = tuple[int, ...]

_EMBED = (128, 3, 19)
_BATCH_AXES = (1, 1, 1, 1, 0, 0, 0, 0)  # of the tensors of a `CarriedState`


class CarriedState(NamedTuple):
    """See the module."""

    cached_key_0: Tensor
    cached_nonlin_attn_0: Tensor
    cached_val1_0: Tensor
    cached_val2_0: Tensor
    cached_conv1_0: Tensor
    cached_conv2_0: Tensor
    embed_states: Tensor
    processed_lens: Tensor

    @property
    def lacking(self) -> Tensor:
        """Features (B,) that each chunk lacks to be whole."""
        return self.cached_val1_0[0, :, 0].long()

    def row(self, number: int) -> CarriedState:
        """Return the state of one stream, as a batch of one."""
        pairs = zip(self, _BATCH_AXES, strict=True)
        return CarriedState(*(tensor.narrow(axis, number, 1) for tensor, axis in pairs))

    @classmethod
    def of_rows(cls, rows: Sequence[CarriedState]) -> CarriedState:
        """Return the states of several streams as one batch."""
        parts = zip(zip(*rows, strict=True), _BATCH_AXES, strict=True)
        return cls(*(torch.cat(tensors, dim=axis) for tensors, axis in parts))


@dataclass(frozen=True)
class StateLayout:
    """The shapes of what is carried, without the batch.

    Attributes:
        keys: of each block's keys, (H, left context, head size); its values have the same.
        subsampling: of the input frames that each layer of the subsampling keeps.
        convolutions: of the input frames that each block's convolution keeps, None without one.
        encodings: of a chunk, (C, D).
    """

    keys: tuple[Shape, ...]
    subsampling: tuple[Shape, ...]
    convolutions: tuple[Shape | None, ...]
    encodings: Shape

    @classmethod
    def of(cls, state: EncoderState, encodings: Shape) -> StateLayout:
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
            encodings,
        )

    def metadata(self) -> dict[str, int]:
        """Return the sizes by the names that a streaming Zipformer2 of one layer has for them."""
        return {
            "encoder_dims": self._half_of_frames,
            "query_head_dims": self._keys_and_values,
            "value_head_dims": prod(self.encodings),
            "num_heads": 1,
            "num_encoder_layers": 1,
            "cnn_module_kernels": 3,
            "left_context_len": 1,
        }

    @property
    def _keys_and_values(self) -> int:
        return 2 * sum(map(prod, self.keys))

    @property
    def _frames(self) -> list[Shape]:
        return [*self.subsampling, *(shape for shape in self.convolutions if shape is not None)]

    @property
    def _half_of_frames(self) -> int:
        return max((sum(map(prod, self._frames)) + 1) // 2, 2)

    def empty(self, batch_size: int) -> CarriedState:
        """Return the state before the first frame."""
        half, values = self._half_of_frames, prod(self.encodings)
        return CarriedState(
            torch.zeros(1, batch_size, self._keys_and_values),
            torch.zeros(1, batch_size, 1, 3 * half // 4),
            torch.zeros(1, batch_size, values),
            torch.zeros(1, batch_size, values),
            torch.zeros(batch_size, half, 1),
            torch.zeros(batch_size, half, 1),
            torch.zeros(batch_size, *_EMBED),
            torch.zeros(batch_size, dtype=torch.long),
        )

    def pack(self, state: EncoderState, carried: CarriedState) -> CarriedState:
        """Return `carried` with another state of the encoder.

        Keys and values of a shorter past get zeros before them.
        """
        keys_values = [
            F.pad(tensor, (0, 0, shape[1] - tensor.size(2), 0)).flatten(1)
            for block, shape in zip(state.blocks, self.keys, strict=True)
            for tensor in block.keys_values
        ]
        convolutions = [b.convolution for b in state.blocks if b.convolution is not None]
        frames = torch.cat([one.flatten(1) for one in (*state.subsampling, *convolutions)], dim=1)
        half = self._half_of_frames
        frames = F.pad(frames, (0, 2 * half - frames.size(1)))
        return carried._replace(
            cached_key_0=torch.cat(keys_values, dim=1)[None],
            cached_conv1_0=frames[:, :half, None],
            cached_conv2_0=frames[:, half:, None],
            processed_lens=state.offset,
        )

    def unpack(self, carried: CarriedState) -> EncoderState:
        """Undo `pack`: every block has its full left context, of which `offset` frames are real."""
        pairs = (shape for shape in self.keys for _ in range(2))
        keys_values = _split(carried.cached_key_0[0], pairs)
        both = torch.cat([carried.cached_conv1_0, carried.cached_conv2_0], dim=1)[..., 0]
        frames = _split(both, self._frames)
        subsampling, rest = frames[: len(self.subsampling)], iter(frames[len(self.subsampling) :])
        blocks = [
            BlockCache((keys, values), None if shape is None else next(rest))
            for keys, values, shape in zip(
                keys_values[::2], keys_values[1::2], self.convolutions, strict=True
            )
        ]
        left_contexts = tuple(shape[1] for shape in self.keys)
        return EncoderState(subsampling, blocks, carried.processed_lens, left_contexts)

    def returned_encodings(self, carried: CarriedState) -> Tensor:
        """Return the encodings (B, C, D) of the chunk that was scored last."""
        return carried.cached_val2_0[0].unflatten(1, self.encodings)


def _split(packed: Tensor, shapes: Iterable[Shape]) -> list[Tensor]:
    tensors, start = [], 0
    for shape in shapes:
        size = prod(shape)
        tensors.append(packed[:, start : start + size].unflatten(1, shape))
        start += size
    return tensors
