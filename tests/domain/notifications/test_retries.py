"""When a message is tried again, and when a channel is left alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.retries import (
    FIRST_PAUSE,
    GIVE_UP_AFTER,
    LASTING,
    LASTING_REST,
    LONGEST_PAUSE,
    LONGEST_REST,
    Breaker,
    is_over,
    pause,
)

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


@given(st.integers(1, 500), st.text(max_size=32))
def test_pauses_grow_and_stay_bounded(attempts, key):
    this, longest = pause(attempts, key), LONGEST_PAUSE * 1.25
    assert FIRST_PAUSE * 0.75 <= this <= longest
    assert pause(attempts + 1, key) >= this * 0.59 or this > LONGEST_PAUSE * 0.74


def test_messages_that_failed_together_are_not_tried_together():
    assert len({pause(1, f"message-{number}") for number in range(50)}) == 50


def test_the_same_attempt_waits_the_same_time_in_a_replay():
    assert pause(3, "message") == pause(3, "message")


def test_a_message_is_given_up_after_two_days_of_trying_not_of_waiting():
    assert not is_over(None, NOW)
    assert not is_over(NOW - GIVE_UP_AFTER + timedelta(seconds=1), NOW)
    assert is_over(NOW - GIVE_UP_AFTER, NOW)


def test_a_channel_that_stays_away_rests_longer_each_time_and_not_for_ever():
    breaker, now, rests = Breaker(), NOW, []
    for _ in range(40):
        until = breaker.trip(now)
        rests.append(until - now)
        now = until
    assert rests == sorted(rests)
    assert rests[0] == timedelta(seconds=1)
    assert rests[-1] == LONGEST_REST
    assert breaker.trip(NOW + LASTING) - NOW - LASTING == LASTING_REST


def test_messages_that_fail_together_count_as_one_failure_of_the_channel():
    breaker = Breaker()
    assert {breaker.trip(NOW) for _ in range(20)} == {NOW + timedelta(seconds=1)}
    assert breaker.failures == 1


def test_one_acceptance_mends_a_channel():
    breaker = Breaker()
    breaker.trip(NOW)
    assert breaker.is_resting(NOW)
    assert not breaker.is_whole
    breaker.mend()
    assert not breaker.is_resting(NOW)
    assert breaker.is_whole
