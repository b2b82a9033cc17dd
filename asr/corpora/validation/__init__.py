"""`asr validate`: which utterances are usable, why the others are not, what is doubtful."""

from asr.corpora.validation.options import CtcRule, ValidationOptions
from asr.corpora.validation.report import ValidationReport
from asr.corpora.validation.run import validate_split

__all__ = ["CtcRule", "ValidationOptions", "ValidationReport", "validate_split"]
