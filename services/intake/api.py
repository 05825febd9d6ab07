"""`POST /api/intake/v1/events`: the door for HR systems that speak HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.intake.accept import accept
from services.intake.http_binding import BATCH, Refusal, mode_of, read_body, read_envelopes
from services.intake.publisher import KafkaUnavailable, Publisher
from shared.access import Viewer, require
from shared.clock import Clock
from shared.events import Envelope, Event, Unprocessable
from shared.events.envelope import ATTRIBUTES, JSON, STRUCTURED
from shared.problems import PROBLEM_JSON, problem_response
from shared.refusals import Refused

RETRY_AFTER_S = 5  # a broker that restarts is back by then


class Result(BaseModel):
    """What became of one event of the request; `code`, `detail` and `field` say why one was refused."""

    id: str | None = None
    status: Literal["accepted", "refused"]
    code: str | None = None
    detail: str | None = None
    field: str | None = None


class Receipt(BaseModel):
    """`results` stand in the order of the request. Accepted means: confirmed by Kafka."""

    accepted: int
    refused: int
    results: list[Result]


def api(publisher: Publisher, clock: Clock) -> APIRouter:
    """The route, publishing through `publisher`."""
    router = APIRouter(prefix="/api/intake/v1", tags=["intake"])

    @router.post(
        "/events",
        status_code=202,
        response_model=Receipt,
        summary="Tell facts about employees and mentors",
        description=(
            "CloudEvents 1.0: binary (`ce-` headers, the data as body), structured, or a batch. The answer comes when Kafka has "
            "confirmed every accepted event. Sending an event again, by its id, changes nothing: after a 503 send all again."
        ),
        openapi_extra={"requestBody": _request_body(), "parameters": _ce_headers()},
        responses=_answers(),
    )
    async def receive_events(request: Request, _: Annotated[Viewer, Depends(require("publish_events"))]) -> JSONResponse:
        mode = mode_of(request.headers.get("content-type", ""))
        body = await read_body(request, mode)
        now = clock()
        read = [_accepted(envelope, now) for envelope in read_envelopes(mode, body, request.headers)]
        if mode != "batch" and isinstance(read[0], Refusal):
            raise read[0].reason
        events = [event for event in read if isinstance(event, Event)]
        try:
            await publisher.publish(events)
        except KafkaUnavailable as error:
            detail = f"{error}; send all events of this request again in {RETRY_AFTER_S} seconds"
            return problem_response(Refused(503, "kafka_unavailable", detail), {"Retry-After": str(RETRY_AFTER_S)})
        return _answer(read, accepted=len(events))

    return router


def _accepted(envelope: Envelope | Refusal, now: datetime) -> Event[Any] | Refusal:
    if isinstance(envelope, Refusal):
        return envelope
    try:
        return accept(envelope, now)
    except Unprocessable as reason:
        return Refusal(envelope.id, reason)


def _result(one: Event[Any] | Refusal) -> Result:
    if isinstance(one, Event):
        return Result(id=one.id, status="accepted")
    return Result(id=one.id, status="refused", code=one.reason.code, detail=one.reason.detail, field=one.reason.field)


def _answer(read: Sequence[Event[Any] | Refusal], *, accepted: int) -> JSONResponse:
    receipt = Receipt(accepted=accepted, refused=len(read) - accepted, results=[_result(one) for one in read])
    body = receipt.model_dump(mode="json", exclude_none=True)
    if accepted == len(read):
        return JSONResponse(body, 202)
    if accepted:
        return JSONResponse(body, 207)
    refused = Refused(422, "every_event_refused", "no event of the batch can be accepted; see results")
    return JSONResponse(refused.problem() | body, 422, media_type=PROBLEM_JSON)


def _request_body() -> dict[str, Any]:
    event = {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {name: {"type": "string"} for name in ATTRIBUTES} | {"data": {"type": "object"}},
        "example": {
            "specversion": "1.0",
            "id": "hire-E-1001",
            "source": "/hr/acme",
            "type": "hr.employee.hired.v1",
            "data": {"employee_id": "E-1001", "given_name": "Ada", "family_name": "Okafor", "start_date": "2027-01-11"},
        },
    }
    schemas: dict[str, dict[str, Any]] = {JSON: {"type": "object"}, STRUCTURED: event, BATCH: {"type": "array", "items": event}}
    return {"required": True, "content": {media_type: {"schema": schema} for media_type, schema in schemas.items()}}


def _ce_headers() -> list[dict[str, Any]]:
    return [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": "Binary mode only.",
            "schema": {"type": "string"},
        }
        for name in ATTRIBUTES
    ]


def _answers() -> dict[int | str, dict[str, Any]]:
    described = {
        401: "No valid bearer token.",
        403: "The token may not publish events.",
        413: "The body or the batch is too large.",
        415: "Not a content type of CloudEvents over HTTP.",
        422: "The event, or every event of the batch, is refused; the problem names the field.",
        503: "Kafka did not confirm; send the request again after Retry-After seconds.",
    }
    answers: dict[int | str, dict[str, Any]] = {
        202: {"description": "All accepted."},
        207: {"description": "Some refused.", "model": Receipt},
    }
    for status, words in described.items():
        answers[status] = {"description": words, "content": {PROBLEM_JSON: {"schema": {"type": "object"}}}}
    return answers
