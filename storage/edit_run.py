"""One set of edits on its way through a transaction: decide, lock, write, and take back what was refused on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from storage import (
    catalog,
    catalog_lock,
    inventory,
    ownership,
    prepared,
    product_versions,
    product_writes,
    stored_products,
)
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
from storage.edit_decisions import Decided, Decisions, ProductEdit, Refusal, StockLine, decide
from storage.edit_outcomes import EditOutcome, Edits, EditsRejectedError
from storage.lines import Item
from storage.source_rules import NO_RULES
from storage.stored_products import Stored
from storage.tables import Product


@dataclass(slots=True)
class _Stocked:
    """What became of the stock of edits: the lines of their group, and its outcomes."""

    lines: list[tuple[Decided, int]]
    outcomes: Sequence[Outcome] = ()
    group_id: int | None = None

    def refusals(self) -> list[Refusal]:
        """Who is refused, and for which line, though not yet all: what an edit wrote that is refused may be what is in
        the way of those after it, of the same product or another of its family."""
        refused: dict[int, Refusal] = {}
        taken_back: set[int] = set()
        for (one, place), outcome in zip(self.lines, self.outcomes, strict=True):
            if outcome.error is not None and one.index not in refused and one.family not in taken_back:
                refused[one.index] = Refusal(one, outcome.error, stock_line=place)
                if one.parts > 1:
                    taken_back.add(one.family)
        return list(refused.values())

    def ignored(self) -> dict[int, set[str]]:
        """The fields of stock that were not written, by edits."""
        both = zip(self.lines, self.outcomes, strict=True)
        return {one.index: set(outcome.ignored) for (one, _), outcome in both if outcome.ignored}

    def changed(self) -> set[int]:
        """The edits that changed stock."""
        both = zip(self.lines, self.outcomes, strict=True)
        return {one.index for (one, _), outcome in both if outcome.changed}


class _Refusals:
    """Who is refused so far. Who was for others is asked again, once, when one of these is refused itself."""

    def __init__(self) -> None:
        self._by_index: dict[int, Refusal] = {}
        self._asked_again: set[int] = set()

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Refuse these, too."""
        withdrawn = {refusal.one.product_id for refusal in refusals if refusal.one.of_catalogue}
        again = {index for index, refusal in self._by_index.items() if withdrawn & refusal.others} - self._asked_again
        self._asked_again |= again
        self._by_index = {index: refusal for index, refusal in self._by_index.items() if index not in again}
        for refusal in refusals:
            self._by_index.setdefault(refusal.one.index, refusal)

    @property
    def errors(self) -> dict[int, Refused]:
        """Why, by the places of the edits."""
        return {index: refusal.error for index, refusal in self._by_index.items()}

    def stock_line(self, index: int) -> int | None:
        """For which line of its stock an edit is refused."""
        return self._by_index[index].stock_line if index in self._by_index else None


