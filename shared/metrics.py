"""Every metric of Firstmate, declared and explained in one place; docs/metrics.md is written from here.

What is counted is counted once it is committed. Gauges of how things stand are told by the holder of the service's lease.
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from shared.events import Event
from shared.events.mentoring import MentorAssigned

RECORDS = Counter(
    "firstmate_records_total",
    "Records settled, by outcome: applied, repeated (below the recorded progress), dead_lettered.",
    ["service", "consumer", "outcome"],
)
EVENTS = Counter(
    "firstmate_events_total",
    "Events read and applied, by type; one that a consumer had applied before counts too.",
    ["service", "consumer", "type"],
)
FACTS = Counter(
    "firstmate_facts_total",
    "Facts that a service decided, by type: hires matched or waitlisted, journeys begun, milestones done or late, mails sent.",
    ["service", "type"],
)
BATCH_RECORDS = Histogram(
    "firstmate_batch_records",
    "Records in a batch; always few means that there is time to spare, always the most that there is none.",
    ["service", "consumer"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
BATCH_SECONDS = Histogram(
    "firstmate_batch_seconds",
    "Time from a batch's arrival to its commit.",
    ["service", "consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
STAGE_SECONDS = Histogram(
    "firstmate_stage_seconds",
    "Time of a part of a batch: read (records into events), decide (states loaded, events folded), commit (the transaction).",
    ["service", "consumer", "stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
UNPROCESSED_SECONDS = Gauge(
    "firstmate_unprocessed_seconds",
    "How long the oldest record that waits for this consumer has been seen to wait; 0 when none does.",
    ["service", "consumer"],
    multiprocess_mode="livemostrecent",
)
RETRIES = Counter(
    "firstmate_retries_total",
    "Attempts that ran again, by reason: conflict (another transaction came first), outage (database away), "
    "held (the rows are being swapped for others).",
    ["service", "consumer", "reason"],
)
LAG = Gauge(
    "firstmate_consumer_lag_records",
    "Records in the topic behind which this consumer's recorded progress lies.",
    ["service", "consumer", "topic", "partition"],
    multiprocess_mode="livemostrecent",
)
POSITION = Gauge(
    "firstmate_consumer_position_records",
    "Where this consumer's recorded progress stands: the offset that it processes next.",
    ["service", "consumer", "topic", "partition"],
    multiprocess_mode="livemostrecent",
)
GONE = Gauge(
    "firstmate_gone_records",
    "Records that a topic had deleted before this consumer processed them, as found since the start of the process.",
    ["service", "consumer", "topic", "partition"],
    multiprocess_mode="livemostrecent",
)
RELAYED = Counter("firstmate_relayed_total", "Records published from the outbox and acknowledged.", ["service", "topic"])
OUTBOX_SECONDS = Gauge(
    "firstmate_outbox_seconds",
    "How long the oldest fact that a service decided has waited to be published; told by the holder of its lease.",
    ["service"],
    multiprocess_mode="livemostrecent",
)
LEADING = Gauge(
    "firstmate_leading", "1 while this process holds its service's lease.", ["service"], multiprocess_mode="livemostrecent"
)
MESSAGES = Counter(
    "firstmate_messages_total",
    "Attempts to send a message, by outcome: sent, failed (for good), suppressed (on purpose), deferred (tried again later).",
    ["channel", "outcome"],
)
MAILS = Gauge(
    "firstmate_mails",
    "Messages that wait, by state: planned (their time is to come), due, sending.",
    ["channel", "state"],
    multiprocess_mode="livemostrecent",
)
SCORE = Histogram(
    "firstmate_assignment_score",
    "Scores of the matches that were made, of 100.",
    buckets=(10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)
WAITING_HIRES = Gauge("firstmate_waiting_hires", "Hires who have no mentor yet.", multiprocess_mode="livemostrecent")
WAITING_SECONDS = Gauge(
    "firstmate_waiting_seconds",
    "How long the hire has waited who waits longest for a mentor.",
    multiprocess_mode="livemostrecent",
)
PLACES = Gauge(
    "firstmate_mentor_places",
    "Places of active mentors, by use: taken (or reserved), free.",
    ["use"],
    multiprocess_mode="livemostrecent",
)
JOURNEYS = Gauge(
    "firstmate_journeys",
    "Journeys, by standing: expected, late (a milestone is), attention (for another reason), track, and what has ended.",
    ["standing"],
    multiprocess_mode="livemostrecent",
)


def count_facts(service: str, facts: Iterable[Event[Any]]) -> None:
    """Count what a transaction has decided, once it is committed."""
    for fact in facts:
        FACTS.labels(service, fact.type).inc()
        if isinstance(fact.data, MentorAssigned):
            SCORE.observe(fact.data.score / 100)
