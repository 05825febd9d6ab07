"""Topics read again at one pace: by time between them, and in their own order within each."""

from typing import Any

from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from shared.replay import _oldest

TIMES = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=3)


def record(topic: int, offset: int, time: int) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(f"t{topic}", 0, offset, time, 0, None, None, None, -1, -1, ())


def taken(waiting: list[list[ConsumerRecord[Any, Any]]]) -> list[list[ConsumerRecord[Any, Any]]]:
    batches = []
    while lists := [records for records in waiting if records]:
        ends = min(records[-1].timestamp for records in lists)
        batches.append(_oldest(lists))
        assert all(records[-1].timestamp > ends for records in lists if records)
    return batches


@given(TIMES)
def test_every_record_is_taken_once_and_those_of_a_topic_in_its_order_whatever_their_times(times: list[list[int]]) -> None:
    waiting = [[record(topic, n, time) for n, time in enumerate(each)] for topic, each in enumerate(times)]
    batches = taken([list(each) for each in waiting])
    for topic, records in enumerate(waiting):
        assert [each for batch in batches for each in batch if each.topic == f"t{topic}"] == records


@given(TIMES)
def test_where_times_ascend_in_each_topic_they_ascend_over_all(times: list[list[int]]) -> None:
    waiting = [[record(topic, n, time) for n, time in enumerate(sorted(each))] for topic, each in enumerate(times)]
    order = [each.timestamp for batch in taken(waiting) for each in batch]
    assert order == sorted(order)


def test_of_none_none_are_taken() -> None:
    assert _oldest([]) == []
