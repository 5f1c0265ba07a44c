"""What WordPress makes of parameters, shown on routes of the tests' own: no engine takes part."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from typing_extensions import TypedDict

from gateway.dialects.dialect import Dialect, mounts
from gateway.dialects.wordpress import (
    COLLECTION,
    HANDLERS,
    Addressing,
    Answer,
    Endpoint,
    Namespace,
    Parameter,
    Resource,
    RestError,
    RestRequest,
    anyone,
    editable,
    object_schema,
    paged,
    routes,
    window,
)
from gateway.dialects.wordpress.php_arrays import nested
from gateway.settings import Settings

BASE = "/wp-json/shop/v1"
FORBIDDEN = {"code": "shop_forbidden", "message": "No.", "data": {"status": 401}}
_ID = Parameter(type="integer")
FIELDS = {
    "quantity": Parameter(type="integer"),
    "price": Parameter(numbers=True),
    "weight": Parameter(type="number"),
    "name": Parameter(),
    "managed": Parameter(type="boolean", also=("parent",)),
    "status": Parameter(enum=("instock", "outofstock", "onbackorder")),
    "threshold": Parameter(type="integer", nullable=True, minimum=0),
    "ids": Parameter(type="array", items=_ID),
    "tags": Parameter(type="array", items=Parameter(enum=("a", "b"))),
    "size": Parameter(type="object", properties={"length": Parameter(), "depth": _ID}),
    "since": Parameter(type="date-time"),
    "meta": Parameter(type="mixed"),
    "total": Parameter(type="integer", read_only=True),
}


class Size(TypedDict):
    """How long."""

    length: str


class Thing(TypedDict):
    title: str
    size: Size
    threshold: int | None
    _links: dict[str, Any]


class _Visitors(AuthenticationBackend):
    """`X-User: somebody` is a visitor we know; `X-User: nobody` is refused."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.headers.get("x-user", "somebody")
        if name == "nobody":
            raise RestError(401, "shop_bad_key", "Bad key.")
        return (AuthCredentials(), SimpleUser(name)) if name == "somebody" else None


def _known(request: Request) -> RestError | None:
    return None if request.user.is_authenticated else RestError(401, "shop_forbidden", "No.")


async def _echo(request: RestRequest) -> Answer:
    args = {name: str(value) if isinstance(value, datetime) else value for name, value in request.args.items()}
    return Answer({"args": args, "path": dict(request.path), "body": dict(request.body)})


async def _list(request: RestRequest) -> Answer:
    offset, limit = window(request)
    return paged(request, list(range(5))[offset : offset + limit], 5)


async def _absent(request: RestRequest) -> RestError | None:
    return RestError(404, "shop_absent", "Invalid ID.") if request.path["id"] > 100 else None


_EDIT = Endpoint(_echo, _known, FIELDS, absent=_absent)
SHOP = Namespace(
    "shop/v1",
    [
        Resource(
            "/things",
            {
                "GET": Endpoint(_list, _known, {**COLLECTION, "include": Parameter(type="array", items=_ID)}),
                "POST": Endpoint(_echo, _known, {"name": Parameter(required=True), "type": Parameter(default="x")}),
            },
            schema=object_schema("thing", Thing),
        ),
        Resource("/things/{id}", {"GET": Endpoint(_echo, _known, absent=_absent), **editable(_EDIT)}),
        Resource("/settings/{group:word}/{id:word}", {"GET": Endpoint(_echo, anyone)}),
    ],
)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    dialect = Dialect("shop/v1", [BASE], routes(SHOP), _Visitors(), HANDLERS, cors=False)
    app = Starlette(routes=mounts(dialect), middleware=[Middleware(Addressing)])
    app.state.settings = Settings(_env_file=None, body_bytes_max=100_000)  # type: ignore[call-arg]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


async def _args(client: httpx.AsyncClient, **options: Any) -> Any:
    response = await client.request(options.pop("method", "PUT"), f"{BASE}/things/7", **options)
    assert response.status_code == 200, response.text
    return response.json()["args"]


async def _detail(client: httpx.AsyncClient, body: Any) -> tuple[str, str, str, Any]:
    """Parameter, detail code, sentence and data of the one thing that is wrong."""
    response = await client.put(f"{BASE}/things/7", json=body)
    answer = response.json()
    assert (response.status_code, answer["code"]) == (400, "rest_invalid_param"), response.text
    ((name, detail),) = answer["data"]["details"].items()
    assert answer["message"] == f"Invalid parameter(s): {name}"
    assert answer["data"]["params"] == {name: detail["message"]}
    return name, detail["code"], detail["message"], detail["data"]


