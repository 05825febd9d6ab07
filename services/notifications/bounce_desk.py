"""What happens with a report that a mail server sends back: by HTTP, and by the command that calls it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel

from services.notifications import store
from services.notifications.bounces import Bounce, read_report
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.suppression import Bounced, Suppression, lift
from shared.access import Viewer, require
from shared.clock import Clock
from shared.events import new_event
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import Refused
from shared.settings import Settings
from shared.web import body_within

MOST_BYTES = 2_000_000  # a report holds the mail it is about; ours have some ten thousand bytes
MAIL = "message/rfc822"

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="As the listing names it.")]


class Outcome(BaseModel):
    """What a report changed: the message `failed` or was `confirmed`; it was only `noted`; or said nothing new (`repeated`)."""

    message_id: str
    outcome: Literal["failed", "confirmed", "noted", "repeated"]
    status: str


class Bounces(BaseModel):
    """Those whom mail does not reach, last first."""

    items: list[Bounced]


def bounce_api(db: Database, settings: Settings, clock: Clock) -> APIRouter:
    """Reports of mail servers, and whom mail does not reach."""
    router = APIRouter(prefix="/api/notifications/v1", tags=["notifications"])
    suppression = Suppression(settings.secret)

    @router.post(
        "/bounces",
        openapi_extra={"requestBody": {"required": True, "content": {MAIL: {"schema": {"type": "string", "format": "binary"}}}}},
        responses={
            404: {"description": "About no message of ours"},
            413: {"description": "Too large"},
            415: {"description": "Not message/rfc822"},
            422: {"description": "No delivery status notification"},
        },
    )
    async def receive_bounce(request: Request, _: Annotated[Viewer, Depends(require("report_bounces"))]) -> Outcome:
        """A delivery status notification (RFC 3464), whole as it came. Sending it again changes nothing."""
        return await record(db, settings, suppression, clock, await _mail(request))

    @router.get("/bounces")
    async def list_bounces(_: Annotated[Viewer, Depends(require("see_bounces"))]) -> Bounces:
        """Whose address mail comes back from; once HR has corrected it, they are no longer here."""
        return Bounces(items=await suppression.present(db))

    @router.delete("/bounces/{address}", status_code=204, responses={404: {"description": "Not among them"}})
    async def lift_bounce(address: Digest, _: Annotated[Viewer, Depends(require("see_bounces"))]) -> None:
        """The address works after all: write to it again from the next message on."""
        await lift(db, address)

    return router


async def record(db: Database, settings: Settings, suppression: Suppression, clock: Clock, raw: bytes) -> Outcome:
    """Take in one report. Raises `Refused` for what is no report, or one about no message of ours."""
    report = read_report(raw)
    found = await store.entries(db, {"_id": report.message_id})
    if not found:
        raise Refused(404, "unknown_message", "this report is about no message in the ledger; nothing was changed")
    bounce = Bounce(
        employee_id=found[0].employee_id,
        message_id=report.message_id,
        recipient_id=found[0].recipient_id,
        action=report.action,
        status=report.status,
        address=suppression.digest(report.address) if report.address else None,
    )
    works: list[CorrespondenceWork] = []

    def work() -> CorrespondenceWork:
        works.append(CorrespondenceWork(db, settings.coordinators))
        return works[-1]

    processor = Processor(service=SERVICE, consumer="notifications.bounces", db=db, work=work, clock=clock)
    event = new_event(bounce, source="/firstmate/notifications/bounces", id=bounce.message_id, time=clock())
    await processor.execute([event])
    state = works[-1].reported.get(bounce.message_id)
    outcome: Literal["failed", "confirmed", "noted", "repeated"] = "repeated"
    if state is not None:
        outcome = state if state in ("failed", "confirmed") else "noted"
    return Outcome(message_id=bounce.message_id, outcome=outcome, status=bounce.status)


async def _mail(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MAIL:
        raise Refused(415, "unsupported_media_type", f"send the mail as it came, with Content-Type: {MAIL}")
    refusal = Refused(413, "too_large", f"a report has {MOST_BYTES:,} bytes at most; leave the body of the mail out of it")
    return await body_within(request, MOST_BYTES, refusal)
