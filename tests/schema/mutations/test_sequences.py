"""Whatever is set, adjusted, moved and taken back, the ledger explains every level."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.schema.caller import Caller
from tests.schema.mutations.stock import add
from tests.schema.mutations.test_inventory_lines import a_move, a_set, adjust, an_adjustment, set_, transfer
from tests.schema.mutations.test_reversal import reverse

LEVELS = "query($id: ID!) { product(id: $id) { stockLevels { onHand version location { databaseId } } } }"
PLACES = st.sampled_from([1, 2])
QUANTITIES = st.integers(-4, 12)
lines = st.lists(st.tuples(QUANTITIES, PLACES), min_size=1, max_size=3)
requests = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["set", "adjust", "transfer"]), lines),
        st.tuples(st.just("reverse"), st.integers(0, 9)),
    ),
    max_size=7,
)


def ask(stock: Caller, item: int, kind: str, asked: Any, groups: list[str]) -> Any:
    """The payload of one request; None when there is nothing to take back."""
    policy = "KEEP_GOING"
    match kind:
        case "set":
            return set_(stock, *(a_set(item, number, place) for number, place in asked), policy=policy)
        case "adjust":
            return adjust(stock, *(an_adjustment(item, number, place) for number, place in asked), policy=policy)
        case "transfer":
            return transfer(stock, *(a_move(item, number, place, 3 - place) for number, place in asked), policy=policy)
    return reverse(stock, groups[asked % len(groups)]) if groups else None


def levels(stock: Caller, item: int) -> dict[int, int]:
    """What there is, where there is something."""
    found = stock.data(LEVELS, id=item)["product"]["stockLevels"]
    return {level["location"]["databaseId"]: level["onHand"] for level in found if level["onHand"]}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests, backorders=st.sampled_from(["no", "yes"]))
def test_the_ledger_explains_every_level_and_a_transfer_conserves_the_total(
    stock: Caller, asked: Any, backorders: str
) -> None:
    item = add(stock, backorders=backorders)
    sums = {1: 0, 2: 0}
    groups: list[str] = []
    for kind, wanted in asked:
        payload = ask(stock, item, kind, wanted, groups)
        total = sum(sums.values())
        if payload and payload["changeGroup"]:
            groups.append(payload["changeGroup"]["id"])
            for entry in payload["changeGroup"]["entries"]:
                sums[entry["location"]["databaseId"]] += entry["delta"]
        assert levels(stock, item) == {place: units for place, units in sums.items() if units}
        if kind == "transfer":
            assert sum(sums.values()) == total
        if backorders == "no":
            assert min(sums.values()) >= 0
