"""Messages on a channel that the settings name no more: nobody sends there, so they go by mail."""

from services.notifications.chat_services import ChatServices
from services.notifications.correspondence import EMAIL, SendResult
from services.notifications.store import stranded
from shared.clock import Clock
from shared.events import new_event
from shared.lease import Fence
from shared.mongo import Database
from shared.processing import Processor

SOURCE = "/firstmate/notifications/stranded"
BATCH = 200


async def bring_back_stranded(db: Database, processor: Processor, fence: Fence, services: ChatServices, clock: Clock) -> None:
    """Give them back to mail, with the reason in the ledger. Raises `LeaseLost` when another replica does this now."""
    await fence.check(db)
    while waiting := await stranded(db, [EMAIL, *services], BATCH):
        results = [
            SendResult(
                employee_id=each.employee_id,
                message_id=each.message_id,
                outcome="failed",
                reason="channel_removed",
                instead=EMAIL,
            )
            for each in waiting
        ]
        now = clock()
        await processor.execute([new_event(one, source=SOURCE, id=one.message_id, time=now) for one in results])
