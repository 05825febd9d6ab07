"""`python -m deploy.healthcheck`: whether the process in this container is well, for container engines; standard library only.

A worker answers on FIRSTMATE_HEALTH_PORT: well when its consumers move. The web answers on FIRSTMATE_LISTEN: well when what it
stands on can be reached; that a worker is stuck is no reason to start the web anew. Exit code 0 when well, 1 with the
reason otherwise.
"""

import os
import sys
import urllib.error
import urllib.request

WITHIN_S = 5.0


def main() -> int:
    """Ask whichever of the two answers."""
    port = os.environ.get("FIRSTMATE_HEALTH_PORT", "0")
    listen = os.environ.get("FIRSTMATE_LISTEN", "127.0.0.1:8080").rpartition(":")[2]
    problems = []
    for url in (f"http://127.0.0.1:{port}/healthz", f"http://127.0.0.1:{listen}/readyz"):
        try:
            with urllib.request.urlopen(url, timeout=WITHIN_S):  # noqa: S310  both are on this machine
                return 0
        except urllib.error.HTTPError as error:
            print(f"{url} answers {error.code}: {error.read(500).decode(errors='replace')}")
            return 1
        except OSError as error:
            problems.append(f"{url}: {error}")
    print("; ".join(problems))
    return 1


if __name__ == "__main__":
    sys.exit(main())
