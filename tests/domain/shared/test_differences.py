"""The update between two states makes exactly the one of the other, whatever they are."""

from copy import deepcopy
from datetime import UTC, date, datetime
from operator import not_
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.differences import update_of
from shared.mongo import InsertOne, ReplaceOne, UpdateOne
from shared.streams import Stream, read_stream
from tests.simulation.queries import updated

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
KEYS = st.sampled_from(["a", "b", "c", "1", "a.b", "$c", "M.7", ""])


class Part(BaseModel):
    """Something in a state."""

    model_config = ConfigDict(frozen=True)
    due: date
    by: str | None = None


class State(BaseModel):
    """Every kind of field that states have."""

    model_config = ConfigDict(frozen=True)
    count: int = 0
    at: datetime | None = None
    word: str | None = Field(default=None, exclude_if=not_)
    parts: dict[str, Part] = {}
    texts: dict[str, str] = {}
    rows: list[Part] = []
    pair: tuple[int, ...] = ()
    one: Part | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return len(self.rows)


PARTS = st.builds(Part, due=st.dates(date(2027, 1, 1), date(2027, 1, 3)), by=st.sampled_from([None, "x"]))
STATES = st.builds(
    State,
    count=st.integers(0, 2),
    at=st.sampled_from([None, NOW]),
    word=st.sampled_from([None, "", "w"]),
    parts=st.dictionaries(KEYS, PARTS, max_size=4),
    texts=st.dictionaries(KEYS, st.sampled_from(["x", "y"]), max_size=4),
    rows=st.lists(PARTS, max_size=4),
    pair=st.lists(st.integers(0, 2), max_size=2).map(tuple),
    one=st.none() | PARTS,
)


def form(state: State) -> dict[str, Any]:
    return state.model_dump(mode="json")


def carried_out(before: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = updated({"state": deepcopy(before)}, deepcopy(update), NOW, inserted=False)["state"]
    return made


def in_order(form: Any) -> Any:
    """A form with what a comparison of mappings leaves out: the order of their keys."""
    return {name: list(value) if isinstance(value, dict) else value for name, value in form.items()}


@given(STATES, STATES)
def test_the_update_makes_one_model_of_the_other(before: State, after: State) -> None:
    made = carried_out(form(before), update_of("state", before, after))
    assert made == form(after)
    assert in_order(made) == in_order({name: form(after)[name] for name in made})


@given(STATES, STATES)
def test_the_update_makes_one_stored_form_of_the_other(before: State, after: State) -> None:
    made = carried_out(form(before), update_of("state", form(before), form(after)))
    assert made == form(after)
    assert in_order(made) == in_order({name: form(after)[name] for name in made})


def test_what_is_the_same_is_not_written() -> None:
    state = State(parts={"a": Part(due=NOW.date())}, rows=[Part(due=NOW.date())])
    assert update_of("state", state, state.model_copy(deep=True)) == {"$set": {}}


def test_of_a_mapping_only_what_differs_is_written_and_of_a_list_only_what_is_new() -> None:
    old, new = Part(due=date(2027, 1, 1)), Part(due=date(2027, 1, 2))
    before = State(parts={"a": old, "b": old}, rows=[old])
    after = before.model_copy(update={"parts": {"a": old, "b": new}, "rows": [old, new]})
    written = {"due": "2027-01-02", "by": None}
    assert update_of("state", before, after) == {
        "$set": {"state.parts.b": written, "state.size": 2},
        "$push": {"state.rows": {"$each": [written]}},
    }


def test_keys_that_would_lead_elsewhere_are_written_with_all_around_them() -> None:
    before = State(texts={"M.7": "x", "a": "x"})
    after = before.model_copy(update={"texts": {"M.7": "y", "a": "x"}})
    assert update_of("state", before, after) == {"$set": {"state.texts": {"M.7": "y", "a": "x"}}}


def stored(state: State | None, version: int = 3) -> Stream[State]:
    document = {"_id": "E-1", "version": version, "sequence": 2, "seen": {"x": 1}, "recent": ["/hr 1"]}
    return read_stream(document | {"state": form(state) if state else None}, State, "tally")


def test_a_stream_is_inserted_first_then_updated_from_the_version_that_was_read() -> None:
    new = Stream[State]("E-1", "tally")
    new.put(State(count=1))
    assert isinstance(new.write(), InsertOne)
    known = stored(State(count=1))
    known.put(State(count=2))
    assert known.write(more=1) == UpdateOne(
        {"_id": "E-1", "version": 3, "more": 1}, {"$set": {"state.count": 2, "version": 4, "sequence": 2, "seen": {"x": 1}}}
    )


@pytest.mark.parametrize(("before", "after"), [(None, State()), (State(), None)])
def test_a_state_that_comes_or_goes_replaces_the_document(before: State | None, after: State | None) -> None:
    stream = stored(before)
    stream.put(after)
    assert stream.write() == ReplaceOne({"_id": "E-1", "version": 3}, stream.document())


def test_a_stream_written_twice_is_written_from_what_was_written_first() -> None:
    stream = stored(State(count=1, texts={"a": "x"}))
    stream.put(State(count=2, texts={"a": "x"}))
    again = stream.committed()
    assert (again.version, again.changed, again.outgoing) == (4, False, [])
    again.put(State(count=2, texts={"a": "y"}))
    assert again.write() == UpdateOne(
        {"_id": "E-1", "version": 4}, {"$set": {"state.texts.a": "y", "version": 5, "sequence": 2, "seen": {"x": 1}}}
    )
