"""The `stockgate` command: what it prints, and how it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from gateway.cli import main
from gateway.cli.failures import CommandError
from gateway.cli.keys import expiry
from schema import sdl
from storage.database import Database

CATALOG = Path(__file__).parent.parent.parent / "gateway/cli/demo_catalog.json"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Stockgate = Callable[..., Done]
Everywhere = Callable[..., Awaitable[Done]]


@pytest.fixture
def stockgate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Stockgate:
    """Runs a command on an SQLite file in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for variable in os.environ:
        if variable.startswith("STOCKGATE_") and not variable.startswith("STOCKGATE_TEST_"):
            monkeypatch.delenv(variable)
    for set_by_demo in ("STOCKGATE_MODE", "STOCKGATE_DATABASE_URL"):  # for its workers: not for the tests that follow
        monkeypatch.setenv(set_by_demo, "")
        monkeypatch.delenv(set_by_demo)

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def everywhere(stockgate: Stockgate, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Everywhere:
    """Runs a command on an empty, migrated database, once per engine. It is awaited: commands have their own loop."""
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", database_url)

    async def run(*arguments: str) -> Done:
        return await asyncio.to_thread(stockgate, *arguments)

    return run


def test_help_says_what_each_command_does(stockgate: Stockgate) -> None:
    told = stockgate("--help").out
    for command in (
        "operations",
        "serve",
        "migrate",
        "migrate-data",
        "seed",
        "import",
        "key",
        "webhook",
        "webhook-secret",
        "schema",
        "reconcile",
        "ledger",
        "settings",
    ):
        assert re.search(rf"^  {command} +[A-Z]", told, re.MULTILINE), command
    assert "either all of it is imported" in " ".join(stockgate("import", "catalog", "--help").out.split())


async def test_the_ledger_is_archived_and_pruned_by_those_who_say_so(everywhere: Everywhere, tmp_path: Path) -> None:
    await everywhere("seed", "--products", "3", "--locations", "2")  # dated 1 January 2026
    for refused, word in (
        ((), "either --before or --keep-months"),
        (("--before", "2026-02-01", "--keep-months", "3"), "either --before or --keep-months"),
        (("--before", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"), "a day ago"),
        (("--before", "2026-02-01"), "nobody is here to ask. Say --yes."),
    ):
        done = await everywhere("ledger", "prune", *refused)
        assert (done.code, word in done.err) == (1, True), done
    told = (await everywhere("ledger", "prune", "--before", "2026-02-01", "--dry-run")).out
    assert told.startswith("6 entries of 6 stock levels by 1 requests, from 2026-01-01 to before 2026-02-01, go out")
    file = str(tmp_path / "january.jsonl.gz")
    done = await everywhere("ledger", "archive", file, "--before", "2026-02-01", "--prune", "--yes")
    assert f"Written and checked: {file}.\nPruned." in done.out
    assert (await everywhere("ledger", "prune", "--keep-months", "1")).out.startswith("0 entries from before")
    assert (await everywhere("reconcile")).out == "The ledger explains every stock level.\n"


async def test_a_key_is_created_listed_and_revoked(everywhere: Everywhere) -> None:
    created = json.loads((await everywhere("key", "create", "--name", "till", "--scope", "write", "--json")).out)
    assert set(created) == {"id", "token"}
    listed = (await everywhere("key", "list")).out.splitlines()
    assert re.fullmatch(
        rf"{created['id']} +{created['token'][:10]}… +till +write +all +exact +any +server's +never +valid", listed[1]
    )
    assert created["token"] not in "".join(listed)
    assert (await everywhere("key", "revoke", str(created["id"]))).code == 0
    assert "revoked 20" in (await everywhere("key", "list")).out


def test_a_key_reads_unless_it_is_said_what_else_it_may(stockgate: Stockgate) -> None:
    assert re.search(r"sgk_\S+", stockgate("key", "create", "--name", "sign").out)
    assert " read  " in stockgate("key", "list").out


async def test_a_key_is_limited_to_locations_that_exist(everywhere: Everywhere) -> None:
    assert (await everywhere("import", "catalog", str(CATALOG))).code == 0
    done = await everywhere("key", "create", "--name", "till", "--location", "mars", "--location", "wien-neubau")
    assert (done.code, done.out, done.err) == (1, "", "stockgate: There is no location 'mars'.\n")
    done = await everywhere("key", "create", "--name", "till", "--location", "wien-neubau", "--location", "Львів-Склад")
    assert done.code == 0
    assert (await everywhere("key", "create", "--wc", "--name", "ERP", "--location", "wien-neubau")).code == 0
    listed = (await everywhere("key", "list")).out.splitlines()
    assert (" 3, 5 " in listed[1], " 5 " in listed[2]) == (True, True)


async def test_a_key_for_a_web_shop_sees_bands_unless_it_is_told_otherwise(everywhere: Everywhere) -> None:
    asked = ("key", "create", "--name", "web", "--scope", "storefront")
    await everywhere(*asked)
    origins = ("--origin", "https://Shop.example", "--origin", "http://localhost:5173")
    await everywhere(*asked, "--visibility", "capped:50", *origins, "--cost-per-minute", "900")
    await everywhere("key", "create", "--name", "till")
    listed = json.loads((await everywhere("key", "list", "--json")).out)
    shown = [(key["visibility"], key["cap"], key["origins"], key["cost_per_minute"]) for key in listed]
    expected = ["https://shop.example", "http://localhost:5173"]
    assert shown == [("band", None, None, None), ("capped", 50, expected, 900), ("exact", None, None, None)]
    row = (await everywhere("key", "list")).out.splitlines()[2]
    assert re.split(" {2,}", row)[-5:] == ["capped:50", ", ".join(expected), "900", "never", "valid"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--visibility", "vague", "is none of exact, band and capped:N"),
        ("--visibility", "capped", "is none of exact, band and capped:N"),
        ("--visibility", "capped:1000000001", "--visibility: It must be from 0 to 1000000000."),
        ("--visibility", "capped:-1", "is none of exact, band and capped:N"),
        ("--origin", "shop.example", "--origin 'shop.example': It must be a web origin, such as https://shop.example."),
        ("--origin", "https://shop.example/cart", "--origin 'https://shop.example/cart': It must be a web origin"),
        ("--origin", "https://shop.example:port", "It must be a web origin"),
        ("--origin", "*", "It must be a web origin"),
        ("--cost-per-minute", "0", "--cost-per-minute: It must be from 1 to 2147483647."),
        ("--name", " ", "--name: It must be text of 1 to 255 characters."),
    ],
)
def test_what_a_key_may_see_must_be_said_right(stockgate: Stockgate, option: str, value: str, message: str) -> None:
    done = stockgate("key", "create", "--name", "web", option, value)
    assert done.code != 0
    assert message in done.err


async def test_a_key_is_rotated_with_its_settings(everywhere: Everywhere) -> None:
    options = ("--scope", "storefront", "--origin", "https://shop.example", "--json")
    old = json.loads((await everywhere("key", "create", "--name", "shop", *options)).out)
    new = json.loads((await everywhere("key", "rotate", str(old["id"]), "--overlap", "12h", "--json")).out)
    assert (new["id"], new["token"] == old["token"]) == (old["id"] + 1, False)
    listed = (await everywhere("key", "list")).out.splitlines()
    assert [" shop " in line and " storefront " in line for line in listed[1:]] == [True, True]
    assert (" until 20" in listed[1], listed[2].endswith("valid")) == (True, True)
    assert "instead of 2" in (await everywhere("key", "rotate", "2", "--overlap", "0")).out
    assert "revoked 20" in (await everywhere("key", "list")).out
    assert "no API key 2 that is still valid" in (await everywhere("key", "rotate", "2")).err
    assert "--overlap 'soon' is no span" in (await everywhere("key", "rotate", "1", "--overlap", "soon")).err


async def test_a_consumer_pair_is_created_listed_rotated_and_revoked(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOCKGATE_SECRET_KEY_FILE", str(tmp_path / "stockgate.secret"))
    asked = ("key", "create", "--wc", "--name", "ERP", "--scope", "read", "--scope", "write")
    printed = (await everywhere(*asked)).out
    assert re.fullmatch(r"Consumer pair 1, shown this once:\nck_[0-9a-f]{40}\ncs_[0-9a-f]{40}\n", printed)
    created = json.loads((await everywhere(*asked, "--expires", "30d", "--json")).out)
    assert list(created) == ["id", "consumer_key", "consumer_secret"]
    assert (tmp_path / "stockgate.secret").stat().st_mode & 0o777 == 0o600
    assert f" …{created['consumer_key'][-7:]} " in (await everywhere("key", "list")).out
    rotated = json.loads((await everywhere("key", "rotate", "2", "--overlap", "0", "--json")).out)
    assert list(rotated) == ["id", "consumer_key", "consumer_secret"]
    assert (await everywhere("key", "revoke", "3")).code == 0
    listed = json.loads((await everywhere("key", "list", "--json")).out)
    assert [(key["kind"], key["revoked_at"] is None) for key in listed] == [
        ("consumer pair", True), ("consumer pair", False), ("consumer pair", False)
    ]  # fmt: skip
    assert listed[1]["hint"] == f"…{created['consumer_key'][-7:]}"
    assert not {"consumer_key", "consumer_secret", "token_hash", "secret_hash"} & listed[1].keys()


def test_a_consumer_pair_that_could_not_work_is_refused(stockgate: Stockgate, tmp_path: Path) -> None:
    asked = ("key", "create", "--wc", "--name", "ERP", "--scope", "storefront", "--origin", "https://shop.example")
    done = stockgate(*asked, "--visibility", "band")
    assert (done.code, done.out) == (1, "")
    assert re.findall(r"stockgate: (--[a-z]+)", done.err) == ["--scope", "--visibility", "--origin"]
    assert not (tmp_path / "stockgate.secret").exists()


async def test_a_rule_is_set_by_the_names_of_keys_listed_and_removed(everywhere: Everywhere) -> None:
    nothing = "There are no rules: every API key that may write at all may write every field.\n"
    assert (await everywhere("rules", "list")).out == nothing
    await everywhere("import", "catalog", str(CATALOG))
    for name in ("ERP", "Till"):
        await everywhere("key", "create", "--name", name, "--scope", "write")
    await everywhere("key", "rotate", "1")
    place = ("--location", "kyiv-podil")
    done = await everywhere("rules", "set", "stock", "--owner", "ERP", "--owner", "2", "--mode", "ignore", *place)
    owners = "ERP (1), Till (2), ERP (3)"
    assert done.out == f"stock at kyiv-podil is written by {owners} only; others' writes are accepted and not done.\n"
    done = await everywhere("rules", "set", "prices", "--owner", "ERP", "--mode", "reject")
    assert done.out == "prices everywhere is written by ERP (1), ERP (3) only; others' writes are refused.\n"
    heading, *lines = (await everywhere("rules", "list")).out.splitlines()
    assert heading.split("  ")[0] == "FIELD"
    assert [re.split("  +", line)[:4] for line in lines] == [
        ["stock", "kyiv-podil", owners, "ignored"], ["prices", "everywhere", "ERP (1), ERP (3)", "refused"]
    ]  # fmt: skip
    [rule, _] = json.loads((await everywhere("rules", "list", "--json")).out)
    assert (rule["field"], rule["location"], rule["mode"]) == ("stock", "kyiv-podil", "ignore")
    assert [owner["id"] for owner in rule["owners"]] == [1, 2, 3]

    assert (await everywhere("rules", "remove", "prices")).out == "There is no rule for prices everywhere any more.\n"
    for arguments, told in (
        (("remove", "prices"), "There is no rule for prices everywhere. `stockgate rules list` shows all."),
        (("set", "stock", "--owner", "POS", "--mode", "reject"), "--owner 'POS': no valid API key has this number or"),
        (("set", "stock", "--owner", "1", "--mode", "reject", "--location", "moon"), "Location not found."),
    ):
        done = await everywhere("rules", *arguments)
        assert done.code == 1
        assert done.err.startswith(f"stockgate: {told}")


def test_an_import_says_whose_data_it_is_where_a_rule_asks(stockgate: Stockgate, tmp_path: Path) -> None:
    stockgate("import", "catalog", str(CATALOG))
    stockgate("key", "create", "--name", "ERP", "--scope", "write")
    document = tmp_path / "new.json"
    document.write_text('{"stock": [{"sku": "RIDGE-42", "location_slug": "kyiv-podil", "on_hand": 77}]}')
    counts = tmp_path / "new.csv"
    counts.write_text("sku,location_slug,stock\nRIDGE-42,kyiv-podil,78\n")
    stockgate("rules", "set", "stock", "--owner", "ERP", "--mode", "ignore")
    told = stockgate("import", "catalog", str(document)).out
    assert told.splitlines()[-1].endswith("0 updated, 1 unchanged; of 1 what others own was ignored")
    stockgate("rules", "set", "stock", "--owner", "ERP", "--mode", "reject")
    refused = stockgate("import", "catalog", str(document))
    assert refused.code == 1
    assert refused.err.startswith('stockgate: stock[0].on_hand: Stock may be written by the API key "ERP" only: ')
    assert stockgate("import", "inventory", str(counts), "--yes").code == 1
    assert "1 updated" in stockgate("import", "catalog", str(document), "--as", "ERP").out.splitlines()[-1]
    assert stockgate("import", "inventory", str(counts), "--yes", "--as", "1").code == 0
    unknown = stockgate("import", "inventory", str(counts), "--as", "POS")
    assert unknown.err.startswith("stockgate: --as 'POS': no valid API key has this number or name.")


def test_a_key_that_does_not_exist_cannot_be_revoked(stockgate: Stockgate) -> None:
    done = stockgate("key", "revoke", "7")
    assert (done.code, done.err) == (
        1, "stockgate: There is no API key 7. `stockgate key list` shows those that exist.\n"
    )  # fmt: skip


async def test_a_webhook_secret_is_shown_once(everywhere: Everywhere) -> None:
    created = json.loads((await everywhere("webhook-secret", "create", "--json")).out)
    assert created["secret"].startswith("sgw_")


@pytest.mark.parametrize(
    ("given", "when"),
    [
        ("30d", "2026-12-22T12:00:00+00:00"),
        ("90m", "2026-11-22T13:30:00+00:00"),
        ("2027-01-31", "2027-01-31T23:59:59.999999+00:00"),
        ("2027-01-31T18:00", "2027-01-31T18:00:00+00:00"),
        ("2027-01-31T18:00+02:00", "2027-01-31T18:00:00+02:00"),
    ],
)
def test_an_expiry_is_a_date_a_time_or_a_span(given: str, when: str) -> None:
    assert expiry(given, NOW) == datetime.fromisoformat(when)


@pytest.mark.parametrize("given", ["soon", "30", "2027-13-01", "2026-11-21", "0d", ""])
def test_an_expiry_that_is_none_or_past_is_refused(given: str) -> None:
    with pytest.raises(CommandError, match="--expires"):
        expiry(given, NOW)


async def test_an_import_says_what_it_did_and_does_nothing_twice(everywhere: Everywhere) -> None:
    assert (await everywhere("import", "catalog", str(CATALOG))).out == (
        "locations: 5 created, 0 updated, 0 unchanged\n"
        "products: 135 created, 0 updated, 0 unchanged\n"
        "stock levels: 534 created, 0 updated, 0 unchanged\n"
    )
    assert (await everywhere("import", "catalog", str(CATALOG))).out.count(" 0 created, 0 updated") == 3
    assert (await everywhere("reconcile")).code == 0


def test_a_bad_document_is_refused_with_every_problem_in_its_place(stockgate: Stockgate, tmp_path: Path) -> None:
    document = tmp_path / "shop.json"
    document.write_text('{"products": [{"sku": "A"}, {"sku": "B", "name": "B", "regular_price": "cheap"}]}')
    done = stockgate("import", "catalog", str(document))
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "stockgate: products[1].regular_price: is not a decimal number, such as 19.99",
        "stockgate: products[0].name: is needed: there is no such product yet",
    ]


async def test_a_table_is_imported_and_refused_by_lines(everywhere: Everywhere, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("SKU;Name;Regular price;Colour\nA;Ant;1.50;red\n")
    tried, done = (
        await everywhere("import", "catalog", str(file), "--dry-run"),
        await everywhere("import", "catalog", str(file)),
    )
    assert tried[:2] == (0, re.sub("created", "would be created", done.out).replace("0 updated", "0 would be updated"))
    assert done.err == "note: Columns that were not looked at: Colour.\n"
    file.write_text("SKU;Name;Regular price;Stock\nA;Ant;cheap;\nB;Bee;;3\n")
    assert await everywhere("import", "catalog", str(file)) == (
        1,
        "",
        "stockgate: There is no default location for the stock: give --location.\n",
    )
    refused = await everywhere("import", "catalog", str(file), "--map", "Stock=")
    assert refused == (1, "", "stockgate: line 2, column Regular price: is not a decimal number, such as 19.99\n")


def test_a_file_that_is_not_there_is_one_line(stockgate: Stockgate) -> None:
    assert (
        stockgate("import", "catalog", "no.json").err == "stockgate: Cannot read no.json: No such file or directory.\n"
    )


async def test_seeding_says_how_much_it_made(everywhere: Everywhere) -> None:
    done = await everywhere("seed", "--products", "10", "--locations", "2", "--variations", "3")
    assert (done.code, done.out) == (0, "Seeded 10 products at 2 locations: 28 stock levels.\n")
    assert (await everywhere("reconcile")).out == "The ledger explains every stock level.\n"
    assert "already" in (await everywhere("seed", "--products", "1", "--locations", "1")).err


async def test_reconcile_fails_on_drift_until_it_is_repaired(everywhere: Everywhere, database: Database) -> None:
    await everywhere("seed", "--products", "1", "--locations", "1")

    async def drift(session: Any) -> None:
        await session.execute(text("UPDATE stock_level SET on_hand = on_hand + 1"))

    await database.transact(drift)
    done = await everywhere("reconcile")
    assert (done.code, done.out.count("\n")) == (1, 1)
    assert done.err.startswith("stockgate: 1 stock levels differ from the ledger.")
    assert (await everywhere("reconcile", "--repair")).code == 0
    assert (await everywhere("reconcile")).code == 0


def test_settings_are_listed_with_secrets_masked(stockgate: Stockgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", "postgresql://shop:s3cret@db/stock")
    monkeypatch.setenv("STOCKGATE_CONSOLE_KEY", "sgk_s3cret")
    monkeypatch.setenv("STOCKGATE_SECRET_KEY", "s3cret://" + "s3cret" * 6)
    done = stockgate("settings")
    assert "STOCKGATE_SECRET_KEY = ***\n" in done.out
    assert "STOCKGATE_CONSOLE_KEY = ***\n" in done.out
    assert "STOCKGATE_DATABASE_URL = postgresql://shop:***@db/stock\n    default: sqlite:///stockgate.db\n" in done.out
    assert "s3cret" not in done.out + done.err


@pytest.mark.parametrize("command", [("key", "list"), ("settings",), ("serve",)])
def test_a_bad_setting_stops_every_command_with_its_name(
    stockgate: Stockgate, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("STOCKGATE_PORT", "http")
    done = stockgate(*command)
    assert done.code == 1
    assert re.fullmatch(r"stockgate: STOCKGATE_PORT: [^\n]+\n", done.err)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("postgresql://shop:s3cret@127.0.0.1:1/stock", r"Cannot reach .*shop:\*\*\*@127.0.0.1:1/stock.*failed.*"),
        ("sqlite:////no/such/folder/x.db", "The folder of the database file does not exist: /no/such/folder"),
        ("oracle://x", "No driver for 'oracle'.*"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(
    stockgate: Stockgate, monkeypatch: pytest.MonkeyPatch, url: str, line: str
) -> None:
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", url)
    done = stockgate("key", "list")
    assert done.code == 1
    assert re.fullmatch(f"stockgate: {line}\n", done.err)


def test_postgres_that_is_not_migrated_says_what_to_run(
    stockgate: Stockgate, monkeypatch: pytest.MonkeyPatch, postgres_server: str
) -> None:
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", postgres_server)  # the server's own database, which stays empty
    for command in (("key", "list"), ("serve", "--port", "0"), ("reconcile",)):
        done = stockgate(*command)
        assert done.code == 1
        assert done.err.rstrip().endswith("Run: stockgate migrate")


async def test_migrating_twice_is_harmless(everywhere: Everywhere) -> None:
    assert (await everywhere("migrate")).out == "The database has the newest schema.\n"


def test_the_schema_is_printed(stockgate: Stockgate) -> None:
    assert stockgate("schema").out == sdl()


def test_a_taken_port_is_one_line_and_changes_nothing(stockgate: Stockgate, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = stockgate("serve", "--demo", "--port", str(port))
    assert done.err == f"stockgate: Port {port} of 127.0.0.1 is taken. Choose another one: --port {port + 1}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("workers", "proxies", "scheme", "told"),
    [(1, "[]", "http", signal.SIGINT), (2, '["127.0.0.0/8"]', "https", signal.SIGTERM)],
)
def test_serving_says_so_when_it_answers_believes_listed_proxies_only_and_stops_when_told(
    tmp_path: Path, workers: int, proxies: str, scheme: str, told: signal.Signals
) -> None:
    command = [str(Path(sys.executable).with_name("stockgate")), "serve", "--port", "0", "--workers", str(workers)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOCKGATE_")}
    clean["STOCKGATE_TRUSTED_PROXIES"] = proxies
    process = subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        base = re.search(r"GraphQL on (http://\S+)/graphql", process.stdout.readline())
        assert base is not None
        with urllib.request.urlopen(f"{base[1]}/readyz", timeout=10) as answer:  # noqa: S310 (our own server)
            assert json.load(answer) == {"status": "ready"}
        forwarded = urllib.request.Request(f"{base[1]}/wp-json/", headers={"X-Forwarded-Proto": "https"})  # noqa: S310
        with urllib.request.urlopen(forwarded, timeout=10) as answer:  # noqa: S310 (as above)
            assert json.load(answer)["url"] == base[1].replace("http", scheme)
    finally:
        started = time.monotonic()
        process.send_signal(told)
        rest = process.communicate(timeout=20)[0]
    assert time.monotonic() - started < 10
    assert (process.returncode, rest) == (0, "")


async def test_operations_are_listed_shown_and_removed(everywhere: Everywhere, tmp_path: Path) -> None:
    (tmp_path / "one.graphql").write_text("query One {\n  product(id: 1) { sku }\n}\n")
    (tmp_path / "two.json").write_text(json.dumps({"a": "{ a: __typename }", "b": "{ b: __typename }"}))
    (tmp_path / "apollo.json").write_text(json.dumps({"operations": [{"id": "x", "body": "{ a: __typename }"}]}))
    (tmp_path / "many.graphql").write_text("query A { __typename } query B { __typename }")
    added = await everywhere("operations", "add", "one.graphql", "two.json")
    assert added.out == "3 listed, 0 were listed before.\n"
    assert (
        await everywhere("operations", "add", "apollo.json", "many.graphql")
    ).out == "1 listed, 1 were listed before.\n"
    shown = (await everywhere("operations", "list")).out.splitlines()
    assert len(shown) == 4
    [one] = [line for line in shown if line.endswith("  query One { product(id: 1) { sku } }")]
    assert (await everywhere("operations", "remove", one[:10])).code == 0
    assert one not in (await everywhere("operations", "list")).out
    for wrong in (one[:10], one[:4], "%%%%%%%%"):
        assert (await everywhere("operations", "remove", wrong)).code == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.graphql", b"{ nope }", "a.graphql: Cannot query field 'nope' on type 'Query'."),
        ("a.graphql", b"{", "a.graphql: Syntax Error"),
        ("a.graphql", b"\xff", "a.graphql: not UTF-8."),
        ("a.json", b"[]", "a.json: neither"),
        ("a.json", b"{", "a.json: neither"),
        ("a.json", b'{"x": 1}', "a.json: neither"),
        ("a.json", b'{"x": "{ __typename }", "y": "{ nope }"}', "a.json[y]: Cannot query"),
        ("gone.graphql", None, "gone.graphql: No such file"),
    ],
)
def test_an_operation_that_is_not_valid_is_not_listed(
    stockgate: Stockgate, tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = stockgate("operations", "add", name)
    assert (done.code, done.out) == (1, "")
    assert told in done.err
    assert stockgate("operations", "list").out == ""


async def test_the_data_moves_to_another_database_and_is_compared_with_it(
    everywhere: Everywhere, database_url: str, tmp_path: Path
) -> None:
    await everywhere("import", "catalog", str(CATALOG))
    asked = ("migrate-data", "--from", database_url, "--to", f"sqlite:///{tmp_path / 'moved.db'}")
    moved = await everywhere(*asked)
    assert moved.code == 0
    assert re.fullmatch(r"1,\d{3} rows were moved, and are the same in both databases\.", moved.out.splitlines()[-1])
    assert re.search(r"^product +(\d+) +\1  ([0-9a-f]{16})  \2  same$", moved.out, re.MULTILINE)
    verified = await everywhere(*asked, "--verify-only")
    assert (verified.code, "rows are the same in both databases." in verified.out) == (0, True)
    again = await everywhere(*asked)
    assert (again.code, "stockgate: The target is not empty: it has rows in " in again.err) == (1, True)

    await everywhere("key", "create", "--name", "till")
    verified = await everywhere(*asked, "--verify-only")
    assert (verified.code, verified.err.splitlines()[-1]) == (
        1, "stockgate: api_key: the first row that differs is at id 1."
    )  # fmt: skip
    assert re.search(r"^api_key +1 +0  .*DIFFERENT$", verified.out, re.MULTILINE)


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # the engines are asked in test_exports.py
async def test_exports_go_to_files_and_come_in_again_and_say_their_sequence(
    everywhere: Everywhere, stockgate: Stockgate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await everywhere("import", "catalog", str(CATALOG))
    file = tmp_path / "stock.csv"
    file.write_text("old")
    done = await everywhere("export", "inventory", "--output", str(file))
    told = re.fullmatch(r"(\d+) rows written to \S+stock.csv, up to sequence (\d+)\.\n", done.err)
    assert told, done
    lines = file.read_text("utf-8-sig").splitlines()
    assert (len(lines), int(told[2]) >= int(told[1])) == (int(told[1]) + 1, True)
    assert lines[0].startswith("product_id,sku,product_name,location_id,location_slug,location_name,stock,")
    assert not file.with_name("stock.csv.partial").exists()
    for name in ("products", "locations", "ledger"):
        assert (await everywhere("export", name, "-o", str(tmp_path / f"{name}.jsonl"))).code == 0
    first = json.loads((tmp_path / "products.jsonl").read_text().splitlines()[0])
    assert (first["id"], first["type"]) == (1, "variable")
    again = await everywhere("import", "catalog", str(tmp_path / "products.jsonl"))
    assert re.fullmatch(
        r"locations: 0 .*\nproducts: 0 created, 0 updated, [1-9]\d* unchanged\nstock levels: 0 .*\n", again.out
    )
    counted = await everywhere("import", "inventory", str(file), "--yes")
    assert (counted.code, ": 0 changed, " in counted.out) == (0, True), counted
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", f"sqlite:///{tmp_path}/second.db")
    second = tmp_path / "second.csv"
    for command in (
        ("import", "catalog", str(tmp_path / "locations.jsonl")),
        ("import", "catalog", str(tmp_path / "products.jsonl")),
        ("import", "inventory", str(file), "--yes"),
        ("export", "inventory", "-o", str(second)),
    ):
        assert (await asyncio.to_thread(stockgate, *command)).code == 0
    # what is reserved and kept back, in the last two columns, `import catalog` takes over
    before, after = ([line.rsplit(",", 2)[0] for line in path.read_text().splitlines()] for path in (file, second))
    assert after == before
    refused = await everywhere("export", "inventory", "--format", "parquet")
    assert refused.err.startswith("stockgate: There is no Parquet here: the library that writes it is ")
    assert (await everywhere("export", "ledger", "-o", "x.txt")).err == (
        "stockgate: x.txt: its ending is none of .csv and .jsonl, so give --format.\n"
    )
    assert (await everywhere("export", "ledger", "-o", "no/x.csv")).err == (
        "stockgate: Cannot write no/x.csv: No such file or directory.\n"
    )