class EditRun:
    """One set of edits on its way through a transaction."""

    def __init__(
        self,
        session: AsyncSession,
        edits: Sequence[ProductEdit],
        origin: Origin,
        policy: Policy,
        known: Mapping[ItemKey, Stored],
    ) -> None:
        self._session, self._edits, self._origin, self._policy = session, edits, origin, policy
        self._known = known
        self._is_held = False
        self._found: Mapping[ItemKey, Stored | Refused] = {}
        self._numbers: Mapping[int, int] = {}
        self._versions: Mapping[int, str] | None = None
        self._refusals = _Refusals()
        self._rules = NO_RULES

    async def result(self) -> Edits:
        """Write the edits that are not refused; or none of them, if that is the policy.

        What is written may show that an edit cannot be done. Then all is taken back and done again without it.
        """
        decisions = await self._locked()
        while True:
            self._check_policy(decisions)
            plan = await self._planned(decisions)
            if plan is not None:
                savepoint = await prepared.savepoint(self._session) if self._may_take_back(decisions) else None
                if plan.products:
                    await catalog.write_plan(self._session, plan)
                stocked = await self._stocked(decisions)
                refused = stocked.refusals()
                self._refusals.add(refused)
                decisions.refused |= self._refusals.errors
                self._check_policy(decisions)
                if savepoint is None or not refused:
                    if savepoint is not None:
                        await savepoint.commit()
                    await self._throw_away(decisions)
                    return Edits(self._outcomes(decisions, stocked), stocked.group_id)
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
            self._rules = (await ownership.read(self._session)).everywhere
        return True

    async def _look(self) -> Decisions:
        wanted = {key for one in self._edits for key in (one.item, one.parent) if key is not None}
        known, self._known = self._known, {}  # what is read again may have changed
        self._found = {**known, **await stored_products.find(self._session, wanted - known.keys())}
        return self._decide()

    def _decide(self) -> Decisions:
        return decide(
            self._edits,
            self._found,
            numbers=self._numbers,
            versions=self._versions,
            refused=self._refusals.errors,
            writer=self._origin.api_key_id,
            rules=self._rules,
        )  # fmt: skip

    async def _planned(self, decisions: Decisions) -> CatalogPlan | None:
        """What becomes of the catalogue; None when edits had to be refused for it."""
        rows = decisions.rows()
        if not rows:
            return CatalogPlan()
        plan = await catalog.plan_products(self._session, read_products(rows))
        if refused := decisions.refusals(plan.problems):
            self._refusals.add(refused)
            return None
        decisions.finish(plan)
        return plan

    def _may_take_back(self, decisions: Decisions) -> bool:
        """Whether an edit may be refused when a part of it was written already. A rejected set takes all back."""
        parts = (one.parts for one in decisions.decided if one.stock)
        return self._policy is Policy.KEEP_GOING and max(parts, default=0) > 1

    async def _stocked(self, decisions: Decisions) -> _Stocked:
        """The stock of all edits through the write path."""
        stocked = _Stocked([(one, place) for one in decisions.decided for place in range(len(one.stock))])
        if stocked.lines:
            changes = [_change(one.product_id, one.stock[place]) for one, place in stocked.lines]
            group = ChangeGroup(changes, self._origin, Policy.KEEP_GOING)
            applied = await inventory.apply(self._session, group, self._items(decisions))
            stocked.outcomes, stocked.group_id = applied.outcomes, applied.group_id
        return stocked

    def _items(self, decisions: Decisions) -> dict[ItemKey, Item]:
        """What the write path would look up once more, unless the catalogue has just become another one."""
        if decisions.of_catalogue:
            return {}
        found = (stored for stored in self._found.values() if isinstance(stored, Stored) and not stored.in_trash)
        return {ItemKey("id", stored.id): stored.item for stored in found}

    async def _throw_away(self, decisions: Decisions) -> None:
        """Last, so that what was stocked before can be removed in one set."""
        for permanently in (False, True):
            if ids := decisions.removals(permanently=permanently):
                await product_writes.throw_away(self._session, ids, permanently=permanently)

    def _check_policy(self, decisions: Decisions) -> None:
        if decisions.refused and self._policy is Policy.REJECT_ALL:
            raise EditsRejectedError(self._outcomes(decisions, _Stocked([])))

    def _outcomes(self, decisions: Decisions, stocked: _Stocked) -> list[EditOutcome]:
        changed, ignored = stocked.changed(), stocked.ignored()
        done = {one.index: one for one in decisions.decided if one.index not in decisions.refused}
        return [
            EditOutcome(
                index,
                done[index].product_id if index in done else decisions.product_ids.get(index),
                created=index in done and done[index].created,
                changed=index in done and (index in changed or done[index].of_catalogue),
                error=decisions.refused.get(index),
                stock_line=self._refusals.stock_line(index),
                ignored=tuple(sorted({*done[index].ignored, *ignored.get(index, ())})) if index in done else (),
            )
            for index in range(len(self._edits))
        ]


def _change(product_id: int, line: StockLine) -> Change:
    location, quantity = line
    if location is None:
        absorbed = quantity if isinstance(quantity, AdjustQuantity) else SetTotal(quantity.quantity)
        return Change((ItemKey("id", product_id),), DEFAULT_LOCATION, absorbed)
    return Change((ItemKey("id", product_id),), location, quantity)
