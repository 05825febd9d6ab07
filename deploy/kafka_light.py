"""The embedded broker: the Kafka protocol for one machine, from a Python wheel (`noida-db`), ready in well under a second.

Found by trying noida-db 0.2.3, and what follows from it:

- It holds everything in memory and writes one state file when it gets SIGTERM; killed hard, it loses acknowledged records. So it
  is always stopped with SIGTERM and given time, and it is named a one-machine default wherever it starts.
- Its group coordinator never evicts a member that died without leaving. So workers on it take their partitions by assignment
  (`FIRSTMATE_KAFKA_GROUPS=false`), which commits and resumes rightly.
- A taken port or a data folder in use end it with code 1 and a line "error: ..." that says which.
- It makes a topic of one partition when metadata of an unknown one is asked for: list topics first, describe only what is there.
- It answers a fetch with all that the partition holds from there on, whatever size the reader allows: whoever reads a topic from
  its beginning holds a partition of it in memory. Apache Kafka keeps to the size.
- Its glibc weak-symbol lines in the log are harmless.
"""

import contextlib
import importlib.util
import platform
import sys
from pathlib import Path

from deploy.process import Server, StartError


def binary() -> Path:
    """The broker's program, made executable. Raises `StartError` where the platform has none."""
    package = importlib.util.find_spec("noida_db")
    path = Path(package.origin).parent / "noida-db" if package is not None and package.origin is not None else Path("noida-db")
    if not path.is_file():
        raise StartError(
            f"The embedded broker: no build for this platform ({sys.platform} {platform.machine()}). "
            "Use `--kafka apache`, or point FIRSTMATE_KAFKA at a Kafka cluster."
        )
    with contextlib.suppress(OSError):
        path.chmod(0o755)
    return path


class LightKafka(Server):
    """`async with LightKafka(folder) as kafka: ... kafka.address` (a bootstrap address)."""

    name, key = "The embedded broker", "kafka"
    room_mb = 100  # its state file, many times over what the sample company makes
    start_seconds = 30.0
    stop_seconds = 60.0  # it writes all of its memory out
    groups = False  # whether consumer groups can be relied on: see above

    async def command(self) -> list[str]:
        """The broker alone, none of the program's other servers."""
        return [str(binary()), "start", "--only", "kafka", "--kafka-port", str(self.port), "--data-dir", str(self.data)]

    async def is_ready(self) -> bool:
        """Whether this process, not another one on its port, says that it serves (it binds before it says so)."""
        return self.process is not None and any(line.split() == ["kafka", self.address] for line in self.process.last_words(20))

    def port_was_taken(self, code: int) -> bool:
        """It says so."""
        return "already in use" in self._last_error()

    def why_it_ended(self, code: int) -> str:
        """From its last error line."""
        words = self._last_error()
        if "already in use" in words:
            return f"port {self.port} is taken; end what listens there or choose another port."
        if "already running" in words:
            return f"another one is running on {self.data}; stop it, or choose another data folder."
        return f"ended with exit code {code} while starting ({words or 'without a word'}). Its log: {self.log}"

    def _last_error(self) -> str:
        lines = self.process.last_words(20) if self.process else []
        return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
