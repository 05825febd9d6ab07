"""What HR systems tell us: the edge where untrusted, late, repeated and wrong data comes in.

Field names follow SCIM and common HR APIs in snake_case. Only `employee_id`, a name and (for a hire) `start_date`
are required. Unknown fields are ignored; demographic and government-id fields are refused by name, never read.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import available_timezones

from babel import Locale
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.events.envelope import Unprocessable

TOPIC = "hr.employees"
REMOVED = "[removed]"
# Controls, ends of lines and paragraphs, halves of characters, and the overrides that make one name read as another.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
EARLIEST_START = date(2000, 1, 1)  # outside these two a start date is a typing error, not a plan
LATEST_START = date(2100, 1, 1)
EARLIEST_EMPLOYED = date(1940, 1, 1)  # nobody who works today has been there for longer

FORBIDDEN_FIELDS = frozenset(
    {
        "birth_date",
        "birth_day",
        "birth_month",
        "birth_year",
        "birth_name",
        "birth_place",
        "date_of_birth",
        "year_of_birth",
        "place_of_birth",
        "country_of_birth",
        "dob",
        "age",
        "gender",
        "sex",
        "gender_identity",
        "gender_pronouns",
        "pronouns",
        "ethnicity",
        "ethnic_group",
        "ethnic_origin",
        "race",
        "nationality",
        "citizenship",
        "religion",
        "religious_affiliation",
        "belief",
        "sexual_orientation",
        "sexuality",
        "disability",
        "disabilities",
        "health",
        "health_status",
        "medical_conditions",
        "marital_status",
        "civil_status",
        "family_status",
        "pregnancy",
        "pregnant",
        "maiden_name",
        "veteran_status",
        "political_affiliation",
        "political_opinion",
        "union_membership",
        "trade_union_membership",
        "criminal_record",
        "ssn",
        "social_security_number",
        "social_insurance_number",
        "national_insurance_number",
        "national_id",
        "national_id_number",
        "government_id",
        "identity_card_number",
        "id_card_number",
        "personal_identity_number",
        "passport_number",
        "driving_licence_number",
        "driver_license_number",
        "tax_id",
        "tax_number",
        "tax_identification_number",
        "bank_account",
        "bank_account_number",
        "iban",
        "salary",
        "compensation",
    }
)
"""Names refused at the edge. Compared by their letters and digits alone, in any case and any spelling of the gaps."""


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: spaces, joiners and other marks without a form of their own."""
    if text[:1].isalnum():  # nearly every text there is
        return False
    return all(character.isspace() or unicodedata.category(character) in ("Cf", "Zs", "Mn") for character in text)


def snake_case(name: str) -> str:
    """`startDate`, `Start Date` and `start-date` are all `start_date`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s\-.:_]+", "_", spaced).lower()


def _letters(name: str) -> str:
    """`dateOfBirth`, `Date of Birth`, `DATE_OF_BIRTH` and full-width letters are all `dateofbirth`."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKC", name).casefold())


_FORBIDDEN = frozenset(_letters(name) for name in FORBIDDEN_FIELDS)


@lru_cache(maxsize=4096)  # the names in a feed are few; the bound keeps a hostile feed from filling the memory
def _known_forbidden(name: str) -> bool:
    return _letters(name) in _FORBIDDEN


def is_forbidden_field(name: str) -> bool:
    """Whether a field of this name is demographic or government-id data, however it is spelled."""
    return _known_forbidden(name) if len(name) <= 64 else _letters(name) in _FORBIDDEN


def shown_name(part: object) -> str:
    """One step of a field's path for an error message: a name or an index as it is, anything else (a value used as a
    key, say) as `?`."""
    text = str(part)
    return text if len(text) <= 40 and re.fullmatch(r"[A-Za-z0-9_-]+", text) else "?"


