"""The intake put together: one route, one publisher."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from services.intake.api import api
from services.intake.publisher import Publisher
from shared import clock
from shared.clock import Clock
from shared.settings import Settings

LARGE_BODIES = ("/api/intake/",)
"""Where bodies may be larger than elsewhere: batches, which the intake itself limits by their mode."""


def web(settings: Settings, now: Clock = clock.now) -> list[APIRouter]:
    """The intake's routers. They hold the connection to Kafka, and let go of it when the application that includes them ends."""
    publisher = Publisher(settings.kafka)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await publisher.close()

    router = APIRouter(lifespan=lifespan)
    router.include_router(api(publisher, now))
    return [router]
