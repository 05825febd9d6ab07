"""`./firstmate doctor`: looks at everything Firstmate stands on, and says what to do about what it finds."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from deploy import fitness, policies, topics
from deploy.configuration import kafka_faults, unknown
from deploy.found import Found
from services.matching.memory import Memory
from services.matching.policies import excluding_everyone
from services.matching.policy import Policy
from services.matching.policy_file import PolicyError
from services.notifications.channels import Unreachable
from services.notifications.channels.chat import fault_in
from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer, advice
from services.notifications.chat_services import chat_services
from services.notifications.company import company
from services.onboarding.projections.reading import TOPICS as READ_MODEL_TOPICS
from services.onboarding.read_models import CONSUMER, READ_MODELS, SERVICE
from shared import dead_letters, deployment, hold, kafka, kafka_access, outbox, progress
from shared.calendar import place
from shared.clock import Clock
from shared.directory import COLLECTION as DIRECTORY
from shared.events import describe
from shared.mongo import Client, Document, NoReplicaSet, PyMongoError, connect
from shared.positions import positions
from shared.settings import Settings
from shared.topics import SERVICES, TOPICS

Status = Literal["ok", "warn", "fail"]
WITHIN_S = 6.0
SKEW_S = 1.0  # due days and quiet hours bear far more; beyond it events of two machines are told in the wrong order
ROOM_MB = 1_000
PLACES_NAMED = 5
LAG_RECORDS = 1_000  # two batches: more is a backlog and not a moment
OUTBOX_S = 30.0  # a relay takes over from one that died within ten; a restart of everything takes fewer
OLDEST_MONGO = (6, 0)  # what the tests run on


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do where it is not ok."""

    check: str
    status: Status
    detail: str
    advice: str = ""


async def examine(found: Found, data: Path, clock: Clock) -> list[Finding]:
    """Every finding, what stands below first: mend them in this order."""
    findings = settings_findings(os.environ)
    policy = None
    if all(finding.status != "fail" for finding in findings):
        finding, policy = policy_finding()
        findings.append(finding)
        findings += template_findings(Settings())
        findings += chat_findings(Settings())
    broker = await kafka_findings(found.kafka)
    findings += broker
    try:
        client = await connect(found.mongo, within=WITHIN_S)
    except NoReplicaSet as error:
        findings.append(Finding("mongo", "fail", error.what, error.fix))
    except PyMongoError as error:
        findings.append(Finding("mongo", "fail", str(error), "start the database, or correct FIRSTMATE_MONGO"))
    else:
        try:
            findings += await mongo_findings(client, clock)
            findings += await rule_findings(client, policy, clock) if policy else []
            if all(finding.status != "fail" for finding in broker):
                findings += await deployment_findings(client, found.kafka)
                findings += await lag_findings(client, found.kafka)
                findings += await read_model_findings(client, found.kafka)
            findings += await location_findings(client)
        finally:
            client.close()
    if all(finding.status != "fail" for finding in findings[:1]) and "FIRSTMATE_SMTP" in os.environ:
        findings.append(await mail_finding(Settings()))
    if found.local is not None:
        findings.append(await web_finding(found.local.web))
    return [*findings, disk_finding(data)]


def settings_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Whether the settings can be read, and which variables are none of ours although they look so."""
    findings = [Finding("settings", "warn", str(each), "correct its name or remove it") for each in unknown(environment)]
    try:
        Settings()
    except ValidationError as error:
        wrong = [f"FIRSTMATE_{(fault.field or '').upper()}: {fault.detail}" for fault in describe(error)]
        return [*findings, Finding("settings", "fail", "; ".join(wrong), "correct these variables")]
    wrong = [str(fault) for fault in kafka_faults("doctor", Settings(), environment)]
    findings += [Finding("settings", "fail", "; ".join(wrong), "correct these variables")] if wrong else []
    return findings or [Finding("settings", "ok", "readable")]


def policy_finding() -> tuple[Finding, Policy | None]:
    """Whether the matching policy that the settings name can be used: with a broken one matching does not start."""
    try:
        name, policy = policies.in_force(None)
    except PolicyError as error:
        return Finding("policy", "fail", str(error), "correct the file; `./firstmate policy check FILE` looks again"), None
    return Finding("policy", "ok", f"{name}, version {policy.version}"), policy


def template_findings(settings: Settings) -> list[Finding]:
    """Whether a company's own templates and brand are used, or which of them the shipped ones serve for."""
    found = company(settings.templates, settings.brand_name)
    mend = "correct the file and restart notifications; `./firstmate templates check` looks again"
    aside = [Finding("templates", "warn", f"set aside, the shipped one serves: {fault}", mend) for fault in found.set_aside]
    return aside or [Finding("templates", "ok", f"mails in {', '.join(found.renderer.languages)}")]


