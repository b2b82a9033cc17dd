"""`asr` and `python` for recipes under test, in processes that need not import torch again.

A recipe runs twenty commands, and each would spend two seconds on importing torch and lhotse: most
of a rehearsal. Here one process a test worker imports them, and forks for every command that the
recipe's shell starts. The command is run as Python would run it, from its own file, with the
arguments, environment, folder, input and output of the shell's process; the modules of `asr` are
imported by each anew. What is about the start of a recipe does without.

Started as a program, this file is that process: `python warm_commands.py SOCKET`.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Stands in for `asr` and `python`: hands everything over, and ends as the command does.
_STAND_IN = """\
#!{python} -IS
import json, os, socket, sys
command = {command} + sys.argv[1:]
if not command or not command[0].endswith(("/asr", ".py")):
    os.execv({python!r}, [{python!r}, *command])
request = json.dumps({{"command": command, "folder": os.getcwd(), "environment": dict(os.environ)}})
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [len(request.encode()).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(request.encode())
    answer = connection.recv(4)
sys.exit(int.from_bytes(answer, "big") if answer else 1)
"""


@contextmanager
def warm_commands(folder: Path) -> Iterator[Path]:
    """Give a folder to put first on PATH, inside of which `asr` and `python` start warm."""
    address = str(folder / "socket")
    server = subprocess.Popen(
        [sys.executable, __file__, address],
        stdin=subprocess.PIPE,  # its end tells that the tests are gone
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        asr = str(Path(sys.executable).with_name("asr"))
        for name, command in (("asr", [asr]), ("python", [])):
            path = bin_folder / name
            path.write_text(
                _STAND_IN.format(python=sys.executable, command=command, address=address)
            )
            path.chmod(0o755)
        yield bin_folder
    finally:
        server.communicate()


def _serve(address: str) -> list[str]:
    """Import, then fork for each command; returns in the process that is to run one."""
    import lhotse.dataset  # noqa: F401
    import torch.distributed.launcher.api
    import torch.utils.tensorboard  # noqa: F401
    import torchaudio  # noqa: F401

    gc.freeze()  # a collection in a child would copy all pages of what has been imported
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a command is not waited for
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                sys.exit()
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return _attend(connection)
            connection.close()


def _attend(connection: socket.socket) -> list[str]:
    """Start the command asked for; its exit code goes back. Returns in the command's process."""
    length, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(length, "big"):
        request += connection.recv(65536)
    asked = json.loads(request)
    command = os.fork()
    if command == 0:
        connection.close()
        os.setsid()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        return list(asked["command"])
    for descriptor in [*descriptors, 1]:
        os.close(descriptor)
    ended = os.pidfd_open(command)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:  # nobody waits for it any longer
        os.killpg(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    code = os.waitstatus_to_exitcode(status)
    if ended in ready:
        connection.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))
    os._exit(0)


if __name__ == "__main__":
    sys.argv = _serve(sys.argv[1])
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
