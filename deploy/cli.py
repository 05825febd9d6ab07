"""The commands of `./firstmate`.

Results go to standard output, with `--json` as one JSON object on its last line; words about progress and faults go to standard
error. The exit code is 0 only on success, 1 when what was asked for failed, 2 for a wrong call.
"""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.answers import Data, Json, fail, found, result, run, tell, with_database
from deploy.policy_cli import policy_app
from deploy.programme_cli import programme_app
from deploy.template_cli import templates_app
from deploy.topics_cli import topics_app
from shared.clock import now

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "bench"
TESTS_AT_ONCE = min((os.cpu_count() or 1) + 1, 6)  # tests mostly wait for each other's servers; each row of them has a mongod

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
letters_app = typer.Typer(no_args_is_help=True, help="What could not be processed: list, show, replay, drop.")
app.add_typer(letters_app, name="dead-letters")
app.add_typer(policy_app, name="policy")
app.add_typer(programme_app, name="programme")
app.add_typer(templates_app, name="templates")
app.add_typer(topics_app, name="topics")

Id = Annotated[str, typer.Argument(help="As `dead-letters list` names it.")]


@app.callback()
def firstmate() -> None:
    """Gives every new employee a peer mentor and a well-run first ninety days."""


@app.command()
def translations(check: Annotated[bool, typer.Option("--check", help="Change nothing; name what is missing.")] = False) -> None:
    """Bring the pages' texts into the files of their translations, and say what a translator has to fill in."""
    from deploy import translations as kept  # noqa: PLC0415  extraction reads every source file

    found, failed = kept.texts(), False
    for language in kept.others():
        if not check:
            kept.update(language, found)
        for fault in kept.faults(language, found):
            print(f"{language}: {fault.text!r} {fault.words}")
            failed = True
    sys.exit(failed)


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = ROOT / "data",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the pages and APIs; 0 takes free ports for everything.")
    ] = 8080,
    no_sample: Annotated[bool, typer.Option("--no-sample", help="Start empty, without the sample company.")] = False,
    kafka: Annotated[Literal["light", "apache"], typer.Option(help="The embedded broker, or a real Apache Kafka.")] = "light",
) -> None:
    """Run the whole system here until Ctrl-C."""
    from deploy.supervisor import Plan  # noqa: PLC0415  each command loads what it needs: `--help` answers at once
    from deploy.up import up as run_up  # noqa: PLC0415

    sys.exit(asyncio.run(run_up(Plan(data, port, kafka), sample=not no_sample)))


@app.command(name="run")
def run_process(
    process: Annotated[str, typer.Argument(help="matching, onboarding, notifications, web or mailsink.")],
) -> None:
    """Run one process of Firstmate, told by FIRSTMATE_ variables: what `up`, compose and Kubernetes start."""
    # In this command's place: signals reach it, and what the command line loaded is not kept.
    os.execv(sys.executable, [sys.executable, "-m", "deploy.run", process])  # noqa: S606