def chat_findings(settings: Settings) -> list[Finding]:
    """Whether the company's chat services can be used; nothing where there are none."""
    if settings.chat_file is None:
        return []
    mend = "correct the file and restart notifications and web; docs/guides/write-by-chat.md shows how it looks"
    try:
        services = chat_services(settings.chat_file, os.environ)
    except ValueError as error:
        return [Finding("chat", "fail", str(error), mend)]
    wrong = [f"{name}.url: {problem}" for name, each in services.items() if (problem := fault_in(each)) is not None]
    return [Finding("chat", "fail", "; ".join(wrong), mend) if wrong else Finding("chat", "ok", f"by {', '.join(services)}")]


async def rule_findings(client: Client, policy: Policy, clock: Clock) -> list[Finding]:
    """Rules of the policy that leave no mentor at all."""
    memory = Memory(policy, "doctor")
    await memory.begin(client["matching"])
    return [
        Finding(
            "policy", "warn", f"its rule {rule} excludes every mentor: every new hire waits", "see `./firstmate policy check`"
        )
        for rule in excluding_everyone(memory.pool, policy, clock())
    ]


async def broker_problem(address: str, error: Exception) -> tuple[str, str]:
    """Why no broker lets us in, and what to do."""
    with suppress(OSError, ValidationError):  # the settings' own finding tells
        if kafka_access.security(address) and (words := await kafka_access.trouble(address)):
            problem, _, advice = words.partition("; ")
            return problem, advice
    return f"no broker answers on {address} ({type(error).__name__})", "start the broker, or correct FIRSTMATE_KAFKA"


async def kafka_findings(address: str) -> list[Finding]:
    """Whether a broker answers and the topics are as declared."""
    try:
        async with asyncio.timeout(WITHIN_S):
            standing = await topics.look(address)
    except (KafkaError, TimeoutError, OSError, ValidationError) as error:
        return [Finding("kafka", "fail", *await broker_problem(address, error))]
    answer = Finding("kafka", "ok", f"{standing.brokers} broker{'s' * (standing.brokers != 1)} on {address}")
    findings = [Finding("kafka", "fail", lack.what, lack.fix) for lack in fitness.broker_lacks(standing)] or [answer]
    faults = [
        Finding("topics", "warn" if fault.bearable else "fail", fault.words, fault.fix)
        for fault in topics.faults(standing, address)
    ]
    return findings + (faults or [Finding("topics", "ok", f"{len(TOPICS)} as declared")])


async def mongo_findings(client: Client, clock: Clock) -> list[Finding]:
    """The server's version, its clock against ours, and what waits in the dead letters."""
    hello = await client.admin.command("hello")
    version = (await client.server_info())["version"]
    findings = [Finding("mongo", "ok", f"{version}, writable primary of replica set {hello.get('setName')}")]
    if tuple(int(number) for number in version.split(".")[:2]) < OLDEST_MONGO:
        findings = [Finding("mongo", "warn", f"version {version}", "6.0 is the oldest that Firstmate is tested with")]
    findings.append(clock_finding(await fitness.skew(client, clock)))
    findings += await outbox_findings(client, clock)
    waiting = sum([await client[service][dead_letters.COLLECTION].count_documents({"state": "open"}) for service in SERVICES])
    if waiting:
        advice = "see `./firstmate dead-letters list`; replay or drop each"
        findings.append(Finding("dead letters", "warn", f"{waiting} open", advice))
    return findings


