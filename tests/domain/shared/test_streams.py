"""Streams remember what they have applied: by sequence where the source counts, by id where it doesn't."""

from typing import Any

from bson import encode
from hypothesis import given
from hypothesis import strategies as st

from shared.events import new_event
from shared.events.hr import EmployeeSnapshot
from shared.events.mentoring import HireUnlisted
from shared.streams import RECENT_IDS, Stream
from tests.tally import NOW, Tally


def hr(id: str) -> Any:
    return new_event(EmployeeSnapshot(employee_id="E-1", display_name="Ada"), source="/hr", id=id, time=NOW)


def ours(sequence: int, source: str = "/firstmate/matching") -> Any:
    fact = HireUnlisted(employee_id="E-1", cause="coordinator")
    return new_event(fact, source=source, id=f"x/{sequence}", time=NOW, sequence=sequence)


def stream() -> Stream[Tally]:
    return Stream("E-1", "tally")


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_of_each_hr_fact_the_first_is_applied_and_every_later_one_is_a_repeat(ids: list[str]) -> None:
    one, applied = stream(), []
    for id in ids:
        if not one.is_repeat(hr(id)):
            one.remember(hr(id))
            applied.append(id)
    assert applied == list(dict.fromkeys(ids))


@given(st.lists(st.integers(1, 9), max_size=40))
def test_of_a_counting_source_only_higher_numbers_are_new(numbers: list[int]) -> None:
    one, applied = stream(), []
    for number in numbers:
        if not one.is_repeat(ours(number)):
            one.remember(ours(number))
            applied.append(number)
    assert applied == sorted(set(applied))
    assert max(applied, default=0) == max(numbers, default=0)


def test_sources_are_counted_apart() -> None:
    one = stream()
    one.remember(ours(5))
    assert not one.is_repeat(ours(1, source="/firstmate/onboarding"))


def test_only_the_last_ids_are_kept_so_that_a_stream_stays_small() -> None:
    one = stream()
    for number in range(RECENT_IDS + 10):
        one.remember(hr(f"id-{number}"))
    assert len(one.recent) == RECENT_IDS
    assert one.is_repeat(hr(f"id-{RECENT_IDS + 9}"))


def test_what_a_stream_says_is_numbered_on_and_carries_the_trace_of_its_cause() -> None:
    one = stream()
    cause = new_event(
        EmployeeSnapshot(employee_id="E-1", display_name="Ada"), source="/hr", id="1", time=NOW, traceparent="00-ab-cd-01"
    )
    first = one.emit(HireUnlisted(employee_id="E-1", cause="coordinator"), NOW, cause)
    second = one.emit(HireUnlisted(employee_id="E-1", cause="coordinator"), NOW)
    assert (first.id, second.id) == ("tally/E-1/1", "tally/E-1/2")
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.traceparent, second.traceparent) == ("00-ab-cd-01", None)


def test_what_was_heard_first_does_not_show_in_what_is_stored() -> None:
    one, other = stream(), stream()
    sources = ["/firstmate/onboarding", "/firstmate/matching"]
    for source in sources:
        one.remember(ours(1, source))
    for source in reversed(sources):
        other.remember(ours(1, source))
    assert encode(one.document()) == encode(other.document())
