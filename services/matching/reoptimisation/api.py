"""Re-optimisation over HTTP, version 1: propose, look, accept step by step or all, dismiss."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.matching import store
from services.matching.policy import Policy
from services.matching.reoptimisation import views
from services.matching.reoptimisation.reoptimising import Reoptimiser
from services.matching.reoptimisation.views import ReoptimisationView
from services.matching.store import API_PATH
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.directory import people
from shared.mongo import Database
from shared.paging import PAGE_DEFAULT, Page, decode_cursor, encode_cursor
from shared.refusals import not_found
from shared.web import Cursor, IdempotencyKey, Limit, scoped_key


class Steps(BaseModel):
    """Which steps; all that are open where none are named."""

    model_config = ConfigDict(extra="forbid")
    steps: Annotated[list[str], Field(max_length=10_000)] | None = None


@dataclass(frozen=True, slots=True)
class Proposals:
    """Reads proposals to re-optimise, for API and pages alike."""

    db: Database

    async def one(self, id: str) -> ReoptimisationView:
        """A proposal. Raises `Refused` 404."""
        kept = store.reoptimisations()
        await kept.load(self.db, [id])
        proposal = kept[id].state
        if proposal is None:
            raise not_found("there is no such proposal", "no_reoptimisation")
        return views.reoptimisation(id, proposal, await people(self.db, views.people_in([proposal])))

    async def page(self, cursor: str | None, limit: int, language: str = "en") -> Page[ReoptimisationView]:
        """A page of proposals, newest first, with reasons in a language of `words.LANGUAGES`. Raises `Refused` 422."""
        after = decode_cursor(cursor, 2)
        found = await store.latest_reoptimisations(self.db, limit + 1, (str(after[0]), str(after[1])) if after else None)
        shown = found[:limit]
        more = encode_cursor([store.as_stored(shown[-1][1].made_at), shown[-1][0]]) if len(found) > limit else None
        known = await people(self.db, views.people_in(proposal for _, proposal in shown))
        items = [views.reoptimisation(id, proposal, known, language) for id, proposal in shown]
        return Page[ReoptimisationView](items=items, next=more)


def reoptimisation_api(db: Database, policy: Policy, clock: Clock) -> APIRouter:
    """The routes over a connected database."""
    router = APIRouter(prefix=f"{API_PATH}/reoptimisations", tags=["matching"])
    proposals, reoptimiser = Proposals(db), Reoptimiser(db, policy, clock)

    @router.get("", summary="What would be better among pairs that have not met, newest proposal first")
    async def listed(viewer: CurrentViewer, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> Page[ReoptimisationView]:
        check(viewer, "override_assignment")
        return await proposals.page(cursor, limit)

    @router.post("", status_code=201, summary="Look for what would be better now")
    async def propose(viewer: CurrentViewer, key: IdempotencyKey = None) -> ReoptimisationView:
        """Nothing moves. Steps that are open in earlier proposals are superseded. Repeated under the same key: the latest one."""
        check(viewer, "override_assignment")
        id = await reoptimiser.propose(viewer.by, scoped_key(key, "reoptimise", viewer.by))
        return await proposals.one(id) if id is not None else (await proposals.page(None, 1)).items[0]

    @router.get("/{id}", summary="One proposal")
    async def one(id: str, viewer: CurrentViewer) -> ReoptimisationView:
        check(viewer, "override_assignment")
        return await proposals.one(id)

    @router.post("/{id}/accept", summary="Take steps: one, some, or all that are open")
    async def accept(id: str, request: Steps, viewer: CurrentViewer, key: IdempotencyKey = None) -> ReoptimisationView:
        """Each is held against the present first: one that no longer holds is noted as stale, and refused by name (409: `met`,
        `pair_changed`, `mentor_full`, `pinned`, `policy_changed`, ...) where nothing could be taken."""
        check(viewer, "override_assignment")
        await reoptimiser.accept(id, request.steps, viewer.by, scoped_key(key, "accept", id, viewer.by))
        return await proposals.one(id)

    @router.post("/{id}/dismiss", summary="Leave steps as they are: one, some, or all that are open")
    async def dismiss(id: str, request: Steps, viewer: CurrentViewer, key: IdempotencyKey = None) -> ReoptimisationView:
        check(viewer, "override_assignment")
        await reoptimiser.dismiss(id, request.steps, viewer.by, scoped_key(key, "dismiss", id, viewer.by))
        return await proposals.one(id)

    return router