def clock_finding(seconds: float) -> Finding:
    """Whether the database's clock and this machine's agree."""
    if lacks := fitness.clock_lacks(seconds):
        return Finding("clocks", "fail", lacks[0].what, lacks[0].fix)
    if abs(seconds) > SKEW_S:
        advice = "let NTP set the clocks of both machines"
        return Finding("clocks", "warn", f"the database's clock is {seconds:+.1f} s from this machine's", advice)
    return Finding("clocks", "ok", f"{abs(seconds):.2f} s apart")


async def deployment_findings(client: Client, address: str) -> list[Finding]:
    """Whether each service's database belongs to this Kafka cluster."""
    cluster = (await topics.look(address)).cluster
    findings = []
    for service in SERVICES:
        try:
            await deployment.check(client[service], cluster or "")
        except deployment.ForeignDatabase as error:
            findings.append(Finding("deployment", "fail", error.what, error.fix))
    return findings or [Finding("deployment", "ok", f"the databases belong to Kafka cluster {cluster}")]


async def adopt_databases(client: Client, address: str, clock: Clock) -> dict[str, str]:
    """Make every service's database this Kafka cluster's; whose each was that changed hands."""
    cluster = (await topics.look(address)).cluster or ""
    before = {service: await deployment.adopt(client[service], cluster, clock) for service in SERVICES}
    return {service: owner for service, owner in before.items() if owner not in (None, cluster)}


async def outbox_findings(client: Client, clock: Clock) -> list[Finding]:
    """How long what each service decided has waited to be published."""
    waits = {service: await outbox.unpublished_age(client[service], clock()) for service in SERVICES}
    advice = "no relay publishes: see the service's log, and whether its worker runs and reaches the broker"
    late = {service: seconds for service, seconds in waits.items() if seconds > OUTBOX_S}
    return [
        Finding("outbox", "warn", f"{service} has facts unpublished for {seconds:.0f} s", advice)
        for service, seconds in late.items()
    ] or [Finding("outbox", "ok", "everything decided is published")]


async def lag_findings(client: Client, address: str) -> list[Finding]:
    """How far each consumer's recorded progress lies behind its topics, before their beginnings or beyond their ends."""
    done = {
        (service, document["consumer"], document["topic"], document["partition"]): document["next"]
        for service in SERVICES
        async for document in client[service][progress.COLLECTION].find({})
    }
    begins, ends = await kafka.bounds(address, {(topic, partition) for _, _, topic, partition in done})
    behind: dict[str, int] = {}
    lost: list[str] = []
    for (_, consumer, topic, partition), offset in done.items():
        records = ends[topic, partition] - offset
        behind[consumer] = behind.get(consumer, 0) + max(0, records)
        if records < 0 and f"{consumer}:{topic}" not in lost:
            lost.append(f"{consumer}:{topic}")
    findings = [
        Finding(
            "progress",
            "fail",
            f"{name} is recorded beyond the end of its topic, which was made anew or lost records",
            f"restore the topic; or stop the workers and run `./firstmate doctor --reset-progress {name}`",
        )
        for name in lost
    ]
    gone: Counter[str] = Counter()
    for (_, consumer, topic, partition), offset in done.items():
        place = (topic, partition)
        gone[f"{consumer}:{topic}"] += sum(progress.gone({place: offset}, begins).values())
    findings += [
        Finding(
            "progress",
            "fail",
            f"{records} records were deleted before {name} was processed as far",
            "let whoever publishes there send again what was told meanwhile, and give the topic a longer retention; this goes by "
            f"with the next record there, or with the workers stopped by `./firstmate doctor --reset-progress {name}`",
        )
        for name, records in gone.items()
        if records
    ]
    for consumer, records in sorted(behind.items()):
        if records > LAG_RECORDS:
            findings.append(
                Finding("lag", "warn", f"{consumer} is {records} records behind", "see its worker's log and /healthz")
            )
    return findings or [Finding("lag", "ok", f"{len(behind)} consumers, {sum(behind.values())} records behind in all")]


