"""`python -m bench.scaling > docs/scaling.md`: what companies of three sizes need, derived from what the benches measured.

`bench/results.json` holds what `./firstmate bench NAME --json` printed last, by name, and how it was measured. To take figures
in: `./firstmate bench NAME --json | python -m bench.scaling NAME`. The page follows from that file and the assumptions below.
"""

import json
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
BENCHES = ("processing", "mail", "rebuild", "board")
SIZES = (1_000, 100_000, 10_000_000)
HIRED_A_YEAR = 0.2  # of all employees: turnover of a fifth is common, and higher in retail and care
PEAK_SHARE = 0.02  # of all employees start on one day (a cohort, a season), and HR tells of all of them at once
PEAK_S = 600.0  # within which they are all to be matched, planned and written to
YEARS_KEPT = 3
BUSY = 0.7  # of a core at the peak; the rest is for what was not foreseen
PARTITIONS = 6  # what topics are declared with


@dataclass(frozen=True, slots=True)
class Needs:
    """What one size of company needs at its peak."""

    employees: int
    hires_a_year: int
    peak_per_s: float
    cores: dict[str, int]
    partitions: int
    database_gb: float
    topics_gb: float
    writes_per_s: float
    mails_per_s: float
    share_of_owner: float
    share_of_mail: float

    @property
    def bottleneck(self) -> str:
        """What comes to its limit first, and how full it is."""
        limits = {"matching's one owner": self.share_of_owner, "one mail sender": self.share_of_mail}
        name = max(limits, key=lambda limit: limits[limit])
        return f"{name}, at {100 * limits[name]:.0f} % of what it manages"


def needs(employees: int, results: dict[str, Any]) -> Needs:
    """Derive them. Raises KeyError where `processing` or `mail` was not measured."""
    run, mail = results["processing"], results["mail"]
    peak = employees * PEAK_SHARE / PEAK_S
    cores = {name: ceil(peak * ms / 1000 / BUSY) for name, ms in run["cpu_ms_by_process"].items()}
    hires = round(employees * HIRED_A_YEAR)
    kilobytes = employees * run["database_kb_per_employee"] + hires * YEARS_KEPT * run["database_kb_per_hire"]
    mails = peak * run["messages_per_hire"]
    return Needs(
        employees=employees,
        hires_a_year=hires,
        peak_per_s=peak,
        cores=cores,
        partitions=max(PARTITIONS, cores["onboarding"], cores["notifications"]),
        database_gb=kilobytes / 1e6,
        topics_gb=hires * YEARS_KEPT * run["topics_kb_per_hire"] / 1e6,
        writes_per_s=peak * run["disk_writes_per_hire"],
        mails_per_s=mails,
        share_of_owner=peak * run["cpu_ms_by_process"]["matching"] / 1000 / BUSY,
        share_of_mail=mails / mail["messages_per_second"],
    )


