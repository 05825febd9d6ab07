"""`/calendar/{token}`: somebody's meetings for a calendar that looks again by itself, behind a link that is theirs alone."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from services.notifications.correspondence import Correspondence
from services.notifications.invitations import Invitation, feed_of, in_order
from services.notifications.letters import invitation_to, links_to, meeting_of
from services.notifications.readers import as_they_wish
from services.notifications.rendering import Renderer
from services.notifications.store import CORRESPONDENCES, preferences_of
from shared.clock import Clock
from shared.directory import people
from shared.links import Links
from shared.mongo import Database, Document
from shared.refusals import Refused
from shared.settings import Settings

MOST = 100  # pairs: a mentor of more has other troubles


def calendar_feed(db: Database, settings: Settings, renderer: Renderer, domain: str, clock: Clock) -> APIRouter:
    """The feed of hires and mentors; `domain` ends the identity of each event, as it does in mails.

    No sign-in: a calendar program has none, so the address is the secret.
    """
    router = APIRouter(include_in_schema=False)
    links = Links(settings.secret)

    @router.get("/calendar/{token}")
    async def read(token: Annotated[str, Path(max_length=1000)]) -> Response:
        owner = links.owner("calendar", token)
        if owner is None:
            raise Refused(
                404, "unknown_link", "this link is not one of ours, or not whole; take it from your preferences once more"
            )
        pairs = await _pairs(db, owner)
        known = await people(db, {owner, *(id for state in pairs for id in _named(state))})
        person = as_they_wish(known.get(owner, {}), (await preferences_of(db, {owner})).get(owner))
        tongue = renderer.tongue("meeting_invitation", person.get("locale"), person.get("languages") or ())
        now = clock()

        def invitations(state: Correspondence) -> Iterator[Invitation]:
            page = links_to(settings.web_url, state.employee_id)["own" if owner == state.employee_id else "person"]
            for key, invite in in_order(state.invites):
                meeting = meeting_of(key, invite, state.employee_id, known, owner, was_invited=False)
                yield invitation_to(meeting, known, None, page, renderer, tongue, now)

        feed = feed_of([each for state in pairs for each in invitations(state)], domain, now)
        return Response(feed, media_type="text/calendar; charset=utf-8", headers={"Cache-Control": "private, max-age=900"})

    return router


async def _pairs(db: Database, owner: str) -> list[Correspondence]:
    query: Document = {"$or": [{"_id": owner}, {"state.assignment.mentor_id": owner, "state.status": "expected"}]}
    found = db[CORRESPONDENCES].find(query, {"state": 1}).limit(MOST)
    states = [Correspondence.model_validate(document["state"]) async for document in found if document["state"]]
    return [state for state in states if state.status == "expected"]


def _named(state: Correspondence) -> set[str]:
    return {state.employee_id, *(invite.mentor_id for invite in state.invites.values())}
