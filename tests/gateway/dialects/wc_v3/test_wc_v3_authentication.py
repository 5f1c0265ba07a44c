"""Who may call wc/v3, by the checklist of the fact sheet: section 8.1 and check 108."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
import structlog
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.dialects.wc_v3 import credentials, signatures
from gateway.settings import Settings
from storage import access, consumer_pairs
from storage.access import Scope, Visibility
from storage.database import Database
from storage.key_settings import KeySettings
from tests.gateway.dialects.wc_v3.conftest import API, SERVER_SECRET, Pairs, S, Shop, U
from tests.gateway.dialects.wc_v3.signing import OAuth

PLAIN: Final = "http://shop.example"
NOW: Final = 1_700_000_000
ERROR: Final = "woocommerce_rest_authentication_error"
sqlite_only = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # where no engine can matter
FIXED: Final = {"oauth_timestamp": str(NOW), "oauth_nonce": "abcdef0123456789"}


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and sentence of an error."""
    body = response.json()
    assert body["data"]["status"] == response.status_code, response.text
    return response.status_code, body["code"], body["message"]


def at(app: Starlette, seconds: float) -> None:
    """Stop the clock by which signatures are verified."""
    app.state.signatures._clock = lambda: seconds


@pytest.fixture
def plain(shop: Shop) -> Shop:
    """The shop without TLS, for nobody yet."""
    client = httpx.AsyncClient(transport=shop.client._transport, base_url=PLAIN)
    return replace(shop, client=client, auth=None)


