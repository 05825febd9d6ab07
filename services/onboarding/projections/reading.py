"""What the read models read."""

from shared.events.mentoring import ASSIGNMENTS_TOPIC
from shared.events.notifications import TOPIC as MESSAGES_TOPIC
from shared.events.onboarding import TOPIC as JOURNEYS_TOPIC

TOPICS = (ASSIGNMENTS_TOPIC, JOURNEYS_TOPIC, MESSAGES_TOPIC)
