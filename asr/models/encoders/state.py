"""What a stream remembers between two chunks, alone or in a batch of streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.models.layers.attention import KeysValues


@dataclass(frozen=True)
class BlockCache:
    """One block's past: keys and values (B, H, L, head size), convolution input (B, left, D).

    Streams with a shorter past than L frames have theirs at the end, and nothing that counts
    before it.
    """

    keys_values: KeysValues
    convolution: Tensor | None

    def trimmed(self, num_frames: int) -> BlockCache:
        """Keep the last `num_frames` keys and values; -1 keeps all."""
        keys, values = self.keys_values
        if num_frames < 0 or keys.size(2) <= num_frames:
            return self
        start = keys.size(2) - num_frames
        return BlockCache((keys[:, :, start:], values[:, :, start:]), self.convolution)


@dataclass(frozen=True)
class EncoderState:
    """Everything that B streams remember between two chunks.

    Attributes:
        subsampling: the last input frames of each subsampling layer.
        blocks: each block's cache.
        offset: (B,) encoder frames given out so far.
        left_contexts: encoder frames of keys and values to keep, by block; -1 keeps all.
    """

    subsampling: list[Tensor]
    blocks: list[BlockCache]
    offset: Tensor
    left_contexts: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Memory of its tensors."""
        kept = [*self.subsampling, self.offset]
        for block in self.blocks:
            kept += block.keys_values
            kept += [] if block.convolution is None else [block.convolution]
        return sum(tensor.nbytes for tensor in kept)


def stack_states(states: Sequence[EncoderState]) -> EncoderState:
    """Join streams, whatever their pasts, into one batch for `Encoder.step`.

    Every stream then gets what it would get alone. `split_state` undoes it.

    Args:
        states: of any batch sizes, all of one model.

    Raises:
        ValueError: no state at all, or states that keep different left contexts.
    """
    if len({state.left_contexts for state in states}) != 1:
        raise ValueError("states of one or more streams with equal left contexts are needed")
    return EncoderState(
        subsampling=[
            torch.cat(layer) for layer in zip(*(s.subsampling for s in states), strict=True)
        ],
        blocks=[_stack_blocks(caches) for caches in zip(*(s.blocks for s in states), strict=True)],
        offset=torch.cat([state.offset for state in states]),
        left_contexts=states[0].left_contexts,
    )


def select_streams(state: EncoderState, rows: Sequence[int]) -> EncoderState:
    """Return some streams of a batch, in any order, as a batch with memory of its own."""
    index = torch.tensor(rows, dtype=torch.long, device=state.offset.device)

    def chosen(tensor: Tensor) -> Tensor:
        return tensor.index_select(0, index)

    blocks = []
    for block in state.blocks:
        keys, values = block.keys_values
        convolution = None if block.convolution is None else chosen(block.convolution)
        blocks.append(BlockCache((chosen(keys), chosen(values)), convolution))
    layers = [chosen(layer) for layer in state.subsampling]
    return EncoderState(layers, blocks, chosen(state.offset), state.left_contexts)


def split_state(state: EncoderState) -> list[EncoderState]:
    """Return the streams of a batch one by one, each with its own past and memory of its own."""
    return [_stream(state, row, past) for row, past in enumerate(state.offset.tolist())]


def _stack_blocks(caches: Sequence[BlockCache]) -> BlockCache:
    keys = _join_at_the_end([cache.keys_values[0] for cache in caches])
    values = _join_at_the_end([cache.keys_values[1] for cache in caches])
    convolutions = [cache.convolution for cache in caches if cache.convolution is not None]
    return BlockCache((keys, values), torch.cat(convolutions) if convolutions else None)


def _join_at_the_end(tensors: Sequence[Tensor]) -> Tensor:
    """Concatenate (B, H, L, d) of different L over B, zeros before the shorter ones."""
    longest = max(tensor.size(2) for tensor in tensors)
    if all(tensor.size(2) == longest for tensor in tensors):
        return torch.cat(list(tensors))
    _, heads, _, size = tensors[0].shape
    joined = tensors[0].new_zeros(sum(map(len, tensors)), heads, longest, size)
    row = 0
    for tensor in tensors:
        joined[row : row + len(tensor), :, longest - tensor.size(2) :] = tensor
        row += len(tensor)
    return joined


def _stream(state: EncoderState, row: int, past: int) -> EncoderState:
    def own(tensor: Tensor) -> Tensor:
        return tensor[row : row + 1].clone()  # a view would keep the whole batch in memory

    blocks = []
    for block in state.blocks:
        keys, values = block.trimmed(past).keys_values
        convolution = None if block.convolution is None else own(block.convolution)
        blocks.append(BlockCache((own(keys), own(values)), convolution))
    return EncoderState(
        [own(layer) for layer in state.subsampling], blocks, own(state.offset), state.left_contexts
    )
