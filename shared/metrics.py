"""Every metric of Firstmate, declared and explained in one place."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "firstmate_records_total",
    "Records settled, by outcome: applied, repeated (below the recorded progress), dead_lettered.",
    ["service", "consumer", "outcome"],
)
BATCH_SECONDS = Histogram(
    "firstmate_batch_seconds",
    "Time from a batch's arrival to its commit.",
    ["service", "consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
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
