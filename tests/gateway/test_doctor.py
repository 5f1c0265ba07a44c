"""`stockgate doctor`: each thing that may be wrong, really wrong, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from gateway.cli import main
from gateway.doctor import of_database, of_machine, of_public_url, of_settings
from gateway.doctor.findings import Finding
from gateway.settings import Settings
from storage import access, inventory
from storage.access import Scope
from storage.database import Database
from storage.tables import SourceRule, WebhookEndpoint
from tests.builders import a_change, a_group
from tests.gateway.server.served import serving


def lines(found: Any) -> list[str]:
    return [f"{each.level} {each.check}: {each.told} -> {each.fix}" for each in found]


def the(found: Any, start: str) -> str:
    """The one finding that begins like that."""
    [line] = [line for line in lines(found) if line.startswith(start)]
    return line


async def of(settings: Settings) -> list[Finding]:
    return [finding async for finding in of_database.check(settings)]


def test_settings_that_nobody_reads_or_that_contradict_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKGATE_METRIC", "open")
    monkeypatch.setenv("STOCKGATE_ZZZ", "1")
    monkeypatch.setenv("STOCKGATE_PORT", "99999")
    found, settings = of_settings.check()
    assert settings is None
    assert "Did you mean STOCKGATE_METRICS?" in the(found, "FAIL settings: There is no setting STOCKGATE_METRIC:")
    assert "`stockgate settings` lists" in the(found, "FAIL settings: There is no setting STOCKGATE_ZZZ:")
    assert the(found, "FAIL settings: STOCKGATE_PORT:")
    for name, value in {
        "PORT": "8000", "HOST": "192.0.2.1", "MODE": "development", "METRICS": "open", "PUBLIC_URL": "https://shop.example",
        "METRICS_TOKEN": "x" * 20, "DATABASE_POOLER": "transaction", "READ_DATABASE_URLS": '["postgresql://x/y"]',
        "REQUEST_SECONDS_MAX": "5",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"STOCKGATE_{name}", value)
    found, settings = of_settings.check()
    assert settings is not None
    told = "\n".join(lines(found))
    for part in ("SQLite has none.", "no proxy is trusted", "wait longer for a lock", "A token for /metrics",
                 "Development mode", "/metrics is open", "without TLS", "without a direct URL"):  # fmt: skip
        assert part in told, part
    monkeypatch.setenv("STOCKGATE_CORS_ORIGINS", "https://shop.example")
    assert "Write lists as JSON" in "".join(lines(of_settings.check()[0]))


def test_files_disks_and_limits_that_are_wrong_are_told(tmp_path: Path, sqlite_template: str) -> None:
    file = tmp_path / "stockgate.db"
    shutil.copyfile(str(make_url(sqlite_template).database), file)
    settings = Settings(database_url=f"sqlite:///{file}")  # type: ignore[arg-type]
    secret = tmp_path / "stockgate.secret"
    secret.write_text("x" * 40)
    secret.chmod(0o600)
    file.chmod(0o640)
    here = f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} ext4 rw 0 0\n"
    well = [*of_machine.check(settings, here)]
    assert not [line for line in lines(well) if line.startswith("FAIL") and "disk" not in line]
    assert the(well, "OK file system: ").split(" -> ")[0].endswith("is on ext4.")
    secret.chmod(0o644)
    file.chmod(0o666)
    ill = [*of_machine.check(settings, here.replace(" ext4 rw 0 0\n", " nfs4 rw 0 0\n"))]
    assert the(ill, "FAIL secret: ").endswith(f"-> chmod 600 {secret}")
    assert the(ill, "FAIL permissions: ").endswith(f"-> chmod o-rw {file}")
    assert "(nfs4)" in the(ill, "FAIL file system: ")
    file.chmod(0o644)
    assert the([*of_machine.check(settings, "")], "WARN permissions: ")
    with Path(f"{file}-wal").open("wb") as wal:
        wal.truncate(300 << 20)
    assert the([*of_machine.check(settings, "")], "WARN write-ahead log: SQLite's log has 300 MiB")


async def test_a_database_that_is_away_or_old_or_full_of_what_nobody_looks_after_is_told(
    catalogue: Database, settings: Settings, tmp_path: Path
) -> None:
    await catalogue.transact(inventory.apply, a_group(a_change()))
    old, now = datetime.now(UTC) - timedelta(days=100), datetime.now(UTC)

    async def neglect(session: Any) -> None:
        for number, name in enumerate(("till", "ERP", "gone"), start=1):
            await access.issue_api_key(session, name, [Scope.ADMIN])
            await session.execute(
                text(f"UPDATE api_key SET created_at = :old WHERE id = {number}"), {"old": _stored(catalogue, old)}
            )
        await access.revoke_api_key(session, 3)
        times = {"created_at": old, "updated_at": old}
        session.add(SourceRule(field="stock", owners=[[3, "gone"]], mode="reject", **times))
        for status in ("active", "disabled"):
            session.add(WebhookEndpoint(url="https://x", topics=["*"], position=0, status=status, **times))
        await session.execute(text("UPDATE ledger_entry SET created_at = :old"), {"old": _stored(catalogue, old)})

    await catalogue.transact(neglect)
    found = await of(settings)
    assert "1 (till), 2 (ERP)" in the(found, "WARN keys: Not used for 90 days")
    assert "1 (till), 2 (ERP)" in the(found, "WARN keys: Valid for ever")
    assert the(found, "WARN keys: 2 of 2 keys may do everything")
    assert "`stock` (key 3)" in the(found, "FAIL rules: ")
    assert the(found, "FAIL webhooks: Disabled")
    assert the(found, "WARN webhooks: Endpoint 1 has not got changes of")
    if catalogue.name == "postgresql":  # as it is set up for tests, it would not survive a power cut
        assert "a power cut" in the(found, "FAIL postgresql: fsync is off")
        assert the(found, "FAIL postgresql: synchronous_commit is off")
        url = settings.database_url
        too_many = settings.model_copy(update={"read_database_urls": [url], "database_connections_max": 900})
        found = await of(too_many)
        assert "primary" in the(found, "FAIL replica 0: ")
        assert "1801 connections" in the(found, "FAIL postgresql: One process")

    async def from_tomorrow(session: Any) -> None:
        tomorrow = {"at": _stored(catalogue, now + timedelta(days=1))}
        await session.execute(text("UPDATE ledger_entry SET created_at = :at"), tomorrow)

    await catalogue.transact(from_tomorrow)
    assert the(await of(settings), "FAIL clock: The newest entry of the ledger")
    empty = "postgresql://nobody@127.0.0.1:1/none" if catalogue.name == "postgresql" else f"sqlite:///{tmp_path}/new.db"
    [*_, last] = lines(await of(Settings(database_url=empty)))  # type: ignore[arg-type]
    assert last.startswith("FAIL database" if catalogue.name == "postgresql" else "FAIL migrations")


def _stored(database: Database, moment: datetime) -> Any:
    return moment if database.name == "postgresql" else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


@contextlib.asynccontextmanager
async def bad_proxy(port: int) -> AsyncIterator[str]:
    """Tells the server another name, takes small bodies only, knows no WebSockets, and keeps events back."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith((b"host:", b"upgrade:", b"connection:"))]
        kept[1:1] = [b"Host: internal", b"Connection: close"]
        length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        if length > 1 << 20:
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            back.write(b"\r\n".join(kept) + await reader.readexactly(length))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    writer.write(await there.read())
            back.close()
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_what_a_proxy_does_to_requests_sockets_and_streams_is_told(
    sqlite_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(str(make_url(sqlite_template).database), tmp_path / "stockgate.db")
    url = f"sqlite:///{tmp_path}/stockgate.db"
    database = Database(url)
    key = (await database.transact(access.issue_api_key, "doctor", [Scope.READ])).token
    await database.close()
    settings = Settings(database_url=url)  # type: ignore[arg-type]
    monkeypatch.setattr(of_public_url, "_PATIENCE_S", 1.5)

    async def told(address: str, **options: Any) -> list[str]:
        return lines([finding async for finding in of_public_url.check(address, settings, **options)])

    with contextlib.ExitStack() as stack:
        served = await asyncio.to_thread(stack.enter_context, serving(tmp_path, STOCKGATE_DATABASE_URL=url))
        well = await told(f"http://{served.address}/", key=key)
        assert [line.split(":")[0] for line in well] == [
            "OK public url", "WARN tls", "OK proxy headers", "OK large bodies", "OK websocket", "OK event streams",
        ]  # fmt: skip
        async with bad_proxy(served.port) as address:
            ill = await told(address, key=key)
        assert [line.split(":")[0] for line in ill] == [
            "OK public url", "WARN tls", "FAIL proxy headers", "FAIL large bodies", "FAIL websocket",
            "FAIL event streams",
        ]  # fmt: skip
        assert "for http://internal" in ill[2]
        elsewhere = await told(f"http://{served.address}/nothing")
        assert elsewhere[0].startswith("FAIL public url")
    assert (await told("ftp://x"))[0].startswith("FAIL public url")
    assert "does not answer" in (await told("http://127.0.0.1:1"))[0]


def test_the_command_prints_what_it_found_and_ends_with_one_when_something_is_to_be_mended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, sqlite_template: str
) -> None:
    file = tmp_path / "stockgate.db"
    shutil.copyfile(str(make_url(sqlite_template).database), file)
    file.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", f"sqlite:///{file}")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == int(any(each["level"] == "FAIL" for each in told))
    assert {"settings", "clock", "sqlite", "disk", "database", "migrations", "keys"} <= {each["check"] for each in told}
    monkeypatch.setenv("STOCKGATE_LOG_LEVELS", "info")
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    assert "FAIL  settings: There is no setting STOCKGATE_LOG_LEVELS" in capsys.readouterr().out