async def test_values_become_what_their_parameter_is(client: httpx.AsyncClient) -> None:
    alike: list[tuple[str, Any, list[Any]]] = [
        ("quantity", 5, [5, "5", 5.0, "5.0", " 5", "+5", "5e0"]),
        ("quantity", -3, [-3, "-3", "-3.0"]),
        ("quantity", 2**63 - 1, [2**63 - 1, 10**30, "9" * 30]),
        ("weight", 1.5, [1.5, "1.5", " 1.5 "]),
        ("price", "12.50", ["12.50"]), ("price", "12.5", [12.5, "12.5"]), ("price", "0.0000001", [1e-7]),
        ("managed", True, [True, "true", "TRUE", "1", 1]), ("managed", False, [False, "False", "0", 0]),
        ("managed", "parent", ["parent"]),
        ("ids", [7, 9], [[7, "9"], "7,9", "7 9", " 7, 9 ,", {"0": 7, "3": 9}]), ("ids", [], ["", [], "  "]),
        ("ids", [7], [7, "7"]), ("tags", ["a", "b"], ["a b"]),
        ("size", {"length": "1", "x": [1]}, [{"length": "1", "x": [1]}]), ("size", {}, ["", [], {}]),
        ("since", "2026-01-02 03:04:05", ["2026-01-02T03:04:05", "2026-01-02 03:04:05", "2026-01-02t03:04:05.99"]),
        ("since", "2026-01-02 01:04:05+00:00", ["2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05+02",
                                                 "2026-01-02T03:04:05 02:00", "2026-01-02T01:04:05Z"]),
        ("meta", {"any": [None, 1.5]}, [{"any": [None, 1.5]}]),
    ]  # fmt: skip
    for name, expected, given in alike:
        for value in given:
            assert await _args(client, json={name: value}) == {name: expected}, (name, value)


async def test_what_a_parameter_does_not_take_is_400_with_what_is_wrong(client: httpx.AsyncClient) -> None:
    kinds = {
        "quantity": ("integer", ["abc", "5?", "", 5.5, "5.5", True, [1], {}, "1e999", "0x5", "٥"]),
        "weight": ("number", ["", "x", True]), "price": ("string", [True, [], {}]), "name": ("string", [5, 1.5, False]),
        "managed": ("boolean", ["yes", "", 2, 1.0, [], "parents"]), "size": ("object", ["x", 5, [1]]),
        "ids": ("array", [{"a": 1}]),
    }  # fmt: skip
    for name, (kind, values) in kinds.items():
        for value in values:
            detail = await _detail(client, {name: value})
            assert detail == (name, "rest_invalid_type", f"{name} is not of type {kind}.", {"param": name}), value
    assert await _detail(client, {"ids": "7,x"}) == (
        "ids", "rest_invalid_type", "ids[1] is not of type integer.", {"param": "ids[1]"},
    )  # fmt: skip
    assert (await _detail(client, {"size": {"depth": "x"}}))[2] == "size[depth] is not of type integer."
    assert await _detail(client, {"status": "gone"}) == (
        "status", "rest_not_in_enum", "status is not one of instock, outofstock, and onbackorder.", None,
    )  # fmt: skip
    assert (await _detail(client, {"tags": ["c"]}))[2] == "tags[0] is not one of a and b."
    assert await _detail(client, {"threshold": -1}) == (
        "threshold", "rest_out_of_bounds", "threshold must be greater than or equal to 0", None,
    )  # fmt: skip
    for date in ("2026-01-01", "x", "", 5, "2026-02-30T00:00:00", "0000-01-01T00:00:00", "2026-01-01T00:00:00+99:00"):
        assert (await _detail(client, {"since": date}))[1:] == ("rest_invalid_date", "Invalid date.", None), date
    for value in ({"name": "a\0b"}, {"meta": [{"k": "\0"}]}, {"size": {"\0": 1}}):
        assert (await _detail(client, value))[2].endswith("must not contain a null character.")


async def test_everything_that_is_wrong_is_told_at_once(client: httpx.AsyncClient) -> None:
    answer = (await client.put(f"{BASE}/things/7", json={"name": 5, "quantity": "x", "total": "x"})).json()
    assert answer["message"] == "Invalid parameter(s): quantity, name"
    assert list(answer["data"]["params"]) == list(answer["data"]["details"]) == ["quantity", "name"]
    between = (await client.get(f"{BASE}/things?per_page=101")).json()
    assert between["data"]["params"] == {"per_page": "per_page must be between 1 (inclusive) and 100 (inclusive)"}


