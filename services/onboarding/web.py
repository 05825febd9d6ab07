"""Onboarding over HTTP, put together: its API and its pages."""

from fastapi import APIRouter

from services.onboarding.api import api
from services.onboarding.outcomes.api import outcome_api
from services.onboarding.outcomes.reading import Reporting
from services.onboarding.pages import pages
from services.onboarding.positions import position_routes
from services.onboarding.programme_files import read_programmes
from shared.clock import Clock, now
from shared.mongo import Database
from shared.settings import Settings


def web(db: Database, settings: Settings, clock: Clock = now) -> list[APIRouter]:
    """Its API and pages, over its database. Raises `ProgrammeError` for a bad programme."""
    programmes = read_programmes(settings.programmes_dir)
    reporting = Reporting(db, clock)
    return [
        api(db, programmes, clock),
        position_routes(db, settings.kafka, clock),
        outcome_api(reporting),
        pages(db, programmes, settings, clock, reporting),
    ]
