"""The write path of products with their stock: whatever a dialect's client edits, creates or removes.

Each edit is all or nothing, its catalogue part by the rules of catalog_planning, its stock by those of planning. All
stock of a set is one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from storage import catalog, catalog_lock, idempotency, inventory, product_versions, product_writes, stored_products
from storage.catalog_document import read_products
from storage.catalog_planning import CatalogPlan
from storage.changes import (
    DEFAULT_LOCATION,
    AdjustQuantity,
    Change,
    ChangeGroup,
    ItemKey,
    Origin,
    Outcome,
    Policy,
    Refused,
    SetTotal,
)
from storage.edit_decisions import Decide, Decided, Decisions, Edited, ProductEdit, Removed, StockLine, decide
from storage.errors import ErrorCode, InventoryError
from storage.stored_products import Stored
from storage.tables import Product

__all__ = [
    "Decide",
    "EditOutcome",
    "Edited",
    "Edits",
    "EditsRejectedError",
    "ProductEdit",
    "Removed",
    "Stored",
    "edit",
    "remove",
]


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """What became of one edit. `stock_line` is the place in its stock of what was refused."""

    index: int
    product_id: int | None = None
    created: bool = False
    changed: bool = False
    error: Refused | None = None
    stock_line: int | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """What became of a set of edits. `group_id` is None when no stock changed; `replayed` says that the outcomes are of
    an earlier request with the same idempotency key."""

    outcomes: list[EditOutcome]
    group_id: int | None = None
    replayed: bool = False


class EditsRejectedError(InventoryError):
    """Nothing is to be written, because some edits were refused: the outcomes tell which and why. The transaction has
    to be rolled back, as Database.transact() does."""

    def __init__(self, outcomes: list[EditOutcome]) -> None:
        refused = sum(outcome.error is not None for outcome in outcomes)
        message = f"{refused} of {len(outcomes)} edits were refused; nothing was written."
        super().__init__(ErrorCode.GROUP_REJECTED, message)
        self.outcomes = outcomes


async def edit(
    session: AsyncSession,
    edits: Sequence[ProductEdit],
    origin: Origin,
    *,
    policy: Policy = Policy.REJECT_ALL,
    idempotency_key: str | None = None,
    asked: str = "",
) -> Edits:
    """Edit, create and remove products, in order, with their stock.

    Only what changes the catalogue waits for others who do. The number of statements does not depend on the number of
    edits. `asked` is what makes two requests with one idempotency key the same.
    Refuses with: GROUP_REJECTED (as EditsRejectedError, with the outcomes), IDEMPOTENCY_KEY_REUSED,
    INVALID_IDEMPOTENCY_KEY.
    """
    if idempotency_key is not None:
        request = ("edit", origin.dialect, origin.reason, origin.note, origin.reference, policy, asked)
        if (answer := await idempotency.take(session, origin, idempotency_key, request)) is not None:
            return _replayed(answer)
    edited = await _Run(session, edits, origin, policy).result()
    if idempotency_key is not None:
        answer = orjson.dumps({"group_id": edited.group_id, "outcomes": edited.outcomes}).decode()
        await idempotency.keep(session, origin, idempotency_key, answer)
    return edited


async def remove(
    session: AsyncSession,
    items: Sequence[ItemKey],
    origin: Origin,
    *,
    permanently: bool,
    policy: Policy = Policy.REJECT_ALL,
    idempotency_key: str | None = None,
    asked: str = "",
) -> Edits:
    """Put products in the trash with their variations, or delete them for good; their stock and history stay.

    Refused are those that are not there (ITEM_NOT_FOUND) and, unless it is for good, those that are in the trash
    already (ITEM_IN_TRASH). Refuses as edit() does.
    """
    removed = Removed(permanently)
    edits = [ProductEdit(lambda _: removed, item, in_trash=True) for item in items]
    return await edit(session, edits, origin, policy=policy, idempotency_key=idempotency_key, asked=asked)


@dataclass(slots=True)
class _Stocked:
    """What became of the stock of edits: the lines of their group, and its outcomes."""

    lines: list[tuple[Decided, int]]
    outcomes: Sequence[Outcome] = ()
    group_id: int | None = None

    def refused(self) -> dict[int, tuple[int, Refused]]:
        """The first line of each edit that was refused, and why."""
        refused: dict[int, tuple[int, Refused]] = {}
        for (one, place), outcome in zip(self.lines, self.outcomes, strict=True):
            if outcome.error is not None:
                refused.setdefault(one.index, (place, outcome.error))
        return refused

    def changed(self) -> set[int]:
        """The edits that changed stock."""
        both = zip(self.lines, self.outcomes, strict=True)
        return {one.index for (one, _), outcome in both if outcome.changed}


class _Run:
    """One set of edits on its way through a transaction."""

    def __init__(self, session: AsyncSession, edits: Sequence[ProductEdit], origin: Origin, policy: Policy) -> None:
        self._session, self._edits, self._origin, self._policy = session, edits, origin, policy
        self._is_held = False
        self._found: Mapping[ItemKey, Stored | Refused] = {}
        self._numbers: Mapping[int, int] = {}
        self._versions: Mapping[int, str] | None = None
        self._refused: dict[int, Refused] = {}
        self._stock_lines: dict[int, int] = {}

    async def result(self) -> Edits:
        """Write the edits that are not refused; or none of them, if that is the policy.

        What is written may show that an edit cannot be done. Then all is taken back and done again without it.
        """
        decisions = await self._locked()
        while True:
            self._check_policy(decisions)
            plan = await self._planned(decisions)
            if plan is not None:
                savepoint = await self._session.begin_nested() if self._may_take_back(decisions) else None
                if plan.products:
                    await catalog.write_plan(self._session, plan)
                stocked = await self._stocked(decisions)
                refused = stocked.refused()
                self._stock_lines |= {index: place for index, (place, _) in refused.items()}
                self._refused |= {index: error for index, (_, error) in refused.items()}
                decisions.refused |= self._refused
                self._check_policy(decisions)
                if savepoint is None or not refused:
                    if savepoint is not None:
                        await savepoint.commit()
                    await self._throw_away(decisions)
                    return Edits(self._outcomes(decisions, stocked.changed()), stocked.group_id)
                await savepoint.rollback()
            decisions = self._decide()

    async def _locked(self) -> Decisions:
        """What the edits come to, decided over products that nobody else changes meanwhile.

        Stock is locked later, by the write path; only who expects a version has all of the product's locked.
        """
        await self._hold(wanted=any(one.item is None for one in self._edits))
        decisions = await self._look()
        expecting = {
            stored.id
            for one in self._edits
            if one.expected is not None and one.item is not None
            and isinstance(stored := self._found[one.item], Stored)
        }  # fmt: skip
        if await self._hold(wanted=bool(decisions.of_catalogue)) or expecting:
            if expecting:
                self._versions = await product_versions.locked(self._session, expecting)
            decisions = await self._look()
            if await self._hold(wanted=bool(decisions.of_catalogue)):  # it changed before it was locked
                decisions = await self._look()
        return decisions

    async def _hold(self, *, wanted: bool) -> bool:
        """Hold the catalogue, unless it is held; whether what was read has to be read again."""
        if self._is_held or not wanted:
            return False
        self._is_held = True
        await catalog_lock.hold(self._session, Product)
        new = [index for index, one in enumerate(self._edits) if one.item is None]
        if new:
            largest = await catalog_lock.largest_id(self._session, Product)
            self._numbers = {index: number for number, index in enumerate(new, start=largest + 1)}
        return True

    async def _look(self) -> Decisions:
        wanted = {key for one in self._edits for key in (one.item, one.parent) if key is not None}
        self._found = await stored_products.find(self._session, wanted)
        return self._decide()

    def _decide(self) -> Decisions:
        return decide(
            self._edits, self._found, numbers=self._numbers, versions=self._versions, refused=self._refused
        )  # fmt: skip

    async def _planned(self, decisions: Decisions) -> CatalogPlan | None:
        """What becomes of the catalogue; None when edits had to be refused for it."""
        rows = decisions.rows()
        if not rows:
            return CatalogPlan()
        plan = await catalog.plan_products(self._session, read_products(rows))
        if refused := decisions.refusals(plan.problems):
            self._refused |= refused
            return None
        decisions.finish(plan)
        return plan

    def _may_take_back(self, decisions: Decisions) -> bool:
        """Whether an edit may be refused when a part of it was written already. A rejected set takes all back."""
        parts = (bool(one.of_catalogue) + len(one.stock) for one in decisions.decided if one.stock)
        return self._policy is Policy.KEEP_GOING and max(parts, default=0) > 1

    async def _stocked(self, decisions: Decisions) -> _Stocked:
        """The stock of all edits through the write path."""
        stocked = _Stocked([(one, place) for one in decisions.decided for place in range(len(one.stock))])
        if stocked.lines:
            changes = [_change(one.product_id, one.stock[place]) for one, place in stocked.lines]
            applied = await inventory.apply(self._session, ChangeGroup(changes, self._origin, Policy.KEEP_GOING))
            stocked.outcomes, stocked.group_id = applied.outcomes, applied.group_id
        return stocked

    async def _throw_away(self, decisions: Decisions) -> None:
        """Last, so that what was stocked before can be removed in one set."""
        for permanently in (False, True):
            if ids := decisions.removals(permanently=permanently):
                await product_writes.throw_away(self._session, ids, permanently=permanently)

    def _check_policy(self, decisions: Decisions) -> None:
        if decisions.refused and self._policy is Policy.REJECT_ALL:
            raise EditsRejectedError(self._outcomes(decisions, set()))

    def _outcomes(self, decisions: Decisions, stocked: set[int]) -> list[EditOutcome]:
        done = {one.index: one for one in decisions.decided if one.index not in decisions.refused}
        return [
            EditOutcome(
                index,
                done[index].product_id if index in done else decisions.product_ids.get(index),
                created=index in done and done[index].created,
                changed=index in done and (index in stocked or done[index].of_catalogue),
                error=decisions.refused.get(index),
                stock_line=self._stock_lines.get(index),
            )
            for index in range(len(self._edits))
        ]


def _change(product_id: int, line: StockLine) -> Change:
    location, quantity = line
    if location is None:
        absorbed = quantity if isinstance(quantity, AdjustQuantity) else SetTotal(quantity.quantity)
        return Change((ItemKey("id", product_id),), DEFAULT_LOCATION, absorbed)
    return Change((ItemKey("id", product_id),), location, quantity)


def _replayed(answer: str) -> Edits:
    stored = orjson.loads(answer)
    return Edits([_outcome(outcome) for outcome in stored["outcomes"]], stored["group_id"], replayed=True)


def _outcome(stored: dict[str, Any]) -> EditOutcome:
    error = stored["error"]
    return EditOutcome(**{**stored, "error": error and idempotency.refused(error)})