@sqlite_only
async def test_checks_1_to_4_a_pair_opens_the_shop_in_basic_and_in_the_query_and_nobody_else_does(
    shop: Shop, pairs: Pairs
) -> None:
    basic = await shop.as_(pairs["RW"]).call("GET", "/products")
    assert basic.status_code == 200
    assert isinstance(basic.json(), list)
    assert {"x-wp-total", "x-wp-totalpages"} <= set(basic.headers)
    assert "no-cache" in basic.headers["cache-control"]
    keys = dict(zip(("consumer_key", "consumer_secret"), pairs["RW"], strict=True))
    queried = await shop.as_(None).call("GET", "/products", params=keys)
    assert queried.json() == basic.json()
    assert not any(secret in str(queried.headers) for secret in pairs["RW"]), "neither in a Link"
    both = await shop.as_(("ck_" + "0" * 40, "cs_")).call("GET", "/products", params=keys)
    assert both.status_code == 200, "the query wins"
    cannot_list = (401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    half = {"consumer_key": pairs["RW"][0]}
    for auth, query in (
        (None, {}),
        (None, half),
        (None, {**keys, "consumer_secret": "0"}),
        (("ck_" + "0" * 40, pairs["RW"][1]), {}),
        (("ck_unknown", "cs_unknown"), {}),
        ((pairs["RW"][0], ""), {}),
    ):
        assert refusal(await shop.as_(auth).call("GET", "/products", params=query)) == cannot_list


@sqlite_only
async def test_checks_5_to_9_a_wrong_secret_or_a_missing_permission_is_told_before_all_else(
    shop: Shop, pairs: Pairs
) -> None:
    wrong = shop.as_((pairs["RW"][0], pairs["RO"][1]))
    for method, path in (("GET", "/products"), ("GET", "/nope"), ("GET", ""), ("OPTIONS", "/products")):
        answer = await wrong.call(method, path)
        assert refusal(answer) == (401, ERROR, "Consumer secret is invalid.")
        assert "no-store" not in answer.headers.get("cache-control", "")
    broken = {"content": '{"stock_quantity":', "headers": {"Content-Type": "application/json"}}
    no_write, no_read = (f"The API key provided does not have {scope} permissions." for scope in ("write", "read"))
    for key, method, path, message in (
        ("RO", "PUT", f"/products/{S}", no_write),
        ("RO", "PATCH", "/nope", no_write),
        ("WO", "GET", "/products", no_read),
        ("WO", "HEAD", "/products", None),
        ("RO", "GET", "/products?_method=DELETE", no_write),
        ("RW", "TRACE", "/products", "Unknown request method."),
    ):
        answer = await shop.as_(pairs[key]).call(method, path, **broken)
        assert answer.status_code == 401
        assert "no-store" in answer.headers["cache-control"]
        assert message is None or refusal(answer) == (401, ERROR, message)
    override = {"X-HTTP-Method-Override": "PUT"}
    tunnelled = await shop.as_(pairs["RO"]).call("GET", f"/products/{S}", headers=override)
    assert refusal(tunnelled) == (401, ERROR, no_write)


@sqlite_only
async def test_check_10_a_key_for_no_location_changes_nothing(shop: Shop, pairs: Pairs) -> None:
    answer = await shop.as_(pairs["LU"]).call("PUT", f"/products/{S}", json={"stock_quantity": 1})
    sentence = "Sorry, you are not allowed to edit this resource."
    assert refusal(answer) == (403, "woocommerce_rest_cannot_edit", sentence)


@sqlite_only
async def test_a_pair_that_is_ignored_for_want_of_tls_is_told_in_the_log(
    plain: Shop, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "log", structlog.get_logger())  # one that no earlier test has bound
    keys = urlencode(dict(zip(("consumer_key", "consumer_secret"), pairs["RW"], strict=True)))
    with structlog.testing.capture_logs() as logged:
        await plain.as_(pairs["RW"]).call("GET", "/products")
        await plain.as_(None).call("GET", f"/products?{keys}")
        await plain.as_(None).call("GET", "/products")
    told = [line for line in logged if line["event"] == "consumer pair ignored"]
    assert ["STOCKGATE_TRUSTED_PROXIES" in line["reason"] for line in told] == [True, True]
    assert not any(secret in str(logged) for secret in pairs["RW"])


@sqlite_only
async def test_check_11_without_tls_only_a_signature_counts_unless_a_proxy_or_a_setting_says_otherwise(
    plain: Shop, pairs: Pairs, settings: Settings
) -> None:
    keys = urlencode(dict(zip(("consumer_key", "consumer_secret"), pairs["RW"], strict=True)))
    https = {"X-Forwarded-Proto": "https"}
    ways = [plain.as_(pairs["RW"]), plain.as_(None)], ["/products", f"/products?{keys}"]
    cannot_list = (401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    for caller, path in zip(*ways, strict=True):
        for headers in ({}, https):
            assert refusal(await caller.call("GET", path, headers=headers)) == cannot_list
    for changed, headers, status in (
        ({"wc_keys_over_http": "on"}, {}, 200),
        ({"mode": "development"}, {}, 200),
        ({"mode": "development", "wc_keys_over_http": "off"}, {}, 401),
        ({"trusted_proxies": ["127.0.0.1"]}, https, 200),
        ({"trusted_proxies": ["127.0.0.1"]}, {}, 401),
        ({"trusted_proxies": ["10.0.0.0/8"]}, https, 401),
    ):
        app = create_app(settings.model_copy(update=changed))
        async with app.router.lifespan_context(app):
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=PLAIN)
            for caller, path in zip(*ways, strict=True):
                answer = await replace(caller, client=client).call("GET", path, headers=headers)
                assert answer.status_code == status, changed


async def test_checks_12_to_14_a_signature_is_good_once_and_for_a_quarter_of_an_hour(
    plain: Shop, shop_app: Starlette, pairs: Pairs
) -> None:
    """The vectors themselves are in test_wc_v3_oauth.py: a secret is derived here, so that it cannot be theirs."""
    at(shop_app, NOW)
    fixed = OAuth(*pairs["RW"], **FIXED)
    first = await plain.as_(fixed).call("GET", "/products")
    assert first.status_code == 200
    again = await plain.as_(fixed).call("GET", "/products")
    used = (401, ERROR, "Invalid nonce - nonce has already been used.")
    assert refusal(again) == used
    assert refusal(await plain.as_(fixed).call("GET", "/products?page=2")) == used, "whatever else is signed with it"
    other = OAuth(*pairs["RO"], **FIXED)
    assert (await plain.as_(other).call("GET", "/products")).status_code == 200, "another key's is another one"
    for query, changed in (
        ("", {"oauth_signature_method": "HMAC-SHA1"}),
        ("?per_page=100&page=2&sku=A-1%2CB-2", {}),
        ("?search=blue+mug~x%C3%A9", {}),
        ("?search=a%2Fb", {}),
        ("?sku=", {}),
        ("", {"oauth_version": "1.0"}),
        ("?per_page=5&per_page=100", {}),
    ):
        signed = OAuth(*pairs["RW"], oauth_timestamp=str(NOW), **changed)
        answer = await plain.as_(signed).call("GET", f"/products{query}")
        assert answer.status_code == 200, (query, answer.text)
    for seconds in (-901, 901):
        at(shop_app, NOW + seconds)
        late = OAuth(*pairs["RW"], oauth_timestamp=str(NOW))
        assert refusal(await plain.as_(late).call("GET", "/products")) == (401, ERROR, "Invalid timestamp.")


@sqlite_only
async def test_checks_15_to_18_what_a_signature_lacks_is_told_and_the_header_is_as_good_as_the_query(
    shop: Shop, plain: Shop, pairs: Pairs
) -> None:
    url = f"{PLAIN}{API}/products"
    given = OAuth(*pairs["RW"]).parameters("GET", url)

    async def asked(parameters: dict[str, str]) -> tuple[int, str, str]:
        return refusal(await plain.call("GET", f"/products?{urlencode(parameters)}"))

    differs = (401, ERROR, "Invalid signature - provided signature does not match.")
    assert await asked({**given, "per_page": "5"}) == differs
    unsigned = {name: value for name, value in given.items() if name != "oauth_signature"}
    assert await asked(unsigned) == (
        401, "woocommerce_rest_authentication_missing_parameter", "Missing OAuth parameter oauth_signature"
    )  # fmt: skip
    assert await asked({"oauth_nonce": "1", "oauth_version": "1.0"}) == (
        401, "woocommerce_rest_authentication_missing_parameter",
        "Missing OAuth parameters oauth_consumer_key, oauth_timestamp, oauth_signature, oauth_signature_method",
    )  # fmt: skip
    unknown = {**given, "oauth_consumer_key": "ck_" + "0" * 40}
    assert await asked(unknown) == (401, ERROR, "Consumer key is invalid.")
    method = {**given, "oauth_signature_method": "PLAINTEXT"}
    assert await asked(method) == (401, ERROR, "Invalid signature - signature method is invalid.")
    assert await asked({**method, "oauth_consumer_key": "ck_unknown"}) == (401, ERROR, "Consumer key is invalid.")
    for caller in (shop, plain):
        for in_header in (True, False):
            signed = OAuth(*pairs["RW"], in_header=in_header)
            assert (await caller.as_(signed).call("GET", "/products?per_page=3&page=1")).status_code == 200
    tunnelled = OAuth(*pairs["RO"])  # signed as the GET that it is on the wire
    answer = await plain.as_(tunnelled).call("GET", f"/products/{S}?_method=PUT")
    assert refusal(answer) == (401, ERROR, "The API key provided does not have write permissions.")
    for path in ("/wp-json/wc/v3/products/", "/?rest_route=/wc/v3/products", "/index.php/wp-json/WC/v3/products"):
        assert (await plain.as_(OAuth(*pairs["RW"])).call("GET", path)).status_code == 200, path


@sqlite_only
async def test_what_is_not_signed_is_not_read(plain: Shop, pairs: Pairs) -> None:
    given = OAuth(*pairs["RW"]).parameters("GET", f"{PLAIN}{API}/products?include={U}")
    answer = await plain.call("GET", f"/products?include={S}&include={U}&{urlencode(given)}")
    assert (answer.status_code, [row["id"] for row in answer.json()]) == (200, [U]), "only the last one is signed"


@sqlite_only
async def test_a_form_is_signed_and_reaches_its_route(plain: Shop, pairs: Pairs) -> None:
    signed = OAuth(*pairs["RW"])
    listing = "/products?_method=GET"  # a POST on the wire
    assert (await plain.as_(signed).call("POST", listing, data={"name": "Söck/1", "empty": ""})).status_code == 200
    url = f"{PLAIN}{API}{listing}"
    query = urlencode(signed.parameters("POST", url, "stock_quantity=4"))
    tampered = await plain.call("POST", f"{listing}&{query}", data={"stock_quantity": "5"})
    assert refusal(tampered)[2] == "Invalid signature - provided signature does not match."
    in_body = signed.parameters("POST", url, "stock_quantity=6")
    multipart = {name: (None, value) for name, value in {"stock_quantity": "6", **in_body}.items()}
    assert (await plain.call("POST", listing, files=multipart)).status_code == 200
    saved = await plain.as_(signed).call("POST", f"/products/{S}", data={"stock_quantity": "4", "name": "Söck/1"})
    assert (saved.status_code, saved.json()["stock_quantity"], saved.json()["name"]) == (200, 4, "Söck/1")
    huge = await plain.call("POST", listing, data={"a": "b" * 9_000_000})
    assert huge.status_code == 413


@sqlite_only
async def test_a_client_signs_the_public_url_or_the_host_that_it_asks(
    plain: Shop, pairs: Pairs, settings: Settings
) -> None:
    shop_url = f"{PLAIN}/store"
    app = create_app(settings.model_copy(update={"public_url": "https://shop.example/store/"}))
    async with app.router.lifespan_context(app):
        inside = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000")
        for base, status in ((shop_url, 200), ("http://127.0.0.1:8000", 200), ("http://evil.example", 401)):
            query = urlencode(OAuth(*pairs["RW"]).parameters("GET", f"{base}{API}/products"))
            assert (await inside.get(f"{API}/products?{query}")).status_code == status, base


async def test_of_equal_requests_at_once_one_passes_in_whichever_process(
    plain: Shop, pairs: Pairs, settings: Settings
) -> None:
    fixed = OAuth(*pairs["RW"], oauth_nonce="one")
    fixed.fixed["oauth_timestamp"] = fixed.parameters("GET", PLAIN)["oauth_timestamp"]
    other = create_app(settings)
    async with other.router.lifespan_context(other):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=other), base_url=PLAIN)
        shops = [plain.as_(fixed), replace(plain, client=client, auth=fixed)]
        asked = [shop.call("GET", "/products") for _ in range(5) for shop in shops]
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert sorted(statuses) == [200] + [401] * 9


