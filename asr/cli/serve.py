"""`asr serve`: live audio over WebSocket, files over HTTP, and a page to try it at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from asr.cli.options import PATH, backend_option, bundle_option, device_option, resource_options
from asr.config.export import Backend
from asr.config.loading import load_config_of, override_section
from asr.config.serving import ServerConfig
from asr.errors import needs_extra

PACKAGES = (
    "fastapi",
    "prometheus_client",
    "python_multipart",
    "starlette",
    "uvicorn",
    "websockets",
)


@click.command("serve")
@bundle_option
@backend_option
@click.option("--host", default="127.0.0.1", help="The address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0 picks a free one.")
@click.option("--api-keys", "keys", type=PATH, metavar="FILE", help="API keys, one a line.")
@click.option("--config", "config_path", type=PATH, metavar="CONF", help="YAML or JSON conf file.")
@click.option(
    "--set",
    "overrides",
    metavar="A.B=C",
    multiple=True,
    help="Override a key, such as serving.max_sessions=8 or streaming.chunk_ms=160; "
    "may be repeated.",
)
@click.option(
    "--method",
    help="How files are decoded; without it by the best the model has, with the files given below.",
)
@click.option(
    "--decoding",
    multiple=True,
    metavar="A=B",
    help="Override a decoding option of files, such as beam_size=20; may be repeated.",
)
@resource_options
@device_option
def command(
    bundle: Path,
    backend: Backend,
    host: str,
    port: int,
    keys: Path | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    method: str | None,
    decoding: tuple[str, ...],
    device: str,
    **resource_files: Any,
) -> None:
    """Serve a model until SIGTERM; docs/serving.md has the addresses and messages."""
    if config_path is None:
        config = override_section(ServerConfig(), overrides)
    else:
        config = load_config_of(ServerConfig, config_path, overrides)
    with needs_extra("the server", "serve", PACKAGES):
        import python_multipart  # noqa: F401 - starlette asks for it at the first upload

        from asr.serving.run import ServeRequest, serve
    from asr.decoding.resources import ResourcePaths

    serve(
        ServeRequest(
            bundle=bundle,
            config=config,
            host=host,
            port=port,
            keys=keys,
            method=method,
            overrides=decoding,
            resources=ResourcePaths(**resource_files),
            device=device,
            backend=backend,
        )
    )
