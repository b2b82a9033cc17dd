"""`asr client`: audio to a server of `asr serve`."""

from __future__ import annotations

from pathlib import Path

import click

from asr.cli.options import PATH
from asr.errors import UserError


@click.command("client")
@click.option("--file", "file", type=PATH, help="Send a file as live audio.")
@click.option("--microphone", is_flag=True, help="Send what the microphone hears, until Ctrl-C.")
@click.option("--upload", "upload_file", type=PATH, help="Send a whole file for its transcript.")
@click.option("--server", default="http://127.0.0.1:8000", help="The server's address.")
@click.option("--api-key", envvar="ASR_API_KEY", help="Better in the variable ASR_API_KEY.")
@click.option("--realtime", is_flag=True, help="--file: as slowly as it was spoken.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["txt", "json", "srt", "vtt"]),
    help="Print the whole transcript at the end; without it each segment when it ends.",
)
def command(
    file: Path | None,
    microphone: bool,
    upload_file: Path | None,
    server: str,
    api_key: str | None,
    realtime: bool,
    output_format: str | None,
) -> None:
    """Send audio to a server; texts that may still change are shown on the terminal only."""
    if (file is not None) + microphone + (upload_file is not None) != 1:
        raise UserError("give one of --file, --microphone and --upload", where="asr client")
    from asr.client import AsrClient
    from asr.client.run import LiveRequest, send_live, upload

    client = AsrClient(server, api_key)
    if upload_file is not None:
        upload(client, upload_file, output_format)
    else:
        send_live(client, LiveRequest(file, realtime, output_format))
