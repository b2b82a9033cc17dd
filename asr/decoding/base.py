"""What decoding needs of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from asr.config.decoding import ATTENTION_DECODER, DecodingOptions
from asr.decoding.fusion import Fusion
from asr.decoding.hypothesis import TokenPath
from asr.errors import UserError
from asr.graphs.folder import DecodingGraph
from asr.k2.rescoring import BackoffModel


class AttentionDecoder(Protocol):
    """A label-synchronous decoder over encodings; U counts labels, V the vocabulary."""

    def __call__(self, encodings: Tensor, encoding_lengths: Tensor, tokens: Tensor) -> Any:
        """Return logits (B, U, V) for encodings (B, T', D) and tokens (B, U).

        The tokens start with `<sos/eos>`; position u predicts token u + 1.
        """

    def initial_state(self, encodings: Tensor, encoding_lengths: Tensor) -> Any:
        """Return the state before the first label."""

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Take one label (B,) a row; return log-probabilities (B, V) of the next and the state."""

    def step_with_attention(self, tokens: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """Do `step`; return the attention to the encodings (B, T') beside it.

        The weights of a row sum to one and are zero on padding.
        """

    def select(self, state: Any, indices: Tensor) -> Any:
        """Return the state whose row n is row `indices[n]` of `state`."""


class DecodableModel(Protocol):
    """A model with a CTC head and possibly an attention decoder."""

    @property
    def decoder(self) -> AttentionDecoder | None:
        """The attention decoder, where the model has one."""

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        """Return log-softmax scores (B, T', V) for encodings (B, T', D)."""


def model_parts(model: DecodableModel) -> set[str]:
    """Return which of the parts that methods may need the model has."""
    return {ATTENTION_DECODER} if model.decoder is not None else set()


def scores_not_finite(utterance: str) -> UserError:
    """Return the error of an utterance that the model has no usable scores for."""
    return UserError(
        f"the model's scores for {utterance} are not finite numbers",
        todo="Look for bad values in its features, or use a checkpoint from before training "
        "diverged.",
    )


@dataclass(frozen=True)
class SearchRequest:
    """What a search is asked for beside the encodings.

    Attributes:
        options: see `DecodingOptions`.
        fusion: what is added to the model's scores; None where that is nothing.
        extras: of the method's name; what they are is in `fusion`.
        graph: what graph methods decode with.
        rescoring: the model of words that takes the place of the graph's; None for the graph's own.
    """

    options: DecodingOptions
    fusion: Fusion | None = None
    extras: tuple[str, ...] = ()
    graph: DecodingGraph | None = None
    rescoring: BackoffModel | None = None


class Search(Protocol):
    """A decoding method's search: n-best paths of each utterance, best first."""

    def __call__(
        self, model: Any, encodings: Tensor, lengths: Tensor, request: SearchRequest
    ) -> list[list[TokenPath]]:
        """Decode encodings (B, T', D) of which the first `lengths` (B,) frames are real."""
