"""`asr tune` from files to files: weights of the model, then the options of each method."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from asr.bundle import Bundle, load_bundle, save_bundle, save_tuned_options
from asr.config.decoding import DecodingOptions, MethodName, check_method
from asr.config.tokenizer import NormaliserName
from asr.config.tuning import grid_around, tunable_options
from asr.data.manifests.cuts import load_cuts
from asr.decoding.base import model_parts
from asr.decoding.resources import ResourcePaths, Resources, load_resources
from asr.decoding.self_test import add_self_test
from asr.files import append_jsonl, read_jsonl_log, state_of, write_text
from asr.models import AsrModel
from asr.scoring.alignment import Unit
from asr.scoring.text_tables import markdown_table
from asr.training.averaging import candidate_weights, checkpoints_of, read_choices
from asr.training.experiment import load_experiment
from asr.tuning.dev import DevMeasure
from asr.tuning.search import Point, Trial, coordinate_search

TRIALS, TABLE = "tuning.jsonl", "tuning.md"


@dataclass(frozen=True)
class TuningRequest:
    """What `asr tune` is asked for.

    Attributes:
        directory: `exp/<name>`, with the bundle that `asr average` made.
        dev_cuts: lhotse cuts to choose on.
        methods: names with their extras; the first also chooses among averages of checkpoints.
        resources: what the extras are.
        minutes: budget, shared evenly by the methods.
        averages: how many of the best averages are compared by the first method.
        max_hours: of more dev speech than that, a random part stands for all.
        unit, normaliser: what is counted, as `asr score` takes them.
    """

    directory: Path
    dev_cuts: Path
    methods: tuple[str, ...]
    resources: ResourcePaths
    minutes: float
    averages: int
    max_hours: float
    unit: Unit
    normaliser: NormaliserName
    batch_duration: float
    device: torch.device


@dataclass(frozen=True)
class TunedMethod:
    """A method's trials, in the order they were measured, and the best of them."""

    method: str
    trials: list[Trial]
    best: Trial


def tune(request: TuningRequest, tell: Callable[[str], None]) -> list[TunedMethod]:
    """Choose on dev; write `bundle/`, `tuning.jsonl` (every trial) and `tuning.md`.

    A tuning that was killed, or is given more minutes, goes on with the trials it has.

    Args:
        tell: gets a line for every trial that is measured.

    Raises:
        UserError: nothing was trained or chosen yet, or a method cannot be used.
    """
    bundle_folder = request.directory / "bundle"
    bundle = load_bundle(bundle_folder, request.device)
    names = [check_method(name, model_parts(bundle.model)) for name in request.methods]
    resources = load_resources(request.resources, bundle, request.device)
    for name in names:
        resources.check(name)
    deadline = time.monotonic() + 60 * request.minutes
    bundle, weights = _choose_average(request, bundle, resources, names[0], tell)
    measure = _measure_of(request, bundle, resources)
    tuned = []
    for number, name in enumerate(names):
        share = (deadline - time.monotonic()) / (len(names) - number)
        trials = _Trials(request, weights, str(name), measure, tell)
        tuned.append(_tune_method(name, bundle, trials, time.monotonic() + share))
    save_tuned_options(bundle_folder, {one.method: one.best.options for one in tuned})
    write_text(request.directory / TABLE, _render(request, weights, tuned))
    return tuned


def _measure_of(request: TuningRequest, bundle: Bundle, resources: Resources) -> DevMeasure:
    return DevMeasure(
        bundle,
        resources,
        request.dev_cuts,
        request.max_hours,
        request.unit,
        request.normaliser,
        request.batch_duration,
    )


def _choose_average(
    request: TuningRequest,
    bundle: Bundle,
    resources: Resources,
    method: MethodName,
    tell: Callable[[str], None],
) -> tuple[Bundle, str]:
    """Measure the best averages by `method`; the best becomes the bundle's weights.

    `asr average` has ranked them by greedy CTC, which is quick; what is best for another method
    need not be.
    """
    model = bundle.model
    assert isinstance(model, AsrModel)
    choices = read_choices(request.directory)
    first = str(bundle.provenance.get("weights"))
    wanted = [choice.name for choice in choices[: request.averages]]
    if len(wanted) < 2:
        return bundle, first
    experiment = load_experiment(request.directory)
    best: tuple[int, int] | None = None
    kept, kept_name = {}, first
    for name, _, weights in candidate_weights(checkpoints_of(experiment)):
        if name not in wanted:
            continue
        model.load_state_dict(weights)
        tell(f"weights {name}:")
        measure = _measure_of(request, bundle, resources)
        trial = _Trials(request, name, str(method), measure, tell).measure({})
        rank = trial.errors, wanted.index(name)
        if best is None or rank < best:
            best, kept, kept_name = rank, weights, name
    if kept_name == first:
        model.load_state_dict(kept)
        return bundle, first
    provenance = {**bundle.provenance, "weights": kept_name}
    folder = request.directory / "bundle"
    save_bundle(folder, kept, bundle.config, bundle.tokenizer, provenance)
    add_self_test(folder, load_cuts(request.dev_cuts), str(request.dev_cuts))
    return load_bundle(folder, request.device), kept_name


