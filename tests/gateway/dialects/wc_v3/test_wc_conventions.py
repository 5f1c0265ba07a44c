"""The checklist's section 8.2: what WordPress does to every request, shown on products."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.dialects.wc_v3.conftest import S, Shop

pytestmark = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # nothing of it depends on the engine
HOME = "https://shop.example/wp-json/"
ORIGIN = "https://x.example"


async def refused(shop: Shop, method: str, path: str, **options: Any) -> tuple[int, str]:
    """Status and code of an answer that is an error in the envelope."""
    response = await shop.call(method, path, **options)
    answer = response.json()
    assert set(answer) == {"code", "message", "data"}
    assert answer["data"]["status"] == response.status_code
    return response.status_code, answer["code"]


async def detail(shop: Shop, name: str, method: str, path: str, **options: Any) -> str:
    """Why a parameter is refused."""
    response = await shop.call(method, path, **options)
    data = response.json()["data"]
    assert (response.status_code, response.json()["code"]) == (400, "rest_invalid_param")
    assert data["params"] == {name: data["details"][name]["message"]}
    code: str = data["details"][name]["code"]
    return code


async def test_checks_22_and_23_the_indexes_are_public(shop: Shop) -> None:
    anybody = shop.as_(None)
    root = await anybody.get("/wp-json/")
    assert {"wc/v3", "wc-analytics"} <= set(root["namespaces"])
    assert "/wc/v3/products" in root["routes"]
    authorization = {"authorization": f"{HOME.removesuffix('wp-json/')}wp-admin/authorize-application.php"}
    assert root["authentication"] == {"application-passwords": {"endpoints": authorization}}
    index = await anybody.get("/wp-json/wc/v3")
    assert index["namespace"] == "wc/v3"
    assert {"/wc/v3/products", r"/wc/v3/products/(?P<id>[\d]+)", "/wc/v3/products/batch"} <= set(index["routes"])
    own = index["routes"]["/wc/v3/products"]
    assert own["_links"] == {"self": [{"href": f"{HOME}wc/v3/products"}]}
    assert (own["namespace"], own["methods"]) == ("wc/v3", ["GET", "POST"])


async def test_checks_24_and_25_every_address_of_a_route_is_the_route(shop: Shop) -> None:
    plain = await shop.call("GET", "/products")
    assert plain.status_code == 200
    for path in ("/products/", "/?rest_route=/wc/v3/products", "/index.php/wp-json/wc/v3/products"):
        response = await shop.call("GET", path)
        assert (response.status_code, response.content) == (200, plain.content), path


async def test_checks_26_and_27_no_route_and_a_wrong_verb_are_the_same(shop: Shop) -> None:
    for method, path in (("GET", "/nope"), ("PATCH", "/products"), ("GET", "/products/abc"), ("PUT", "/products")):
        assert await refused(shop, method, path) == (404, "rest_no_route"), path


async def test_checks_28_and_29_parameters_are_validated_before_anybody_is_asked_who_they_are(shop: Shop) -> None:
    codes = {"101": "rest_out_of_bounds", "0": "rest_out_of_bounds", "-1": "rest_out_of_bounds",
             "abc": "rest_invalid_type", "1.5": "rest_invalid_type"}  # fmt: skip
    for value, code in codes.items():
        assert await detail(shop, "per_page", "GET", f"/products?per_page={value}") == code
    assert await detail(shop.as_(None), "per_page", "GET", "/products?per_page=101") == "rest_out_of_bounds"


async def test_checks_30_and_36_forms_work_like_json_and_broken_json_is_told(shop: Shop) -> None:
    path, headers = f"/products/{S}", {"Content-Type": "application/json"}
    broken = await shop.call("PUT", path, content='{"stock_quantity":', headers=headers)
    data = {"status": 400, "json_error_code": 4, "json_error_message": "Syntax error"}
    expected = {"code": "rest_invalid_json", "message": "Invalid JSON body passed.", "data": data}
    assert (broken.status_code, broken.json()) == (400, expected)
    for verb, units in (("PUT", 4), ("POST", 5), ("PATCH", 6)):
        form = await shop.call(
            verb, path, data={"stock_quantity": str(units), "meta_data[0][key]": "k", "meta_data[0][value]": verb}
        )
        assert (form.status_code, form.json()["stock_quantity"]) == (200, units), verb
        assert [row["value"] for row in form.json()["meta_data"]] == [verb]
    files = {"stock_quantity": (None, "8")}
    assert (await shop.call("POST", path, files=files)).json()["stock_quantity"] == 8
    lines = {"update[0][id]": str(S), "update[0][stock_quantity]": "9"}
    answer = (await shop.call("POST", "/products/batch", data=lines)).json()
    assert [row["stock_quantity"] for row in answer["update"]] == [9]


async def test_checks_38_to_40_answers_are_cut_wrapped_and_without_a_body_as_asked(shop: Shop) -> None:
    rows = await shop.get("/products", _fields="id,stock_quantity")
    assert len(rows) == 4
    assert all(set(row) == {"id", "stock_quantity"} for row in rows)
    one = await shop.get(f"/products/{S}", _fields="id,dimensions.length")
    assert (set(one), one["dimensions"]) == ({"id", "dimensions", "_links"}, {"length": ""})
    wrapped = await shop.call("GET", "/products/999999?_envelope")
    assert wrapped.status_code == 200
    assert wrapped.json()["body"]["code"] == "woocommerce_rest_product_invalid_id"
    assert (wrapped.json()["status"], "Allow" in wrapped.json()["headers"]) == (404, True)
    head = await shop.call("HEAD", "/products")
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["x-wp-total"], head.headers["x-wp-totalpages"]) == ("4", "1")


async def test_check_41_options_describes_without_credentials(shop: Shop) -> None:
    response = await shop.as_(None).call("OPTIONS", "/products")
    told = response.json()
    assert (response.status_code, told["methods"]) == (200, ["GET", "POST"])
    assert told["endpoints"][0]["args"]["per_page"]["maximum"] == 100
    assert told["schema"]["properties"]["stock_quantity"]["type"] in ("integer", ["integer", "null"])


@pytest.mark.parametrize("changed_settings", [{}, {"cors_origins": [ORIGIN]}], ids=["every origin", "listed"])
async def test_check_42_pages_of_every_origin_may_read_unless_some_are_listed(
    shop: Shop, changed_settings: dict[str, Any]
) -> None:
    headers = (await shop.call("GET", "/products", headers={"Origin": ORIGIN})).headers
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers["access-control-allow-credentials"] == "true"
    assert {"X-WP-Total", "X-WP-TotalPages", "Link"} <= set(headers["access-control-expose-headers"].split(", "))
    assert headers["vary"] == "Origin"
    for path in ("/products", "/nope"):
        other = (await shop.call("GET", path, headers={"Origin": "https://other.example"})).headers
        assert ("access-control-allow-origin" in other) is not bool(changed_settings)


async def test_check_43_every_answer_is_json_with_a_link(shop: Shop) -> None:
    asked = [("GET", "/products", 200), ("GET", "/products/999999", 404), ("GET", "/nope", 404),
             ("GET", "/products?page=x", 400), ("PUT", f"/products/{S}", 200)]  # fmt: skip
    for method, path, status in asked:
        response = await shop.call(method, path)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/json; charset=UTF-8")
        assert response.headers["link"] == f'<{HOME}>; rel="https://api.w.org/"'
    anonymous = await shop.as_(None).call("GET", "/products")
    assert (anonymous.status_code, "link" in anonymous.headers) == (401, True)


async def test_check_44_a_bare_date_is_no_date_time(shop: Shop) -> None:
    response = await shop.call("GET", "/products?modified_after=2026-01-01")
    assert response.json()["data"]["params"] == {"modified_after": "Invalid date."}
    assert await detail(shop, "modified_after", "GET", "/products?modified_after=2026-01-01") == "rest_invalid_date"
