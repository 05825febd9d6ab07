"""Settings, read once at the edge from environment variables with the prefix `FIRSTMATE_`.

`FIRSTMATE_KAFKA` and `FIRSTMATE_MONGO` point the same services at any cluster; everything else has a default that
suits one machine.
"""

import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.events.hr import TimeZone

SmtpTls = Literal["off", "auto", "starttls", "implicit"]
Names = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """Everything a process of Firstmate can be told from outside."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_", extra="ignore")

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers, comma separated.")
    kafka_groups: bool = Field(
        False, description="Share partitions through consumer groups. Off: one worker per service with all partitions assigned."
    )
    kafka_security: Literal["plaintext", "tls", "sasl_tls"] = Field(
        "plaintext", description="How FIRSTMATE_KAFKA is spoken to: plaintext, tls, or sasl_tls (with user and password)."
    )
    kafka_ca_file: Path | None = Field(
        None, description="Authorities that may sign the brokers' certificates, PEM; the system's when unset."
    )
    kafka_user: str = Field("", description="Sign in to Kafka as this user.")
    kafka_password: SecretStr = Field(SecretStr(""), description="Its password.")
    kafka_password_file: Path | None = Field(None, description="A file that holds the password, in place of the setting.")
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How the user proves the password: as the brokers' listener has enabled."
    )
    mongo: str = Field("mongodb://127.0.0.1:27017/?directConnection=true", description="A replica set's URI.")
    instance: str = Field(
        "0",
        description="This replica's stable name: static group membership and lease holder. Unset with groups: the host's name.",
    )
    smtp: str = Field("127.0.0.1:1025", description="host:port of the mail server.")
    smtp_tls: SmtpTls = Field(
        "auto",
        description="off, auto (STARTTLS where offered), starttls (or nothing is sent), implicit (TLS from the first byte).",
    )
    smtp_ca_file: Path | None = Field(None, description="Authorities that may sign the mail server's certificate, PEM.")
    smtp_user: str = Field("", description="Sign in to the mail server as this user; only encrypted, or to this machine.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Its password.")
    smtp_connections: int = Field(4, ge=1, le=64, description="Most connections to the mail server at once.")
    smtp_domain_rate: float = Field(200, ge=0, description="Most messages a second to one recipient domain; 0: any number.")
    smtp_domain_connections: int = Field(
        0, ge=0, description="Most messages at once to one recipient domain; 0: all connections."
    )
    mail_from: str = Field("Firstmate <welcome@firstmate.example>", description="Sender of every message.")
    mail_reply_to: str | None = None
    mail_hours: str = Field(
        "07:00-20:00", description="When people are written to, on their working days and where they are; `always` for any time."
    )
    mails_per_day: int = Field(8, ge=0, description="Most messages to one person on one day, urgent ones aside; 0: any number.")
    mail_dir: Path | None = Field(None, description="Maildir of the local mail sink; its viewer appears when set.")
    brand_name: str = "Firstmate"
    web_url: str = Field("http://127.0.0.1:8080", description="The origin that links in messages point to.")
    listen: str = Field("127.0.0.1:8080", description="host:port that the web process serves on.")
    data_dir: Path = Path("data")
    coordinators: Names = Field([], description="Employee ids of those who run the programme, comma separated.")
    secret: SecretStr = Field(SecretStr(""), description="Signs sessions and links; required by the web process.")
    token: SecretStr = Field(SecretStr(""), description="Bearer token of the operator; empty switches it off.")
    sample_sign_in: bool = Field(False, description="Offer the sample people on the sign-in page (loopback only).")
    health_port: int = Field(0, description="Port of a worker's /healthz, /readyz and /metrics; 0 switches it off.")
    peers: Names = Field([], description="name=URL of each worker's health address, for the origin's own /healthz.")
    approval_hours: float = Field(
        0, ge=0, description="Hours that coordinators have to approve a match before it stands by itself; 0: it stands at once."
    )
    reoptimise_hour: int = Field(
        3, ge=-1, le=23, description="Local hour at which better matches are looked for each night; -1: only on demand."
    )
    office_zone: TimeZone = Field("UTC", description="IANA time zone of those who run the programme.")
    policy_file: Path | None = Field(None, description="Matching policy; the shipped one when unset.")
    programmes_dir: Path | None = Field(None, description="Folder of programme templates; the shipped ones when unset.")
    templates: Path | None = Field(
        None, description="Folder of a company's own mail templates and brand; the shipped ones when unset."
    )
    traces_dir: Path | None = Field(
        None,
        description="Folder for traces as JSON lines, of bounded size; none are kept when unset. OTEL_ variables send them on.",
    )
    chat_file: Path | None = Field(
        None, description="Chat services that people may be written to by, YAML; mail alone when unset."
    )
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _named(self) -> Self:
        """Replicas of one name would take each other's lease and partitions; a container has a host name of its own."""
        if self.kafka_groups and "instance" not in self.model_fields_set:
            self.instance = socket.gethostname()
        return self

    @field_validator("kafka_ca_file", "kafka_password_file", mode="before")
    @classmethod
    def _no_path(cls, value: object) -> object:
        return None if value == "" else value  # a compose file can't leave a variable out

    @field_validator("coordinators", "peers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