@app.command()
def demo(
    as_json: Json = False,
    kill: Annotated[
        str | None, typer.Option(help="End this service's process hard in the middle: it must change nothing.")
    ] = None,
) -> None:
    """Play the sample company through a system of its own, verify every hire, show the table."""
    from deploy.demo import demo as run_demo  # noqa: PLC0415

    sys.exit(asyncio.run(run_demo(as_json=as_json, kill=kill)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run all tests, a few at a time; arguments go to pytest, `--backing` (tests/backing.py) among them.

    With CI=true the coverage of services/ and shared/ must be 90 %.
    """
    options = context.args or ["-n", str(TESTS_AT_ONCE), "--dist", "loadfile"]
    if os.environ.get("CI") == "true" and not context.args:
        options += ["--cov", "--cov-report=term", "--cov-fail-under=90"]
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", *options], cwd=ROOT))


@app.command()
def setup() -> None:
    """Make the environment of tests and benches, and nothing else (done when this runs)."""


@app.command()
def publish(
    file: Annotated[str, typer.Argument(help="CloudEvents, one JSON object per line; - reads standard input.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Publish the good lines although others are bad.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Publish events about employees and mentors onto their topics."""
    from services.intake.publish import publish_file  # noqa: PLC0415

    report = run(publish_file(file, found(data, "KAFKA").kafka, now(), skip_bad=skip_bad))
    for fault in report.faults:
        tell(f"line {fault.line}: {fault.detail}")
    result(report.summary(), f"{report.published} of {report.lines} events published", as_json, report.problem)


@app.command()
def bounce(
    file: Annotated[str, typer.Argument(help="A delivery status notification as it came; - reads standard input.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take in what a mail server reports back about a message (RFC 3464)."""
    from deploy.bouncing import report  # noqa: PLC0415

    outcome, problem = run(report(file, data))
    words = f"{outcome['message_id']} {outcome['outcome']} ({outcome['status']})" if outcome else ""
    result(outcome or {}, words, as_json, problem)


@app.command(name="import")
def import_(
    file: Annotated[str, typer.Argument(help="A CSV table with a header line; - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and publish nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows although others are bad.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Import hires, employees or mentors from a table. Importing it again changes nothing."""
    from services.intake.table import import_file  # noqa: PLC0415

    kafka = "" if dry_run else found(data, "KAFKA").kafka
    report = run(import_file(file, kafka, now(), dry_run=dry_run, skip_bad=skip_bad))
    for fault in report.faults:
        column = f", column {fault.column}" if fault.column else ""
        tell(f"line {fault.line}{column}: {fault.detail}")
    counts = f"{report.refused} wrong, {report.events} events, {report.unchanged} unchanged since the last import"
    done = f"{report.rows} rows, {counts}{' (dry run)' if dry_run else ''}"
    result(report.summary(), done, as_json, report.problem)


@app.command()
def doctor(
    data: Data = None,
    reset_progress: Annotated[
        str | None,
        typer.Option(
            metavar="CONSUMER:TOPIC", help="Let it be read again from the beginning, or 'all'. With the workers stopped."
        ),
    ] = None,
    adopt_database: Annotated[
        bool,
        typer.Option(
            "--adopt-database",
            help="Make the databases this Kafka cluster's: after a restore, or on a new cluster. With the workers stopped.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at settings, broker, topics, database, clocks, lag and disk, and say what to do."""
    from deploy import doctor as checks  # noqa: PLC0415
    from deploy.found import DEFAULT_DATA  # noqa: PLC0415
    from deploy.reset import reset  # noqa: PLC0415

    if reset_progress is not None:
        done = run(reset(data, reset_progress))
        problem = None if done else f"no consumer has recorded progress as {reset_progress}; name it CONSUMER:TOPIC, or all"
        result({"reset": done}, "\n".join(f"{name} is read again from the beginning" for name in done), as_json, problem)
        return
    if adopt_database:
        where = found(data, "KAFKA", "MONGO")
        adopted = with_database(data, lambda client: checks.adopt_databases(client, where.kafka, now))
        told = [f"{service} belonged to Kafka cluster {owner}, and is this one's now" for service, owner in adopted.items()]
        result({"adopted": adopted}, "\n".join(told) or "the databases are this cluster's", as_json)
        return
    findings = run(checks.examine(found(data, "KAFKA", "MONGO"), data or DEFAULT_DATA, now))
    table = Table(box=None, show_header=False)
    for finding in findings:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.status]
        words = escape(finding.detail) + (f"\n-> {escape(finding.advice)}" if finding.advice else "")
        table.add_row(f"[{colour}]{finding.status}[/]", finding.check, words)
    Console().print(table)
    failed = [finding.check for finding in findings if finding.status == "fail"]
    summary = {"ok": not failed, "findings": [asdict(finding) for finding in findings]}
    result(summary, "", as_json, f"not well: {', '.join(failed)}" if failed else None)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is new.")], data: Data = None, as_json: Json = False
) -> None:
    """Write every service's database, as of one moment, into a folder. Everything goes on working meanwhile."""
    from deploy.backup import back_up  # noqa: PLC0415

    counts = with_database(data, lambda client: back_up(client, folder, now))
    result({"documents": counts}, f"{sum(counts.values())} documents in {folder}", as_json)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What `backup` wrote.")], data: Data = None, as_json: Json = False
) -> None:
    """Put a backup into empty databases, with all processes stopped."""
    from deploy.backup import restore as restore_all  # noqa: PLC0415

    counts = with_database(data, lambda client: restore_all(client, folder))
    words = f"{sum(counts.values())} documents; on another Kafka cluster go on with `./firstmate doctor --adopt-database`"
    result({"documents": counts}, words, as_json)


@app.command()
def top(
    one: Annotated[bool, typer.Option("--once", help="Look once, print it, and end.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Watch what moves: rates, what is behind, leases, outbox, dead letters, the latest assignments. Ctrl-C ends."""
    from deploy import top as looks  # noqa: PLC0415

    where = found(data, "KAFKA", "MONGO")
    if one or as_json:
        seen = run(looks.once(where, now))
        if not as_json:
            Console().print(looks.drawn(seen))
        result(seen.json(), "", as_json)
        return
    try:
        run(looks.watch(where, now))
    except KeyboardInterrupt:
        sys.exit(0)


@app.command()
def trace(
    employee_id: Annotated[str, typer.Argument(help="Whose.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what followed from each event about a person, step by step through all services, to the mail."""
    from deploy.found import DEFAULT_DATA  # noqa: PLC0415
    from deploy.traces import drawn, traces  # noqa: PLC0415

    folder = (data or DEFAULT_DATA) / "traces"
    known = traces(folder, employee_id)
    if not as_json:
        for began in known:
            Console().print(drawn(began))
    problem = None if known else f"nothing in {folder} is about '{employee_id}': `up` keeps the latest traces there, a cluster's "
    problem = problem and problem + "are where OTEL_EXPORTER_OTLP_ENDPOINT sends them"
    result({"traces": [[step.json() for step in began] for began in known]}, "", as_json, problem)


@app.command()
def rebuild(
    name: Annotated[
        str, typer.Argument(metavar="[READ MODEL]", help="board, timeline or outcomes; without it, one after the other.")
    ] = "",
    processes: Annotated[int, typer.Option(min=0, help="How many read at once; 0: as many as there are cores.")] = 0,
    fewer: Annotated[bool, typer.Option("--fewer", help="Swap also a model that has fewer rows than the live one.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make read models again from the topics, beside the live ones, and swap them in. Pages are served meanwhile."""
    from deploy.rebuild import rebuild as rebuild_all  # noqa: PLC0415
    from services.onboarding.read_models import READ_MODELS  # noqa: PLC0415
    from services.onboarding.rebuilding_part import workers  # noqa: PLC0415

    if name and name not in READ_MODELS:
        fail(f"there is no read model '{name}'; choose one of: {', '.join(READ_MODELS)}", code=2)
    wanted = [model for model in READ_MODELS.values() if name in ("", model.name)]
    servers = found(data, "KAFKA", "MONGO")
    with workers(processes or os.cpu_count() or 1, servers.mongo) as reading:
        done, problem = run(rebuild_all(servers, wanted, now(), reading, fewer=fewer))
    words = [
        f"{each.model}: {each.rows} rows ({each.rows_before} before) from {each.records} records in {each.seconds:.1f} s, "
        f"{each.differences} not as they were"
        for each in done
    ]
    result({"rebuilt": [asdict(each) for each in done]}, "\n".join(words), as_json, problem)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A family of the README's figures; without it they are listed.")] = "",
    as_json: Json = False,
) -> None:
    """Measure one family of the README's figures. Options of its own follow the name: `bench processing --kafka apache`."""
    families = sorted(path.stem for path in BENCH.glob("*.py") if f"`./firstmate bench {path.stem}`" in path.read_text()[:80])
    if name not in families:
        tell(f"there is no bench '{name}'; choose one of: {', '.join(families)}" if name else f"benches: {', '.join(families)}")
        sys.exit(2)
    sys.exit(subprocess.call([sys.executable, "-m", f"bench.{name}", *(["--json"] if as_json else []), *context.args], cwd=ROOT))


@letters_app.command("list")
def list_letters(
    state: Annotated[Literal["open", "replayed", "dropped", "all"], typer.Option(help="Which to list.")] = "open",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List what could not be processed, oldest first."""
    from deploy import letters  # noqa: PLC0415

    rows = with_database(data, lambda client: letters.listed(client, None if state == "all" else state))
    lines = [f"{row['id']}\n    {row['at'][:19]}  {row['code']}: {row['detail']}" for row in rows]
    result({"dead_letters": rows}, "\n".join(lines) or "no dead letters", as_json)


@letters_app.command()
def show(id: Id, data: Data = None, as_json: Json = False) -> None:
    """Show one whole, with its content."""
    from deploy import letters  # noqa: PLC0415

    letter = with_database(data, lambda client: letters.shown(client, id))
    if letter is None:
        fail(f"there is no dead letter '{id}'; `./firstmate dead-letters list` names them")
    result(letter, json.dumps(letter, indent=2, ensure_ascii=False), as_json)


@letters_app.command()
def replay(
    id: Annotated[str | None, typer.Argument(help="As `dead-letters list` names it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send it to its topic again, for the consumer that refused it: after what was wrong is mended. What waits for it follows."""
    from deploy import letters  # noqa: PLC0415

    if (id is None) != everything:
        fail("name one dead letter, or --all", code=2)

    async def send(client: Any) -> list[dict[str, Any]]:
        ids = [row["id"] for row in await letters.listed(client, "open")] if id is None else [id]
        return await letters.replayed(client, ids, now())

    done = with_database(data, send)
    sent = [row["id"] for row in done if row["done"]]
    following = [row for row in done if row["after"] and not row["done"]]
    refused = [row["id"] for row in done if not row["done"] and not row["after"]]
    problem = f"not open: {', '.join(refused)}; `./firstmate dead-letters list` names the open ones" if refused else None
    if id is not None and following:
        problem = f"it waits for {following[0]['after']}, an earlier fact of its key: replay or drop that one, and it follows"
    words = f"{len(sent)} sent again" + (f", {len(following)} follow them" if following else "")
    result({"replayed": sent, "following": [row["id"] for row in following]}, words, as_json, problem)


@letters_app.command()
def drop(id: Id, data: Data = None, as_json: Json = False) -> None:
    """Give one up. It stays readable for 90 days."""
    from deploy import letters  # noqa: PLC0415

    done = with_database(data, lambda client: letters.dropped(client, id, now()))
    problem = None if done else f"no open dead letter '{id}'; `./firstmate dead-letters list` names the open ones"
    result({"dropped": [id] if done else []}, f"{id} is given up" if done else "", as_json, problem)


if __name__ == "__main__":
    app(prog_name="firstmate")
