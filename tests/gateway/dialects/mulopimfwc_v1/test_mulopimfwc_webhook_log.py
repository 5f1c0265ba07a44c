"""Section 4: the webhook log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.dialects.mulopimfwc_v1 import webhook_log
from gateway.settings import Settings
from tests.gateway.dialects.mulopimfwc_v1.conftest import Shop

ON = pytest.mark.parametrize("changed_settings", [{"log_webhooks": True}])
NOW = datetime(2026, 11, 22, 5, 41, tzinfo=UTC)
ITEM = {"product_id": 12, "location_id": 5, "stock": 1}


async def send(shop: Shop, **options: Any) -> int:
    headers = {"Content-Type": "application/json", "X-Request-Id": "r-1"}
    return (await shop.call("POST", "/webhook/inventory-update", headers=headers, **options)).status_code


def entries(settings: Settings) -> list[Any]:
    (path,) = settings.webhook_log_directory.glob("*.log")
    assert path.name == f"mulopimfwc-webhook-log-{datetime.now(UTC):%Y-%m-%d}.log"
    return [json.loads(line) for line in path.read_text().splitlines()]


@ON
async def test_each_webhook_is_one_json_line_whatever_became_of_it(shop: Shop, settings: Settings) -> None:
    assert await send(shop, json=ITEM) == 200
    assert await send(shop, json={**ITEM, "sku": "NOPE", "product_id": 0}) == 404
    assert await send(shop, content="{bad") == 400
    assert await send(shop, content="") == 400
    logged = entries(settings)
    assert [(entry["status"], entry["payload"]) for entry in logged] == [
        (200, ITEM), (404, {**ITEM, "sku": "NOPE", "product_id": 0}), (400, "{bad"), (400, ""),
    ]  # fmt: skip
    assert list(logged[0]) == ["time", "request_id", "remote_address", "status", "payload"]
    assert (logged[0]["request_id"], logged[0]["remote_address"]) == ("r-1", "127.0.0.1")
    assert datetime.fromisoformat(logged[0]["time"]).tzinfo is not None
    await shop.update(ITEM)
    assert len(entries(settings)) == 4  # only webhooks


async def test_nothing_is_logged_unless_it_is_switched_on(shop: Shop, settings: Settings) -> None:
    assert await send(shop, json=ITEM) == 200
    assert not settings.webhook_log_directory.exists()


@ON
async def test_secrets_are_never_written_and_newlines_forge_no_lines(
    shop: Shop, settings: Settings, webhook_secret: str
) -> None:
    payload = {
        **ITEM, "secret": "hush", "X-Api-Key": "hush", "nested": [{"password": "hush", "note": f"is {webhook_secret}"}],
        "note": 'a\n{"status": 200}\r\n', shop.key: "as a name",
    }  # fmt: skip
    assert await send(shop, json=payload) == 200
    assert await send(shop, content=f"{{bad {shop.key}") == 400
    (path,) = settings.webhook_log_directory.glob("*.log")
    written = path.read_text()
    for secret in ("hush", webhook_secret, shop.key):
        assert secret not in written
    assert written.count("\n") == len(written.splitlines()) == 2


@ON
async def test_an_unwritable_log_never_fails_the_request(shop: Shop, settings: Settings) -> None:
    settings.webhook_log_directory.write_text("a file where the folder should be")
    assert await send(shop, json=ITEM) == 200


@pytest.mark.parametrize("character", ["x", '"', "\\", "\n", "ї", "😀"])
def test_an_entry_over_10000_bytes_is_truncated_and_says_so(character: str) -> None:
    scope = {"client": ("192.0.2.1", 1), "state": {"payload": json.dumps({"sku": character * 20_000})}}
    line = webhook_log.entry(scope, 200, NOW)
    assert len(line) <= webhook_log.ENTRY_BYTES_MAX
    assert len(line) > webhook_log.ENTRY_BYTES_MAX * 0.8
    entry = json.loads(line)
    assert entry["truncated"] is True
    assert entry["payload"].startswith('{"sku":"')
    short = json.loads(webhook_log.entry({"state": {"payload": '{"a": 1}'}}, 200, NOW))
    assert (short["payload"], "truncated" in short) == ({"a": 1}, False)


def test_files_rotate_and_five_old_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook_log.FILE_BYTES_MAX == 10 * 1024 * 1024
    monkeypatch.setattr(webhook_log, "FILE_BYTES_MAX", 4)
    for number in range(8):
        webhook_log.append(tmp_path, NOW, f"{number}..\n".encode())
    name = "mulopimfwc-webhook-log-2026-11-22.log"
    kept = {path.name: path.read_text() for path in tmp_path.glob(f"{name}*")}
    assert kept == {name: "7..\n", **{f"{name}.{n}": f"{7 - n}..\n" for n in range(1, 6)}}
