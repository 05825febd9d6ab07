"""`python -m deploy.metrics_page > docs/metrics.md`: every metric with what it tells, from where they are declared."""

from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from shared import metrics

INTRODUCTION = """# Metrics

Declared in `shared/metrics.py`; this page is written from there by `python -m deploy.metrics_page`. Workers answer on `/metrics`
of their health port, the web on its own. Every histogram has `_bucket`, `_sum` and `_count`. Where a scraper asks for OpenMetrics
and traces are on, times of batches name a trace as an example.

| metric | type | labels | what it tells |
|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return INTRODUCTION + "".join(_rows())


def _rows() -> Iterator[str]:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (told,) = metric.describe()
            name = f"{told.name}_total" if told.type == "counter" else told.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"| `{name}` | {told.type} | {labels} | {told.documentation} |\n"


if __name__ == "__main__":
    print(page(), end="")
