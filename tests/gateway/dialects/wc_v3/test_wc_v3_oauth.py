"""The signature of a request, verified: the vectors of the fact sheet, real signers, and every way to tamper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from woocommerce.oauth import OAuth as PythonClient

from gateway.dialects.wc_v3 import oauth
from gateway.dialects.wc_v3.oauth import OAuthError, SignatureDiffersError, Signed
from gateway.dialects.wordpress.php_arrays import nested
from tests.gateway.dialects.wc_v3.signing import ALGORITHMS, signature_of

KEY: Final = "ck_0123456789abcdef0123456789abcdef01234567"
SECRET: Final = "cs_89abcdef0123456789abcdef0123456789abcdef"
URL: Final = "http://shop.example/wp-json/wc/v3/products"
NOW: Final = 1_700_000_000
GIVEN: Final = {
    "oauth_consumer_key": KEY, "oauth_timestamp": str(NOW), "oauth_nonce": "abcdef0123456789",
    "oauth_signature_method": "HMAC-SHA256",
}  # fmt: skip
VECTORS: Final = [
    ("V1", "GET", URL, "", "HMAC-SHA256", "ZAi7fifiqgHtqcgePpvaWF4Tp8xzSgRCQ5cXAdpu1AM="),
    ("V2", "GET", URL, "", "HMAC-SHA1", "URdOyeNKdCFk4NTC4R0jGPGQz2k="),
    ("V3", "GET", URL, "per_page=100&page=2&sku=A-1%2CB-2", "HMAC-SHA256",
     "lbwoSGoFmnZ1Ogh/sZxqeb9WVqii/k3PtakAfq6bvBQ="),
    ("V4", "GET", URL, "search=blue+mug~x%C3%A9", "HMAC-SHA256", "ExRizlNnghs/VWeBqlfWt8PuRSbMWj9MnEeOlL8UCxU="),
    ("V5", "GET", URL, "include[]=7&include[]=9", "HMAC-SHA256", "2VaYzAG6yA7RDZQJm6Bp2zmq0ojVw18sHFN9l4HBXPc="),
    ("V5", "GET", URL, "include[0]=7&include%5B1%5D=9", "HMAC-SHA256", "2VaYzAG6yA7RDZQJm6Bp2zmq0ojVw18sHFN9l4HBXPc="),
    ("V6", "PUT", f"{URL}/794", "", "HMAC-SHA256", "wcpN24Mb0Lx/B3cI5iGgpSXrmUkdt8/fDsWIkPnPj3c="),
    ("V7", "GET", URL, "oauth_version=1.0", "HMAC-SHA256", "ZKtaUct+yLr52+xH0ObLu7fyEx6SLhZrdWDC2zsUUk4="),
    ("V8", "GET", URL.replace("shop.example", "127.0.0.1:8000"), "", "HMAC-SHA256",
     "Np7GqHJQw5O6z64wK2efrFjkg2dlnncPJdwPI1L4LcQ="),
    ("V9", "GET", URL, "per_page=5&per_page=100", "HMAC-SHA256", "EepWxpD37DKdb5u0xgA99d7dBvQUeke4aT7lxZlBnds="),
    ("V10", "GET", URL, "search=a%2Fb", "HMAC-SHA256", "hkcIjvPBxg1cjTfFujwja5tuiI3UQvmSndjWBp3L/fg="),
    ("V11", "GET", URL, "sku=", "HMAC-SHA256", "0gGgLksqvvS9UaRF/wMYx6u2FR56L1ZNb6NuyzgQhC8="),
]  # fmt: skip
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="[. \0"), min_size=1).filter(
    lambda name: not name.startswith("oauth_")
)
TEXTS = st.text(st.characters(codec="utf-8"))
PLAIN = st.dictionaries(NAMES, TEXTS, max_size=4)


def a_request(query: str, method: str = "GET", url: str = URL, authorization: str = "") -> Signed:
    """A signed request as it comes in."""
    pairs = parse_qsl(query, keep_blank_values=True)
    request = oauth.signed(method, [url], oauth.parameters_of(nested(pairs), {}, authorization))
    assert request is not None
    return request


def is_signed(request: Signed, secret: str = SECRET) -> bool:
    """Whether the holder of the secret signed it."""
    try:
        oauth.check_signature(request, secret)
    except SignatureDiffersError:
        return False
    return True


def changed(request: Signed, parameters: Mapping[str, str]) -> Signed:
    """The request with other parameters, and its signature as it was."""
    kept = {name: value for name, value in request.parameters.items() if name.startswith("oauth_")}
    return replace(request, parameters={**kept, **parameters})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_check_12_every_vector_is_accepted_and_no_other_signature(vector: tuple[str, ...]) -> None:
    _, method, url, query, algorithm, signature = vector
    given = urlencode({**GIVEN, "oauth_signature_method": algorithm, "oauth_signature": signature})
    request = a_request("&".join(filter(None, [query, given])), method, url)
    oauth.check_signature(request, SECRET)
    oauth.check_time(request, NOW)
    assert not is_signed(request, SECRET[:-1] + "0")
    assert not is_signed(replace(request, method="DELETE"))
    assert not is_signed(replace(request, urls=[url + "/"]))
    assert not is_signed(replace(request, parameters={**request.parameters, "oauth_signature": signature[:-2] + "A="}))


def test_the_base_strings_are_those_of_the_fact_sheet() -> None:
    def base_string(query: str) -> str:
        return oauth.base_string("get", URL, {**nested(parse_qsl(query, keep_blank_values=True)), **GIVEN})

    assert base_string("") == (
        "GET&http%3A%2F%2Fshop.example%2Fwp-json%2Fwc%2Fv3%2Fproducts&oauth_consumer_key%3D"
        "ck_0123456789abcdef0123456789abcdef01234567%26oauth_nonce%3Dabcdef0123456789%26"
        "oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1700000000"
    )
    assert base_string("per_page=100&page=2&sku=A-1%2CB-2").endswith("%26page%3D2%26per_page%3D100%26sku%3DA-1%252CB-2")
    assert base_string("search=blue+mug~x%C3%A9").endswith("%26search%3Dblue%2520mug~x%25C3%25A9")
    assert "&include%255B0%255D%3D7%26include%255B1%255D%3D9%26oauth_consumer_key" in base_string(
        "include[]=7&include[]=9"
    )
    assert base_string("search=a%2Fb").endswith("search%3Da%252Fb")
    assert base_string("sku=").endswith("sku%3D")
    assert "&a%255Bz%255D%3D1%26a%255Bb%255D%255B0%255D%3D2%26oauth" in base_string("a[z]=1&a[b][]=2"), "as they came"
    assert "Zed%3D1%26a_b_c%3D2%26oauth" in base_string("a.b c=2&Zed=1"), "as PHP calls them, in the order of bytes"


def test_the_signature_may_come_in_the_header_and_wins_there() -> None:
    signature = signature_of("GET", URL, {**GIVEN, "page": "2"}, SECRET)
    told = urlencode({**GIVEN, "oauth_signature": signature}).replace("&", '", ').replace("=", '="') + '"'
    assert is_signed(a_request("page=2&oauth_nonce=other", authorization=f'  OAuth realm="a,b", {told}'))
    assert is_signed(a_request("page=2", authorization=f"OAuth {told.replace(chr(34), '')}"))
    for authorization in (f"oauth {told}", f"OAuth{told}", f"Basic {told}"):
        assert oauth.signed("GET", [URL], oauth.parameters_of({}, {}, authorization)) is None


def test_a_signature_whose_plus_was_read_as_a_space_is_accepted() -> None:
    [(*_, signature)] = [vector for vector in VECTORS if vector[0] == "V7"]
    query = f"{urlencode(GIVEN)}&oauth_version=1.0&oauth_signature={signature}"
    assert "+" in signature
    assert is_signed(a_request(query)), "sent as it is"
    assert is_signed(a_request(query.replace("+", "%252B"))), "encoded twice"


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (["oauth_signature"], "Missing OAuth parameter oauth_signature"),
        (["oauth_nonce", "oauth_consumer_key"], "Missing OAuth parameters oauth_consumer_key, oauth_nonce"),
    ],
)
def test_parameters_that_are_missing_are_named_in_their_order(left_out: list[str], message: str) -> None:
    for empty in ({}, dict.fromkeys(left_out, ""), dict.fromkeys(left_out, "0")):
        told = {name: value for name, value in {**GIVEN, "oauth_signature": "x"}.items() if name not in left_out}
        with pytest.raises(OAuthError, match=f"^{message}$") as refused:
            oauth.signed("GET", [URL], {**told, **empty})
        assert refused.value.code == "missing_parameter"
    assert oauth.signed("GET", [URL], {"page": "2", "oauth_version": "1.0", "oauth_nonce": "0"}) is None


def test_the_time_is_within_fifteen_minutes_either_way() -> None:
    request = a_request(urlencode({**GIVEN, "oauth_signature": "x"}))
    for seconds in (-900, 0, 900):
        oauth.check_time(request, NOW + seconds)
    for seconds in (-901, 901):
        with pytest.raises(OAuthError, match=r"^Invalid timestamp\.$"):
            oauth.check_time(request, NOW + seconds)
    for told in ("soon", "1e9", "-5", "9" * 400, "１７"):
        with pytest.raises(OAuthError, match="Invalid timestamp"):
            oauth.check_time(changed(request, {"oauth_timestamp": told}), NOW)


def test_methods_are_two_and_written_exactly() -> None:
    for name in ("PLAINTEXT", "hmac-sha256", "HMAC-MD5", "HMAC-SHA512"):
        query = urlencode({**GIVEN, "oauth_signature_method": name, "oauth_signature": f"{SECRET}&"})
        with pytest.raises(OAuthError, match="signature method is invalid"):
            oauth.check_signature(a_request(query), SECRET)


def test_what_is_expected_to_be_signed_is_told_without_anything_secret() -> None:
    query = urlencode(
        {**GIVEN, "consumer_secret": SECRET, "consumer_key": KEY, "oauth_signature": "c2ln", "sku": "A/1"}
    )
    with pytest.raises(SignatureDiffersError) as refused:
        oauth.check_signature(a_request(query), SECRET)
    told = refused.value.base_string
    assert told.startswith("GET&http%3A%2F%2Fshop.example%2Fwp-json%2Fwc%2Fv3%2Fproducts&consumer_key%3D***%26")
    assert told.endswith("sku%3D***")
    assert not any(secret in told for secret in (KEY, SECRET, "c2ln"))


@settings(max_examples=30, deadline=None)
@given(PLAIN, st.sampled_from(sorted(ALGORITHMS)), st.tuples(NAMES, TEXTS))
def test_what_a_client_signs_is_accepted_and_any_change_of_it_is_not(
    parameters: dict[str, str], algorithm: str, change: tuple[str, str]
) -> None:
    method = "DELETE"
    given = {**parameters, **GIVEN, "oauth_signature_method": algorithm}
    signed = {**given, "oauth_signature": signature_of(method, URL, given, SECRET)}
    request = a_request(urlencode(signed), method)
    assert is_signed(request)
    name, value = change
    assume(parameters.get(name) != value)
    assert not is_signed(changed(request, {**parameters, name: value}))
    for gone in parameters:
        assert not is_signed(changed(request, {kept: parameters[kept] for kept in parameters if kept != gone}))
    for named in GIVEN:
        if named != "oauth_signature_method":
            assert not is_signed(replace(request, parameters={**request.parameters, named: f"{signed[named]}0"}))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8", exclude_characters="%"), min_size=1), max_size=4))
def test_what_the_python_client_signs_is_accepted_slashes_too(parameters: dict[str, str]) -> None:
    assume(not any("%" in name for name in parameters))  # it decodes once too often what has been encoded
    url = PythonClient(f"{URL}?{urlencode(parameters)}", KEY, SECRET, version="wc/v3").get_oauth_url()
    query = f"{urlsplit(url).query}&{urlencode(parameters)}"  # it sends them twice
    assert is_signed(a_request(query))
    assert not is_signed(a_request(f"{query}&page=2")) or parameters.get("page") == "2"


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(["page", *oauth.REQUIRED, "\udcff"]), st.one_of(TEXTS, PLAIN)))
def test_whatever_comes_is_accepted_or_refused(parameters: dict[str, oauth.Value]) -> None:
    try:
        request = oauth.signed("GET", [URL], {**GIVEN, "oauth_signature": "x", **parameters})
        assert request is not None
        oauth.check_time(request, NOW)
        oauth.check_signature(request, SECRET)
    except OAuthError:
        return
    raise AssertionError("nobody signed it")
