"""locationCreate, locationUpdate, locationArchive: what they write, refuse and give back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import a_location
from tests.schema.caller import Caller
from tests.schema.mutations.stock import add, codes, on_hand
from tests.schema.mutations.test_inventory_lines import a_set, set_

ERRORS = """userErrors { __typename code message field index ... on StockLeftError { levels units } } dryRun
    location { id databaseId slug code name kind active isDefault address { city country } } } }"""
CREATE = f"mutation($input: LocationCreateInput!) {{ locationCreate(input: $input) {{ {ERRORS}"
UPDATE = f"mutation($input: LocationUpdateInput!) {{ locationUpdate(input: $input) {{ {ERRORS}"
ARCHIVE = f"""mutation($input: LocationArchiveInput!) {{ locationArchive(input: $input) {{
    moved changeGroups {{ reason note entries {{ delta location {{ databaseId }} }} }} {ERRORS}"""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def places(new_caller: Callable[..., Caller]) -> Caller:
    """Location 1 is the default, 2 is another."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1, is_default=True), a_location(2)])

    return new_caller(load)


def create(places: Caller, visible: Any = None, **values: Any) -> Any:
    return places.data(CREATE, visible, input={"name": f"Place {next(_numbers)}", **values})["locationCreate"]


def new(places: Caller, **values: Any) -> int:
    """The databaseId of a new location."""
    payload = create(places, **values)
    assert payload["userErrors"] == []
    number: int = payload["location"]["databaseId"]
    return number


def update(places: Caller, location: int, visible: Any = None, **values: Any) -> Any:
    return places.data(UPDATE, visible, input={"location": {"id": str(location)}, **values})["locationUpdate"]


def archive(places: Caller, location: int, visible: Any = None, **values: Any) -> Any:
    return places.data(ARCHIVE, visible, input={"location": {"id": str(location)}, **values})["locationArchive"]


def errors(payload: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


def test_a_location_is_created_with_a_slug_of_its_name(places: Caller) -> None:
    payload = create(places, name="Львів Склад", code="L7", kind="WAREHOUSE", address={"city": "Львів"})
    location = payload["location"]
    assert (payload["userErrors"], payload["dryRun"]) == ([], False)
    assert location.pop("id") == f"gid://stockgate/Location/{location.pop('databaseId')}"
    assert location == {
        "slug": "львів-склад", "code": "L7", "name": "Львів Склад", "kind": "WAREHOUSE", "active": True,
        "isDefault": False, "address": {"city": "Львів", "country": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": " "}, ("INVALID_VALUE", "name")),
        ({"name": "Location 1"}, ("NOT_UNIQUE", "name")),
        ({"slug": "LOCATION-2"}, ("NOT_UNIQUE", "slug")),
        ({"slug": "---"}, ("INVALID_VALUE", "slug")),
        ({"latitude": 91.0}, ("INVALID_VALUE", "latitude")),
        ({"active": None}, ("INVALID_VALUE", "active")),
        ({"address": {"city": "x" * 256}}, ("INVALID_VALUE", "address.city")),
        ({"description": "a\0b"}, ("INVALID_VALUE", "description")),
    ],
)
def test_what_fits_no_location_is_refused_with_its_path(places: Caller, values: Any, expected: Any) -> None:
    payload = create(places, **values)
    assert errors(payload) == [expected]
    assert (payload["location"], payload["userErrors"][0]["index"]) == (None, None)


def test_every_problem_is_told_at_once(places: Caller) -> None:
    payload = create(places, name=" ", code="", latitude=99.0)
    assert [field for _, field in errors(payload)] == ["code", "name", "latitude"]


def test_what_is_left_out_stays_and_what_is_null_is_cleared(places: Caller) -> None:
    number = new(places, code=f"C{next(_numbers)}", address={"city": "Kyiv", "country": "UA"})
    location = update(places, number, name="Renamed", address={"city": None})["location"]
    assert (location["name"], location["address"]) == ("Renamed", {"city": None, "country": "UA"})
    assert location["code"] is not None
    assert update(places, number, code=None)["location"]["code"] is None
    assert errors(update(places, number, slug="location-1")) == [("NOT_UNIQUE", "slug")]
    assert errors(update(places, 999, name="x")) == [("LOCATION_NOT_FOUND", "location")]


def test_one_location_is_the_default(places: Caller) -> None:
    number = new(places, isDefault=True)
    assert places.data('{ location(id: "1") { isDefault } }') == {"location": {"isDefault": False}}
    assert codes(archive(places, number)) == ["LOCATION_IS_DEFAULT"]
    assert update(places, 1, isDefault=True)["location"]["isDefault"] is True
    assert codes(archive(places, number)) == []


def test_an_archived_location_takes_no_changes_until_it_is_opened_again(places: Caller) -> None:
    number, item = new(places), add(places)
    payload = archive(places, number)
    assert (payload["userErrors"], payload["location"]["active"], payload["changeGroups"]) == ([], False, [])
    assert codes(set_(places, a_set(item, 1, number))) == ["LOCATION_INACTIVE"]
    assert errors(update(places, number, isDefault=True)) == [("INVALID_VALUE", "isDefault")]
    assert archive(places, number)["userErrors"] == []  # once more is harmless
    assert update(places, number, active=True)["location"]["active"] is True
    assert codes(set_(places, a_set(item, 1, number))) == []


def test_a_location_with_stock_asks_where_it_shall_go(places: Caller) -> None:
    number, target, items = new(places), new(places), [add(places), add(places, backorders="yes"), add(places)]
    set_(places, a_set(items[0], 5, number), a_set(items[1], -2, number), a_set(items[2], 0, number))
    set_(places, a_set(items[0], 1, target))
    payload = archive(places, number)
    [error] = payload["userErrors"]
    assert (error["__typename"], error["field"], error["levels"], error["units"]) == (
        "StockLeftError", "transferTo", 2, 3,
    )  # fmt: skip
    dry = archive(places, number, transferTo={"id": str(target)}, dryRun=True)
    assert (dry["userErrors"], dry["moved"], dry["location"]["active"], dry["changeGroups"]) == ([], 2, True, [])
    payload = archive(places, number, transferTo={"id": str(target)}, note="closing down")
    assert (payload["userErrors"], payload["moved"], payload["location"]["active"]) == ([], 2, False)
    [group] = payload["changeGroups"]
    assert (group["reason"], group["note"]) == ("TRANSFER", "closing down")
    assert [entry["delta"] for entry in group["entries"]] == [-5, 5, -2, 2]
    assert [on_hand(places, item, number) for item in items] == [0, 0, 0]
    assert [on_hand(places, item, target) for item in items] == [6, -2, None]


def test_stock_leaves_a_location_that_is_inactive_already(places: Caller) -> None:
    number, item = new(places), add(places)
    set_(places, a_set(item, 5, number))
    update(places, number, active=False)
    assert archive(places, number, transferTo={"id": "2"})["userErrors"] == []
    assert (on_hand(places, item, number), on_hand(places, item, 2)) == (0, 5)


@pytest.mark.parametrize(
    ("target", "code"), [("999", "LOCATION_NOT_FOUND"), ("self", "SAME_LOCATION"), ("closed", "LOCATION_INACTIVE")]
)
def test_stock_that_cannot_move_keeps_its_location_open(places: Caller, target: str, code: str) -> None:
    number, item, closed = new(places), add(places), new(places, active=False)
    set_(places, a_set(item, 5, number))
    payload = archive(
        places, number, transferTo={"id": {"self": str(number), "closed": str(closed)}.get(target, target)}
    )
    assert errors(payload)[-1] == (code, "transferTo")
    assert (on_hand(places, item, number), codes(set_(places, a_set(item, 6, number)))) == (5, [])


def test_stock_of_what_is_in_the_trash_holds_no_location_open(places: Caller) -> None:
    number, item = new(places), add(places)
    set_(places, a_set(item, 5, number))
    archived = "mutation($id: ID!) { productArchive(input: {products: [{id: $id}]}) { archived userErrors { code } } }"
    assert places.data(archived, id=item)["productArchive"] == {"archived": 1, "userErrors": []}
    assert archive(places, number)["userErrors"] == []
    assert on_hand(places, item, number) == 5


def test_a_limited_key_changes_only_its_locations(places: Caller) -> None:
    number = new(places)
    assert codes(create(places, [1])) == ["LOCATION_FORBIDDEN"]
    assert codes(update(places, number, [1], name="x")) == ["LOCATION_FORBIDDEN"]
    assert codes(archive(places, number, [1])) == ["LOCATION_FORBIDDEN"]
    assert codes(update(places, number, [number], name="x")) == []
    assert codes(archive(places, number, [number])) == []


def test_a_dry_run_creates_nothing(places: Caller) -> None:
    payload = create(places, name="Dry", dryRun=True)
    assert (payload["userErrors"], payload["dryRun"], payload["location"]) == ([], True, None)
    assert places.data('{ location(slug: "dry") { id } }') == {"location": None}
    assert codes(create(places, name=" ", dryRun=True)) == ["INVALID_VALUE"]
