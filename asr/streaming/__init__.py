"""Recognition while people speak; docs/streaming.md is the guide."""

from asr.streaming.recognizer import StreamingRecognizer
from asr.streaming.results import Partial, Segment
from asr.streaming.session import StreamingSession

__all__ = ["Partial", "Segment", "StreamingRecognizer", "StreamingSession"]
