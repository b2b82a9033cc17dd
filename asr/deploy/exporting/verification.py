"""Whether exported graphs say what the bundle says: tokens of a recording, and numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from asr.bundle import Bundle
from asr.config.export import ExportOptions
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.recognizer import Recognizer
from asr.decoding.self_test import decode_whole
from asr.deploy.exported.encoders import ExportedEncoder
from asr.errors import UserError
from asr.models.chunking import Chunking
from asr.scoring.alignment import align, count_errors
from asr.text.symbols import SOS_EOS_ID

MOST_DIFFERENCE = 1e-3  # of log-probabilities, with weights of full precision
_LENGTHS = (0.11, 0.4, 1.0)  # of the test recording that are compared as a batch
_NEIGHBOUR = 1.3  # length of the noise that the recording is put beside, of its own


@dataclass(frozen=True)
class MethodCheck:
    """A method's result on the test recording.

    Attributes:
        tokens, text: the bundle's.
        changed: token errors of the export against the bundle.
    """

    method: str
    tokens: list[int]
    text: str
    exported_text: str
    changed: int


@dataclass(frozen=True)
class Check:
    """What the comparison gave; a refused export raises instead.

    Attributes:
        log_prob_difference: the largest, of CTC, on the recording and its beginnings.
        neighbour_difference: the largest, of CTC, between the recording alone and beside noise as
            loud as can be.
        seconds: how long the recording is.
    """

    methods: list[MethodCheck]
    log_prob_difference: float
    neighbour_difference: float
    most_difference: float | None
    most_changed: float
    seconds: float

    def to_json(self) -> dict[str, object]:
        """Return plain data."""
        return asdict(self)


def expected_results(
    bundle: Bundle, samples: np.ndarray, chunking: Chunking | None
) -> dict[str, Hypothesis]:
    """Return what a bundle recognises, by greedy CTC and by its best method.

    Args:
        samples: float32 (N,) of a recording at the model's rate.
        chunking: what the graphs are to be made with.

    Raises:
        UserError: it recognises nothing.
    """
    results = {}
    for method in ("ctc-greedy", Recognizer(bundle).method):
        results[method] = decode_whole(Recognizer(bundle, method, chunking=chunking), samples)
        if not results[method].tokens:
            raise UserError(
                f"{method} recognises nothing in the test recording, which proves nothing",
                todo="Give a recording of speech with --test-audio.",
            )
    return results


def check_export(
    bundle: Bundle,
    exported: Bundle,
    samples: np.ndarray,
    expected: dict[str, Hypothesis],
    options: ExportOptions,
) -> Check:
    """Compare an export with the bundle it was made of.

    Full precision has to give the tokens that are expected and log-probabilities within
    `MOST_DIFFERENCE`. int8 may change `max_changed` of the tokens, at least
    one, but never all. Either has to give the same whatever the recording is batched with.

    Args:
        samples: as for `expected_results`, which gave `expected`.

    Raises:
        UserError: the export differs by more than it may.
    """
    difference = log_prob_difference(bundle, exported, samples)
    limit = None if options.int8 else MOST_DIFFERENCE
    neighbour = neighbour_difference(exported, samples)
    methods = []
    for method, ours in expected.items():
        theirs = decode_whole(Recognizer(exported, method), samples)
        changed = _token_errors(ours.tokens, theirs.tokens)
        methods.append(MethodCheck(method, ours.tokens, ours.text, theirs.text, changed))
    rate = bundle.config.features_params.sampling_rate
    share = options.max_changed if options.int8 else 0.0
    seconds = round(len(samples) / rate, 3)
    check = Check(methods, difference, neighbour, limit, share, seconds)
    _refuse(check, options)
    return check


def _refuse(check: Check, options: ExportOptions) -> None:
    for one in check.methods:
        allowed = most_changes(len(one.tokens), check.most_changed) if options.int8 else 0
        if one.changed > allowed:
            raise UserError(
                f"the exported model says '{one.exported_text}' where the bundle says '{one.text}' "
                f"({one.method}: {one.changed} of {len(one.tokens)} tokens differ, {allowed} may)",
                where="asr export",
                todo="Export without --int8." if options.int8 else "This is a fault of the export.",
            )
    limit = check.most_difference
    if limit is not None and not check.log_prob_difference <= limit:
        raise UserError(
            f"log-probabilities differ by up to {check.log_prob_difference:.2g}, {limit:g} may be",
            where="asr export",
            todo="This is a fault of the export.",
        )
    if not check.neighbour_difference <= MOST_DIFFERENCE:
        raise UserError(
            f"log-probabilities beside a loud recording differ by up to "
            f"{check.neighbour_difference:.2g} from those alone, {MOST_DIFFERENCE:g} may be",
            where="asr export",
            todo="This is a fault of the export.",
        )


def most_changes(num_tokens: int, share: float) -> int:
    """Return how many tokens int8 may change: a share, at least one, but never all."""
    return min(max(1, int(share * num_tokens)), num_tokens - 1)


def _token_errors(ours: list[int], theirs: list[int]) -> int:
    return count_errors(align([*map(str, ours)], [*map(str, theirs)])).errors


@torch.inference_mode()
def log_prob_difference(bundle: Bundle, exported: Bundle, samples: np.ndarray) -> float:
    """Return by how much CTC's log-probabilities differ on the recording and two of its beginnings.

    `<sos/eos>` is left out, which CTC never emits.
    """
    features = Recognizer(bundle).extractor.extract(samples)
    factor = bundle.model.encoder.subsampling_factor
    lengths = torch.tensor([max(int(len(features) * share), factor) for share in _LENGTHS])
    batch = F.pad(features, (0, 0, 0, max(int(lengths.max()) - len(features), 0)))
    repeated = batch[None].repeat(len(lengths), 1, 1)
    encoder = exported.model.encoder
    assert isinstance(encoder, ExportedEncoder)
    encodings, encoded = bundle.model.encode(repeated, lengths, encoder.chunking)
    expected = bundle.model.ctc_log_probs(encodings)
    encodings, scored = encoder.encode_and_score(repeated, lengths)
    found = exported.model.ctc_log_probs(encodings)
    real = torch.arange(expected.size(1)) < encoded[:, None]
    return max(_largest(expected - found, real), _largest(expected - scored, real))


@torch.inference_mode()
def neighbour_difference(exported: Bundle, samples: np.ndarray) -> float:
    """Return by how much CTC's log-probabilities of a recording change beside loud noise."""
    recognizer = Recognizer(exported)
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, int(_NEIGHBOUR * len(samples)))
    own, loud = map(recognizer.extractor.extract, (samples, noise.astype(np.float32)))
    alone, lengths = recognizer.encode([own])
    together, _ = recognizer.encode([own, loud])
    difference = exported.model.ctc_log_probs(together)[:1] - F.pad(
        exported.model.ctc_log_probs(alone), (0, 0, 0, together.size(1) - alone.size(1))
    )
    return _largest(difference, torch.arange(difference.size(1)) < lengths[:, None])


def _largest(difference: Tensor, real: Tensor) -> float:
    labels = torch.arange(difference.size(-1)) != SOS_EOS_ID
    return difference[real][:, labels].abs().max().item()
