"""Reading CloudEvents from an HTTP request: binary, structured and batched mode.

Source of the format: CloudEvents HTTP protocol binding 1.0.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.datastructures import Headers

from shared.events import Envelope, Unprocessable, envelope_from_attributes, envelope_from_json, read_json
from shared.events.envelope import ATTRIBUTES, JSON, MAX_RECORD_BYTES, STRUCTURED
from shared.refusals import Refused
from shared.web import body_within

BATCH = "application/cloudevents-batch+json"
MAX_BATCH_BYTES = 4 * 1024 * 1024  # some four thousand hires; more belongs on Kafka or in a file
MAX_BATCH_EVENTS = 5_000  # bounds the work of one request where the events are tiny

Mode = Literal["binary", "structured", "batch"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event of a request that can't be accepted; `id` is the event's where it has a readable one."""

    id: str | None
    reason: Unprocessable


def mode_of(content_type: str) -> Mode:
    """The content mode that a content type announces. Raises `Refused` 415."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == BATCH:
        return "batch"
    if media_type == STRUCTURED:
        return "structured"
    if media_type == JSON or re.fullmatch(r"application/(?!cloudevents)[a-z0-9.-]+\+json", media_type):
        return "binary"
    raise Refused(415, "unsupported_media_type", f"send {JSON} with ce- headers, {STRUCTURED} or {BATCH}", field="content-type")


async def read_body(request: Request, mode: Mode) -> bytes:
    """The whole body. Stops reading at the mode's limit: raises `Refused` 413."""
    limit = MAX_BATCH_BYTES if mode == "batch" else MAX_RECORD_BYTES
    refusal = Refused(413, "too_large", f"the body is larger than {limit // 1024} KiB; send less at once, or use Kafka or a file")
    return await body_within(request, limit, refusal)


def read_envelopes(mode: Mode, body: bytes, headers: Headers) -> Sequence[Envelope | Refusal]:
    """Each event's envelope, or why it has none, in the order of the request.

    Raises `Unprocessable` when the body as a whole is wrong, `Refused` 413 for a batch of too many events.
    """
    if mode == "binary":
        return [_from_headers(body, headers)]
    document = read_json(body)
    if mode == "structured":
        return [_from_json(document)]
    if not isinstance(document, list):
        raise Unprocessable("malformed_event", "a batch must be a JSON array of structured CloudEvents")
    if len(document) > MAX_BATCH_EVENTS:
        raise Refused(413, "too_large", f"the batch holds more than {MAX_BATCH_EVENTS} events; send less at once")
    return [_from_json(part) for part in document]


def _from_headers(body: bytes, headers: Headers) -> Envelope | Refusal:
    try:
        attributes = {name: text for name in ATTRIBUTES if (text := _header(headers, f"ce-{name}")) is not None}
        if not attributes:
            raise Unprocessable("not_a_cloudevent", f"no ce- headers; send them, or a structured event as {STRUCTURED}")
        return envelope_from_attributes({"traceparent": headers.get("traceparent")} | attributes, read_json(body))
    except Unprocessable as reason:
        return Refusal(None, reason)


def _from_json(document: Any) -> Envelope | Refusal:
    try:
        return envelope_from_json(document)
    except Unprocessable as reason:
        id = document.get("id") if isinstance(document, dict) else None
        return Refusal(id if isinstance(id, str) and id.isprintable() and len(id) <= 256 else None, reason)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    """A ce- header's text: quotes taken off and percent-decoded, as section 3.1.3.2 of the binding says."""
    raw = headers.get(name)
    if raw is None:
        return None
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
    try:
        # Header bytes come as Latin-1 text; whoever sends plain UTF-8 against the rule is understood all the same.
        return unquote_to_bytes(raw.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        raise Unprocessable("malformed_header", f"header {name} is not percent-encoded UTF-8", name) from None
