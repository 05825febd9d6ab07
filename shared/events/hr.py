"""What HR systems tell us: the edge where untrusted, late, repeated and wrong data comes in.

Field names follow SCIM and common HR APIs in snake_case. Only `employee_id`, a name and (for a hire) `start_date`
are required. Unknown fields are ignored; demographic and government-id fields are refused by name, never read.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from babel import Locale
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.events.envelope import Unprocessable

TOPIC = "hr.employees"
EARLIEST_START = date(2000, 1, 1)  # outside these two a start date is a typing error, not a plan
LATEST_START = date(2100, 1, 1)

FORBIDDEN_FIELDS = frozenset(
    """birth_date date_of_birth birthdate birthday dob age gender sex gender_identity pronouns ethnicity race
    nationality citizenship religion sexual_orientation disability disabilities health marital_status pregnancy
    veteran_status political_affiliation union_membership ssn social_security_number national_id government_id
    passport_number tax_id bank_account iban salary compensation""".split()
)
"""Names refused at the edge. Compared after lower-casing and turning camelCase, spaces and dashes into snake_case."""


def snake_case(name: str) -> str:
    """`dateOfBirth`, `Date of Birth` and `date-of-birth` are all `date_of_birth`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s\-.:]+", "_", spaced).lower()


def refuse_forbidden_fields(data: Mapping[str, Any], path: str = "") -> None:
    """Raise `Unprocessable` (`forbidden_field`) if a demographic or government-id field stands anywhere in `data`."""
    for name, value in data.items():
        where = f"{path}{name}"
        if snake_case(str(name)) in FORBIDDEN_FIELDS:
            raise Unprocessable(
                "forbidden_field", f"field '{where}' is personal data that Firstmate refuses; remove it at the source", where
            )
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, Mapping):
                refuse_forbidden_fields(item, f"{where}[{index}]." if isinstance(value, list) else f"{where}.")


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a directory name gives OSError
        raise ValueError("unknown IANA time zone; use a name such as Europe/Paris") from None
    return value


def _locale(value: str) -> str:
    tag = value.replace("_", "-")
    try:
        Locale.parse(tag, sep="-")
    except Exception:  # babel raises several kinds; each means the same here
        raise ValueError("unknown locale; use a BCP 47 tag such as fr-FR") from None
    return tag


def _language(value: str) -> str:
    return value.strip().replace("_", "-").split("-")[0].lower()


def _calendar_date(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("must be a date such as 2027-01-11")
    if not isinstance(value, (str, date)):
        raise ValueError("must be a date such as 2027-01-11")
    return value


def _plausible(value: date) -> date:
    if not EARLIEST_START <= value < LATEST_START:
        raise ValueError(f"must lie between {EARLIEST_START} and {LATEST_START}")
    return value


def _printable(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not contain line breaks or control characters")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)]
EmployeeId = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:-]*$")
]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_printable)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
LocaleTag = Annotated[str, StringConstraints(max_length=35), AfterValidator(_locale)]
Language = Annotated[str, AfterValidator(_language), StringConstraints(min_length=2, max_length=8, pattern=r"^[a-z]+$")]
StartDate = Annotated[date, BeforeValidator(_calendar_date), AfterValidator(_plausible)]
Words = Annotated[list[Text], Field(max_length=50)]
WorkArrangement = Literal["onsite", "hybrid", "remote"]


class HrEvent(BaseModel):
    """Common to all HR payloads: the person they are about."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    TYPE: ClassVar[str]
    TOPIC: ClassVar[str] = TOPIC

    employee_id: EmployeeId

    @property
    def subject(self) -> str:
        """The stream's key."""
        return self.employee_id


class Profile(HrEvent):
    """The fields that describe a person; in an update only those that are sent change anything."""

    employee_number: Text | None = None
    given_name: Text | None = None
    family_name: Text | None = None
    display_name: Text | None = None
    work_email: Email | None = None
    personal_email: Email | None = None
    title: Text | None = None
    role_family: Text | None = None
    department: Text | None = None
    division: Text | None = None
    location: Text | None = None
    time_zone: TimeZone | None = None
    locale: LocaleTag | None = None
    languages: Annotated[list[Language], Field(max_length=20)] | None = None
    manager_id: EmployeeId | None = None
    start_date: StartDate | None = None
    employment_type: Text | None = None
    work_arrangement: WorkArrangement | None = None
    skills: Words | None = None
    interests: Words | None = None

    def profile(self) -> dict[str, Any]:
        """Only the descriptive fields that were sent, ready for JSON or BSON (dates as ISO text)."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"employee_id"})

    @property
    def name(self) -> str | None:
        """The name to show, from whichever name fields were sent."""
        return self.display_name or " ".join(part for part in (self.given_name, self.family_name) if part) or None


class _NamedProfile(Profile):
    @model_validator(mode="after")
    def _has_name(self) -> Self:
        if self.name is None:
            raise ValueError("a name is required: display_name, or given_name and family_name")
        return self


class EmployeeHired(_NamedProfile):
    """A person will start on `start_date`. Starts a journey and a match."""

    TYPE: ClassVar[str] = "hr.employee.hired.v1"
    start_date: StartDate


class EmployeeRehired(_NamedProfile):
    """A person who left comes back on `start_date`."""

    TYPE: ClassVar[str] = "hr.employee.rehired.v1"
    start_date: StartDate


class EmployeeSnapshot(_NamedProfile):
    """An existing employee: fills the directories, starts nothing."""

    TYPE: ClassVar[str] = "hr.employee.snapshot.v1"


class EmployeeUpdated(Profile):
    """Transfer, new manager or changed profile: only the fields sent change."""

    TYPE: ClassVar[str] = "hr.employee.updated.v1"


class StartDateChanged(HrEvent):
    """The person starts on another day."""

    TYPE: ClassVar[str] = "hr.employee.start_date_changed.v1"
    start_date: StartDate


class HireRescinded(HrEvent):
    """The person will not start after all."""

    TYPE: ClassVar[str] = "hr.employee.hire_rescinded.v1"


class EmployeeTerminated(HrEvent):
    """The person leaves; `last_day` is the last working day where known."""

    TYPE: ClassVar[str] = "hr.employee.terminated.v1"
    last_day: StartDate | None = None


class TerminationCancelled(HrEvent):
    """The person stays after all."""

    TYPE: ClassVar[str] = "hr.employee.termination_cancelled.v1"


HR_EVENTS: tuple[type[HrEvent], ...] = (
    EmployeeHired,
    EmployeeRehired,
    EmployeeSnapshot,
    EmployeeUpdated,
    StartDateChanged,
    HireRescinded,
    EmployeeTerminated,
    TerminationCancelled,
)
