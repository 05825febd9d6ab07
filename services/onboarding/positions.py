"""How far each read model has come in its topics: for operators, as JSON and as a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from services.onboarding.projections.reading import TOPICS
from services.onboarding.read_models import CONSUMER, READ_MODELS
from shared import hold
from shared.access import CurrentViewer, check
from shared.clock import Clock
from shared.kafka import places
from shared.mongo import Database
from shared.pages import PageRoute, Templates
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.positions import Position, positions

PAGE = "/coordinator/read-models"
MODEL_WORDS = {"board": N_("The board"), "timeline": N_("The timelines"), "outcomes": N_("The outcomes")}
TOPIC_WORDS = dict(zip(TOPICS, (N_("Mentors assigned"), N_("Journeys"), N_("Messages")), strict=True))


class PartitionView(BaseModel):
    """One partition: `position` is the offset that is processed next, `end` where the topic ends; `lag` records wait.

    `oldest_waiting_seconds` is how long the first of them has waited. Without a broker all but `position` are null.
    """

    topic: str
    partition: int
    position: int
    end: int | None
    lag: int | None
    oldest_waiting_seconds: float | None


class ProjectionView(BaseModel):
    """One read model; `lag` and `oldest_waiting_seconds` over all partitions. `held`: it stands still for a swap."""

    name: str
    consumer: str
    held: bool
    lag: int | None
    oldest_waiting_seconds: float | None
    partitions: list[PartitionView]


class ProjectionsView(BaseModel):
    """Every read model."""

    items: list[ProjectionView]


async def look_up(db: Database, kafka: str, now: datetime) -> list[ProjectionView]:
    """Where every read model stands: they share a reader, and so they stand alike."""
    standing = await positions(db, kafka, CONSUMER, places(TOPICS))
    partitions = [_partition(each, now) for each in standing]
    lags = [each.lag for each in partitions if each.lag is not None]
    waits = [each.oldest_waiting_seconds for each in partitions if each.oldest_waiting_seconds is not None]
    held = await hold.is_held(db, CONSUMER)
    return [
        ProjectionView(
            name=name,
            consumer=CONSUMER,
            held=held,
            lag=sum(lags) if len(lags) == len(partitions) else None,
            oldest_waiting_seconds=max(waits, default=None),
            partitions=partitions,
        )
        for name in READ_MODELS
    ]


def _partition(position: Position, now: datetime) -> PartitionView:
    since = position.waiting_since
    return PartitionView(
        topic=position.topic,
        partition=position.partition,
        position=position.next,
        end=position.end,
        lag=position.lag,
        oldest_waiting_seconds=None if since is None else max(0.0, round((now - since).total_seconds(), 3)),
    )


def position_routes(db: Database, kafka: str, clock: Clock) -> APIRouter:
    """`GET /api/onboarding/v1/projections`."""
    router = APIRouter(prefix="/api/onboarding/v1", tags=["onboarding"])

    @router.get("/projections")
    async def list_projections(viewer: CurrentViewer) -> ProjectionsView:
        """How far each read model has come in its topics, and how many records wait."""
        check(viewer, "see_projections")
        return ProjectionsView(items=await look_up(db, kafka, clock()))

    return router


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One topic as a line of the page: records read, of how many (None: unknown), and how many wait."""

    words: str
    read: int
    end: int | None
    lag: int | None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One read model as the page shows it; `kind` is the kind of its badge."""

    name: str
    words: str
    kind: str
    state: str
    lines: Sequence[TopicLine]


def position_pages(db: Database, kafka: str, clock: Clock, pages: Templates) -> APIRouter:
    """The page for coordinators and operators."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(PAGE)
    async def show_positions(request: Request, viewer: CurrentViewer) -> HTMLResponse:
        check(viewer, "see_projections")
        cards = [card(model) for model in await look_up(db, kafka, clock())]
        return pages.render(request, "read_models.html", viewer=viewer, cards=cards)

    return router


def card(model: ProjectionView) -> ModelCard:
    """A read model in words."""
    kind, state = _state(model)
    return ModelCard(model.name, _(MODEL_WORDS[model.name]), kind, state, [_line(model, topic) for topic in TOPICS])


def _state(model: ProjectionView) -> tuple[str, str]:
    if model.held:
        return "wait", _("Standing still for a moment: a rebuild is swapping it")
    if model.lag is None:
        return "late", _("The broker does not answer, so nobody knows what waits")
    if not model.lag:
        return "ok", _("Up to date")
    if model.oldest_waiting_seconds is None:
        return "wait", ngettext("%(num)s to go", "%(num)s to go", model.lag)
    seconds = f"{model.oldest_waiting_seconds:.0f}"
    text = ngettext("%(num)s to go, for %(seconds)s s", "%(num)s to go, the oldest for %(seconds)s s", model.lag, seconds=seconds)
    return "wait", text


def _line(model: ProjectionView, topic: str) -> TopicLine:
    parts = [each for each in model.partitions if each.topic == topic]
    ends = [each.end for each in parts if each.end is not None]
    end = sum(ends) if len(ends) == len(parts) else None
    read = sum(each.position for each in parts)
    return TopicLine(_(TOPIC_WORDS[topic]), read, end, None if end is None else max(0, end - read))
