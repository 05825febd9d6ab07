"""Matching's pages put together."""

from fastapi import APIRouter

from services.matching.desk import Desk
from services.matching.pages.mentoring import mentoring_pages
from services.matching.pages.mentors import mentor_pages
from services.matching.pages.overview import overview_pages
from services.matching.pages.pairs import pair_pages
from services.matching.pages.proposals import proposal_pages
from services.matching.pages.reoptimisation import reoptimisation_pages
from services.matching.pages.reports import report_pages
from services.matching.pages.waitlist import waitlist_pages
from services.matching.policy import Policy
from services.matching.reading import Books
from services.matching.reoptimisation.api import Proposals
from services.matching.reoptimisation.reoptimising import Reoptimiser
from services.matching.reports.standing import Standing
from shared.clock import Clock
from shared.mongo import Database


def pages(db: Database, policy: Policy, standing: Standing, clock: Clock) -> APIRouter:
    """The pages over a connected database."""
    router = APIRouter(include_in_schema=False)
    books, desk = Books(db), Desk(db, policy, clock)
    proposals = Proposals(db)
    router.include_router(overview_pages(books, standing, proposals, clock))
    router.include_router(waitlist_pages(books, desk, standing, clock))
    router.include_router(mentor_pages(books, desk, clock))
    router.include_router(mentoring_pages(books, desk, clock))
    router.include_router(proposal_pages(books, desk, clock))
    router.include_router(reoptimisation_pages(books, proposals, Reoptimiser(db, policy, clock)))
    router.include_router(pair_pages(books, desk, policy))
    router.include_router(report_pages(db, policy, standing, clock))
    return router
