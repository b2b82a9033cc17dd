"""`asr tune` from files to files: weights of the model, then the options of each method."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from asr.bundle import Bundle, load_bundle, save_bundle, save_tuned_options
from asr.config.decoding import DecodingOptions, MethodName, check_method
from asr.config.decoding_use import check_resources_used
from asr.config.loading import load_config
from asr.config.tokenizer import NormaliserName
from asr.config.tuning import grid_around, tunable_options
from asr.decoding.base import model_parts
from asr.decoding.resources import ResourcePaths, Resources, load_resources
from asr.decoding.self_test import add_self_test
from asr.feeding.cuts import load_cuts
from asr.files import append_jsonl, read_jsonl_log, state_of, write_text
from asr.models import AsrModel
from asr.saved_models import CONFIG_FILE
from asr.scoring.alignment import Unit
from asr.scoring.text_tables import markdown_table
from asr.training.averaging import candidate_weights, checkpoints_of, read_choices
from asr.training.experiment import load_experiment
from asr.tuning.choice import Choice, choose, named
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
        config_path: the conf that says what evidence is asked for; None for the bundle's own.
        overrides: `a.b=value` strings on top of it.
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
    config_path: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class TunedMethod:
    """A method and what was chosen for it."""

    method: str
    choice: Choice


def tune(request: TuningRequest, tell: Callable[[str], None]) -> list[TunedMethod]:
    """Choose on dev; write `bundle/`, `tuning.jsonl` (every trial) and `tuning.md`.

    A tuning that was killed, or is given more minutes, goes on with the trials it has.

    Args:
        tell: gets a line for every trial that is measured, and for the choice of an average.

    Raises:
        UserError: nothing was trained or chosen yet, or a method cannot be used.
    """
    bundle_folder = request.directory / "bundle"
    bundle = load_bundle(bundle_folder, request.device)
    names = [check_method(name, model_parts(bundle.model)) for name in request.methods]
    check_resources_used(request.resources.given, names)
    resources = load_resources(request.resources, bundle, request.device)
    for name in names:
        resources.check(name)
    conf = request.config_path or bundle_folder / CONFIG_FILE
    significance = load_config(conf, request.overrides).tuning.significance
    deadline = time.monotonic() + 60 * request.minutes
    bundle, weights = _choose_average(request, bundle, resources, names[0], significance, tell)
    measure = _measure_of(request, bundle, resources)
    tuned = []
    for number, name in enumerate(names):
        share = (deadline - time.monotonic()) / (len(names) - number)
        trials = _Trials(request, weights, str(name), measure, tell)
        _search(name, bundle, trials, time.monotonic() + share)
        tuned.append(TunedMethod(str(name), choose(trials.seen, significance)))
    save_tuned_options(bundle_folder, {one.method: one.choice.changed for one in tuned})
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
    significance: float,
    tell: Callable[[str], None],
) -> tuple[Bundle, str]:
    """Measure the best averages by `method`; make the one that is chosen the bundle's weights.

    `asr average` has ranked them by greedy CTC, which is quick; what is best for another method
    need not be. Its first one stays unless another one's gain over it is more than chance.

    Returns:
        the bundle, and the name of its weights.
    """
    model = bundle.model
    assert isinstance(model, AsrModel)
    first = str(bundle.provenance.get("weights"))
    wanted = [choice.name for choice in read_choices(request.directory)[: request.averages]]
    if len(wanted) < 2:
        return bundle, first
    checkpoints = checkpoints_of(load_experiment(request.directory))
    trials = {}
    for name, _, weights in candidate_weights(checkpoints):
        if name in wanted:
            model.load_state_dict(weights)
            tell(f"weights {name}:")
            measure = _measure_of(request, bundle, resources)
            trials[name] = _Trials(request, name, str(method), measure, tell).measure({})
    choice = choose([trials[name] for name in wanted], significance)
    taken = wanted[choice.trials.index(choice.taken)]  # of equal ones the first
    tell(f"weights {taken} of {len(wanted)}: {choice.taken.told}")
    folder = request.directory / "bundle"
    if taken != first:
        weights = next(one for name, _, one in candidate_weights(checkpoints) if name == taken)
        provenance = {**bundle.provenance, "weights": taken}
        save_bundle(folder, weights, bundle.config, bundle.tokenizer, provenance)
        add_self_test(folder, load_cuts(request.dev_cuts), str(request.dev_cuts))
    return load_bundle(folder, request.device), taken


def _search(name: MethodName, bundle: Bundle, trials: _Trials, deadline: float) -> None:
    defaults = bundle.config.decoding
    options = tunable_options(name)
    start = {option: getattr(defaults, option) for option in options}
    grids = {option: grid_around(option, defaults) for option in options}
    coordinate_search(trials.measure, start, grids, lambda: time.monotonic() < deadline)


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
                trial = _of_row(row["trial"])
                self.known[named(trial.options)] = trial

    def measure(self, options: Point) -> Trial:
        """Return what `options` give; decode only what was not decoded before."""
        name = named(options)
        if name not in self.known:
            measured = self.dev.measure(self.method, {**options, "n_best": 1})
            trial = self.known[name] = replace(measured, options=dict(options))
            row = {"key": self.key, "method": self.method, "trial": _row(trial)}
            append_jsonl(self.path, row)
            self.tell(f"{self.method} {name}: {trial.told} RTF {trial.rtf:.4f}")
        trial = self.known[name]
        if trial not in self.seen:
            self.seen.append(trial)
        return trial


def _row(trial: Trial) -> dict[str, Any]:
    return {"errors": trial.errors, **asdict(trial)}


def _of_row(row: dict[str, Any]) -> Trial:
    return Trial(**{key: value for key, value in row.items() if key != "errors"})


def _fingerprint(request: TuningRequest, weights: str, defaults: DecodingOptions) -> str:
    """Return a hash of what a trial's errors depend on beside method and the options tried."""
    value: dict[str, Any] = {
        "row": sorted(field.name for field in fields(Trial)),
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
        f"weights: {weights}. A method's first row holds the defaults, where the search began; "
        "**bold** is what was taken: `bundle/tuned.json` holds the options that it changes. p: how "
        "often the luckiest of so many settings would gain as much over the defaults by chance. "
        "RTF: search time / audio time. docs/decoding.md has the rule.\n"
    ]
    for one in tuned:
        parts.append(f"## {one.method}\n\nOn dev {one.choice.told}.\n\n{_table(one.choice)}")
    return "\n".join(parts)


def _table(choice: Choice) -> str:
    titles = [*choice.taken.options, "errors", "rate %", "p", "RTF"]
    cells = []
    for trial, chance in zip(choice.trials, choice.chances, strict=True):
        row = [f"{value:g}" for value in trial.options.values()]
        row += [f"{trial.errors}/{trial.reference_tokens}", f"{100 * trial.rate:.2f}"]
        row += [f"{chance:.2g}", f"{trial.rtf:.4f}"]
        cells.append([f"**{cell}**" for cell in row] if trial is choice.taken else row)
    return markdown_table(dict.fromkeys(titles, "right"), cells)
