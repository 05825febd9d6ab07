"""What mail servers report back about a message (RFC 3464), and what follows from it, pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import EmailMessage, Message
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from services.notifications.entry import Entry, LedgerState
from shared.refusals import Refused, invalid

Action = Literal["failed", "delayed", "delivered"]
ACTIONS: dict[str, Action] = {
    "failed": "failed",
    "delayed": "delayed",
    "relayed": "delayed",  # handed on to a server that reports nothing: no more is known than before
    "expanded": "delayed",
    "delivered": "delivered",
}
STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")  # RFC 3463
OURS = re.compile(r"<([0-9a-f]{32})@[^<>\s]+>")
ON_ITS_WAY: frozenset[LedgerState] = frozenset({"due", "sending", "sent", "confirmed"})


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message: `status` is a code such as 5.1.1, `address` where our mail went, where the report says so."""

    message_id: str
    action: Action
    status: str
    address: str | None


class Bounce(BaseModel):
    """A report about a message in the ledger: a command to this service, never published. `address` is a keyed digest."""

    model_config = ConfigDict(frozen=True)
    TYPE: ClassVar[str] = "notifications.record_report"

    employee_id: str
    message_id: str
    recipient_id: str
    action: Action
    status: str
    address: str | None = None

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id

    @property
    def reason(self) -> str:
        """The code that the ledger keeps, such as bounced_5_1_1."""
        word = "bounced" if self.action == "failed" else self.action
        return f"{word}_{self.status.replace('.', '_')}"

    @property
    def is_permanent(self) -> bool:
        """Whether mail to this address comes back whatever it says."""
        return self.action == "failed" and self.status.startswith("5")


def next_state(entry: Entry, bounce: Bounce) -> LedgerState | None:
    """The state that a report brings a message to: the present one when it is only noted, None when it says nothing new."""
    if entry.state not in ON_ITS_WAY or any(step.reason == bounce.reason for step in entry.transitions):
        return None
    if bounce.action == "failed":
        return "failed"
    if bounce.action == "delivered":
        return "confirmed" if entry.state != "confirmed" else None
    return entry.state


def read_report(raw: bytes) -> Report:
    """Read a delivery status notification. Raises `Refused` (422 for what is none, 404 for one about somebody else's mail)."""
    try:
        return _read(message_from_bytes(raw, policy=policy.default))
    except (ValueError, LookupError, AttributeError, TypeError):  # the standard library's parser on what nobody should send
        raise _no_report("its headers can't be read") from None


def _read(mail: EmailMessage) -> Report:
    if mail.get_content_type() != "multipart/report":
        raise _no_report(f"its type is {mail.get_content_type()}, not multipart/report")
    told = next((block for block in _blocks(mail) if block["Action"]), None)
    if told is None:
        raise _no_report("it has no part message/delivery-status with an Action")
    action = ACTIONS.get(str(told["Action"]).strip().lower())
    status = STATUS.search(str(told["Status"] or ""))
    if action is None or status is None:
        raise _no_report("its Action or Status is none that RFC 3464 knows")
    original = next(_originals(mail), None)
    ours = OURS.search(str(original["Message-ID"] or "")) if original is not None else None
    if original is None or ours is None:
        raise Refused(404, "unknown_message", "this report names no message of ours by its Message-ID; nothing was changed")
    return Report(ours.group(1), action, status.group(), _address(original, told))


def _blocks(mail: EmailMessage) -> Iterator[Message]:
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status" and isinstance(payload := part.get_payload(), list):
            yield from (block for block in payload if isinstance(block, Message))


def _originals(mail: EmailMessage) -> Iterator[Message]:
    """The headers of the mail that the report is about."""
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822" and isinstance(payload := part.get_payload(), list):
            yield from (each for each in payload if isinstance(each, Message))
        elif part.get_content_type() == "text/rfc822-headers":
            yield message_from_string(str(part.get_payload()), policy=policy.default)


def _address(original: Message, told: Message) -> str | None:
    """Where our mail went: its own header says it best, since servers on the way may have handed it on to another."""
    written: Any = original["To"]
    for address in getattr(written, "addresses", ()):
        if "@" in address.addr_spec:
            return str(address.addr_spec)
    for field in ("Original-Recipient", "Final-Recipient"):
        address = str(told[field] or "").rpartition(";")[2].strip()
        if "@" in address:
            return address
    return None


def _no_report(why: str) -> Refused:
    return invalid(f"this is no delivery status notification (RFC 3464): {why}; send the whole mail as it came", "not_a_report")
