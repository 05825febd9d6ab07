"""One message as the ledger holds it, pure: where it stands and each step it took."""

from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest
from operator import not_
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.notifications import RecipientRole

LedgerState = Literal["planned", "due", "sending", "rendered", "sent", "confirmed", "failed", "suppressed"]
WAITING: tuple[LedgerState, ...] = ("planned", "due")
PREFERS_CHAT = "prefers_chat"
"""Why the entry for mail of a message that goes by chat is settled."""
HELD = ("paused", "quiet_hours", "day_off", "daily_limit")
"""Reasons for which a message waits for its reader, and that their preferences may lift."""
QUEUED = ("domain_busy", "domain_rate")
"""Reasons for which a message waits for its turn, before it was tried at all."""
UNANSWERED = "smtp_unanswered"
"""Why an attempt failed where the mail server had the whole message and did not say what became of it."""
UNCERTAIN = ("abandoned", UNANSWERED)
"""Reasons for which nobody knows whether an attempt reached its reader: the sender or the server was gone before it said so."""
ADDRESS_CHANGED = "address_changed"
"""Why a message goes after all that could not be delivered where it was to go."""
ADDRESS_FAULTS = frozenset({"no_address", "bad_address", "address_bounced", "smtp_550", "smtp_551", "smtp_553"})
"""Reasons for which a message was not delivered that another address may mend; those of bounces are more."""
FINAL: frozenset[LedgerState] = frozenset({"sent", "confirmed", "failed", "suppressed"})


class Transition(BaseModel):
    """One step of a message: the state it came to, when, and why where a reason is known.

    `sending` says that a sender took it, `rendered` that it was written then: that step is kept with the result of the attempt,
    and its reason names the language where that is not its reader's. `untried` says of a wait that the message itself was not
    tried: its channel was away, or it was not its turn.
    """

    state: LedgerState
    at: datetime
    reason: str | None = None
    untried: bool = Field(default=False, exclude_if=not_)


class Entry(BaseModel):
    """One message in the ledger. `traceparent` is the trace context in which it was planned."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    message_id: str = Field(alias="_id")
    employee_id: str
    template: str
    recipient_id: str
    recipient_role: RecipientRole
    channel: str
    state: LedgerState
    reason: str | None = None
    due_at: datetime
    planned_at: datetime
    settled_at: datetime | None = None
    read_at: datetime | None = None
    attempts: int = 0
    claim: str | None = None
    revision: int = 1
    traceparent: str | None = None
    transitions: list[Transition] = []

    @property
    def came_back(self) -> bool:
        """Whether it was to go by chat instead, and goes by this channel after all."""
        return any(step.reason == PREFERS_CHAT for step in self.transitions)

    @property
    def may_have_arrived(self) -> bool:
        """Whether an attempt before this one may have reached its reader."""
        return any(step.reason in UNCERTAIN for step in self.transitions)

    @property
    def has_missed(self) -> bool:
        """Whether it ended because of the address that it was to go to, or that there was none."""
        reason = self.reason or ""
        return self.state in ("failed", "suppressed") and (reason in ADDRESS_FAULTS or reason.startswith("bounced_5"))

    @property
    def first_taken_at(self) -> datetime | None:
        """When a sender first took it, and it was its turn, since it last waited for its hour or got another address."""
        return next((at for at, after in self._takings() if not (after and after.reason in QUEUED)), None)

    @property
    def first_tried_at(self) -> datetime | None:
        """The same, where its channel was not away either: nobody runs out of patience with a message for that."""
        return next((at for at, after in self._takings() if not (after and (after.untried or after.reason in QUEUED))), None)

    def _takings(self) -> Iterator[tuple[datetime, Transition | None]]:
        """When a sender took it since it last waited for its hour, each with what came of that, None while nothing has."""
        held = [number for number, step in enumerate(self.transitions) if step.reason in (*HELD, ADDRESS_CHANGED)]
        since = [step for step in self.transitions[held[-1] + 1 if held else 0 :] if step.state != "rendered"]
        return ((step.at, after) for step, after in zip_longest(since, since[1:]) if step.state == "sending")