def page(results: dict[str, Any]) -> str:
    """The page as Markdown."""
    run, mail = results["processing"], results["mail"]
    columns = [needs(size, results) for size in SIZES]
    rows = [
        ("hires a year", [f"{each.hires_a_year:,}" for each in columns]),
        ("hires a second at the peak", [f"{each.peak_per_s:.3g}" for each in columns]),
        *((f"cores for {name}", [str(each.cores[name]) for each in columns]) for name in columns[0].cores),
        ("partitions of each topic", [str(each.partitions) for each in columns]),
        ("database, GB", [f"{each.database_gb:.3g}" for each in columns]),
        ("topics, GB a replica", [f"{each.topics_gb:.3g}" for each in columns]),
        ("writes a second of the database", [f"{each.writes_per_s:.3g}" for each in columns]),
        ("mails a second", [f"{each.mails_per_s:.3g}" for each in columns]),
        ("what is full first", [each.bottleneck for each in columns]),
    ]
    head = " | ".join(f"{size:,} employees" for size in SIZES)
    table = "".join(f"| {name} | {' | '.join(values)} |\n" for name, values in rows)
    return f"""# What it takes at which size

Written by `python -m bench.scaling` from `bench/results.json`; nothing here is typed by hand.
{results["measured"]}

| | {head} |
|---|{"---|" * len(SIZES)}
{table}
## From what

- Assumed: {100 * HIRED_A_YEAR:.0f} % of all employees are hired in a year, {100 * PEAK_SHARE:.0f} % of all on one day, told of
  at once and done with in {PEAK_S / 60:.0f} minutes; data of {YEARS_KEPT} years; cores at most
  {100 * BUSY:.0f} % busy, and one at least.
- Measured on {run["cores"]} cores, everything on one machine: {run["hires_per_second"]} hires a second with all effects,
  {run["cpu_ms_per_hire"]} ms of processor time a hire; {run["database_kb_per_hire"]} kB in the databases a hire and
  {run["database_kb_per_employee"]} kB an employee (before compression, with indexes);
  {run["topics_kb_per_hire"]} kB of facts a hire.
- {run["disk_writes_per_hire"]} writes of the database a hire: system calls, of which a disk may join several.
- {run["messages_per_hire"]} messages a hire, most of them for later days, all counted at the peak; one sender manages
  {mail["messages_per_second"]} mails a second over {mail["connections"]} connections.
{_read_models(results)}
## What changes at each step

- **{SIZES[0]:,}**: one of each, on one small machine; a second replica is for restarts, not for load.
- **{SIZES[1]:,}**: a replica set of three and three brokers, for safety still and not for load.
- **{SIZES[2]:,}**: choose partitions before the first hire. Matching has one owner per pool of mentors: over 100 % hires wait
  their turn, or pools are split, by country for example. One sender is one lease: over 100 % the peak's mails take
  as much longer than {PEAK_S / 60:.0f} minutes.
"""


def _board(board: dict[str, Any]) -> str:
    slowest = max(board["p95_ratios"], key=board["p95_ratios"].get)
    longer = board["p95_100k_vs_1k"]
    return (
        f"- With {board['journeys']:,} journeys the slowest page in comparison, {slowest}, takes {longer} times as long\n"
        f"  as with 1,000 ({board['p95_ms'][slowest]} ms, p95), the overview {board['p95_ratios']['the overview']} times; "
        f"{board['collection_scans']} collection scans;\n  the board of 200 hires is {board['board_kilobytes']} kB on the wire."
    )


def _rebuild(figures: dict[str, Any]) -> str:
    models = {name: each for name, each in figures.items() if isinstance(each, dict) and "held_seconds" in each}
    said = ", ".join(f"{name} {each['seconds']:.0f} s ({each['held_seconds']:.0f} s held)" for name, each in models.items())
    rows, memory = (max(each[key] for each in models.values()) for key in ("rows", "rss_mb"))
    return (
        f"- Read models of {rows:,} people made again from {figures['events']:,} events: {said},\n"
        f"  in {figures['cores']} processes that take {memory:.0f} MB together; {figures['differences']} differences."
    )


def _read_models(results: dict[str, Any]) -> str:
    """What the other two benches say."""
    known = [_board(results["board"])] if "board" in results else []
    known += [_rebuild(results["rebuild"])] if "rebuild" in results else []
    missing = [name for name in BENCHES if name not in results]
    return "\n".join([*known, *([f"- Not measured yet: {', '.join(missing)}."] if missing else [])]) + "\n"


def main(arguments: list[str]) -> int:
    """Print the page, or take in one bench's figures from standard input."""
    results = json.loads(RESULTS.read_text())
    if not arguments:
        print(page(results), end="")
        return 0
    if len(arguments) != 1 or arguments[0] not in BENCHES:
        print(f"usage: python -m bench.scaling [{'|'.join(BENCHES)}]", file=sys.stderr)
        return 2
    results[arguments[0]] = json.loads(sys.stdin.read().splitlines()[-1])
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