async def test_null_is_the_types_emptiness_unless_null_is_a_value(client: httpx.AsyncClient) -> None:
    nulls = dict.fromkeys(FIELDS)
    assert await _args(client, json=nulls) == {
        "quantity": 0, "price": "", "weight": 0, "name": "", "managed": False, "threshold": None,
        "ids": [], "tags": [], "size": {}, "meta": None,
    }  # fmt: skip
    listed = await client.request("GET", f"{BASE}/things", json={"per_page": None, "page": None})
    assert listed.json() == [0, 1, 2, 3, 4]


async def test_dates_beyond_the_calendar_do_no_harm(client: httpx.AsyncClient) -> None:
    for date, expected in (("0001-01-01T00:00:00+23:59", datetime(1, 1, 2, 0, 1, tzinfo=UTC)),
                           ("9999-12-31T23:59:59-23:00", datetime(9999, 12, 29, 23, tzinfo=UTC))):  # fmt: skip
        assert await _args(client, json={"since": date}) == {"since": str(expected)}


async def test_a_json_body_outranks_a_form_and_that_the_query(client: httpx.AsyncClient) -> None:
    assert await _args(client, params={"quantity": "1", "name": "q"}, json={"quantity": 2}) == {
        "quantity": 2,
        "name": "q",
    }
    assert await _args(client, params={"quantity": "1", "name": "q"}, data={"quantity": "3"}) == {
        "quantity": 3,
        "name": "q",
    }
    response = await client.put(f"{BASE}/things/7?secret=1", json={"id": 9, "extra": [1]})
    assert response.json() == {"args": {}, "path": {"id": 7}, "body": {"id": 9, "extra": [1]}}
    for body in ("[1]", "5", "null", ""):
        headers = {"Content-Type": "application/vnd.shop+json; charset=utf-8"}
        assert await _args(client, content=body, headers=headers) == {}


async def test_forms_work_like_json_on_every_verb_that_edits(client: httpx.AsyncClient) -> None:
    form = {"quantity": "4", "managed": "true", "ids[]": ["7", "9"], "size[length]": "2"}
    expected = {"quantity": 4, "managed": True, "ids": [7, 9], "size": {"length": "2"}}
    for verb in ("POST", "PUT", "PATCH"):
        assert await _args(client, method=verb, data=form) == expected
        files = {"upload": ("a.txt", b"ignored"), "name": (None, "Größe")}
        assert await _args(client, method=verb, data=form, files=files) == {**expected, "name": "Größe"}
    assert await _args(client, content=b"quantity=5") == {"quantity": 5}, "no content type is a form"
    assert await _args(client, content=b"quantity=5", headers={"Content-Type": "text/plain"}) == {}
    for content, kind in ((b"x", "multipart/form-data"), (b"x", "multipart/form-data; boundary=b"),
                          (b"a=1&" * 10_001, "application/x-www-form-urlencoded")):  # fmt: skip
        response = await client.put(f"{BASE}/things/7", content=content, headers={"Content-Type": kind})
        assert (response.status_code, response.json()["code"]) == (400, "rest_invalid_form"), kind


async def test_lists_in_a_query_are_written_in_any_way(client: httpx.AsyncClient) -> None:
    for query in ("ids=7,9", "ids=7%209", "ids[]=7&ids[]=9", "ids[0]=7&ids[1]=9", "ids=7&ids=9", "ids=7,9&ids=7,9"):
        response = await client.put(f"{BASE}/things/7?{query}")
        assert response.json()["args"] == {"ids": [7, 9]}, query
    assert (await client.put(f"{BASE}/things/7?name=a&name=b")).json()["args"] == {"name": "b"}