def refuse_forbidden_fields(data: dict[str, Any]) -> None:
    """Raise `Unprocessable` (`forbidden_field`) if a demographic or government-id field stands anywhere in `data`.

    Walks with a list of its own instead of by recursion: data may be nested as deep as the JSON reader allows.
    """
    waiting: list[tuple[tuple[object, ...], Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for name, inner in value.items():
                if is_forbidden_field(str(name)):
                    where = ".".join([shown_name(part) for part in path[-5:]] + [re.sub(r"[^\w -]", "?", str(name))[:40]])
                    raise Unprocessable(
                        "forbidden_field",
                        f"field '{where}' is personal data that Firstmate refuses; remove it at the source",
                        where,
                    )
                if isinstance(inner, (dict, list)):
                    waiting.append(((*path[-5:], name), inner))
        else:
            waiting += [((*path[-5:], index), item) for index, item in enumerate(value) if isinstance(item, (dict, list))]


def without_forbidden_fields(data: Any) -> Any:
    """A copy of JSON `data` in which every forbidden field keeps its name and loses its value (`"[removed]"`).

    For whatever must be kept of a refused record. `data` too deep to walk comes back as `"[removed]"` whole.
    """
    try:
        return _without_forbidden_fields(data)
    except RecursionError:
        return REMOVED


def _without_forbidden_fields(data: Any) -> Any:
    if isinstance(data, dict):
        return {
            name: REMOVED if is_forbidden_field(str(name)) else _without_forbidden_fields(inner) for name, inner in data.items()
        }
    return [_without_forbidden_fields(item) for item in data] if isinstance(data, list) else data


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    """Every IANA name, without the two that mean something else on each machine."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def _time_zone(value: str) -> str:
    if value not in _time_zones():
        raise ValueError("unknown IANA time zone; use a name such as Europe/Paris")
    return value


@lru_cache(maxsize=1024)  # babel looks for a file each time
def _is_locale(tag: str) -> bool:
    try:
        Locale.parse(tag, sep="-")
    except Exception:  # babel raises several kinds; each means the same here
        return False
    return True


def _locale(value: str) -> str:
    tag = value.replace("_", "-")
    if not _is_locale(tag):
        raise ValueError("unknown locale; use a BCP 47 tag such as fr-FR")
    return tag


def _language(value: str) -> str:
    return value.strip().replace("_", "-").split("-")[0].lower()


_LEVELLED = re.compile(r"\s*([A-Za-z]{2,8})\s*[-_:/( ]\s*([ABCabc][12]|native)\s*\)?\s*")
_LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
_LEVEL_WORDS = {"native": "C2", "bilingual": "C2", "mother tongue": "C2", "fluent": "C1"}


def _levels(value: object) -> object:
    """Language levels as CEFR codes; a level in other words counts as not told: no hire is refused for it."""
    if not isinstance(value, dict):
        return value
    said = {name: " ".join(str(level).split()) for name, level in value.items()}
    codes = {name: _LEVEL_WORDS.get(level.casefold(), level.upper()) for name, level in said.items()}
    return {name: code for name, code in codes.items() if code in _LEVELS}


def _languages_and_levels(data: dict[str, Any]) -> dict[str, Any]:
    """`languages: ["fr-B2", "en"]` is `["fr", "en"]` with the level of French apart."""
    languages = data.get("languages")
    if not isinstance(languages, list):
        return data
    found = [(said, _LEVELLED.fullmatch(said) if isinstance(said, str) else None) for said in languages]
    levels = {match[1].lower(): match[2] for _, match in found if match}
    if not levels:
        return data
    told = data.get("language_levels")
    plain = [match[1] if match else said for said, match in found]
    return data | {"languages": plain, "language_levels": levels | (told if isinstance(told, dict) else {})}


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


def _of_somebody_employed(value: date) -> date:
    if not EARLIEST_EMPLOYED <= value < LATEST_START:
        raise ValueError(f"must lie between {EARLIEST_EMPLOYED} and {LATEST_START}")
    return value


def _printable(value: str) -> str:
    if _UNPRINTABLE.search(value):
        raise ValueError("must not contain line breaks, control characters or changes of the writing direction")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>()\[\]:;,\"\\]+@[^@\s<>()\[\]:;,\"\\]+", value):
        raise ValueError("must be one mail address such as ada@example.org")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)]
EmployeeId = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:-]*$")
]
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_printable), AfterValidator(_address)
]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
LocaleTag = Annotated[str, StringConstraints(max_length=35), AfterValidator(_locale)]
Language = Annotated[str, AfterValidator(_language), StringConstraints(min_length=2, max_length=8, pattern=r"^[a-z]+$")]
LanguageLevels = Annotated[
    dict[Language, Literal["A1", "A2", "B1", "B2", "C1", "C2"]], Field(max_length=20), BeforeValidator(_levels)
]
StartDate = Annotated[date, BeforeValidator(_calendar_date), AfterValidator(_plausible)]
EmployedSince = Annotated[date, BeforeValidator(_calendar_date), AfterValidator(_of_somebody_employed)]
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
    job_level: Text | None = None
    role_family: Text | None = None
    department: Text | None = None
    division: Text | None = None
    location: Text | None = None
    time_zone: TimeZone | None = None
    locale: LocaleTag | None = None
    languages: Annotated[list[Language], Field(max_length=20)] | None = None
    language_levels: LanguageLevels | None = None
    manager_id: EmployeeId | None = None
    start_date: StartDate | None = None
    employment_type: Text | None = None
    work_arrangement: WorkArrangement | None = None
    skills: Words | None = None
    interests: Words | None = None
    values: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_systems_send_it(cls, data: Any) -> Any:
        """Many systems send `""` where they have no value, which is the same as null; some put a level behind a language."""
        if not isinstance(data, dict):
            return data
        said = {name: None if isinstance(value, str) and is_blank(value) else value for name, value in data.items()}
        return _languages_and_levels(said)

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
    """An existing employee, who may have joined decades ago: fills the directories, starts nothing."""

    TYPE: ClassVar[str] = "hr.employee.snapshot.v1"
    start_date: EmployedSince | None = None


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
