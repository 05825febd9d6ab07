"""Peak memory of one batch on top of the people in it, in a process of its own: `python -m bench.memory WAY HIRES MENTORS`."""

import json
import random
import resource
import subprocess
import sys
from pathlib import Path
from time import process_time

import psutil
from scipy.optimize import linear_sum_assignment

from bench.crowd import hires, mentors
from bench.dense import cost_matrix
from services.matching.engine import match
from services.matching.person import Seeker
from services.matching.policy_file import load_policy
from services.matching.pool import Pool

UNIT = 1 if sys.platform == "darwin" else 1024  # what ru_maxrss counts


def peak_mb(way: str, count: int, pool: int) -> dict[str, float]:
    """Megabytes at the highest, and CPU seconds, of `ours` or `lsa` in a fresh process."""
    command = [sys.executable, "-m", "bench.memory", way, str(count), str(pool)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _measure(way: str, count: int, size: int) -> dict[str, float]:
    choose = random.Random(3)
    pool = Pool(mentors(choose, size))
    seekers = hires(choose, count, 0.0, size)
    policy = load_policy()
    match(pool, policy, seekers[:2])  # libraries and tables are there before anything is counted
    before, started = psutil.Process().memory_info().rss, process_time()
    matched = _ours(pool, seekers) if way == "ours" else _dense(pool, seekers)
    return {"mb": (_peak() - before) / 1e6, "seconds": process_time() - started, "matched": matched}


def _peak() -> int:
    """Bytes at the highest. Linux counts into ru_maxrss what the parent had when it forked, so its own figure goes first."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def _ours(pool: Pool, seekers: list[Seeker]) -> int:
    return sum(found is not None for found in match(pool, load_policy(), seekers))


def _dense(pool: Pool, seekers: list[Seeker]) -> int:
    costs, _ = cost_matrix(pool, load_policy(), seekers)
    rows, chosen = linear_sum_assignment(costs)
    return int((costs[rows, chosen] <= 0).sum())


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
