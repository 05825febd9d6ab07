"""Matching over HTTP, put together: its API, its reports and its pages."""

from fastapi import APIRouter

from services.matching.api import api
from services.matching.pages import pages
from services.matching.policy_file import load_policy
from services.matching.reoptimisation.api import reoptimisation_api
from services.matching.reports.api import report_api
from services.matching.reports.standing import Standing
from shared.clock import Clock, now
from shared.mongo import Database
from shared.settings import Settings


def web(db: Database, settings: Settings, clock: Clock = now) -> list[APIRouter]:
    """Its API and pages, over its database. Raises `PolicyError` for a bad policy."""
    policy = load_policy(settings.policy_file)
    standing = Standing(db, policy)
    return [
        api(db, policy, clock),
        report_api(db, policy, standing, clock),
        reoptimisation_api(db, policy, clock),
        pages(db, policy, standing, clock),
    ]
