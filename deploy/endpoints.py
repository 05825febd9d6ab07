"""Where a running Firstmate can be reached: `endpoints.json` in its data folder, written by `up`, read by every other command."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "endpoints.json"


class NotRunning(Exception):
    """Nothing runs on this data folder; the message says how to start or find it."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`web` is a URL, `kafka` and `smtp` are host:port, `mongo` is a connection string; `token_file` holds the operator's token.

    `mail_dir` is the Maildir of the mail sink, `processes` the process ids: `mongo`, `kafka`, `mailsink`, the services, `web`.
    """

    web: str
    kafka: str
    mongo: str
    smtp: str
    token_file: str
    mail_dir: str
    kafka_groups: bool = False
    processes: dict[str, int] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The operator's bearer token."""
        return Path(self.token_file).read_text().strip()

    def write(self, data: Path) -> None:
        """Put them into the data folder, whole or not at all."""
        fresh = data / f"{FILE}.new"
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(fresh, data / FILE)


def read(data: Path) -> Endpoints:
    """The endpoints of what runs on `data`. Raises `NotRunning`."""
    try:
        return Endpoints(**json.loads((data / FILE).read_text()))
    except FileNotFoundError:
        raise NotRunning(
            f"nothing runs on {data}: start it with `./firstmate up`, name its folder with --data, "
            "or set FIRSTMATE_KAFKA and FIRSTMATE_MONGO to a cluster"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise NotRunning(f"{data / FILE} can't be read ({error}); start `./firstmate up` again, which writes it anew") from None
