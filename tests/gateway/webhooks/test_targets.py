"""Webhooks go into the internet, and inward only where the setting lists it."""

from __future__ import annotations

from ipaddress import ip_address

import pydantic
import pytest

from gateway.settings import Settings
from gateway.webhooks import targets
from gateway.webhooks.allowed import Allowed
from gateway.webhooks.targets import Target
from storage.errors import ErrorCode, InventoryError
from tests.gateway.webhooks import inward


@pytest.mark.parametrize("url", inward.urls(8123))
async def test_a_url_that_leads_inward_is_refused_at_registration(url: str) -> None:
    with pytest.raises(InventoryError) as refusal:
        await targets.check(url, Settings(), inward.looked_up)
    assert (refusal.value.code, refusal.value.field) == (ErrorCode.INVALID_WEBHOOK_URL, "url")


async def test_this_machine_resolves_the_name_of_its_loopback_and_that_is_refused() -> None:
    with pytest.raises(InventoryError, match="localhost leads to a loopback address"):
        await targets.check("http://localhost:8123/", Settings())


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example/hooks?a=b%20c", Target("https", "shop.example", 443)),
        ("HTTP://Shop.Example.:8080", Target("http", "shop.example", 8080)),
        ("https://bücher.example/", Target("https", "xn--bcher-kva.example", 443)),
        ("https://8.8.8.8/", Target("https", "8.8.8.8", 443)),
        ("https://[2001:4860:4860:0::8888]/", Target("https", "2001:4860:4860::8888", 443)),
        ("http://my_erp:80?x=1", Target("http", "my_erp", 80)),
    ],
)
def test_an_ordinary_url_is_taken_and_written_in_one_way(url: str, target: Target) -> None:
    assert targets.parse(url) == target


async def test_public_addresses_are_resolved_to_and_a_name_without_one_may_be_registered() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "::ffff:8.8.4.4", "64:ff9b::808:808"]

    assert len(await targets.resolve(targets.parse("https://shop.example/"), Allowed(), lookup)) == 3
    await targets.check("https://nowhere.shop.example/", Settings(), inward.looked_up)


async def test_what_is_listed_is_allowed_at_its_port_and_nowhere_else() -> None:
    listed = ["erp.internal:8443", "10.1.0.0/16", "127.0.0.1:8123", "[fd00::/8]:443", "::1", "Localhost"]
    settings = Settings(webhook_targets_allowed=listed)

    async def lookup(host: str, port: int) -> list[str]:
        return {"erp.internal": ["192.168.7.7"], "rest.internal": ["10.1.2.3", "8.8.8.8"]}.get(host, ["127.0.0.1"])

    for url in (
        "https://erp.internal:8443/", "http://10.1.255.1/", "http://rest.internal/", "http://127.0.0.1:8123/x",
        "https://[fd00::7]/", "http://[::1]:99/", "http://localhost:1/",
    ):  # fmt: skip
        await targets.check(url, settings, lookup)
    for url in (
        "https://erp.internal/", "http://10.2.0.1/", "http://127.0.0.1:8124/", "http://[fd00::7]/",
        "http://x.internal/", "http://127.1:8123/",
    ):  # fmt: skip
        with pytest.raises(InventoryError):
            await targets.check(url, settings, lookup)


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.1/8", "http://erp", "erp:0", "erp:99999", "[erp]:80", "127.1", "*", "a b"]
)
def test_what_is_no_target_stops_the_start(entry: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="is no host, address or network"):
        Settings(webhook_targets_allowed=[entry])


def test_the_borders_of_ranges_are_exact() -> None:
    inside = "9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255 172.32.0.0"
    assert [targets.refused(ip_address(text)) for text in [*inside.split(), "2003::1", "2600::1"]] == [None] * 10