def test_names_with_brackets_are_arrays_as_in_php() -> None:
    def read(*names: str) -> Any:
        return json.loads(json.dumps(nested((name, str(index)) for index, name in enumerate(names))))

    assert read("a", "a") == {"a": "1"}
    assert read("a[]", "a[]") == {"a": {"0": "0", "1": "1"}}
    assert read("a[5]", "a[]", "a[k]") == {"a": {"5": "0", "6": "1", "k": "2"}}
    assert read("a[0][id]", "a[0][n]", "a[1][id]") == {"a": {"0": {"id": "0", "n": "1"}, "1": {"id": "2"}}}
    assert read("a[][]", "a[][]") == {"a": {"0": {"0": "0"}, "1": {"0": "1"}}}
    assert read("a", "a[x]") == {"a": {"x": "1"}}
    assert read("a.b c", "a.b[c.d]", " e") == {"a_b_c": "0", "a_b": {"c.d": "1"}, "e": "2"}
    assert read("a[b", "[x]", "c]d", "e[f]g[h]") == {"a_b": "0", "c]d": "2", "e": {"f": "3"}}
    assert read("a" + "[b]" * 100) == {}


async def test_required_parameters_are_missed_before_the_others_are_looked_at(client: httpx.AsyncClient) -> None:
    for body in ({"type": 5}, {"name": None}):
        response = await client.post(f"{BASE}/things", json=body)
        assert (response.status_code, response.json()) == (400, {
            "code": "rest_missing_callback_param",
            "message": "Missing parameter(s): name",
            "data": {"status": 400, "params": ["name"]},
        })  # fmt: skip
    created = (await client.post(f"{BASE}/things", json={"name": "n"})).json()["args"]
    assert created == {"name": "n", "type": "x"}


async def test_the_first_thing_that_is_wrong_is_told(client: httpx.AsyncClient) -> None:
    bad_key, stranger = {"X-User": "nobody"}, {"X-User": "stranger"}
    asked: list[tuple[str, str, str, dict[str, str], int, str]] = [
        ("GET", "/nope", "", bad_key, 401, "shop_bad_key"),
        ("GET", "/nope", "{bad", stranger, 404, "rest_no_route"),
        ("PUT", "/things/7", "{bad", stranger, 400, "rest_invalid_json"),
        ("POST", "/things", '{"type": 5}', stranger, 400, "rest_missing_callback_param"),
        ("PUT", "/things/7", '{"quantity": "x"}', stranger, 400, "rest_invalid_param"),
        ("PUT", "/things/7", '{"quantity": 1}', stranger, 401, "shop_forbidden"),
        ("PUT", "/things/101", '{"quantity": 1}', stranger, 404, "shop_absent"),
        ("DELETE", "/things/7", "", {}, 404, "rest_no_route"),
    ]
    for method, path, content, headers, status, code in asked:
        sent = {**headers, "Content-Type": "application/json"}
        response = await client.request(method, BASE + path, content=content, headers=sent)
        assert (response.status_code, response.json()["code"]) == (status, code), (method, path)
        matched = path.startswith("/things") and method != "DELETE" and headers.get("X-User") != "stranger"
        assert ("allow" in response.headers) == matched
    assert (await client.put(f"{BASE}/things/7", json={"quantity": "x"})).headers["allow"] == "GET, POST, PUT, PATCH"


async def test_ids_in_paths_are_digits_and_names_are_words(client: httpx.AsyncClient) -> None:
    for path, id_ in (("7", 7), ("007", 7), ("0", 0), ("9" * 5000, 2**63 - 1), ("0" * 30 + "5", 5)):
        assert (await client.get(f"{BASE}/things/{path}")).json()["path"] == {"id": id_}
    for path in ("things/abc", "things/-1", "things/1.0", "things/٥", "things/1x", "settings/a/b/c", "settings/a b/c"):
        assert (await client.get(f"{BASE}/{path}")).json()["code"] == "rest_no_route", path
    assert (await client.get(f"{BASE}/settings/tax-1/woo_x")).json()["path"] == {"group": "tax-1", "id": "woo_x"}


