"""Files before and after augmentation, to listen to and to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lhotse.augmentation import Speed
from lhotse.cut import Cut
from torch import Tensor

from asr.config.augmentation import Augmentation, SpeedPerturb
from asr.config.base import Params
from asr.config.features import FbankParams
from asr.errors import UserError
from asr.progress import progress_bar
from asr.signal.audio.files import read_audio
from asr.signal.audio.wav import write_wav
from asr.signal.augmentation.base import fit_full_scale, utterance_rng
from asr.signal.augmentation.channel import draw_gain_db
from asr.signal.augmentation.pauses import with_pauses
from asr.signal.augmentation.pictures import can_draw, draw_features, draw_spectrograms
from asr.signal.augmentation.pipeline import WaveformAugmenter
from asr.signal.augmentation.spec_augment import augmented_views
from asr.signal.augmentation.speed import draw_speed, speed_copy_id
from asr.signal.features.fbank import FbankExtractor


@dataclass(frozen=True)
class PreviewRequest:
    """What `asr augment` is asked for.

    Attributes:
        augmentation, features: of the conf file.
        files: audio.
        directory: where wav files and pictures go.
        each: apply every configured part alone, to every file, instead of all as in training.
        epoch: of the training whose random numbers are used; another gives other sounds.
        cuts: what babble is made of.
    """

    augmentation: Augmentation
    features: FbankParams
    files: Sequence[Path]
    directory: Path
    each: bool = False
    seed: int = 0
    epoch: int = 0
    cuts: list[Cut] | None = None


@dataclass(frozen=True)
class Preview:
    """One file after augmentation.

    Attributes:
        name: of the variant: `augmented`, or the part's.
        applied: the parts that the random numbers chose.
        paths: what was written.
    """

    source: Path
    name: str
    applied: list[str]
    paths: list[Path]


@dataclass(frozen=True)
class _Variant:
    """One way of augmenting: all parts as in training, or one alone."""

    name: str
    params: Augmentation
    augmenter: WaveformAugmenter


def preview(request: PreviewRequest) -> list[Preview]:
    """Write `<file>.before.wav`, `<file>.<variant>.wav` and, with matplotlib, `….png`.

    Raises:
        UserError: nothing is configured, two files have the same name, a file cannot be read, or
            as `WaveformAugmenter`.
    """
    _check_names(request.files)
    params = request.augmentation
    chosen = parts_alone(params) if request.each else {"augmented": params}
    if not parts_alone(params):
        raise UserError(
            "the conf file configures no augmentation",
            where="augmentation",
            todo="docs/augmentation.md shows what there is.",
        )
    if params.babble is not None and request.cuts is None:
        todo = "Give the cuts of a training set with --cuts."
        raise UserError("babble is made of utterances", where="augmentation.babble", todo=todo)
    variants = [
        _Variant(name, alone, WaveformAugmenter(alone, request.seed, request.cuts))
        for name, alone in chosen.items()
    ]
    rate = request.features.sampling_rate
    sounds = {path: read_audio(path, rate) for path in request.files}
    written = []
    with progress_bar(len(sounds) * len(variants), "file", "augmenting") as bar:
        for path, samples in sounds.items():
            write_wav(request.directory / f"{path.stem}.before.wav", samples, rate)
            for variant in variants:
                written.append(_write(variant, path, samples, request))
                bar.update()
    return written


def parts_alone(augmentation: Augmentation) -> dict[str, Augmentation]:
    """Return for every part that is configured, by its name, an augmentation of it alone.

    Its probability is 1. Each entry of `noises` is a part, and each factor of `speed_perturb`
    other than 1.
    """
    found: dict[str, Augmentation] = {}
    for key in Augmentation.model_fields:
        params = getattr(augmentation, key)
        if isinstance(params, SpeedPerturb):
            for factor in sorted({*params.factors} - {1.0}):
                alone = params.model_copy(update={"factors": [factor]})
                found[f"{key}.{factor:g}"] = Augmentation(speed_perturb=alone)
        elif isinstance(params, list):
            for index, entry in enumerate(params):
                found[f"{key}.{index}"] = Augmentation.model_validate({key: [_always(entry)]})
        elif params is not None:
            found[key] = Augmentation.model_validate({key: _always(params)})
    return found


def _always(params: Params) -> Params:
    return params.model_copy(update={"probability": 1.0})


def _check_names(files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in files:
        if path.stem in seen:
            raise UserError(
                f"{seen[path.stem]} has the same name, so that the outputs would be one file",
                where=str(path),
                todo="Give them one at a time, to different folders.",
            )
        seen[path.stem] = path


def _write(variant: _Variant, path: Path, samples: np.ndarray, request: PreviewRequest) -> Preview:
    rate = request.features.sampling_rate
    applied: list[str] = []
    changed, rng = _change(variant, path.stem, samples, request, applied)
    output = request.directory / f"{path.stem}.{variant.name}"
    paths = [output.with_name(f"{output.name}.wav")]
    write_wav(paths[0], changed, rate)
    if can_draw() and applied:
        paths.append(output.with_name(f"{output.name}.png"))
        draw_spectrograms(paths[-1], {"before": samples, variant.name: changed}, rate)
    panels = _change_features(variant.params, changed, rng, request.features, applied)
    if can_draw() and len(panels) > 1:
        paths.append(output.with_name(f"{output.name}.fbank.png"))
        draw_features(paths[-1], {name: panel.numpy() for name, panel in panels.items()})
    return Preview(path, variant.name, applied, paths)


def _change_features(
    params: Augmentation,
    samples: np.ndarray,
    rng: np.random.Generator,
    extraction: FbankParams,
    applied: list[str],
) -> dict[str, Tensor]:
    """Return the features (T, F) of samples, and what each configured part makes of them."""
    features = FbankExtractor(extraction).extract(samples)
    panels = {"features": features}
    if params.pauses is not None:
        panels["pauses"], _ = with_pauses(
            features, params.pauses, extraction.seconds_per_frame, rng
        )
        applied += [] if panels["pauses"] is features else ["pauses"]
        features = panels["pauses"]
    if params.spec_augment is not None:
        (masked,) = augmented_views(features, params.spec_augment, 1, rng)
        applied += [] if torch.equal(masked, features) else ["spec_augment"]
        panels["spec_augment"] = masked
    return panels


def _change(
    variant: _Variant, name: str, samples: np.ndarray, request: PreviewRequest, applied: list[str]
) -> tuple[np.ndarray, np.random.Generator]:
    """Return the samples as training would hear them, and what is left of their generator."""
    params, rate = variant.params, request.features.sampling_rate
    changed, copy = _at_drawn_speed(samples, name, params.speed_perturb, request)
    applied += ["speed_perturb"] if copy != name else []
    rng = utterance_rng(request.seed, request.epoch, copy)
    changed = variant.augmenter.apply(changed, rate, rng, name, applied)
    if params.volume_perturb is not None:
        gain_db = draw_gain_db(params.volume_perturb, rng)
        changed = fit_full_scale(changed * np.float32(10.0 ** (gain_db / 20.0)))
        applied += ["volume_perturb"] if gain_db else []
    return changed, rng


def _at_drawn_speed(
    samples: np.ndarray, name: str, params: SpeedPerturb | None, request: PreviewRequest
) -> tuple[np.ndarray, str]:
    """Return the samples at the speed that training would draw, and the name of the copy."""
    if params is None:
        return samples, name
    factor = draw_speed(params, request.seed, request.epoch, name)
    if factor != 1.0:
        samples = Speed(factor)(samples[None], request.features.sampling_rate)[0]
    return samples, speed_copy_id(name, factor)
