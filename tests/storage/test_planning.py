"""The rules, as tables of examples and as properties. No database."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.changes import (
    QUANTITY_MAX,
    AdjustQuantity,
    Arrival,
    Backorders,
    Change,
    ChangeGroup,
    GroupRejectedError,
    ItemKey,
    LocationKey,
    Origin,
    Policy,
    Refused,
    SetQuantity,
    Transfer,
    is_price,
)
from storage.errors import ErrorCode
from storage.lines import Item, LevelKey, Place, level_keys, lines_of
from storage.planning import NO_LEVEL, Level, Plan, move, plan, step
from tests.builders import a_change, a_group, a_transfer

LEVEL = Level(on_hand=5, version=3)
ITEM = Item(1, "SKU-1", backorders="no", regular_price=Decimal(10))
NO_CHANGE: Any = {"quantity": None}


def after(level: Level = LEVEL, item: Item = ITEM, *, refuse_disabled: bool = False, **values: Any) -> Level | Refused:
    """The level after one line."""
    return step(level, a_change(**values), item, refuse_disabled=refuse_disabled)


def code_of(result: Level | Refused) -> ErrorCode | None:
    return result.code if isinstance(result, Refused) else None


@pytest.mark.parametrize(
    ("before", "quantity", "on_hand"),
    [
        (5, SetQuantity(7), 7),
        (5, SetQuantity(0), 0),
        (5, AdjustQuantity(-5), 0),
        (5, AdjustQuantity(3), 8),
        (None, SetQuantity(0), 0),  # counted, and there is none: not the same as never stocked
        (None, AdjustQuantity(4), 4),
        (QUANTITY_MAX - 1, AdjustQuantity(1), QUANTITY_MAX),
    ],
)
def test_a_quantity_is_set_or_adjusted_and_the_version_grows_by_one(
    before: int | None, quantity: SetQuantity | AdjustQuantity, on_hand: int
) -> None:
    level = Level(before, version=3)
    assert after(level, quantity=quantity) == level._replace(on_hand=on_hand, version=4)


@pytest.mark.parametrize(
    ("level", "values"),
    [
        (LEVEL, {"quantity": SetQuantity(5)}),
        (LEVEL, {"quantity": AdjustQuantity(0)}),
        (NO_LEVEL, {"quantity": AdjustQuantity(0)}),
        (LEVEL, NO_CHANGE),
        (LEVEL, {**NO_CHANGE, "regular_price": None, "sale_price": None, "backorders": None, "disabled": False}),
        (LEVEL._replace(regular_price=Decimal("5.0000")), {**NO_CHANGE, "regular_price": Decimal(5)}),
        (LEVEL._replace(backorders="yes"), {**NO_CHANGE, "backorders": Backorders.YES}),
    ],
)
def test_an_unchanged_value_leaves_the_very_same_level(level: Level, values: Any) -> None:
    assert after(level, **values) is level


@pytest.mark.parametrize(
    ("before", "own", "items", "quantity", "code"),
    [
        (5, None, "no", SetQuantity(-1), ErrorCode.INSUFFICIENT_STOCK),
        (5, None, "no", AdjustQuantity(-6), ErrorCode.INSUFFICIENT_STOCK),
        (None, None, "no", AdjustQuantity(-1), ErrorCode.INSUFFICIENT_STOCK),
        (5, None, "yes", SetQuantity(-1), None),
        (5, None, "notify", AdjustQuantity(-6), None),
        (5, "yes", "no", SetQuantity(-1), None),  # the location's own setting counts before the product's
        (5, "no", "yes", SetQuantity(-1), ErrorCode.INSUFFICIENT_STOCK),
        (-5, None, "no", AdjustQuantity(2), None),  # what is received never makes it worse
        (-5, None, "no", AdjustQuantity(-1), ErrorCode.INSUFFICIENT_STOCK),
        (-5, None, "no", SetQuantity(-4), ErrorCode.INSUFFICIENT_STOCK),
    ],
)
def test_a_quantity_is_negative_only_where_back_orders_are_allowed(
    before: int | None, own: str | None, items: str, quantity: SetQuantity | AdjustQuantity, code: ErrorCode | None
) -> None:
    level, item = LEVEL._replace(on_hand=before, backorders=own), ITEM._replace(backorders=items)
    assert code_of(after(level, item, quantity=quantity)) == code


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"quantity": SetQuantity(-1), "backorders": Backorders.YES}, None),
        ({"quantity": SetQuantity(-1), "backorders": None}, ErrorCode.INSUFFICIENT_STOCK),
        ({**NO_CHANGE, "backorders": Backorders.NO}, ErrorCode.INSUFFICIENT_STOCK),
        ({**NO_CHANGE, "regular_price": Decimal(3)}, None),  # a price is not stopped by what was sold before
    ],
)
def test_back_orders_count_as_they_are_after_the_line(values: Any, code: ErrorCode | None) -> None:
    assert code_of(after(LEVEL._replace(on_hand=-3, backorders="yes"), **values)) == code


@pytest.mark.parametrize(
    "quantity", [SetQuantity(QUANTITY_MAX + 1), SetQuantity(-QUANTITY_MAX - 1), SetQuantity(10**5000)]
)
def test_a_quantity_beyond_a_thousand_million_is_refused(quantity: SetQuantity) -> None:
    assert code_of(after(item=ITEM._replace(backorders="yes"), quantity=quantity)) == ErrorCode.INVALID_QUANTITY


def test_an_adjustment_may_not_end_beyond_a_thousand_million() -> None:
    assert code_of(after(quantity=AdjustQuantity(QUANTITY_MAX))) == ErrorCode.INVALID_QUANTITY


@pytest.mark.parametrize(
    ("expected", "refused_field"),
    [
        ({"expected_quantity": 5}, None),
        ({"expected_version": 3}, None),
        ({"expected_quantity": 5, "expected_version": 3}, None),
        ({"expected_quantity": 4}, "expected_quantity"),
        ({"expected_version": 2}, "expected_version"),
        ({"expected_quantity": 5, "expected_version": 4}, "expected_version"),
    ],
)
def test_compare_and_set_writes_only_onto_what_was_expected(expected: Any, refused_field: str | None) -> None:
    result = after(quantity=SetQuantity(9), **expected)
    if refused_field is None:
        assert result == Level(9, version=4)
    else:
        assert isinstance(result, Refused)
        assert (result.code, result.field) == (ErrorCode.STALE_QUANTITY, refused_field)
        assert (result.current_quantity, result.current_version) == (5, 3)


def test_a_level_never_stocked_is_expected_as_0_units_at_version_0() -> None:
    assert after(NO_LEVEL, expected_quantity=0, expected_version=0) == Level(10, version=1)


def test_insufficient_stock_tells_the_current_quantity_and_version() -> None:
    result = after(quantity=AdjustQuantity(-6))
    assert isinstance(result, Refused)
    assert (result.current_quantity, result.current_version) == (5, 3)


@pytest.mark.parametrize(
    ("of_product", "of_location", "values", "code"),
    [
        (10, None, {"sale_price": Decimal("9.9999")}, None),
        (10, None, {"sale_price": Decimal(10)}, ErrorCode.SALE_PRICE_TOO_HIGH),
        (10, 20, {"sale_price": Decimal(15)}, None),  # the location's regular price applies there
        (10, 20, {"sale_price": Decimal(20)}, ErrorCode.SALE_PRICE_TOO_HIGH),
        (10, None, {"regular_price": Decimal(30), "sale_price": Decimal(20)}, None),
        (10, 20, {"regular_price": None, "sale_price": Decimal(15)}, ErrorCode.SALE_PRICE_TOO_HIGH),
        (None, None, {"sale_price": Decimal(1)}, ErrorCode.SALE_PRICE_TOO_HIGH),
        (None, None, {"sale_price": None}, None),
        (10, None, {"regular_price": Decimal(0)}, None),
        (10, None, {"regular_price": Decimal("99999999.9999")}, None),
        (10, None, {"regular_price": Decimal(100_000_000)}, ErrorCode.INVALID_PRICE),
        (10, None, {"regular_price": Decimal("-0.01")}, ErrorCode.INVALID_PRICE),
        (10, None, {"sale_price": Decimal("1.00001")}, ErrorCode.INVALID_PRICE),
        (10, None, {"sale_price": Decimal("NaN")}, ErrorCode.INVALID_PRICE),
        (10, None, {"sale_price": Decimal("sNaN")}, ErrorCode.INVALID_PRICE),
        (10, None, {"regular_price": Decimal("Infinity")}, ErrorCode.INVALID_PRICE),
        (10, None, {"regular_price": Decimal("1e-99999")}, ErrorCode.INVALID_PRICE),
    ],
)
def test_a_sale_price_is_below_the_regular_price_that_applies_there(
    of_product: int | None, of_location: int | None, values: Any, code: ErrorCode | None
) -> None:
    item = ITEM._replace(regular_price=None if of_product is None else Decimal(of_product))
    level = LEVEL._replace(regular_price=None if of_location is None else Decimal(of_location))
    assert code_of(after(level, item, **NO_CHANGE, **values)) == code


def test_a_regular_price_may_not_fall_to_the_sale_price_that_stays() -> None:
    level = LEVEL._replace(regular_price=Decimal(20), sale_price=Decimal(15))
    assert code_of(after(level, **NO_CHANGE, regular_price=Decimal(15))) == ErrorCode.SALE_PRICE_TOO_HIGH


def test_a_quantity_passes_prices_that_no_longer_fit_the_product() -> None:
    level = LEVEL._replace(sale_price=Decimal(15))  # the product's regular price was lowered to 10 since
    assert code_of(after(level, quantity=SetQuantity(1))) is None


def test_prices_and_flags_are_changed_without_counting_the_level() -> None:
    changed = after(NO_LEVEL, **NO_CHANGE, regular_price=Decimal(7), backorders=Backorders.NOTIFY, disabled=True)
    assert changed == Level(None, Decimal(7), None, "notify", disabled=True, version=1)


def test_a_disabled_level_is_refused_only_where_the_caller_asks_for_it() -> None:
    disabled = LEVEL._replace(disabled=True)
    assert code_of(after(disabled)) is None
    assert code_of(after(disabled, refuse_disabled=True)) == ErrorCode.ITEM_DISABLED
    assert code_of(after(LEVEL, refuse_disabled=True)) is None


# What a line's keys name

ITEMS = {
    ItemKey("id", 1): ITEM,
    ItemKey("sku", "SKU-1"): ITEM,
    ItemKey("id", 2): ITEM._replace(id=2, sku="SKU-2"),
    ItemKey("id", 3): ITEM._replace(id=3, sku="STYLE", has_variations=True),
    ItemKey("id", 9): Refused(ErrorCode.ITEM_NOT_FOUND, "Product not found."),
}
PLACES = {LocationKey("id", 1): Place(1), LocationKey("id", 2): Place(2), LocationKey("id", 3): Place(3, active=False)}


def planned(group: ChangeGroup, before: dict[LevelKey, Level] | None = None) -> Plan:
    return plan(group, lines_of(group, ITEMS, PLACES), before or {})


def lenient(*changes: Any, **values: Any) -> ChangeGroup:
    return a_group(*changes, policy=Policy.KEEP_GOING, **values)


@pytest.mark.parametrize(
    ("items", "location", "code"),
    [
        ([("id", 1)], 1, None),
        ([("id", 1), ("sku", "SKU-1")], 1, None),
        ([("id", 2), ("sku", "SKU-1")], 1, ErrorCode.ITEM_MISMATCH),
        ([("id", 9)], 1, ErrorCode.ITEM_NOT_FOUND),
        ([("id", 9), ("sku", "SKU-1")], 1, ErrorCode.ITEM_NOT_FOUND),  # not rescued by a valid SKU
        ([("id", 1), ("id", 9)], 1, None),  # the first decides, and the other names nothing else
        ([("id", 3)], 1, ErrorCode.ITEM_HAS_VARIATIONS),
        ([("id", 1)], 9, ErrorCode.LOCATION_NOT_FOUND),
        ([("id", 1)], 3, ErrorCode.LOCATION_INACTIVE),
    ],
)
def test_a_line_is_about_one_item_at_one_active_location(
    items: Sequence[tuple[Any, Any]], location: int, code: ErrorCode | None
) -> None:
    change = Change(tuple(ItemKey(*key) for key in items), LocationKey("id", location), SetQuantity(1))
    (outcome,) = planned(lenient(change)).outcomes
    assert (outcome.error.code if outcome.error else None) == code


@pytest.mark.parametrize(
    ("location", "code"), [(1, None), (2, ErrorCode.LOCATION_FORBIDDEN), (3, ErrorCode.LOCATION_FORBIDDEN)]
)
def test_a_key_of_some_locations_writes_only_there(location: int, code: ErrorCode | None) -> None:
    origin = Origin("test", locations=frozenset({1}))
    (outcome,) = planned(lenient(a_change(1, location), origin=origin)).outcomes
    assert (outcome.error.code if outcome.error else None) == code


def test_levels_are_named_once_and_in_one_order() -> None:
    group = lenient(a_change(2, 1), a_change(1, 2), a_change(9, 1), a_change(1, 1), a_change(2, 1))
    assert level_keys(lines_of(group, ITEMS, PLACES)) == [(1, 1), (1, 2), (2, 1)]


# Transfers


@pytest.mark.parametrize(
    ("source", "target", "values", "result"),
    [
        (5, None, {"quantity": 5}, (0, 5)),
        (5, -2, {"quantity": 1}, (4, -1)),  # what arrives never makes it worse
        (5, 0, {"quantity": 6}, ErrorCode.INSUFFICIENT_STOCK),
        (None, 0, {"quantity": 1}, ErrorCode.INSUFFICIENT_STOCK),
        (5, 0, {"quantity": 0}, ErrorCode.INVALID_QUANTITY),
        (5, 0, {"quantity": -1}, ErrorCode.INVALID_QUANTITY),
        (5, 0, {"quantity": QUANTITY_MAX + 1}, ErrorCode.INVALID_QUANTITY),
        (5, QUANTITY_MAX, {"quantity": 1}, ErrorCode.INVALID_QUANTITY),
        (5, 0, {"quantity": 6, "expected_quantity": 9}, ErrorCode.STALE_QUANTITY),
        (5, 0, {"quantity": 1, "expected_quantity": 0}, ErrorCode.STALE_QUANTITY),  # expected of the source
        (5, 0, {"quantity": 1, "expected_quantity": 5, "expected_version": 3}, (4, 1)),
        (5, 0, {"quantity": 6, "below_zero": True}, ErrorCode.INSUFFICIENT_STOCK),  # back-orders are not allowed
    ],
)
def test_a_transfer_takes_from_the_source_what_it_gives_the_target(
    source: int | None, target: int | None, values: Any, result: tuple[int, int] | ErrorCode
) -> None:
    moved = move(Level(source, version=3), Level(target, version=1), a_transfer(**values), ITEM)
    if isinstance(moved, Refused):
        assert moved.code == result
    else:
        assert tuple(level.on_hand for level in moved) == result
        assert tuple(level.version for level in moved) == (4, 2)


@pytest.mark.parametrize(("below_zero", "code"), [(False, ErrorCode.INSUFFICIENT_STOCK), (True, None)])
def test_what_is_not_there_is_moved_only_to_take_something_back(below_zero: bool, code: ErrorCode | None) -> None:  # noqa: FBT001 (a table of examples)
    item = ITEM._replace(backorders="yes")
    moved = move(LEVEL, NO_LEVEL, a_transfer(quantity=6, below_zero=below_zero), item)
    assert (moved.code if isinstance(moved, Refused) else None) == code


@pytest.mark.parametrize("disabled", [0, 1])
def test_a_transfer_may_be_refused_over_a_disabled_level(disabled: int) -> None:
    ends = [LEVEL, LEVEL]
    ends[disabled] = LEVEL._replace(disabled=True)
    moved = move(ends[0], ends[1], a_transfer(), ITEM, refuse_disabled=True)
    assert isinstance(moved, Refused)
    assert moved.code == ErrorCode.ITEM_DISABLED


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (1, 2, None),
        (1, 1, (ErrorCode.SAME_LOCATION, "target")),
        (1, 3, (ErrorCode.LOCATION_INACTIVE, "target")),
        (3, 1, (ErrorCode.LOCATION_INACTIVE, "source")),
        (9, 1, (ErrorCode.LOCATION_NOT_FOUND, "source")),
        (1, 9, (ErrorCode.LOCATION_NOT_FOUND, "target")),
    ],
)
def test_a_transfer_goes_between_two_active_locations(source: int, target: int, expected: Any) -> None:
    (outcome,) = planned(lenient(a_transfer(1, source, target)), {(1, 1): LEVEL}).outcomes
    assert (outcome.error and (outcome.error.code, outcome.error.field)) == expected


@pytest.mark.parametrize("allowed", [{1}, {2}])
def test_a_key_of_some_locations_moves_only_between_these(allowed: set[int]) -> None:
    origin = Origin("test", locations=frozenset(allowed))
    (outcome,) = planned(lenient(a_transfer(), origin=origin), {(1, 1): LEVEL}).outcomes
    assert outcome.error is not None
    assert outcome.error.code == ErrorCode.LOCATION_FORBIDDEN


def test_both_levels_of_a_transfer_are_named_in_the_one_order() -> None:
    lines = lines_of(lenient(a_transfer(1, 2, 1), a_transfer(2, 1, 2)), ITEMS, PLACES)
    assert level_keys(lines) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_the_halves_of_a_transfer_have_the_same_line_and_a_refused_one_has_no_half() -> None:
    group = lenient(a_transfer(quantity=4), a_transfer(quantity=2), a_transfer(1, 2, 1, quantity=3))
    result = planned(group, {(1, 1): LEVEL})
    assert [(entry.line, entry.key, entry.delta) for entry in result.entries] == [
        (0, (1, 1), -4), (0, (1, 2), 4), (2, (1, 2), -3), (2, (1, 1), 3),
    ]  # fmt: skip
    refused, accepted = result.outcomes[1:]
    assert (refused.before, refused.after, refused.arrival) == (1, None, Arrival(2, 4))
    assert (accepted.before, accepted.after, accepted.arrival) == (4, 1, Arrival(1, 1, 4, 5))


# Groups

UNREADABLE = Refused(ErrorCode.INVALID_LINE, "Invalid data format.")


def test_lines_on_one_level_apply_in_order_each_with_its_own_entry() -> None:
    lines = [SetQuantity(4), AdjustQuantity(-3), AdjustQuantity(0), SetQuantity(8)]
    result = planned(a_group(*(a_change(quantity=line) for line in lines)), {(1, 1): Level(2, version=7)})
    assert [(e.line, e.before, e.delta, e.level.on_hand, e.level.version) for e in result.entries] == [
        (0, 2, 2, 4, 8), (1, 4, -3, 1, 9), (3, 1, 7, 8, 10),
    ]  # fmt: skip
    assert result.levels == {(1, 1): Level(8, version=10)}
    assert [(o.changed, o.before, o.after, o.version) for o in result.outcomes] == [
        (True, 2, 4, 8), (True, 4, 1, 9), (False, 1, 1, 9), (True, 1, 8, 10),
    ]  # fmt: skip


def test_a_refused_line_leaves_the_level_to_the_next() -> None:
    result = planned(lenient(a_change(quantity=SetQuantity(-1)), UNREADABLE, a_change(quantity=AdjustQuantity(1))))
    assert [outcome.error and outcome.error.code for outcome in result.outcomes] == [
        ErrorCode.INSUFFICIENT_STOCK, ErrorCode.INVALID_LINE, None,
    ]  # fmt: skip
    assert result.levels == {(1, 1): Level(1, version=1)}


@pytest.mark.parametrize(
    ("policy", "failures_max", "refused", "is_rejected"),
    [
        (Policy.REJECT_ALL, None, 0, False),
        (Policy.REJECT_ALL, None, 1, True),
        (Policy.REJECT_ALL, 5, 1, True),
        (Policy.KEEP_GOING, None, 3, False),
        (Policy.KEEP_GOING, 2, 2, False),
        (Policy.KEEP_GOING, 2, 3, True),
        (Policy.KEEP_GOING, 0, 1, True),
    ],
)
def test_the_policy_says_how_many_refused_lines_a_group_bears(
    policy: Policy, failures_max: int | None, refused: int, *, is_rejected: bool
) -> None:
    group = a_group(a_change(), *[UNREADABLE] * refused, policy=policy, failures_max=failures_max)
    if not is_rejected:
        assert planned(group).levels == {(1, 1): Level(10, version=1)}
        return
    with pytest.raises(GroupRejectedError) as rejection:
        planned(group)
    assert rejection.value.code == ErrorCode.GROUP_REJECTED
    assert [outcome.error is None for outcome in rejection.value.outcomes] == [True, *[False] * refused]


def test_an_empty_group_plans_nothing() -> None:
    assert planned(a_group()) == Plan({}, [], [])


# Properties

quantities = st.integers(-3, 12)
some_prices = st.one_of(st.none(), st.decimals(0, 20, places=2))
changes = st.builds(
    a_change,
    item=st.sampled_from([1, 2, 3, 9]),
    location=st.sampled_from([1, 2, 3]),
    quantity=st.one_of(st.none(), st.builds(SetQuantity, quantities), st.builds(AdjustQuantity, quantities)),
)
priced = st.builds(a_change, quantity=st.none(), regular_price=some_prices, sale_price=some_prices)
expecting = st.builds(a_change, expected_quantity=quantities, expected_version=st.one_of(st.none(), quantities))
flagged = st.builds(
    a_change, quantity=st.none(), backorders=st.sampled_from([None, *Backorders]), disabled=st.booleans()
)
moves = st.builds(a_transfer, source=st.sampled_from([1, 2]), target=st.sampled_from([1, 2, 3]), quantity=quantities)
groups = st.lists(st.one_of(changes, priced, expecting, flagged, moves, st.just(UNREADABLE)), max_size=30)


@given(groups)
def test_the_deltas_of_a_level_sum_to_its_quantity_and_its_versions_count_its_entries(lines: list[Any]) -> None:
    result = planned(lenient(*lines))
    for key, level in result.levels.items():
        entries = [entry for entry in result.entries if entry.key == key]
        assert sum(entry.delta for entry in entries) == (level.on_hand or 0)
        assert [entry.level.version for entry in entries] == list(range(1, level.version + 1))
        assert entries[-1].level == level
        assert [entry.before for entry in entries] == [None, *(entry.level.on_hand for entry in entries[:-1])]


@given(groups)
def test_a_line_is_refused_or_changes_something_or_changes_nothing(lines: list[Any]) -> None:
    result = planned(lenient(*lines))
    assert [outcome.index for outcome in result.outcomes] == list(range(len(lines)))
    assert [o.index for o in result.outcomes if o.changed] == list(dict.fromkeys(e.line for e in result.entries))
    assert not any(o.changed for o in result.outcomes if o.error)


@given(groups)
def test_refused_lines_might_as_well_not_have_been_there(lines: list[Any]) -> None:
    result = planned(lenient(*lines))
    accepted = [line for line, outcome in zip(lines, result.outcomes, strict=True) if outcome.error is None]
    assert planned(a_group(*accepted)).levels == result.levels


@given(groups, st.randoms())
def test_the_order_of_lines_on_different_levels_does_not_matter(lines: list[Any], random: Any) -> None:
    changed = [line for line in lines if isinstance(line, Change)]
    by_level: dict[Any, list[Change]] = {}
    for line in changed:
        by_level.setdefault((line.items, line.location), []).append(line)
    queues = [list(queue) for queue in by_level.values()]
    shuffled = []
    while queues := [queue for queue in queues if queue]:
        shuffled.append(random.choice(queues).pop(0))
    assert planned(lenient(*shuffled)).levels == planned(lenient(*changed)).levels


@given(groups)
def test_a_transfer_conserves_what_there_is(lines: list[Any]) -> None:
    moved = [index for index, line in enumerate(lines) if isinstance(line, Transfer)]
    result = planned(lenient(*lines))
    for index in moved:
        deltas = [entry.delta for entry in result.entries if entry.line == index]
        assert sum(deltas) == 0
        assert len(deltas) in {0, 2}


@given(groups)
def test_a_group_and_its_lines_one_by_one_come_to_the_same(lines: list[Any]) -> None:
    levels: dict[LevelKey, Level] = {}
    for line in lines:
        levels |= planned(lenient(line), levels).levels
    assert planned(lenient(*lines)).levels == levels


@given(groups)
def test_no_level_is_left_against_the_rules(lines: list[Any]) -> None:
    for level in planned(lenient(*lines)).levels.values():
        assert (level.on_hand or 0) >= 0 or level.backorders in {"yes", "notify"}
        assert level.sale_price is None or level.sale_price < (level.regular_price or ITEM.regular_price or 0)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_a_price_is_any_decimal_that_its_column_can_hold_exactly(value: Decimal) -> None:
    if is_price(value):
        assert Decimal(int(value * 10_000)) / 10_000 == value


@pytest.mark.parametrize("field", ["reserved", "safety_stock"])
@pytest.mark.parametrize(("units", "accepted"), [(0, True), (9, True), (QUANTITY_MAX, True), (-1, False)])
def test_units_are_reserved_or_kept_back_even_when_there_are_fewer(field: str, units: int, accepted: bool) -> None:  # noqa: FBT001 (a table of examples)
    result = step(LEVEL, a_change(quantity=None, **{field: units}), ITEM)
    if accepted:
        assert isinstance(result, Level)
        assert (getattr(result, field), result.on_hand) == (units, LEVEL.on_hand)
    else:
        assert isinstance(result, Refused)
        assert (result.code, result.field) == (ErrorCode.INVALID_QUANTITY, field)
