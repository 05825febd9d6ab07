"""Signed links in mails: whoever holds one answers for the person it was sent to, without signing in, for one thing and a time.

A link permits no more than what it says: who reports, of whom, in which of their journeys, what, and until when. The same link is
the same text however often it is made, so that a mail sent again holds no other one.
"""

import hashlib
from datetime import date
from typing import Any, Literal, Self, get_args

from itsdangerous import BadSignature, Serializer, Signer, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

SALT = "firstmate.answer"  # apart from sessions, which are signed with the same secret
OWN_SALT = "firstmate.own."

Own = Literal["preferences", "calendar", "chat"]
"""What a link may open for the person it belongs to, for as long as the secret lasts."""


class Link(BaseModel):
    """`journey` counts the hire's journeys from 1; `survey` is the survey to answer; `last_day` counts where the hire works."""

    model_config = ConfigDict(frozen=True)

    purpose: Literal["survey", "meeting"]
    hire_id: str
    reporter_id: str
    journey: int
    last_day: date
    survey: str = ""

    @classmethod
    def to_survey(cls, hire_id: str, journey: int, survey: str, last_day: date) -> Self:
        """The hire answers a survey."""
        return cls(purpose="survey", hire_id=hire_id, reporter_id=hire_id, journey=journey, survey=survey, last_day=last_day)

    @classmethod
    def to_meeting(cls, hire_id: str, reporter_id: str, journey: int, last_day: date) -> Self:
        """The hire, or their mentor, says that they met."""
        return cls(purpose="meeting", hire_id=hire_id, reporter_id=reporter_id, journey=journey, last_day=last_day)


class _Uncompressed(URLSafeSerializer):
    """Writes what is too short to gain from compression without trying it on each; reads both. Every mail has a link of its own:
    the key is derived once, and not for each."""

    def __init__(self, secret: str, salt: str) -> None:
        digest: dict[str, Any] = {"digest_method": hashlib.sha256}
        key = Signer(secret, salt, **digest).derive_key()
        super().__init__(key, salt=salt, signer_kwargs=digest | {"key_derivation": "none"})
        self._made = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._made

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(Serializer.dump_payload(self, obj))


class Links:
    """Makes and reads links with the secret of this deployment."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret.get_secret_value()
        self._signer = self._signer_for(SALT)
        self._own = {what: self._signer_for(OWN_SALT + what) for what in get_args(Own)}

    def _signer_for(self, salt: str) -> URLSafeSerializer | None:
        if not self._secret:
            return None
        return _Uncompressed(self._secret, salt)

    def path(self, link: Link) -> str | None:
        """The address of a link on our origin; None where no secret is set, since nobody could trust it."""
        if self._signer is None:
            return None
        return f"/answer/{self._signer.dumps(list(link.model_dump(mode='json').values()))!s}"

    def read(self, token: str) -> Link | None:
        """The link in an address; None for one that we did not make, or that was changed on its way."""
        if self._signer is None:
            return None
        try:
            return Link.model_validate(dict(zip(Link.model_fields, self._signer.loads(token), strict=True)))
        except (BadSignature, ValidationError, TypeError, ValueError):
            return None

    def own(self, what: Own, employee_id: str) -> str | None:
        """The address on our origin where this person finds what is theirs; None where no secret is set."""
        signer = self._own[what]
        return f"/{what}/{signer.dumps(employee_id)!s}" if signer else None

    def owner(self, what: Own, token: str) -> str | None:
        """Whose link this is; None for one that we did not make, or made for something else."""
        signer = self._own[what]
        try:
            return str(signer.loads(token)) if signer else None
        except BadSignature:
            return None
