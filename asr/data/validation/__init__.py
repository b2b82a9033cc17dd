"""`asr validate`: which utterances are usable, why the others are not, what is doubtful."""

from asr.data.validation.options import CtcRule, ValidationOptions
from asr.data.validation.report import ValidationReport
from asr.data.validation.run import validate_split

__all__ = ["CtcRule", "ValidationOptions", "ValidationReport", "validate_split"]
