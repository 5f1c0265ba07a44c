"""The price rules: gross is stored, net follows from it, and a reduction is a sale price that applies. Pure functions.

Decimal arithmetic throughout; a float of a request or an answer is converted at its edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Self

from storage.changes import UNSET, Refused, Unset
from storage.errors import ErrorCode

Values = Mapping[str, Any]

_CENT: Final = Decimal("0.01")
_NO_WINDOW: Final[Values] = {"sale_starts_at": None, "sale_ends_at": None}


def cents(amount: Decimal) -> Decimal:
    """An amount as this API has it: rounded half up to two decimals."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def net_of(gross: Decimal, rate: Decimal) -> Decimal:
    """A gross price without tax."""
    return cents(gross / (1 + rate))


def gross_of(net: Decimal, rate: Decimal) -> Decimal:
    """A net price with tax."""
    return cents(net * (1 + rate))


def rate_of(values: Values, parent: Values | None, default: Decimal) -> Decimal:
    """The tax rate of a product as a fraction: its own, else that of the product it is a variant of, or the default."""
    for row in (values, parent or {}):
        percent: Decimal | None = row.get("tax_rate")
        if percent is not None:
            return percent / 100
    return default


@dataclass(frozen=True, slots=True)
class Asked:
    """One price of a request, in one or two forms. A price of None ends a reduction."""

    name: str
    net: Decimal | Unset | None = UNSET
    gross: Decimal | Unset | None = UNSET

    @property
    def field(self) -> str:
        """What the client called it."""
        return f"{self.name}_{'net' if self.gross is UNSET else 'gross'}"

    def in_gross(self, rate: Decimal) -> Decimal | Unset | Refused | None:
        """The price with tax; UNSET when none was asked for. Both forms have to agree to the cent."""
        if self.net is UNSET or self.gross is UNSET:
            return self.gross if isinstance(self.net, Unset) else self.net and gross_of(self.net, rate)
        if self.net is None or self.gross is None or isinstance(self.net, Unset) or isinstance(self.gross, Unset):
            agree = self.net is self.gross
        else:
            agree = abs(self.net - net_of(self.gross, rate)) <= _CENT
        if agree:
            return self.gross
        message = f"{self.name}_net and {self.name}_gross do not agree: the tax rate is {rate * 100:f} %."
        return Refused(ErrorCode.INVALID_PRICE, message, f"{self.name}_net")


@dataclass(frozen=True, slots=True)
class Priced:
    """Prices of a product as they are stored. `reduced`: the sale price applies now; `over`: its time has passed."""

    regular: Decimal | None
    sale: Decimal | None = None
    reduced: bool = False
    over: bool = False

    @classmethod
    def of(cls, values: Values, now: datetime) -> Self:
        """From a row of the table of products; storage.prices has the same rule in SQL."""
        regular, sale = values["regular_price"], values["sale_price"]
        begins, ends = values["sale_starts_at"], values["sale_ends_at"]
        over = ends is not None and ends <= now
        open_ = (begins is None or begins <= now) and not over
        return cls(regular, sale, regular is not None and sale is not None and sale < regular and open_, over)

    @property
    def current(self) -> Decimal | None:
        """What the product costs."""
        return self.sale if self.reduced else self.regular


def repriced(priced: Priced, current: Decimal | Unset, unreduced: Decimal | Unset | None) -> Values | Refused:
    """The columns that give a product this current price, and this unreduced one; None ends the reduction.

    What is asked for as it is shown stays as it is stored: that may have more decimals.
    """
    current = _kept(current, priced.current)
    if unreduced is None:
        regular = priced.regular if isinstance(current, Unset) else current
        return {"regular_price": regular, "sale_price": None, **_NO_WINDOW}
    if isinstance(unreduced, Unset):
        return _with_current(priced, current)
    reduced = priced.current if isinstance(current, Unset) else current
    if reduced is None:
        return Refused(ErrorCode.INVALID_PRICE, "There is no current price that it could be the unreduced one of.")
    unreduced = _kept(unreduced, priced.regular if priced.reduced else None)
    window = {} if priced.reduced else _NO_WINDOW  # one of a sale that does not apply now would hide this one
    return _above(unreduced, reduced) or {"regular_price": unreduced, "sale_price": reduced, **window}


def _with_current(priced: Priced, current: Decimal | Unset) -> Values | Refused:
    if isinstance(current, Unset):
        return {}
    if priced.reduced and priced.regular is not None:
        return _above(priced.regular, current) or {"sale_price": current}
    ended = {"sale_price": None, **_NO_WINDOW} if priced.over else {}
    return {"regular_price": current, **ended}


def _above(unreduced: Decimal | Unset, reduced: Decimal) -> Refused | None:
    if isinstance(unreduced, Decimal) and unreduced > reduced:
        return None
    message = f"The unreduced price must be above the current one, which would be {cents(reduced)}."
    return Refused(ErrorCode.SALE_PRICE_TOO_HIGH, message)


def _kept(asked: Decimal | Unset, stored: Decimal | None) -> Decimal | Unset:
    return stored if stored is not None and asked == cents(stored) else asked
