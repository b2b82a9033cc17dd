"""How live speech is recognised: chunks, the two passes, endpoints."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from asr.config.base import Params

FirstPass = Literal["ctc-greedy", "ctc-prefix-beam"]
SecondPass = Literal["attention-rescoring", "none"]
FIRST_PASSES: tuple[str, ...] = get_args(FirstPass)
SECOND_PASSES: tuple[str, ...] = get_args(SecondPass)

DEFAULT_CHUNK_MS = 320.0
DEFAULT_LEFT_SECONDS = 5.12


class EndpointRule(Params):
    """A condition under which a segment ends; all of its parts have to hold.

    Silence is what the best path of CTC reads as blank, counted from the last frame backwards.
    """

    must_contain_nonsilence: bool = Field(
        True, description="the segment's best path has a label that is not blank"
    )
    min_trailing_silence: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="seconds of silence at its end"
    )
    min_utterance_length: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="seconds since its start"
    )


class EndpointRules(Params):
    """When a segment ends, as in Kaldi's online2; the first rule that holds ends it.

    Kaldi's rules 2 and 3 also ask for a low cost of ending here, which CTC does not know. Rule 2,
    of half a second, would end sentences at every pause without it, and is off. Rule 5 cuts long
    speech; Kaldi's does so within words, this one waits for the shortest of pauses.
    """

    rule1: EndpointRule | None = Field(
        EndpointRule(must_contain_nonsilence=False, min_trailing_silence=5.0),
        description="nobody has spoken yet",
    )
    rule2: EndpointRule | None = Field(None, description="a short pause; Kaldi: 0.5 s")
    rule3: EndpointRule | None = Field(
        EndpointRule(min_trailing_silence=1.0), description="a pause"
    )
    rule4: EndpointRule | None = Field(
        EndpointRule(min_trailing_silence=2.0), description="a long pause"
    )
    rule5: EndpointRule | None = Field(
        EndpointRule(
            must_contain_nonsilence=False, min_trailing_silence=0.2, min_utterance_length=20.0
        ),
        description="much speech without a pause; Kaldi: no silence asked for",
    )

    def named(self) -> list[tuple[str, EndpointRule]]:
        """Return the rules that are on, by name, in their order."""
        each = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [(name, rule) for name, rule in each if rule is not None]


NO_ENDPOINTS = EndpointRules(rule1=None, rule2=None, rule3=None, rule4=None, rule5=None)


class StreamingOptions(Params):
    """How a session recognises speech while it is spoken.

    What is left out depends on the model: one that was trained on fixed chunks uses those. Others
    use chunks of 320 ms, and a left context of at least 5.12 s: a cache that grew with the session
    would fill the memory and slow the session down.
    """

    chunk_size: int | None = Field(
        None, ge=1, le=10_000, description="encoder frames decoded at once; null: see chunk_ms"
    )
    chunk_ms: float | None = Field(
        None,
        gt=0,
        le=60_000,
        description="the same in milliseconds, rounded to whole encoder frames; null: 320, or what "
        "the model was trained on",
    )
    left_chunks: int | None = Field(
        None,
        ge=-1,
        description="chunks before the current one that the encoder sees; -1: all of the session, "
        "which grows without bound; null: 5.12 s, or what the model was trained on",
    )
    first_pass: FirstPass = Field(
        "ctc-prefix-beam", description="what makes the text while somebody speaks"
    )
    second_pass: SecondPass | None = Field(
        None,
        description="what a segment's text is made of when it has ended; null: attention-rescoring "
        "where the model has a decoder",
    )
    second_pass_seconds: float | None = Field(
        10.0,
        ge=0,
        allow_inf_nan=False,
        description="audio of segments whose second passes are made in one round, one segment at "
        "least; where more segments end at once, later ones wait, and nobody else does; null: no "
        "limit, for devices that rescore many as fast as one",
    )
    beam_size: int | None = Field(
        None, ge=1, le=1000, description="of the first pass; null: what the bundle decodes with"
    )
    stability: float | None = Field(
        0.64,
        ge=0,
        allow_inf_nan=False,
        description="ctc-prefix-beam: seconds of audio for which the best hypothesis has begun in "
        "the same way before that beginning is shown as stable; null: only what the search can no "
        "longer change, which is exact and late",
    )
    endpoints: EndpointRules = Field(EndpointRules(), description="when a segment ends")
    max_segment: float | None = Field(
        30.0,
        ge=1,
        allow_inf_nan=False,
        description="seconds after which a segment ends whatever is being said, which bounds the "
        "memory of a session; null: never",
    )

    @model_validator(mode="after")
    def _one_chunk_size(self) -> StreamingOptions:
        if self.chunk_size is not None and self.chunk_ms is not None:
            raise ValueError("give chunk_size or chunk_ms, not both")
        return self

    def without_endpoints(self) -> StreamingOptions:
        """Return the options of sessions that are one segment from start to finish.

        Such a session gives what decoding the whole recording gives; its memory grows with it.
        """
        return self.model_copy(update={"endpoints": NO_ENDPOINTS, "max_segment": None})

    def unread(self, *, rescores: bool, endpointing: bool) -> dict[str, str]:
        """Return the options that count for nothing beside the others, each with what it is of.

        Args:
            rescores: whether there is a second pass.
            endpointing: whether pauses end segments.
        """
        greedy = self.first_pass == "ctc-greedy"
        conditions = {
            "stability": (not greedy, "first_pass=ctc-prefix-beam"),
            "beam_size": (not greedy or rescores, "first_pass=ctc-prefix-beam or a second pass"),
            "second_pass_seconds": (rescores, "a second pass"),
            "endpoints": (endpointing, "--endpointing"),
            "max_segment": (endpointing, "--endpointing"),
        }
        return {name: needs for name, (counts, needs) in conditions.items() if not counts}
