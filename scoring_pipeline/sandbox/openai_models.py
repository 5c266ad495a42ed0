"""The models that the stand-in knows: what they cost, what they refuse, when they end.

What belongs here: the catalogue, which is this sandbox's own so that its journal counts money independently of the
pipeline's accounting. What does not: how requests are answered (`openai_completions.py`, `openai_embeddings.py`).

Prices are nano-USD per token, which is USD per million tokens times 1000: all of them are whole numbers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Lane = Literal["batch", "chat"]

OWNER = "scoring-pipeline-sandbox"
_RELEASED = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class Price:
    """Nano-USD per token, in and out."""

    prompt: int
    completion: int


@dataclass(frozen=True)
class ModelCard:
    """One model.

    Args:
        id: the model's name in the API.
        kind: which endpoint serves it.
        chat: price at the synchronous endpoints.
        batch: price in a batch.
        reasons: it is a reasoning model: refuses `max_tokens`, and function tools unless `reasoning_effort` is "none".
        noise: how far, in points of 100, its scores stray from the baseline.
        shutdown_date: last day of service as `YYYY-MM-DD`, or None.
        dimensions: length of an embedding, 0 for chat models.
    """

    id: str
    kind: Literal["chat", "embedding"]
    chat: Price
    batch: Price
    reasons: bool = False
    noise: int = 0
    shutdown_date: str | None = None
    dimensions: int = 0

    def has_shut_down(self, now: float) -> bool:
        """Return whether, at `now` (Unix seconds), the shutdown date has come."""
        if self.shutdown_date is None:
            return False
        return now >= datetime.fromisoformat(self.shutdown_date).replace(tzinfo=UTC).timestamp()

    def cost(self, lane: Lane, prompt_tokens: int, completion_tokens: int) -> int:
        """Return what the tokens cost on that lane, in nano-USD."""
        price = self.batch if lane == "batch" else self.chat
        return prompt_tokens * price.prompt + completion_tokens * price.completion

    def as_json(self) -> dict[str, Any]:
        """Return the object that `GET /v1/models/{id}` answers."""
        return {
            "id": self.id,
            "object": "model",
            "created": _RELEASED,
            "owned_by": OWNER,
            "shutdown_date": self.shutdown_date,
        }


_CARDS = (
    ModelCard("gpt-6-luna", "chat", Price(100, 500), Price(50, 250), reasons=True, noise=12),
    ModelCard("gpt-6.1-terra", "chat", Price(1000, 5000), Price(500, 2500), reasons=True, noise=6),
    ModelCard("gpt-6-sol", "chat", Price(2000, 10_000), Price(1000, 5000), reasons=True, noise=2),
    ModelCard("gpt-4o-mini", "chat", Price(150, 600), Price(75, 300), noise=12, shutdown_date="2027-01-14"),
    ModelCard("gpt-4o", "chat", Price(2500, 10_000), Price(1250, 5000), noise=5, shutdown_date="2027-01-14"),
    ModelCard("text-embedding-3-small", "embedding", Price(20, 0), Price(10, 0), dimensions=1536),
    ModelCard("text-embedding-3-large", "embedding", Price(130, 0), Price(65, 0), dimensions=3072),
)

MODELS: dict[str, ModelCard] = {card.id: card for card in _CARDS}


def find_model(name: object, now: float) -> ModelCard | None:
    """Return the model of that name if it is known and still served at `now` (Unix seconds)."""
    card = MODELS.get(name) if isinstance(name, str) else None
    return None if card is None or card.has_shut_down(now) else card
