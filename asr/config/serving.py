"""What a server takes on: how many sessions, how much audio, for how long."""

from __future__ import annotations

import ipaddress

from pydantic import Field, field_validator, model_validator

from asr.config.base import Params
from asr.config.streaming import StreamingOptions


class ServingOptions(Params):
    """The limits of `asr serve`; docs/serving.md says how a client is told that it met one.

    Times are seconds, sizes bytes.
    """

    model_name: str | None = Field(
        None, description="what clients call the model; null: the folder that the bundle lies in"
    )
    model_aliases: list[str] = Field(default=[], description="other names that clients may ask for")
    strict: bool = Field(
        False,
        description="whether files must ask for the model by one of these names, and for nothing "
        "that would change nothing; otherwise whisper-1 and no name mean it too, and a note says "
        "what had no effect",
    )
    allowed_origins: list[str] = Field(
        default=[],
        description="browsers' pages elsewhere that may use the server: https://a.example",
    )
    max_connections: int = Field(
        2000, ge=1, le=100_000, description="TCP connections at once, of every kind"
    )
    head_seconds: float = Field(
        10.0, gt=0, le=300, description="how long the head of a request may take to arrive"
    )
    max_sessions: int = Field(
        50, ge=1, le=10_000, description="live sessions at once; more are refused"
    )
    max_client_sessions: int | None = Field(
        10,
        ge=1,
        le=10_000,
        description="live sessions of one client at once, told by its key where there are several, "
        "else by its address; null: as many as there are",
    )
    trusted_proxies: list[str] = Field(
        default=[],
        description="addresses or networks of proxies that say in X-Forwarded-For who their "
        "clients are, such as 127.0.0.1 or 10.0.0.0/8",
    )
    connects_per_second: float = Field(
        50.0, gt=0, le=10_000, description="live connections taken in the long run"
    )
    connect_burst: int = Field(
        200, ge=1, le=100_000, description="live connections taken at once after a quiet time"
    )
    start_seconds: float = Field(
        5.0, gt=0, le=300, description="how long a new connection may take to send its start"
    )
    idle_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="how long a session may send no audio, and a file stand still",
    )
    send_seconds: float = Field(
        10.0, gt=0, le=300, description="how long a client may take none of its results"
    )
    max_session_seconds: float = Field(
        4 * 3600.0,
        gt=0,
        le=7 * 86400,
        description="a session's audio, and the time that it is open",
    )
    max_message_bytes: int = Field(
        1 << 20, ge=1024, le=64 << 20, description="of a message of a live session"
    )
    queue_seconds: float = Field(
        2.0, gt=0, le=60, description="audio of a session that waits; then its socket is not read"
    )
    drain_seconds: float = Field(
        10.0, ge=0, le=3600, description="how long sessions may go on after SIGTERM"
    )
    flush_seconds: float = Field(
        10.0, gt=0, le=300, description="how long last results may take when a session ends"
    )
    upload_processes: int = Field(
        1, ge=1, le=64, description="files transcribed at once, each in a process of its own"
    )
    max_waiting_uploads: int = Field(
        4, ge=0, le=1000, description="files that wait for a process; more are refused"
    )
    max_client_uploads: int | None = Field(
        3,
        ge=1,
        le=1000,
        description="files of one client that are received, wait or are transcribed; null: as many "
        "as there are",
    )
    max_receive_seconds: float = Field(
        600.0, gt=0, le=86400, description="how long a file may take to arrive"
    )
    max_upload_bytes: int = Field(512 << 20, ge=1024, description="of a file")
    max_upload_seconds: float = Field(4 * 3600.0, gt=0, description="of a file's audio")
    compute_threads: int = Field(
        1, ge=1, le=256, description="threads of the live model, and of each process for files"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> ServingOptions:
        if len(set(self.model_aliases)) < len(self.model_aliases):
            raise ValueError("model_aliases holds a name twice")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                what = f"trusted_proxies wants IP addresses or networks ({error})"
                raise ValueError(what) from None
        return proxies


class ServerConfig(Params):
    """The conf file of `asr serve`."""

    serving: ServingOptions = Field(ServingOptions(), description="limits")
    streaming: StreamingOptions = Field(
        StreamingOptions(), description="how live sessions are recognised"
    )
