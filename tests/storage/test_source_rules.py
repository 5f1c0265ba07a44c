"""Who may write what: as tables of examples, and as a property over random rules and groups. No database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.changes import (
    UNSET,
    AdjustQuantity,
    Backorders,
    Change,
    ChangeGroup,
    ItemKey,
    LocationKey,
    Origin,
    Outcome,
    Policy,
    Refused,
    SetQuantity,
    SetTotal,
    Transfer,
)
from storage.errors import ErrorCode
from storage.lines import Item, LevelKey, Place, lines_of
from storage.planning import Level, Plan, plan
from storage.source_rules import NO_RULES, Mode, OwnedField, Owner, RuleBook, Rules, SourceRule, field_of, rules_of
from tests.builders import a_change, a_group, a_transfer

ERP, SHOP = Owner(1, "ERP"), Owner(2, "Shop")
ITEM = Item(1, "SKU-1", backorders="no", regular_price=Decimal(10))
BEFORE = {
    (1, 1): Level(12, Decimal(9), None, None, version=1),
    (1, 2): Level(5, version=1),
}


def a_rule(field: OwnedField = OwnedField.STOCK, mode: Mode = Mode.REJECT, *owners: Owner, **values: Any) -> SourceRule:
    return SourceRule(field, mode, owners or (ERP,), **values)


def at(*rules: SourceRule) -> Rules:
    return {rule.field: rule for rule in rules}


def planned(
    group: ChangeGroup,
    rules: Mapping[int, Rules],
    before: Mapping[LevelKey, Level] = BEFORE,
    elsewhere: Mapping[LevelKey, int] | None = None,
) -> Plan:
    places = {LocationKey("id", id_): Place(id_, rules=rules.get(id_, NO_RULES)) for id_ in (1, 2)}
    items: dict[ItemKey, Item | Refused] = {ItemKey("id", id_): ITEM._replace(id=id_) for id_ in (1, 2)}
    return plan(group, lines_of(group, items, places), before, elsewhere)


def of_shop(*changes: Any, **values: Any) -> ChangeGroup:
    origin = Origin("test", api_key_id=SHOP.id, principal=SHOP.name)
    return a_group(*changes, **{"origin": origin, "policy": Policy.KEEP_GOING, **values})


def told(outcome: Outcome) -> Any:
    """The column it was refused for, or what of it was ignored."""
    if outcome.error is not None:
        assert (outcome.error.code, outcome.error.owners) == (ErrorCode.FIELD_OWNED, ("ERP",))
        return outcome.error.field
    return outcome.ignored


SETS_STOCK_AND_PRICE = a_change(quantity=SetQuantity(10), regular_price=Decimal(8))
NOTHING = a_change(quantity=None)


@pytest.mark.parametrize(
    ("change", "owned", "rejected_for", "ignored", "after"),
    [
        (a_change(quantity=SetQuantity(10)), "stock", "quantity", ("stock",), {}),
        (a_change(quantity=AdjustQuantity(-2)), "stock", "quantity", ("stock",), {}),
        (a_change(quantity=SetTotal(20)), "stock", "quantity", ("stock",), {}),
        (replace(NOTHING, reserved=1), "stock", "reserved", ("stock",), {}),
        (replace(NOTHING, safety_stock=1), "stock", "safety_stock", ("stock",), {}),
        (replace(NOTHING, regular_price=Decimal(8)), "prices", "regular_price", ("prices",), {}),
        (replace(NOTHING, regular_price=None), "prices", "regular_price", ("prices",), {}),
        (replace(NOTHING, sale_price=Decimal(8)), "prices", "sale_price", ("prices",), {}),
        (replace(NOTHING, backorders=Backorders.YES), "backorders", "backorders", ("backorders",), {}),
        (replace(NOTHING, disabled=True), "disabled", "disabled", ("disabled",), {}),
        # only the price is owned: with `ignore` the stock is written all the same
        (SETS_STOCK_AND_PRICE, "prices", "regular_price", ("prices",), {"on_hand": 10}),
        (SETS_STOCK_AND_PRICE, "stock", "quantity", ("stock",), {"regular_price": Decimal(8)}),
        (SETS_STOCK_AND_PRICE, "disabled", (), (), {"on_hand": 10, "regular_price": Decimal(8)}),
        # what is there already is nobody's write: echoes of whole records are not in the way of their one news
        (a_change(quantity=SetQuantity(12)), "stock", (), (), {}),
        (a_change(quantity=AdjustQuantity(0)), "stock", (), (), {}),
        (replace(NOTHING, regular_price=Decimal("9.00")), "prices", (), (), {}),
        (a_change(quantity=SetQuantity(12), regular_price=Decimal(8)), "stock", (), (), {"regular_price": Decimal(8)}),
        # what is ignored is not judged: neither price is one
        (replace(NOTHING, sale_price=Decimal("0.12345")), "prices", "sale_price", ("prices",), {}),
        # units leave where they are owned, though they arrive where they are not
        (a_transfer(), "stock", "source", ("stock",), {}),
        (a_transfer(source=2, target=1), "stock", "target", ("stock",), {}),
    ],
)
def test_a_field_that_others_own_is_refused_or_ignored(
    change: Any, owned: str, rejected_for: Any, ignored: tuple[str, ...], after: Mapping[str, Any]
) -> None:
    elsewhere = {(1, 1): 5}
    rejecting = {1: at(a_rule(OwnedField(owned)))}
    result = planned(of_shop(change), rejecting, elsewhere=elsewhere)
    assert told(result.outcomes[0]) == rejected_for
    if rejected_for:
        assert (result.levels, result.entries) == ({}, [])

    result = planned(of_shop(change), {1: at(a_rule(OwnedField(owned), Mode.IGNORE))}, elsewhere=elsewhere)
    assert told(result.outcomes[0]) == ignored
    level = result.levels.get((1, 1), BEFORE[1, 1])
    assert level[:-1] == BEFORE[1, 1]._replace(**after)[:-1]
    assert len(result.entries) == result.outcomes[0].changed == bool(after)

    # the owner itself writes as if there were no rule, and so does everybody where it does not hold
    erp = of_shop(change, origin=Origin("test", ERP.id))
    unruled = planned(of_shop(change), {}, elsewhere=elsewhere)
    assert planned(erp, rejecting, elsewhere=elsewhere) == unruled
    if not isinstance(change, Transfer):
        assert planned(of_shop(change), {2: rejecting[1]}, elsewhere=elsewhere) == unruled


def test_a_back_order_that_is_ignored_does_not_let_stock_fall_below_zero() -> None:
    change = a_change(quantity=SetQuantity(-1), backorders=Backorders.YES)
    [outcome] = planned(of_shop(change), {1: at(a_rule(OwnedField.BACKORDERS, Mode.IGNORE))}).outcomes
    assert outcome.error is not None
    assert outcome.error.code is ErrorCode.INSUFFICIENT_STOCK


def test_who_has_no_api_key_owns_nothing() -> None:
    [outcome] = planned(a_group(a_change(), policy=Policy.KEEP_GOING), {1: at(a_rule())}).outcomes
    assert told(outcome) == "quantity"


def test_what_cannot_be_ignored_is_refused_in_either_mode() -> None:
    rules = {1: at(a_rule(mode=Mode.IGNORE))}
    assert told(planned(of_shop(a_change(), ignorable=False), rules).outcomes[0]) == "quantity"


def test_one_end_of_a_transfer_that_refuses_goes_before_the_other_that_ignores() -> None:
    rules = {1: at(a_rule(mode=Mode.IGNORE)), 2: at(a_rule())}
    assert told(planned(of_shop(a_transfer()), rules).outcomes[0]) == "target"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (a_rule(), 'Stock may be written by the API key "ERP" only'),
        (a_rule(location_id=3), 'Stock at this location may be written by the API key "ERP" only'),
        (
            a_rule(OwnedField.PRICES, Mode.REJECT, ERP, SHOP, Owner(3, "Till")),
            'Prices may be written by the API keys "ERP", "Shop" and "Till" only',
        ),
        (
            a_rule(OwnedField.CATALOG, Mode.REJECT, ERP, Owner(9, "ERP")),
            'The catalogue may be written by the API key "ERP" only',
        ),
    ],
)
def test_a_refusal_names_the_field_its_owners_and_what_to_do(rule: SourceRule, message: str) -> None:
    advice = f"change it there, or let an administrator change the rule for {rule.field} (stockgate rules list)."
    assert rule.message == f"{message}: {advice}"


def test_a_locations_rule_goes_before_the_one_for_everywhere() -> None:
    everywhere, here = ["stock", "reject", None, [[1, "ERP"]]], ["stock", "ignore", 2, [[2, "Shop"]]]
    others = ["prices", "reject", None, [[1, "ERP"]]]
    for rows in ([everywhere, here, others], [here, others, everywhere]):
        text = orjson.dumps([[*rule, orjson.dumps(owners).decode()] for *rule, owners in rows]).decode()
        assert rules_of(text) == RuleBook(rows).at(2)
        book = RuleBook(rows)
        assert book.at(2) == at(a_rule(OwnedField.PRICES), a_rule(OwnedField.STOCK, Mode.IGNORE, SHOP, location_id=2))
        assert book.at(1) == book.at(None) == book.everywhere == at(a_rule(), a_rule(OwnedField.PRICES))
    assert rules_of("[]") is NO_RULES
    assert not RuleBook()


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("sale_ends_at", "prices"),
        ("tax_rate", "prices"),
        ("manage_stock", "stock"),
        ("stock_status", "stock"),
        ("backorders", "backorders"),
        ("name", "catalog"),
        ("low_stock_threshold", "catalog"),
        ("extra", "catalog"),
        ("active", "catalog"),
    ],
)
def test_a_column_of_the_catalogue_belongs_to_one_field(column: str, field: str) -> None:
    assert field_of(column) == field


OF_LEVELS = [field for field in OwnedField if field is not OwnedField.CATALOG]
COLUMNS: Mapping[OwnedField, Sequence[str]] = {
    OwnedField.STOCK: ("on_hand", "reserved", "safety_stock"),
    OwnedField.PRICES: ("regular_price", "sale_price"),
    OwnedField.BACKORDERS: ("backorders",),
    OwnedField.DISABLED: ("disabled",),
}
prices = st.sampled_from([None, *map(Decimal, range(5, 12))])
backorders = st.sampled_from([None, *Backorders])
levels = st.builds(
    Level,
    st.none() | st.integers(0, 9), prices, st.none(), backorders, st.booleans(), st.integers(0, 2), st.integers(0, 2),
    st.just(1),
)  # fmt: skip
changes = st.builds(
    Change,
    st.sampled_from([(ItemKey("id", 1),), (ItemKey("id", 2),)]),
    st.sampled_from([LocationKey("id", 1), LocationKey("id", 2)]),
    st.none() | st.builds(SetQuantity, st.integers(-2, 9)) | st.builds(AdjustQuantity, st.integers(-5, 5)),
    regular_price=st.just(UNSET) | prices,
    sale_price=st.just(UNSET) | prices,
    backorders=st.just(UNSET) | backorders,
    disabled=st.just(UNSET) | st.booleans(),
    reserved=st.just(UNSET) | st.integers(-1, 3),
    safety_stock=st.just(UNSET) | st.integers(0, 3),
)
transfers = st.builds(a_transfer, st.integers(1, 2), st.just(1), st.just(2), quantity=st.integers(1, 4)) | st.builds(
    a_transfer, st.integers(1, 2), st.just(2), st.just(1), quantity=st.integers(1, 4)
)
rule_sets = st.dictionaries(
    st.sampled_from(OF_LEVELS),
    st.tuples(st.sampled_from(Mode), st.sets(st.sampled_from([ERP, SHOP]), min_size=1)),
).map(lambda drawn: at(*(a_rule(field, mode, *sorted(owners)) for field, (mode, owners) in drawn.items())))


def bound(rules: Rules, writer: int | None) -> set[OwnedField]:
    return {field for field, rule in rules.items() if writer not in {owner.id for owner in rule.owners}}


def would_change(change: Change, level: Level) -> set[OwnedField]:
    """The fields that a change makes others, column by column."""
    asked = {column: getattr(change, column, UNSET) for columns in COLUMNS.values() for column in columns}
    match change.quantity:
        case SetQuantity(quantity):
            asked["on_hand"] = quantity
        case AdjustQuantity(delta) if delta:
            asked["on_hand"] = (level.on_hand or 0) + delta
    given_ = {column: value for column, value in asked.items() if value is not UNSET}
    return {
        f
        for f, columns in COLUMNS.items()
        if any(given_.get(c, getattr(level, c)) != getattr(level, c) for c in columns)
    }


def without(change: Change, fields: set[OwnedField]) -> Change:
    columns = {column: UNSET for field in fields for column in COLUMNS[field]}
    quantity = None if columns.pop("on_hand", None) is not None else change.quantity
    return replace(change, quantity=quantity, **columns)  # type: ignore[arg-type]


@given(
    st.fixed_dictionaries({1: rule_sets, 2: rule_sets}),
    st.sampled_from([None, 1, 2, 3]),
    st.lists(changes | transfers, max_size=5),
    st.fixed_dictionaries({(item, place): levels for item in (1, 2) for place in (1, 2)}),
)
def test_what_others_own_never_changes_and_all_else_as_if_there_were_no_rules(
    rules: dict[int, Rules], writer: int | None, asked: list[Change | Transfer], before: dict[LevelKey, Level]
) -> None:
    group = of_shop(*asked, origin=Origin("test", writer))
    result = planned(group, rules, before)
    for (item, place), level in result.levels.items():
        for field in bound(rules[place], writer):
            for column in COLUMNS[field]:
                assert getattr(level, column) == getattr(before[item, place], column)

    # line by line, without rules: what nobody else owns
    now = dict(before)
    for line, outcome in zip(asked, result.outcomes, strict=True):
        ends = (line.source, line.target) if isinstance(line, Transfer) else (line.location,)
        places = [int(end.value) for end in ends]
        item = int(line.items[0].value)
        if isinstance(line, Transfer):
            owned = {place: bound(rules[place], writer) & {OwnedField.STOCK} for place in places}
        else:
            owned = {places[0]: bound(rules[places[0]], writer) & would_change(line, now[item, places[0]])}
        modes = {rules[place][field].mode for place, fields in owned.items() for field in fields}
        if Mode.REJECT in modes:
            assert outcome.error is not None
            assert (outcome.error.code, outcome.changed) == (ErrorCode.FIELD_OWNED, False)
            continue
        ignored = {field for fields in owned.values() for field in fields}
        if isinstance(line, Transfer) and ignored:
            assert (outcome.ignored, outcome.changed, outcome.error) == (("stock",), False, None)
            continue
        allowed = line if isinstance(line, Transfer) else without(line, ignored)
        alone = planned(of_shop(allowed), {}, now)
        assert replace(alone.outcomes[0], index=outcome.index, ignored=outcome.ignored) == outcome
        assert set(outcome.ignored) == (ignored if outcome.error is None else set(outcome.ignored))
        now |= alone.levels
    assert {key: result.levels.get(key, level) for key, level in before.items()} == now
