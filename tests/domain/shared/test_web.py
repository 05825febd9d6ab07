"""The HTTP frame: every refusal is a problem document, cursors are opaque and checked."""

from typing import Any

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.testclient import TestClient

from shared.events import Unprocessable
from shared.mongo import OperationFailure, ServerSelectionTimeoutError
from shared.paging import decode_cursor, encode_cursor
from shared.refusals import Refused, conflict, forbidden, not_found
from shared.web import Limit, make_app, scoped_key

router = APIRouter()
PROBLEMS: dict[str, Exception] = {
    "missing": not_found("no such journey"),
    "forbidden": forbidden("not yours"),
    "conflict": conflict("done already"),
    "event": Unprocessable("invalid_field", "start_date: must be a date", "start_date"),
    "away": ServerSelectionTimeoutError("nobody"),
    "refused": OperationFailure("no rights", 13),
}


@router.get("/raise/{which}")
async def _raise(which: str, limit: Limit = 10) -> None:
    raise PROBLEMS[which]


class Form(BaseModel):
    limit: int


@router.put("/raise/{which}")
async def _put(which: str, form: Form) -> None:
    raise PROBLEMS[which]


client = TestClient(make_app("test", [router]), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("which", "status", "code"),
    [
        ("missing", 404, "not_found"),
        ("forbidden", 403, "forbidden"),
        ("conflict", 409, "conflict"),
        ("event", 422, "invalid_field"),
        ("away", 503, "database_unavailable"),
        ("refused", 500, "database_error"),
    ],
)
def test_each_refusal_is_a_problem_document(which: str, status: int, code: str) -> None:
    answer = client.get(f"/raise/{which}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code
    assert answer.json()["status"] == status


def test_a_wrong_parameter_is_named() -> None:
    answer = client.get("/raise/missing?limit=0")
    assert answer.status_code == 422
    assert answer.json()["field"] == "limit"


def test_an_unknown_path_and_a_wrong_method_are_problems_too() -> None:
    assert client.get("/nowhere").json()["code"] == "not_found"
    wrong = client.post("/raise/missing")
    assert wrong.json()["code"] == "method_not_allowed"
    assert wrong.headers["allow"] == "GET, HEAD, PUT"


def test_head_is_answered_as_get_without_the_body() -> None:
    head, get = client.head("/openapi.json"), client.get("/openapi.json")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, get.headers["content-length"], b"")


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b'{"limit": 1' + b"0" * 5_000 + b"}"])
def test_a_body_that_is_no_json_is_refused_with_advice(body: bytes) -> None:
    answer = client.put("/raise/missing", content=body[:60_000], headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] == "malformed_json"
    assert "send" in answer.json()["detail"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_larger_than_anything_of_ours_is_refused_before_it_is_read(chunked: bool) -> None:
    pieces = [b'{"limit": 1}' + b" " * 1000] * 100
    answer = client.put("/raise/missing", content=iter(pieces) if chunked else b"".join(pieces))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("key", [[10**30], ["\ud800"], ["\0"], [None], [[1]], [float("inf")]])
def test_a_cursor_that_no_database_could_compare_is_refused(key: list[Any]) -> None:
    with pytest.raises(Refused, match="invalid_cursor"):
        decode_cursor(encode_cursor(key), 1)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.integers(-(2**53), 2**53),
        min_size=1,
        max_size=4,
    )
)
def test_a_cursor_gives_back_the_sort_key(values: list[str | int]) -> None:
    assert decode_cursor(encode_cursor(values), len(values)) == values


@given(st.text(max_size=60))
def test_a_cursor_that_is_not_ours_is_refused_and_nothing_else(text: str) -> None:
    with pytest.raises(Refused, match="invalid_cursor"):
        decode_cursor(text, 3)


def test_an_idempotency_key_holds_for_one_operation_only() -> None:
    assert scoped_key("k", "meetings", "E-1") != scoped_key("k", "meetings", "E-2")
    assert scoped_key(None, "meetings") is None


def test_the_openapi_document_tells_of_problem_documents_and_of_no_other_refusals() -> None:
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/raise/{which}"]["get"]["responses"]
    assert set(responses) == {"200", "default"}
    assert list(responses["default"]["content"]) == ["application/problem+json"]
    assert set(document["components"]["schemas"]["Problem"]["required"]) <= set(client.get("/raise/missing").json())
    assert "HTTPValidationError" not in str(document)
