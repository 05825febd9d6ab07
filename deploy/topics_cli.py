"""`./firstmate topics`: what is declared, and the topic job that makes and checks it."""

from typing import Annotated, Any

import typer

from deploy.answers import Data, Json, fail, found, result, run

topics_app = typer.Typer(help="The topics: listed, as Strimzi's resources, made on a cluster, checked.")


@topics_app.callback(invoke_without_command=True)
def topics(
    context: typer.Context,
    strimzi: Annotated[bool, typer.Option("--strimzi", help="As KafkaTopic resources for Strimzi's operator, in YAML.")] = False,
    cluster: Annotated[str, typer.Option(help="Name of the Kafka resource that they belong to.")] = "firstmate",
    replicas: Annotated[int, typer.Option(min=1, help="How many brokers keep each record.")] = 3,
    as_json: Json = False,
) -> None:
    """List the topics that Firstmate needs: name, partitions, retention, and what each is for."""
    from deploy import topics as known  # noqa: PLC0415  loads the Kafka client

    if context.invoked_subcommand is not None:
        return
    if strimzi:
        import yaml  # noqa: PLC0415

        print(yaml.safe_dump_all(known.strimzi(cluster, replicas), sort_keys=False, width=130), end="")
        return
    rows = known.declared()
    result({"topics": rows}, "" if as_json else "\n".join(_row(row) for row in rows), as_json)


@topics_app.command()
def create(
    replicas: Annotated[int, typer.Option(min=0, help="Brokers that keep each record; 0: three, or as many as there are.")] = 0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make what is missing and check the rest: the topic job. Exit code 1 when a topic is not as declared."""
    from deploy import topics as known  # noqa: PLC0415
    from shared.topics import ensure_topics  # noqa: PLC0415

    address = found(data, "KAFKA").kafka

    async def make() -> tuple[list[str], list[Any]]:
        brokers = (await known.look(address)).brokers
        if replicas > brokers:
            fail(f"--replicas {replicas}, but {address} has {brokers} brokers; give at most so many", code=2)
        created = await ensure_topics(address, replication=replicas or min(known.REPLICAS, brokers))
        return created, known.faults(await known.look(address), address)

    created, faults = run(make())
    words = f"created: {', '.join(created)}" if created else "nothing was missing"
    _tell({"created": created}, words, faults, as_json)


@topics_app.command()
def check(data: Data = None, as_json: Json = False) -> None:
    """Compare a cluster's topics with the declaration and change nothing. Exit code 1 when one is not as declared."""
    from deploy import topics as known  # noqa: PLC0415

    address = found(data, "KAFKA").kafka

    async def compare() -> list[Any]:
        return known.faults(await known.look(address), address)

    _tell({}, "", run(compare()), as_json)


def _tell(summary: dict[str, Any], words: str, faults: list[Any], as_json: bool) -> None:
    lines = [words] if words else []
    lines += [] if faults else ["all as declared"]
    told = [{"topic": fault.topic, "problem": fault.words, "fix": fault.fix} for fault in faults]
    result({**summary, "faults": told}, "\n".join(lines), as_json, "\n".join(str(fault) for fault in faults) or None)


def _row(row: dict[str, Any]) -> str:
    days = row["retention_ms"] // (24 * 60 * 60 * 1000)
    kept = "for ever" if row["retention_ms"] < 0 else f"{days} days"
    return f"{row['name']:30} {row['partitions']:2} partitions, kept {kept:8}  {row['purpose']}"
