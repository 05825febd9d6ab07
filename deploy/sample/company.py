"""The sample company as written down in the YAML files beside this module, checked on reading."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.mentoring import Trait

FOLDER = Path(__file__).parent
# Letters that Unicode does not take apart into a Latin letter and a mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "ı": "i", "'": ""})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(_Strict):
    """Where people work: a location as HR systems write it (place, ISO code), its IANA zone, its locale."""

    location: str
    time_zone: str
    locale: str


class Enrolment(_Strict):
    """What a mentor enrolled with; `paused` says they are on leave for now."""

    capacity: int
    trained: bool = True
    traits: list[Trait] = []
    paused: bool = False


class Person(_Strict):
    """Common to those who are here and those who come. `family` is the role family, `site` a key of the company's sites."""

    id: str
    name: str
    title: str
    department: str
    family: str
    site: str
    manager: str | None = None
    languages: list[str]
    skills: list[str]
    interests: list[str]
    arrangement: Literal["onsite", "hybrid", "remote"] = "hybrid"


class Employee(Person):
    """Someone who is here, for `tenure_days` so far."""

    tenure_days: int
    mentor: Enrolment | None = None


class Moved(_Strict):
    """HR moves the start date by so many weeks."""

    moved_by_weeks: int


Later = Literal["repeated", "told_again", "rescinded"] | Moved


class Hire(Person):
    """Someone who starts on a Monday, the next one being in 1 week.

    `then`: what HR tells later: the same event once more, the same fact under another id, another start, or that it was
    called off.
    """

    starts_in_weeks: int = Field(ge=1)
    work_address_only: bool = False
    then: list[Later] = []

    @property
    def rescinded(self) -> bool:
        """Whether the hire is called off in the end."""
        return "rescinded" in self.then

    @property
    def moved_by_weeks(self) -> int:
        """By how much the start date moves in the end."""
        return sum(later.moved_by_weeks for later in self.then if isinstance(later, Moved))


class Company(_Strict):
    """The whole of it. Ids are unique, managers exist, the reporting tree has one root."""

    name: str
    source: str
    mail_domain: str
    personal_mail_domain: str
    coordinators: list[str]
    sites: dict[str, Site]
    locales: dict[str, str]
    people: list[Employee]
    hires: list[Hire]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        everybody = [*self.people, *self.hires]
        ids = [person.id for person in everybody]
        here = {person.id for person in self.people}
        if len(set(ids)) != len(ids):
            raise ValueError("two people have the same id")
        if sum(person.manager is None for person in everybody) != 1:
            raise ValueError("exactly one person has no manager")
        if unknown := ({person.manager for person in everybody if person.manager} | set(self.coordinators)) - here:
            raise ValueError(f"nobody has the id {', '.join(unknown)}")
        if unknown := {person.site for person in everybody} - self.sites.keys():
            raise ValueError(f"no site is called {', '.join(unknown)}")
        return self

    @property
    def mentors(self) -> list[Employee]:
        """Those who enrolled as mentors, whatever keeps some of them from being one now."""
        return [person for person in self.people if person.mentor is not None]

    def locale_of(self, person: Person) -> str:
        """The site's locale where they speak its language first, else their own language's."""
        site = self.sites[person.site].locale
        return site if site.startswith(f"{person.languages[0]}-") else self.locales[person.languages[0]]

    def work_email(self, person: Person) -> str:
        """Name and surname in plain letters at the company's domain."""
        return f"{_plain(person.name, '.')}@{self.mail_domain}"

    def personal_email(self, person: Person) -> str:
        """An address outside the company."""
        return f"{_plain(person.name, '')}@{self.personal_mail_domain}"


def _plain(name: str, between: str) -> str:
    parts = name.lower().translate(_LETTERS).split(" ", maxsplit=1)
    return between.join(_ascii(part).replace(" ", "-") for part in parts)


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


@cache
def company() -> Company:
    """Halden Instruments. Raises pydantic's `ValidationError` where a file is wrong."""
    return Company.model_validate(_read("company") | {"people": _read("people"), "hires": _read("hires")})


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
