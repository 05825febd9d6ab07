"""`python -m tests.chaos --hires N --faults K --seed S --json`: one run, its report on standard output."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from shared.clock import now
from tests.chaos.faults import FAULTS
from tests.chaos.run import run


def main() -> int:
    """1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--hires", type=int, default=2_000)
    parser.add_argument("--faults", type=int, default=len(FAULTS), help="how many; every kind once before any a second time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bulk", type=int, default=0, help="records that come at once every half minute; the rest comes evenly")
    parser.add_argument("--only", default="", help="only kinds whose name holds this")
    parser.add_argument("--logs", type=Path, help="folder for the workers' logs, which go with the run otherwise")
    parser.add_argument("--json", action="store_true", help="the report as one line of JSON")
    arguments = parser.parse_args()
    kinds = [fault for fault in FAULTS if arguments.only in fault.kind]
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # everything is ended in order then too
    report = asyncio.run(run(arguments.hires, arguments.faults, arguments.seed, _say, kinds, arguments.logs, bulk=arguments.bulk))
    print(json.dumps(report, indent=None if arguments.json else 2))
    return int(any(report[kind] for kind in ("lost", "doubled", "invariant_violations", "stuck")))


def _say(words: str) -> None:
    print(f"{now():%H:%M:%S} {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
