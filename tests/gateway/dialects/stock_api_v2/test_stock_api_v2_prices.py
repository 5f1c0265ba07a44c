"""The price rules as tables of examples; no database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.dialects.stock_api_v2.prices import Asked, Priced, cents, gross_of, net_of, rate_of, repriced
from storage.changes import UNSET, Refused
from storage.errors import ErrorCode

D = Decimal
RATE = D("0.19")
NO_WINDOW = {"sale_starts_at": None, "sale_ends_at": None}


@pytest.mark.parametrize(
    ("gross", "net"),
    [("1700", "1428.57"), ("90", "75.63"), ("900", "756.30"), ("1600", "1344.54"), ("80", "67.23"), ("0", "0.00")],
)
def test_net_and_gross_of_the_published_examples_follow_from_each_other(gross: str, net: str) -> None:
    assert str(net_of(D(gross), RATE)) == net
    assert gross_of(D(net), RATE) == D(gross)


def test_halves_are_rounded_up_and_no_tax_changes_nothing() -> None:
    assert (str(cents(D("0.005"))), str(cents(D("2.675"))), str(cents(D("2.6749")))) == ("0.01", "2.68", "2.67")
    assert net_of(D("12.34"), D(0)) == gross_of(D("12.34"), D(0)) == D("12.34")


def test_the_tax_rate_is_the_products_own_or_its_parents_or_the_default() -> None:
    assert rate_of({"tax_rate": D(20)}, {"tax_rate": D(7)}, RATE) == D("0.2")
    assert rate_of({"tax_rate": D(0)}, {"tax_rate": D(7)}, RATE) == 0
    assert rate_of({"tax_rate": None}, {"tax_rate": D(7)}, RATE) == D("0.07")
    assert rate_of({"tax_rate": None}, {"tax_rate": None}, RATE) == RATE
    assert rate_of({"tax_rate": None}, None, RATE) == RATE


@pytest.mark.parametrize(
    ("net", "gross", "expected"),
    [
        (UNSET, UNSET, UNSET),
        (D("1344.54"), UNSET, D("1600.00")),
        (UNSET, D("99.99"), D("99.99")),
        (D("84.03"), D("100"), D("100")),
        (D("84.02"), D("100"), D("100")),  # a cent off: somebody else's rounding
        (D("84.05"), D("100"), ErrorCode.INVALID_PRICE),
        (D("100"), D("100"), ErrorCode.INVALID_PRICE),
        (None, UNSET, None),
        (UNSET, None, None),
        (None, None, None),
        (None, D("100"), ErrorCode.INVALID_PRICE),
        (D("100"), None, ErrorCode.INVALID_PRICE),
        (D(0), UNSET, D(0)),
    ],
)
def test_net_and_gross_of_one_price_have_to_agree(net: Any, gross: Any, expected: Any) -> None:
    amount = Asked("old_price", net, gross).in_gross(RATE)
    assert (amount.code if isinstance(amount, Refused) else amount) == expected


PLAIN, REDUCED = Priced(D(100)), Priced(D(100), D(80), reduced=True)
PLANNED, OVER = Priced(D(100), D(80)), Priced(D(100), D(80), over=True)


@pytest.mark.parametrize(
    ("priced", "current", "unreduced", "expected"),
    [
        (PLAIN, D(90), UNSET, {"regular_price": D(90)}),
        (PLAIN, UNSET, D(120), {"regular_price": D(120), "sale_price": D(100), **NO_WINDOW}),
        (PLAIN, D(90), D(120), {"regular_price": D(120), "sale_price": D(90), **NO_WINDOW}),
        (PLAIN, UNSET, D(100), ErrorCode.SALE_PRICE_TOO_HIGH),
        (PLAIN, UNSET, None, {"regular_price": D(100), "sale_price": None, **NO_WINDOW}),
        (PLAIN, UNSET, UNSET, {}),
        (REDUCED, D(70), UNSET, {"sale_price": D(70)}),
        (REDUCED, D(100), UNSET, ErrorCode.SALE_PRICE_TOO_HIGH),
        (REDUCED, UNSET, D(110), {"regular_price": D(110), "sale_price": D(80)}),
        (REDUCED, UNSET, D(80), ErrorCode.SALE_PRICE_TOO_HIGH),
        (REDUCED, D(70), D(90), {"regular_price": D(90), "sale_price": D(70)}),
        (REDUCED, D(70), D(60), ErrorCode.SALE_PRICE_TOO_HIGH),
        (REDUCED, UNSET, None, {"regular_price": D(100), "sale_price": None, **NO_WINDOW}),
        (REDUCED, D(95), None, {"regular_price": D(95), "sale_price": None, **NO_WINDOW}),
        (PLANNED, D(90), UNSET, {"regular_price": D(90)}),  # the planned sale stays
        (PLANNED, UNSET, D(120), {"regular_price": D(120), "sale_price": D(100), **NO_WINDOW}),
        (OVER, D(70), UNSET, {"regular_price": D(70), "sale_price": None, **NO_WINDOW}),
        (Priced(None), D(5), UNSET, {"regular_price": D(5)}),
        (Priced(None), UNSET, D(5), ErrorCode.INVALID_PRICE),
        (Priced(D("19.9951")), D("20.00"), UNSET, {"regular_price": D("19.9951")}),  # as it was shown
        (Priced(D("9.999"), D("8.888"), reduced=True), D("8.89"), D("10.00"),
         {"regular_price": D("9.999"), "sale_price": D("8.888")}),
    ],
)  # fmt: skip
def test_what_prices_become(priced: Priced, current: Any, unreduced: Any, expected: Any) -> None:
    values = repriced(priced, current, unreduced)
    assert (values.code if isinstance(values, Refused) else values) == expected


def test_a_sale_applies_from_its_beginning_until_its_end() -> None:
    def of(sale: str | None, begins: int | None = None, ends: int | None = None) -> tuple[bool, bool]:
        moments = [None if hour is None else datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (begins, ends)]
        row = {"regular_price": D(10), "sale_price": sale and D(sale)}
        row |= dict(zip(("sale_starts_at", "sale_ends_at"), moments, strict=True))
        priced = Priced.of(row, datetime(2026, 1, 1, 12, tzinfo=UTC))
        return priced.reduced, priced.over

    assert of("8") == of("8", 12) == of("8", 3, 13) == (True, False)
    assert of(None) == of("10") == of("8", 13) == (False, False)
    assert of("8", 3, 12) == of("8", None, 11) == (False, True)