@sqlite_only
async def test_a_difference_is_logged_with_what_was_expected_and_nothing_secret(
    plain: Shop, pairs: Pairs, shop_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = pairs["RW"]
    query = urlencode({**OAuth(key, secret).parameters("GET", f"{PLAIN}{API}/products"), "consumer_secret": secret})
    foreign = await shop_database.transact(consumer_pairs.issue, KeySettings("old", (Scope.READ,)), "another secret")
    monkeypatch.setattr(signatures, "log", structlog.get_logger())  # one that no earlier test has bound
    with structlog.testing.capture_logs() as logged:
        await plain.call("GET", f"/products?{query}&sku=A-1")
        old = OAuth(foreign.consumer_key, foreign.consumer_secret)
        answer = await plain.as_(old).call("GET", "/products")
    assert refusal(answer) == (401, ERROR, "Invalid signature - provided signature does not match.")
    first, second = (line for line in logged if line["event"] != "request")
    assert first["base_string"].startswith("GET&http%3A%2F%2Fshop.example%2Fwp-json%2Fwc%2Fv3%2Fproducts&consumer_")
    assert first["request_id"]
    assert "the server's secret is another one than when this key was issued" in second["reason"]
    assert not any(hidden in str(logged) for hidden in (key, secret, foreign.consumer_key, foreign.consumer_secret))


@sqlite_only
async def test_a_secret_that_was_made_after_the_start_is_found(
    shop_database: Database, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "made.secret"
    app = create_app(
        settings.model_copy(update={"secret_key": type(settings.secret_key)(""), "secret_key_file": str(file)})
    )
    pair = await shop_database.transact(consumer_pairs.issue, KeySettings("ERP", (Scope.READ,)), SERVER_SECRET)
    auth = OAuth(pair.consumer_key, pair.consumer_secret)
    async with app.router.lifespan_context(app):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=PLAIN, auth=auth)
        assert (await client.get(f"{API}/products")).status_code == 401
        file.write_text(SERVER_SECRET)
        assert (await client.get(f"{API}/products")).status_code == 200


@sqlite_only
async def test_check_20_a_pair_opens_nothing_else(shop: Shop, pairs: Pairs) -> None:
    caller = shop.as_(pairs["RW"])
    for path in ("/wp-json/mulopimfwc/v1/locations", "/wp-json/mulopimfwc/v1/products"):
        assert (
            (await caller.call("GET", path)).status_code == (await shop.as_(None).call("GET", path)).status_code == 401
        )
    headers = {"X-API-Key": pairs["RW"][0]}
    answer = await shop.client.post(
        "/graphql", json={"query": "{ products(first: 1) { nodes { id } } }"}, headers=headers
    )
    assert answer.status_code == 401


@sqlite_only
async def test_check_21_the_record_says_when_a_pair_was_used_and_how_it_ends(
    shop: Shop, shop_app: Starlette, pairs: Pairs, shop_database: Database
) -> None:
    for name in ("RW", "RO"):
        method = "GET" if name == "RW" else "PUT"
        await shop.as_(pairs[name]).call(method, "/products/0")
    await shop_app.state.authenticator.record_use()
    used = {row.name: row for row in await shop_database.read(access.list_api_keys)}
    assert used["RW"].hint == f"…{pairs['RW'][0][-7:]}"
    assert used["RW"].last_used_at is not None
    assert used["RO"].last_used_at is None, "it lacked the permission"


@sqlite_only
async def test_a_pair_that_ended_is_unknown(shop: Shop, shop_app: Starlette, pairs: Pairs, database: Database) -> None:
    caller = shop.as_(pairs["RW"])
    assert (await caller.call("GET", "/products")).status_code == 200
    for row in await database.read(access.list_api_keys):
        await database.transact(access.revoke_api_key, row.id or 0)
    shop_app.state.authenticator.forget()
    assert refusal(await caller.call("GET", "/products"))[1] == "woocommerce_rest_cannot_view"
    signed = await shop.as_(OAuth(*pairs["RW"])).call("GET", "/products")
    assert refusal(signed) == (401, ERROR, "Consumer key is invalid.")


@sqlite_only
async def test_check_108_an_api_key_is_an_application_password_here_and_elsewhere(
    shop: Shop, shop_database: Database
) -> None:
    async def issued(*scopes: Scope, **options: Any) -> str:
        return (await shop_database.transact(access.issue_api_key, "x", scopes, **options)).token

    manager = shop.as_(("manager", await issued(Scope.ADMIN)))
    for path in ("/products", "/wp-json/mulopimfwc/v1/products"):
        assert (await manager.call("GET", path)).status_code == 200
    bad = await shop.as_(("manager", "abcd EFGH 1234")).call("GET", "/products")
    sentence = "The provided password is an invalid application password."
    assert refusal(bad) == (401, "incorrect_password", sentence)
    reader = await issued(Scope.READ)
    for headers in ({"X-API-Key": reader}, {"Authorization": f"Bearer {reader}"}):
        assert (await shop.as_(None).call("GET", "/products", headers=headers)).status_code == 200
    stray = {"X-API-Key": reader, "Authorization": f"Basic {base64.b64encode(b'staging:door').decode()}"}
    assert (await shop.as_(None).call("GET", "/products", headers=stray)).status_code == 200
    assert refusal(await shop.as_(("x", reader)).call("PUT", f"/products/{S}", json={}))[:2] == (401, ERROR)
    for hidden in ({"visibility": Visibility.BAND}, {"visibility": Visibility.CAPPED, "cap": 5}):
        answer = await shop.as_(("x", await issued(Scope.READ, **hidden))).call("GET", "/products")
        assert refusal(answer)[:2] == (403, "woocommerce_rest_cannot_view")
    assert (await shop.as_(("x", await issued(Scope.STOREFRONT))).call("GET", "/products")).status_code == 401
