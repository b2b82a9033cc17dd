"""What of the trials is taken: the defaults, unless dev gives evidence against them.

Of many settings that are no better than the defaults some make fewer errors on dev by luck, and the
smaller dev is, the more of them. A setting is taken only where its gain over the defaults is more
than that, and changes only the options that it must.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.scoring.significance import chances_of_gains, compare_paired
from asr.tuning.search import Point, Trial


@dataclass(frozen=True)
class Choice:
    """The trials of a method, and which of them is taken.

    Attributes:
        trials: in the order in which they were measured, the defaults first.
        chances: how often the luckiest of so many trials would gain over the defaults as much as
            each does, if none were better than they (`chances_of_gains`); 1 for the defaults.
        taken: the defaults, or the trial that replaces them.
        best: the trial with the fewest errors.
        significance: the chance up to which a gain counts.
    """

    trials: list[Trial]
    chances: list[float]
    taken: Trial
    best: Trial
    significance: float

    @property
    def changed(self) -> dict[str, float]:
        """The options that are not as the defaults have them."""
        return _changed(self.taken, self.trials[0])

    @property
    def told(self) -> str:
        """What was found, what was taken and why, in a line."""
        defaults, taken, best = self.trials[0], self.taken, self.best
        others = len(self.trials) - 1
        if not others:
            return f"{defaults.told}, nothing else was tried"
        if taken is not defaults:
            found = f"{named(self.changed)}: {defaults.told} -> {taken.told}, {self._chance(taken)}"
            if taken.errors == best.errors:
                return found
            more = f"{best.errors} errors, by {named(_changed(best, defaults))}"
            return f"{found}; {more}, are no evidence for changing more"
        kept = f"the defaults are kept, {defaults.told}"
        if best.errors == defaults.errors:
            return f"{kept}: none of {others} other settings made fewer errors"
        return (
            f"{kept}: {best.errors} errors, by {named(_changed(best, defaults))}, are no evidence: "
            f"{self._chance(best)} with {others} settings tried, above {self.significance:g}"
        )

    def _chance(self, trial: Trial) -> str:
        return f"p = {self.chances[self.trials.index(trial)]:.2g}"


def choose(trials: Sequence[Trial], significance: float) -> Choice:
    """Choose among the settings of a method.

    A gain over the defaults counts where its chance is at most `significance`. Of the settings
    whose gain counts the one with the fewest errors leads. Taken is the one that changes the fewest
    options among those that it cannot be told from: it makes fewer errors than they in less than
    1 - `significance` of the resamples of a paired bootstrap.

    Args:
        trials: the defaults first; all of the same utterances.
        significance: in (0, 1]. With 1 every gain counts, and the fewest errors are taken.
    """
    defaults, *others = trials
    chances = chances_of_gains(
        defaults.utterance_errors, [trial.utterance_errors for trial in others]
    )
    counting = [
        trial
        for trial, chance in zip(others, chances, strict=True)
        if trial.errors < defaults.errors and chance <= significance
    ]
    taken = defaults
    if counting:
        lead = min(counting, key=lambda trial: trial.errors)
        like_it = [trial for trial in counting if not _is_worse(trial, lead, significance)]
        taken = min(
            [lead, *like_it], key=lambda trial: (len(_changed(trial, defaults)), trial.errors)
        )
    best = min(trials, key=lambda trial: trial.errors)
    return Choice(list(trials), [1.0, *chances], taken, best, significance)


def named(options: Point) -> str:
    """Return options in the form of `--set`; `defaults` where there are none."""
    return " ".join(f"{name}={value:g}" for name, value in sorted(options.items())) or "defaults"


def _changed(trial: Trial, defaults: Trial) -> dict[str, float]:
    return {name: value for name, value in trial.options.items() if value != defaults.options[name]}


def _is_worse(trial: Trial, lead: Trial, significance: float) -> bool:
    words = [1] * len(lead.utterance_errors)  # only counts of errors are compared
    compared = compare_paired(trial.utterance_errors, lead.utterance_errors, words)
    return compared.probability_of_improvement >= 1 - significance
