"""A shop made to trip a compiler up: everything that may be null is null somewhere, and texts hold every character."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage.change_feed import Kind
from storage.changes import Reason
from storage.import_rows import Mode, Policy
from storage.imports import INVENTORY, Options, State
from storage.tables import (
    CatalogChange,
    ImportJob,
    KeyUse,
    LedgerEntry,
    Product,
    SourceRule,
    StockChangeGroup,
    StockLevel,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.builders import EPOCH, a_location, a_product

TEXTS: Final = (
    'Say "hi"', "It's", "back\\slash", "new\nline", "tab\there", "return\rhere", "\b\f\x01\x1f\x7f", "100% wool",
    "under_score", "%", "_", "\\", "\\%_", "Łódź", "Straße", "STRASSE", "İstanbul", "Київ – взуття",
    "👟🏽 shoes 👨‍👩‍👧", "𝕊", "日本",
    "مرحبا", "e\u0301", "é", "\u2028\u2029", "</script>", "$v0 :v1 ?2 {} [1] null",
    " leading and trailing ", "ﬁ", "\ufeff",
)  # fmt: skip
QUANTITIES: Final = (None, None, -7, -1, 0, 0, 1, 2, 5, 10, 1_000_000_000)
PRICES: Final = tuple(
    None if text is None else Decimal(text)
    for text in (None, None, "0", "5", "0.01", "0.5", "19.99", "1.2345", "10.1", "7.005", "99999999.9999")
)
TIMES: Final = tuple(
    EPOCH + offset
    for offset in (
        timedelta(0),
        timedelta(microseconds=1),
        timedelta(microseconds=-678901),  # a whole second
        timedelta(days=-365.25, microseconds=5),
        timedelta(days=40, milliseconds=1),
    )
)
BACKORDERS: Final = ("no", "notify", "yes")
TYPES: Final = ("simple", "simple", "simple", "external", "grouped")
REASONS: Final = tuple(Reason)
_ELSEWHERE: Final = {1: 2, 2: 40, 3: 1, 40: 5, 5: 3}
WINDOWS: Final = (
    None,
    None,
    EPOCH,
    EPOCH + timedelta(microseconds=1),
    EPOCH - timedelta(days=1),
    EPOCH + timedelta(days=9),
)
STATUSES: Final = ("publish", "publish", "publish", "publish", "draft", "pending", "private", "trash")


def tables() -> list[list[Any]]:
    """The rows of each table: locations, products, stock levels, change groups, ledger entries, catalogue changes,
    webhook endpoints and deliveries, source rules, import jobs and what keys called.

    Always the same.
    """
    rng = random.Random(20_260_102)  # noqa: S311 (no secret)
    return [
        list(rows)
        for rows in (
            _locations(),
            _products(rng),
            _levels(rng),
            _groups(),
            [*_entries(rng), *_sales(rng)],
            _catalog_changes(),
            _endpoints(),
            _deliveries(),
            _rules(),
            _jobs(),
            _uses(),
        )
    ]


async def load(session: AsyncSession) -> None:
    """Fill an empty database."""
    for rows in tables():
        session.add_all(rows)
        await session.flush()
    await count_on(session)


async def count_on(session: AsyncSession) -> None:
    """What is written next gets a higher sequence than the rows that were given theirs."""
    if session.get_bind().dialect.name == "postgresql":
        given = "SELECT sequence FROM ledger_entry UNION SELECT sequence FROM catalog_change"
        count = sqlalchemy.text(f"SELECT setval('ledger_entry_sequence_seq', max(sequence)) FROM ({given}) given")
        await session.execute(count)


def _locations() -> Iterator[SQLModel]:
    yield a_location(
        1, is_default=True, code="TILL-1", city="Łódź", country="PL", latitude=51.759445, longitude=-0.5, pickup=True
    )
    yield a_location(8, position=1, latitude=51.759445, longitude=-0.5, pickup=True, low_stock_threshold=0)
    yield a_location(
        2,
        position=1,
        low_stock_threshold=6,
        code="till-1",
        kind="warehouse",
        address2='Door "2"\n\\',
        description="A\tB",
    )
    yield a_location(3, position=0, active=False, name="Кінець", slug="кінець", latitude=0.0, longitude=180.0)
    yield a_location(
        40, position=1, address1="", name="40%_\\", code="%", latitude=-33.8688197, longitude=151.2092955, pickup=True
    )
    yield a_location(5, position=9, active=False, kind="warehouse", postcode="00-001", region="M", slug="5-👟")
    yield a_location(6, position=2, name="Empty", description="Nothing is stocked here.", latitude=51.5)
    yield a_location(7, position=3, active=False, archived_at=TIMES[3], latitude=51.7, longitude=-0.4)


def _products(rng: random.Random) -> Iterator[SQLModel]:
    made = list(_made_up(rng))
    yield from made
    gone = a_product(sku="Gone", gtin="00000040000099")
    for number, namesake in ((70, made[3]), (71, made[3]), (72, made[11]), (73, gone), (74, gone)):
        yield a_product(number, sku=namesake.sku, gtin=namesake.gtin, gtin_text=namesake.gtin, status="trash")


def _made_up(rng: random.Random) -> Iterator[Product]:
    for number, text in enumerate(TEXTS, start=1):
        is_variable = number % 6 == 0
        yield _product(rng, number, text, type="variable" if is_variable else rng.choice(TYPES))
    for number in range(41, 53):
        parent = 6 * rng.randint(1, len(TEXTS) // 6)
        size = rng.choice(TEXTS)
        attributes = [
            {"name": "size", "value": size},
            *({"name": rng.choice(TEXTS), "value": ""} for _ in range(number % 3)),
        ]
        yield _product(
            rng, number, f"{TEXTS[parent - 1]} - {size}", type="variation", parent_id=parent, attributes=attributes
        )
    yield _product(rng, 2_000_000_000, "Same name")
    yield _product(rng, 900, "same NAME")


def _product(rng: random.Random, number: int, text: str, **values: Any) -> Product:
    gtin = None if number % 4 else f"{40_000_000 + number:014d}"
    return a_product(
        number,
        name=text,
        sku=None if number % 5 == 0 else f"{rng.choice(TEXTS)}-{number}",
        gtin=gtin,
        gtin_text=gtin and gtin.lstrip("0"),
        status=rng.choice(STATUSES),
        manage_stock=rng.random() < 0.8,
        backorders=rng.choice(BACKORDERS),
        regular_price=rng.choice(PRICES),
        sale_price=rng.choice(PRICES),
        sale_starts_at=rng.choice(WINDOWS),
        sale_ends_at=rng.choice(WINDOWS),
        low_stock_threshold=rng.choice((None, None, 0, 1, 5)),
        created_at=rng.choice(TIMES),
        updated_at=rng.choice(TIMES),
        **{"stock_status": ("instock", "outofstock", "instock", "onbackorder")[number % 4], **values},
    )


def _levels(rng: random.Random) -> Iterator[SQLModel]:
    numbers = [*range(1, len(TEXTS) + 1), *range(41, 53), 900]
    for product_id in numbers:
        for location_id in (1, 2, 3, 40, 5, 7, 8):
            if rng.random() < 0.6:
                yield StockLevel(
                    product_id=product_id,
                    location_id=location_id,
                    on_hand=rng.choice(QUANTITIES[:-1]),
                    updated_at=rng.choice(TIMES),
                    low_stock_threshold=(None, None, None, 0, 3, 8)[(product_id * 5 + location_id) % 6],
                    **_state(rng),
                )


def _groups() -> Iterator[SQLModel]:
    for number, text in enumerate(TEXTS[:6], start=1):
        yield StockChangeGroup(
            id=number,
            dialect="mulopimfwc/v1" if number % 3 == 0 else "graphql",
            api_key_id=None if number % 3 == 0 else number % 3,
            principal=text,
            reason=REASONS[number % len(REASONS)],
            reverses_id=3 if number == 5 else None,
            note="" if number % 2 else text,
            reference=f"#{number}",
            request_id=f"r{number}",
            created_at=TIMES[number % len(TIMES)],
        )


def _entries(rng: random.Random) -> Iterator[SQLModel]:
    half: dict[str, int] = {}
    for sequence in (*range(1, 35), *range(37, 43)):
        if sequence % 4 == 0:  # the other half of a transfer
            half = {**half, "location_id": _ELSEWHERE[half["location_id"]]}
        else:  # the sixth group has none
            half = {"group_id": rng.randint(1, 5), "line": sequence, "product_id": rng.randint(1, 10)}
            half["location_id"] = rng.choice((1, 2, 3, 40, 5))
        yield LedgerEntry(
            sequence=sequence,
            **half,
            delta=rng.choice((-3, 0, 4)),
            before=rng.choice(QUANTITIES),
            on_hand=rng.choice(QUANTITIES),
            created_at=rng.choice(TIMES),
            **_state(rng),
        )


def _sales(rng: random.Random) -> Iterator[SQLModel]:
    """What went out of levels that have something left, on the edges of what is looked at."""
    places = ((1, 3), (3, 40), (5, 1), (5, 40), (6, 40), (8, 7))
    for number in range(10):
        product_id, location_id = places[number % len(places)]
        yield LedgerEntry(
            sequence=50 + number,
            group_id=1,
            line=number,
            product_id=product_id,
            location_id=location_id,
            delta=(-1, -40, -3, 2, -7)[number % 5],
            before=9,
            on_hand=2,
            created_at=EPOCH - timedelta(days=(1, 28, 7, 2, 365)[number % 5], microseconds=number // 5),
            **_state(rng),
        )


def _catalog_changes() -> Iterator[SQLModel]:
    changed = (
        (1, None, Kind.UPDATED), (None, 2, Kind.CREATED), (None, 5, Kind.DELETED), (None, 40, Kind.RESTORED),
        (1, 2, Kind.THRESHOLDS), (48, None, Kind.DELETED), (None, None, Kind.IMPORT_FINISHED),
    )  # fmt: skip
    for sequence, (product_id, location_id, kind) in zip((35, 36, 43, 44, 45, 46, 47), changed, strict=True):
        yield CatalogChange(
            sequence=sequence,
            product_id=product_id,
            location_id=location_id,
            kind=kind,
            created_at=TIMES[sequence % len(TIMES)],
        )


def _endpoints() -> Iterator[SQLModel]:
    common = {"url": "https://erp.example/hook", "secret": "sealed", "created_at": TIMES[0], "updated_at": TIMES[1]}
    yield WebhookEndpoint(id=1, name="ERP", topics=["*"], position=30, **common)
    narrow = {"topics": ["stock.*", "product.updated"], "location_ids": [2, 1, 99], "product_ids": [3, 41]}
    until = {"previous_until": TIMES[2], "failing_since": TIMES[3], "retry_at": TIMES[0], "failures": 7}
    yield WebhookEndpoint(id=2, name="Łódź", status="paused", position=0, **narrow, **until, **common)
    gone = {"status": "disabled", "disabled_reason": "It answered 410 Gone."}
    yield WebhookEndpoint(id=7, name="", format="woocommerce", topics=[], position=47, **gone, **common)


def _deliveries() -> Iterator[SQLModel]:
    for number, sequence in enumerate((1, 2, 17, 30, 35), start=1):
        status = ("delivered", "waiting", "failed")[number % 3]
        answered = {"response_status": 500, "error": 'HTTP 500 "oops"', "duration_ms": 12, "next_at": TIMES[1]}
        yield WebhookDelivery(
            id=number,
            endpoint_id=1 + number % 2,
            event_id=f"evt_{sequence}",
            topic=("stock.changed", "product.updated")[number % 2],
            sequence=sequence,
            status=status,
            attempts=number,
            payload='{"type":"é"}' if status == "failed" else None,
            created_at=TIMES[0],
            updated_at=TIMES[number % len(TIMES)],
            **(answered if status == "waiting" else {}),
        )


def _rules() -> Iterator[SQLModel]:
    """Of keys 1 to 7, those of tests/schema/test_reference.py; 99 is none."""
    made = (
        ("prices", None, "ignore", [[1, "tests"], [99, 'Say "hi"']]), ("stock", 2, "reject", [[99, ""]]),
        ("stock", None, "reject", [[7, "Łódź"]]), ("stock", 1, "ignore", [[1, "tests"], [1, "tests"], [2, "band"]]),
        ("catalog", 7, "reject", [[7, "Łódź"], [4, "shop window"]]), ("disabled", 40, "ignore", [[2, "band"]]),
        ("stock", 3, "reject", [[3, "capped"], [7, "Łódź"]]),
    )  # fmt: skip
    for number, (field, location_id, mode, owners) in enumerate(made, start=1):
        times = {"created_at": TIMES[0], "updated_at": TIMES[number % len(TIMES)]}
        yield SourceRule(id=number, field=field, location_id=location_id, mode=mode, owners=owners, **times)


def _jobs() -> Iterator[SQLModel]:
    stock = {"stock": {"before": None, "after": -3}, "disabled": {"before": True, "after": False}}
    price = {"regular_price": {"before": "1.50", "after": None}}
    sample: list[dict[str, Any]] = [
        {"line": 2, "product_id": 1, "sku": None, "location_id": 2, "changes": stock},
        {"line": 4, "product_id": 41, "sku": 'Say "hi"', "location_id": 1, "changes": price},
        {"line": 9, "column": "stock", "value": "’", "code": "INVALID_VALUE", "message": "No\nnumber."},
    ]
    short = {**sample[2], "line": 10, "code": "INSUFFICIENT_STOCK", "message": "Only 3 are available."}
    for number, state in enumerate(State, start=1):
        is_over = state in {State.FINISHED, State.CANCELLED, State.FAILED}
        options = Options(tuple(Mode)[number % 2], tuple(Policy)[number % 3 % 2]).stored()
        yield ImportJob(
            id=number * 3,
            kind=INVENTORY,
            state=state,
            name=TEXTS[number],
            fingerprint=f"f{number}",
            options=options if number % 2 else {**options, "notes": [TEXTS[9], ""], "locations": [1, 2]},
            api_key_id=(None, 7, 2, 1)[number % 4],
            principal=TEXTS[number],
            rows=number,
            to_change=2,
            unchanged=2**31 - 1,
            failed=number % 3,
            chunks=1,
            sample=[*sample[: number % 4], short],
            error='It "failed".' if state is State.FAILED else None,
            created_at=TIMES[number % len(TIMES)],
            updated_at=TIMES[1],
            finished_at=TIMES[2] if is_over else None,
        )


def _uses() -> Iterator[SQLModel]:
    routes = (
        ("graphql", "query product"), ("graphql", "mutation inventorySet"), ("wc/v3", "GET /wp-json/wc/v3/products"),
        ("wc/v2", "GET /wp-json/wc/v3/products"), ("wc/v3", "POST /wp-json/wc/v3/products/batch"),
        ("wc/v3", "GET /wp-json/wc/v3/orders"),
    )  # fmt: skip
    for number, (dialect, route) in enumerate(routes):
        for api_key_id in (1, 2, 7):
            for back in (0, 1, 29, 30, 399, 400)[number % 3 :: 1 + api_key_id % 2]:
                yield KeyUse(
                    api_key_id=api_key_id,
                    day=str((EPOCH - timedelta(days=back)).date()),
                    dialect=dialect,
                    route=route,
                    calls=number * 7 + back,
                    writes=number,
                    refused=api_key_id,
                    last_at=EPOCH - timedelta(days=back, seconds=number // 2),
                )


def _state(rng: random.Random) -> dict[str, Any]:
    return {
        "regular_price": rng.choice(PRICES),
        "sale_price": rng.choice(PRICES),
        "backorders": rng.choice((None, *BACKORDERS)),
        "disabled": rng.random() < 0.2,
        "reserved": rng.choice((0, 0, 1, 3, 1_000_000_000)),
        "safety_stock": rng.choice((0, 0, 2, 5)),
        "version": rng.randint(1, 2**31 - 1),
    }
