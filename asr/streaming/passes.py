"""The two passes of streaming, as the options and the model have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.bundle import Bundle
from asr.config.decoding import EXTRAS, DecodingOptions, check_method
from asr.config.streaming import StreamingOptions
from asr.decoding.base import model_parts, scores_not_finite
from asr.decoding.hypothesis import Hypothesis, TokenPath
from asr.decoding.resources import Resources
from asr.decoding.searches.prefix_beam import ctc_prefix_beam_search
from asr.decoding.searches.rescoring import attention_scores, weigh_attention
from asr.decoding.timing import spell_words, timed_hypotheses
from asr.errors import UserError
from asr.streaming.first_pass import FirstPass, GreedyPass, PrefixBeamPass, SegmentSearch
from asr.streaming.results import shifted
from asr.streaming.segments import SpokenSegment

RESCORING = "attention-rescoring"


class Passes:
    """What is searched while somebody speaks, and what is made of it at an endpoint.

    Args:
        bundle: the model with its tokenizer.
        options: say which passes.
        resources: language models and hotwords, which every pass but `ctc-greedy` uses.
        decoding: weights and beams of both passes; None for what the bundle has for `method`.

    Attributes:
        method: the decoding method that the final texts are those of.
        rescores: whether there is a second pass.

    Raises:
        UserError: the model lacks the decoder that the second pass needs, or there are resources
            that nothing would use.
    """

    def __init__(
        self,
        bundle: Bundle,
        options: StreamingOptions,
        resources: Resources,
        decoding: DecodingOptions | None = None,
    ) -> None:
        parts = model_parts(bundle.model)
        default = RESCORING if bundle.model.decoder is not None else "none"
        self.rescores = (options.second_pass or default) == RESCORING
        base = RESCORING if self.rescores else options.first_pass
        extras = [extra for extra in EXTRAS if getattr(resources, extra) is not None]
        name = check_method("+".join((base, *extras)), parts)
        if resources.graph is not None:
            raise UserError("decoding graphs cannot be used in streaming", where="--graph")
        if resources.rescoring is not None:
            raise UserError("lattices cannot be used in streaming", where="--rescoring-ngram")
        self.method = str(name)
        self.options = decoding or bundle.decoding_options(self.method)
        if options.beam_size is not None:
            changed = {"beam_size": options.beam_size, "n_best": 1}
            self.options = self.options.model_copy(update=changed)
        self._bundle = bundle
        self._fusion = resources.fusion(name, self.options)
        self._first: FirstPass
        if options.first_pass == "ctc-greedy":
            self._first = GreedyPass()
        else:
            patience = None
            if options.stability is not None:
                patience = math.ceil(options.stability / bundle.seconds_per_encoding - 1e-6)
            self._first = PrefixBeamPass(self.options, self._fusion, patience)

    def start(self) -> SegmentSearch:
        """Begin the search of a segment."""
        return self._first.start()

    @property
    def num_places(self) -> int:
        """Segments that the first pass holds memory for."""
        return self._first.num_places

    def advance(
        self, searches: Sequence[SegmentSearch], log_probs: Tensor, lengths: Tensor
    ) -> None:
        """Take the next frames of some segments; see `FirstPass.advance`."""
        self._first.advance(searches, log_probs, lengths)

    def check_scores(self, searches: Sequence[SegmentSearch]) -> None:
        """Look at what `advance` has made of some segments.

        Raises:
            UserError: a score is not finite.
        """
        if not all(math.isfinite(search.best.score) for search in searches):
            raise scores_not_finite("a streaming session")

    def first_hypothesis(self, segment: SpokenSegment) -> Hypothesis:
        """Return the first pass' best hypothesis so far, in the session's time."""
        return self._hypothesis(segment, segment.search.best)

    def final_hypotheses(self, segments: Sequence[SpokenSegment]) -> list[Hypothesis]:
        """Return the second pass' hypothesis of each segment, in the session's time."""
        paths = [segment.search.best for segment in segments]
        heard = [n for n, segment in enumerate(segments) if segment.num_frames]
        if self.rescores and heard:
            rescored = self._rescored([segments[n] for n in heard])
            for n, path in zip(heard, rescored, strict=True):
                paths[n] = path
        return [self._hypothesis(*pair) for pair in zip(segments, paths, strict=True)]

    def _rescored(self, segments: Sequence[SpokenSegment]) -> list[TokenPath]:
        decoder = self._bundle.model.decoder
        assert decoder is not None
        lengths = torch.tensor([segment.num_frames for segment in segments])
        encodings = pad_sequence([segment.encodings.all() for segment in segments], True)
        proposed = self._proposed(segments, lengths)
        sequences = [[path.tokens for path in paths] for paths in proposed]
        attention = attention_scores(decoder, encodings, lengths, sequences)
        weighed = weigh_attention(proposed, attention, self.options.ctc_weight)
        return [paths[0] for paths in weighed]

    def _proposed(
        self, segments: Sequence[SpokenSegment], lengths: Tensor
    ) -> list[list[TokenPath]]:
        if isinstance(self._first, PrefixBeamPass):
            return self._first.n_best([segment.search for segment in segments])
        log_probs = pad_sequence([segment.log_probs.all() for segment in segments], True)
        return ctc_prefix_beam_search(
            log_probs,
            lengths,
            self.options.beam_size,
            fusion=self._fusion,
            candidates=self.options.frame_candidates,
            blank_skip=self.options.blank_skip,
        )

    def _hypothesis(self, segment: SpokenSegment, path: TokenPath) -> Hypothesis:
        """Place a path in time and spell it."""
        frame = self._bundle.seconds_per_encoding
        if not segment.num_frames:
            return Hypothesis([], 0.0)
        lengths = torch.tensor([segment.num_frames])
        timed = timed_hypotheses([[path]], segment.log_probs.all()[None], lengths, frame)
        hypothesis = timed[0][0]
        spell_words(hypothesis, self._bundle.tokenizer)
        return shifted(hypothesis, segment.first_frame * frame)
