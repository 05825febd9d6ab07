"""Facts about messages (`notifications.messages`, key: the employee a message is about)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from shared.events.hr import EmployeeId
from shared.events.mentoring import Fact

TOPIC = "notifications.messages"
RecipientRole = Literal["hire", "mentor", "manager", "coordinator"]
Template = Literal[
    "welcome",
    "mentor_introduction",
    "mentor_unavailable",
    "mentor_guidance",
    "mentor_brief",
    "mentor_release",
    "manager_notice",
    "hire_cancelled",
    "plans_changed",
    "waitlisted",
    "milestone_late",
    "milestone_reminder",
    "milestone_escalated",
    "survey_invitation",
    "meeting_question",
    "meeting_invitation",
    "meeting_cancelled",
    "manager_digest",
    "week_ahead",
    "undelivered",
]

RECIPIENTS: Mapping[Template, tuple[RecipientRole, ...]] = {
    "welcome": ("hire",),
    "mentor_introduction": ("hire",),
    "mentor_unavailable": ("hire",),
    "mentor_guidance": ("mentor",),
    "mentor_brief": ("mentor",),
    "mentor_release": ("mentor",),
    "manager_notice": ("manager",),
    "hire_cancelled": ("manager",),
    "plans_changed": ("hire", "mentor", "manager"),
    "waitlisted": ("coordinator",),
    "milestone_late": ("hire", "mentor", "manager", "coordinator"),
    "milestone_reminder": ("hire", "mentor", "manager", "coordinator"),
    "milestone_escalated": ("manager", "coordinator"),
    "survey_invitation": ("hire",),
    "meeting_question": ("hire",),
    "meeting_invitation": ("hire", "mentor"),
    "meeting_cancelled": ("hire", "mentor"),
    "manager_digest": ("manager",),
    "week_ahead": ("hire",),
    "undelivered": ("coordinator",),
}
"""Which messages there are, by template, and who can get each."""


class MessageFact(Fact):
    """`message_id` is the ledger key, `recipient_id` an employee id, `channel` such as `email`."""

    TOPIC: ClassVar[str] = TOPIC
    employee_id: EmployeeId
    message_id: str
    template: str
    recipient_id: EmployeeId
    recipient_role: RecipientRole
    channel: str

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class MessageSent(MessageFact):
    """The channel accepted the message."""

    TYPE: ClassVar[str] = "notifications.message.sent.v1"


class MessageFailed(MessageFact):
    """The channel refused the message for good; `reason` is a code such as `smtp_550`."""

    TYPE: ClassVar[str] = "notifications.message.failed.v1"
    reason: str


class MessageSuppressed(MessageFact):
    """The message was not sent on purpose; `reason` is a code such as `no_address`, `withdrawn`, `outdated`."""

    TYPE: ClassVar[str] = "notifications.message.suppressed.v1"
    reason: str


NOTIFICATION_EVENTS: tuple[type[Fact], ...] = (MessageSent, MessageFailed, MessageSuppressed)
