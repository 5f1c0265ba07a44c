"""What became of edits of products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from storage import idempotency
from storage.changes import Refused
from storage.errors import ErrorCode, InventoryError


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """What became of one edit. `stock_line` is the place in its stock of what was refused; `ignored` are the fields
    that it would have changed if they had no other owner."""

    index: int
    product_id: int | None = None
    created: bool = False
    changed: bool = False
    error: Refused | None = None
    stock_line: int | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """What became of a set of edits. `group_id` is None when no stock changed; `replayed` says that the outcomes are of
    an earlier request with the same idempotency key."""

    outcomes: list[EditOutcome]
    group_id: int | None = None
    replayed: bool = False

    def kept(self) -> str:
        """The answer to be kept under an idempotency key."""
        return orjson.dumps({"group_id": self.group_id, "outcomes": self.outcomes}).decode()

    @classmethod
    def replay(cls, answer: str) -> Edits:
        """An answer that was kept."""
        stored = orjson.loads(answer)
        return cls([_outcome(outcome) for outcome in stored["outcomes"]], stored["group_id"], replayed=True)


class EditsRejectedError(InventoryError):
    """Nothing is to be written, because some edits were refused: the outcomes tell which and why. The transaction has
    to be rolled back, as Database.transact() does."""

    def __init__(self, outcomes: list[EditOutcome]) -> None:
        refused = sum(outcome.error is not None for outcome in outcomes)
        message = f"{refused} of {len(outcomes)} edits were refused; nothing was written."
        super().__init__(ErrorCode.GROUP_REJECTED, message)
        self.outcomes = outcomes

    @property
    def codes(self) -> Sequence[ErrorCode]:
        return [self.code, *(outcome.error.code for outcome in self.outcomes if outcome.error is not None)]


def _outcome(stored: dict[str, Any]) -> EditOutcome:
    error = stored["error"]
    ignored = tuple(stored.get("ignored", ()))
    return EditOutcome(**{**stored, "error": error and idempotency.refused(error), "ignored": ignored})
