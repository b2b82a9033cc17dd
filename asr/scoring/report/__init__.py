"""`asr report`: one HTML page about every split and system of a folder of results."""

from asr.scoring.report.options import ReportOptions
from asr.scoring.report.run import WrittenReport, write_report

__all__ = ["ReportOptions", "WrittenReport", "write_report"]
