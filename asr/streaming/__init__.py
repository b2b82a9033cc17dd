"""Recognition while people speak; docs/streaming.md is the guide."""

from asr.streaming.recognizer import Round, StreamingRecognizer
from asr.streaming.results import Partial, Segment
from asr.streaming.session import StreamingSession

__all__ = ["Partial", "Round", "Segment", "StreamingRecognizer", "StreamingSession"]