async def test_pages_tell_of_the_others(client: httpx.AsyncClient) -> None:
    at = "http://shop.test/wp-json/shop/v1/things"
    told: list[tuple[str, list[int], int, str]] = [
        ("", [0, 1, 2, 3, 4], 1, '<http://shop.test/wp-json/>; rel="https://api.w.org/"'),
        ("per_page=2", [0, 1], 3, f'<{at}?per_page=2&page=2>; rel="next"'),
        ("page=2&per_page=2&q=a,b c", [2, 3], 3,
         f'<{at}?page=1&per_page=2&q=a%2Cb+c>; rel="prev", <{at}?page=3&per_page=2&q=a%2Cb+c>; rel="next"'),
        ("per_page=2&page=9", [], 3, f'<{at}?per_page=2&page=3>; rel="prev"'),
        (f"per_page=2&page={10**17}", [], 3, f'<{at}?per_page=2&page=3>; rel="prev"'),
        ("per_page=2&offset=3", [3, 4], 3, f'<{at}?per_page=2&offset=3&page=2>; rel="next"'),
        ("per_page=2&offset=-3", [0, 1], 3, f'<{at}?per_page=2&offset=-3&page=2>; rel="next"'),
        ("per_page=4&consumer_key=ck_1&consumer_secret=cs_1&oauth_nonce=1&oauth_signature=x&include[]=1&include[]=2",
         [0, 1, 2, 3], 2, f'<{at}?per_page=4&include%5B0%5D=1&include%5B1%5D=2&page=2>; rel="next"'),
        ("per_page=4&sku=a&sku=a&page=1", [0, 1, 2, 3], 2, f'<{at}?per_page=4&sku=a&page=2>; rel="next"'),
    ]  # fmt: skip
    for query, rows, pages, link in told:
        response = await client.get(f"{BASE}/things?{query}")
        assert response.json() == rows, query
        assert (response.headers["x-wp-total"], response.headers["x-wp-totalpages"]) == ("5", str(pages)), query
        assert response.headers["link"] == link
    other = await client.get("/index.php?rest_route=/shop/v1/things&per_page=4&_envelope=1")
    link = f'<{at}?per_page=4&_envelope=1&page=2>; rel="next"'
    assert other.json()["headers"] == {"Allow": "GET, POST", "X-WP-Total": "5", "X-WP-TotalPages": "2", "Link": link}
    head = await client.head(f"{BASE}/things?per_page=4")
    assert (head.content, head.headers["x-wp-totalpages"]) == (b"", "2")


async def test_options_and_indexes_describe_what_a_route_takes(client: httpx.AsyncClient) -> None:
    told = (await client.options(f"{BASE}/things", headers={"X-User": "stranger"})).json()
    assert told["methods"] == ["GET", "POST"]
    assert told["endpoints"][0]["args"]["per_page"] == {
        "description": "Maximum number of items to be returned in result set.",
        "type": "integer", "default": 10, "minimum": 1, "maximum": 100, "required": False,
    }  # fmt: skip
    assert told["endpoints"][0]["args"]["context"]["enum"] == ["view", "edit"]
    assert told["endpoints"][0]["args"]["include"] == {"type": "array", "items": {"type": "integer"}, "required": False}
    assert told["endpoints"][1]["args"]["name"] == {"type": "string", "required": True}
    assert told["schema"]["title"] == "thing"
    size = {"description": "How long.", "type": "object", "properties": {"length": {"type": "string"}}}
    assert told["schema"]["properties"]["title"] == {"type": "string"}
    assert told["schema"]["properties"]["size"] == {**size, "required": ["length"]}
    assert told["schema"]["properties"]["threshold"] == {"type": ["integer", "null"]}
    assert "_links" not in told["schema"]["properties"]
    taken = (await client.options(f"{BASE}/things/7")).json()["endpoints"][1]["args"]
    assert taken["id"]["type"] == "integer"
    assert taken["threshold"] == {"type": ["integer", "null"], "minimum": 0, "required": False}
    assert taken["managed"] == {"type": ["boolean", "string"], "required": False}
    assert taken["size"]["properties"]["depth"] == {"type": "integer"}
    listed = (await client.get(BASE)).json()["routes"]
    assert list(listed) == [
        "/shop/v1", "/shop/v1/things", r"/shop/v1/things/(?P<id>[\d]+)",
        r"/shop/v1/settings/(?P<group>[\w-]+)/(?P<id>[\w-]+)",
    ]  # fmt: skip
    one = listed[r"/shop/v1/things/(?P<id>[\d]+)"]
    assert [each["methods"] for each in one["endpoints"]] == [["GET"], ["POST", "PUT", "PATCH"]]
    assert "total" not in one["endpoints"][1]["args"]
    assert "_links" not in one


async def test_bytes_that_are_no_text_do_no_harm_in_a_query(client: httpx.AsyncClient) -> None:
    app, sent = client._transport.app, []  # type: ignore[attr-defined]

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": f"{BASE}/things", "query_string": b"per_page=2&q=\xff%ff",
             "headers": [(b"host", b"shop.test")], "scheme": "http", "state": {}}  # fmt: skip
    await app(scope, receive, send)
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"x-wp-total"]) == (200, b"5")
    assert headers[b"link"].startswith(b"<http://shop.test/wp-json/shop/v1/things?per_page=2&q=%")