async def read_model_findings(client: Client, address: str) -> list[Finding]:
    """How far the read models have come, and whether they stand still for a rebuild."""
    db = client[SERVICE]
    standing = await positions(db, address, CONSUMER, kafka.places(READ_MODEL_TOPICS))
    read, waiting = sum(each.next for each in standing), sum(each.lag or 0 for each in standing)
    told = f"{', '.join(READ_MODELS)} have read {read} records, {waiting} wait"
    if not await hold.is_held(db, CONSUMER):
        return [Finding("read models", "ok", told)]
    advice = f"it is over within {hold.TTL_S:.0f} s of the rebuild's end, however that ended"
    return [Finding("read models", "warn", f"{told}; they stand still while a rebuild swaps one", advice)]


async def location_findings(client: Client) -> list[Finding]:
    """Where people work as HR tells it: of a place that is none, or has no calendar, no public holiday is known."""
    directory = client[SERVICE][DIRECTORY]
    told: list[Document] = [
        {"$match": {"left": False, "location": {"$gt": ""}}},
        {"$group": {"_id": "$location", "people": {"$sum": 1}, "example": {"$min": "$_id"}}},
        {"$sort": {"people": -1, "_id": 1}},
    ]
    found = [each async for each in directory.aggregate(told)]
    strange = [each for each in found if place(each["_id"]).note]
    if not strange:
        return [Finding("locations", "ok", f"{len(found)} places of work, public holidays are known of each")]
    named = ", ".join(f"'{each['_id']}' ({each['people']}, such as {each['example']})" for each in strange[:PLACES_NAMED])
    more = f" and {len(strange) - PLACES_NAMED} more" if len(strange) > PLACES_NAMED else ""
    hit = sum(each["people"] for each in strange)
    detail = f"public holidays are not known, or not all of them, where {hit} people work: {named}{more}"
    return [Finding("locations", "warn", detail, "let HR tell them as FR, DE-BY or 'Lyon, FR'")]


async def mail_finding(settings: Settings) -> Finding:
    """Whether the mail server can be reached, is who it should be, and lets us in; nothing is sent."""
    try:
        channel = EmailChannel(MailServer.of(settings), Identity(settings.mail_from), connect_timeout=WITHIN_S)
    except ValueError as error:
        return Finding("mail", "fail", "; ".join(str(error).splitlines()), "correct these variables")
    try:
        await channel.check()
    except Unreachable as error:
        return Finding("mail", "fail", f"{settings.smtp} can't be used ({error.reason})", advice(error.reason))
    finally:
        await channel.close()
    how = "signed in" if settings.smtp_user else "without signing in"
    return Finding("mail", "ok", f"{settings.smtp} answers, {how}, FIRSTMATE_SMTP_TLS={settings.smtp_tls}")


async def web_finding(web: str) -> Finding:
    """What the origin says about all processes."""
    try:
        async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as http:
            answer: dict[str, Any] = (await http.get(f"{web}/healthz")).json()
    except (httpx.HTTPError, ValueError) as error:
        return Finding("web", "fail", f"{web} does not answer ({type(error).__name__})", "see the log of the web process")
    if answer["status"] == "ok":
        return Finding("web", "ok", f"{web}, {len(answer['parts'])} processes well")
    return Finding("web", "fail", f"not well: {', '.join(answer['failing'])}", f"see {web}/healthz and their logs")


def disk_finding(data: Path) -> Finding:
    """Room where the data folder lies."""
    place = next(folder for folder in (data.resolve(), *data.resolve().parents) if folder.exists())
    free_mb = shutil.disk_usage(place).free // 1_000_000
    if free_mb < ROOM_MB:
        return Finding("disk", "warn", f"{free_mb} MB free at {place}", "make room before the database has to stop")
    return Finding("disk", "ok", f"{free_mb // 1000} GB free at {place}")


async def reset_progress(client: Client, which: str) -> list[str]:
    """Let `CONSUMER:TOPIC`, or `all`, be read again from the beginning; what was reset. States drop what they have seen."""
    consumer, _, topic = which.partition(":")
    query = {} if which == "all" else {"consumer": consumer, "topic": topic}
    reset = set()
    for service in SERVICES:
        collection = client[service][progress.COLLECTION]
        async for document in collection.find(query):
            reset.add(f"{document['consumer']}:{document['topic']}")
        await collection.update_many(query, {"$set": {"next": 0}})
    return sorted(reset)