def _tune_method(name: MethodName, bundle: Bundle, trials: _Trials, deadline: float) -> TunedMethod:
    defaults = bundle.config.decoding
    options = tunable_options(name)
    start = {option: getattr(defaults, option) for option in options}
    grids = {option: grid_around(option, defaults) for option in options}
    best = coordinate_search(trials.measure, start, grids, lambda: time.monotonic() < deadline)
    return TunedMethod(str(name), trials.seen, best)


class _Trials:
    """Remembers trials, also those of an earlier run with the same model, dev set and resources."""

    def __init__(
        self,
        request: TuningRequest,
        weights: str,
        method: str,
        dev: DevMeasure,
        tell: Callable[[str], None],
    ) -> None:
        self.path = request.directory / TRIALS
        self.method, self.dev, self.tell = method, dev, tell
        self.key = _fingerprint(request, weights, dev.bundle.config.decoding)
        self.known: dict[str, Trial] = {}
        self.seen: list[Trial] = []
        for row in read_jsonl_log(self.path):
            if (row["key"], row["method"]) == (self.key, method):
                trial = Trial(**row["trial"])
                self.known[_named(trial.options)] = trial

    def measure(self, options: Point) -> Trial:
        """Return what `options` give; decode only what was not decoded before."""
        name = _named(options)
        if name not in self.known:
            self.known[name] = self.dev.measure(self.method, {**options, "n_best": 1})
            self.known[name] = Trial(dict(options), *_figures(self.known[name]))
            row = {"key": self.key, "method": self.method, "trial": asdict(self.known[name])}
            append_jsonl(self.path, row)
            self.tell(f"{self.method} {name}: {_told(self.known[name])}")
        trial = self.known[name]
        if trial not in self.seen:
            self.seen.append(trial)
        return trial


def _figures(trial: Trial) -> tuple[int, int, float]:
    return trial.errors, trial.reference_tokens, trial.rtf


def _named(options: Point) -> str:
    return " ".join(f"{name}={value:g}" for name, value in sorted(options.items())) or "defaults"


def _told(trial: Trial) -> str:
    return f"{100 * trial.rate:.2f} % ({trial.errors}/{trial.reference_tokens}) RTF {trial.rtf:.4f}"


def _fingerprint(request: TuningRequest, weights: str, defaults: DecodingOptions) -> str:
    """Return a hash of what a trial's errors depend on beside method and the options tried."""
    value: dict[str, Any] = {
        "weights": weights,
        "options": defaults.model_dump(mode="json"),
        "average": (request.directory / "average.json").read_text(encoding="utf-8"),
        "files": [state_of(request.dev_cuts), *request.resources.state()],
        "counting": [request.max_hours, request.unit, request.normaliser],
    }
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _render(request: TuningRequest, weights: str, tuned: list[TunedMethod]) -> str:
    parts = [
        f"# Decoding options chosen on dev\n\nWritten by `asr tune`. Dev: `{request.dev_cuts}`, "
        f"weights: {weights}. A method's first row is where the search began; **bold** is the "
        "choice, which `bundle/tuned.json` holds. RTF: search time / audio time.\n"
    ]
    for one in tuned:
        columns = {
            **dict.fromkeys(one.best.options, "right"),
            "errors": "right",
            "rate %": "right",
            "RTF": "right",
        }
        cells = []
        for trial in one.trials:
            row = [f"{value:g}" for value in trial.options.values()]
            row += [f"{trial.errors}/{trial.reference_tokens}", f"{100 * trial.rate:.2f}"]
            row.append(f"{trial.rtf:.4f}")
            cells.append([f"**{cell}**" for cell in row] if trial == one.best else row)
        parts.append(f"## {one.method}\n\n{markdown_table(columns, cells)}")
    return "\n".join(parts)
