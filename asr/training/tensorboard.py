"""TensorBoard event files, written in the calling thread.

torch's SummaryWriter writes from a thread of its own, where nobody can catch a full disk.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from asr.files import disk_errors


class ScalarBoard:
    """Scalars of one run for TensorBoard.

    Args:
        folder: gets a new event file each time a run starts or goes on.
        first_step: TensorBoard forgets what earlier files say of this step and those after it.

    Raises:
        UserError: the disk is full.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.stream = self.path.open("ab", buffering=0)
        self.records = RecordWriter(self.stream)
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(session_log=SessionLog(status=SessionLog.START), step=first_step))

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars of one step, by tag."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(Event(step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file; every step is in it already."""
        self.stream.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        with disk_errors(self.path):
            self.records.write(event.SerializeToString())
