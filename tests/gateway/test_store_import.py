"""Importing a WooCommerce store: another gateway in a process of its own is the store, with a proxy before it that
fails as stores do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from anyio import to_thread
from sqlalchemy import text

from gateway.app import create_app
from gateway.cli import main
from gateway.settings import Settings
from gateway.store_import.client import Access, Store, StoreError, _retry_after, base_url
from gateway.store_import.copying import Copied, Copying, copy
from storage import access, catalog, consumer_pairs, imports
from storage.access import Scope
from storage.catalog import Counts
from storage.database import Database
from storage.key_settings import KeySettings
from tests.gateway.server.served import serving
from tests.serving import environment

PRODUCTS = "/wp-json/wc/v3/products"
SECRET = "server-secret-of-the-tests-" + "0" * 32
PLAIN = 130  # with the others two pages
MAIN = {"id": 1, "name": "Main Street", "slug": "main-street", "is_default": True}


def rich() -> list[dict[str, Any]]:
    """Products with all that wc/v3 knows of them."""
    return [
        {
            "name": "Lantern", "sku": "LANTERN", "global_unique_id": "4006381333931", "regular_price": "29.9",
            "sale_price": "19.90", "date_on_sale_from_gmt": "2026-01-01T00:00:00", "date_on_sale_to": "2036-01-01",
            "manage_stock": True, "stock_quantity": 12, "backorders": "notify", "low_stock_amount": 3,
            "description": "<p>Brennt lange; läuft auf Öl.</p>", "weight": "1.2", "status": "private",
            "dimensions": {"length": "10", "width": "8", "height": "30"}, "tax_class": "reduced-rate",
            "categories": [{"id": 9, "name": "Light", "slug": "light"}], "tags": [{"id": 4, "name": "x", "slug": "x"}],
            "images": [{"id": 77, "src": "https://shop.example/l.jpg", "name": "l", "alt": "A lantern"}],
            "attributes": [{"name": "Colour", "options": ["Black"], "visible": True}], "slug": "storm-lantern",
            "meta_data": [{"key": "erp_id", "value": "A-1"}, {"key": "codes", "value": {"a": [1, 2.5, None]}}],
            "date_created_gmt": "2020-05-06T07:08:09", "menu_order": 4,
        },
        {"name": "=Mug", "sku": "MUG", "stock_status": "onbackorder", "featured": True, "catalog_visibility": "hidden"},
        {"name": "Poster", "sku": "POSTER", "type": "external", "external_url": "https://x.example", "status": "draft"},
        {"name": "Debt", "sku": "DEBT", "manage_stock": True, "stock_quantity": -2, "backorders": "yes"},
    ]  # fmt: skip


def variable() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    sizes = [{"name": "Size", "options": ["S", "M", "L"], "visible": True, "variation": True}]
    parent = {
        "name": "Smock", "sku": "SMOCK", "type": "variable", "attributes": sizes, "manage_stock": True,
        "default_attributes": [{"name": "Size", "option": "M"}], "weight": "0.4",
    }  # fmt: skip
    children = [
        {"sku": "SMOCK-S", "attributes": [{"name": "Size", "option": "S"}], "regular_price": "120",
         "manage_stock": True, "stock_quantity": 3, "image": {"src": "https://shop.example/s.jpg"}},
        {"attributes": [{"name": "Size", "option": "M"}], "regular_price": "120.00", "sale_price": "99.5",
         "manage_stock": True, "stock_quantity": 4, "weight": "0.5", "meta_data": [{"key": "v", "value": "1"}]},
        {"sku": "SMOCK-L", "attributes": [{"name": "Size", "option": "L"}], "manage_stock": True, "stock_quantity": 0},
    ]  # fmt: skip
    return parent, children


@dataclass
class Origin:
    """The store: a gateway in a process of its own, and a consumer pair of it."""

    base: str
    pair: tuple[str, str]

    def access(self, url: str = "", **options: Any) -> Access:
        """For a hurry."""
        fast: dict[str, Any] = {"insecure": True, "requests_per_second": 500, "attempts": 3, "wait_initial_s": 0.01}
        return Access(url or self.base, *self.pair, **{**fast, **options})


@pytest.fixture(scope="module")
def origin(sqlite_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """Filled over its own wc/v3, so that it holds what clients write."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "store.db").write_bytes(Path(sqlite_template.removeprefix("sqlite:///")).read_bytes())
    database_url = f"sqlite:///{folder / 'store.db'}"
    pair = asyncio.run(_begun(database_url))
    variables = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET, "WC_KEYS_OVER_HTTP": "on"}
    with serving(folder, **{f"STOCKGATE_{name}": value for name, value in variables.items()}) as served:
        base = f"http://{served.address}"
        with httpx.Client(base_url=base, auth=pair) as client:
            for body in rich():
                assert client.post(PRODUCTS, json=body).status_code == 201
            parent, children = variable()
            made = client.post(PRODUCTS, json=parent).json()
            for child in children:
                assert client.post(f"{PRODUCTS}/{made['id']}/variations", json=child).status_code == 201
        yield Origin(base, pair)


async def _begun(database_url: str) -> tuple[str, str]:
    """One location, as a store has it, and so many products that they are two pages."""
    database = Database(database_url)
    plain = [{"id": 1000 + n, "sku": f"P-{n}", "name": f"Plain {n}", "manage_stock": False} for n in range(PLAIN)]
    await database.transact(catalog.import_catalog, {"locations": [MAIN], "products": plain})
    asked = KeySettings("ERP", (Scope.READ, Scope.WRITE))
    pair = await database.transact(consumer_pairs.issue, asked, SECRET)
    await database.close()
    return pair.consumer_key, pair.consumer_secret


sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)  # where only the way there matters
Fault = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


async def _busy(writer: asyncio.StreamWriter, _answer: bytes) -> None:
    writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")


async def _down(writer: asyncio.StreamWriter, _answer: bytes) -> None:
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nhtml")


async def _hang_up(_writer: asyncio.StreamWriter, _answer: bytes) -> None:
    pass


async def _cut_off(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer[: len(answer) * 2 // 3])


async def _maintenance(writer: asyncio.StreamWriter, _answer: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")


@dataclass
class Proxy:
    """Stands before the store. `faults` are what the next requests meet, None one that is answered; `broken` says
    which requests are never answered, `meanwhile` is done before each, and when it is `deaf` it drops credentials."""

    url: str = ""
    tls_url: str = ""
    faults: list[Fault | None] = field(default_factory=list)
    broken: str = ""
    deaf: bool = False
    meanwhile: Callable[[str], Awaitable[object]] | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
async def proxy(origin: Origin) -> AsyncIterator[Proxy]:
    """One that passes on what it is not told to fail."""
    state = Proxy()
    upstream = origin.base.removeprefix("http://").split(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            state.asked.append(head.split(b" ")[1].decode().removeprefix("/wp-json/wc/v3/"))
            asked = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head).replace(
                b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
            )
            if state.deaf:
                asked = re.sub(rb"(?i)\r\nauthorization: [^\r]*", b"", asked)
            if state.meanwhile is not None:
                await state.meanwhile(state.asked[-1])
            there, back = await asyncio.open_connection(*upstream)
            back.write(asked)
            answer = await there.read(-1)
            back.close()
            fault = state.faults.pop(0) if state.faults else None
            if state.broken and state.broken in state.asked[-1]:
                fault = _down
            if fault is None:
                writer.write(answer)
            else:
                await fault(writer, answer)
            await writer.drain()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as plain,
        await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as secure,
    ):
        state.url = f"http://127.0.0.1:{plain.sockets[0].getsockname()[1]}"
        state.tls_url = f"https://localhost:{secure.sockets[0].getsockname()[1]}"
        yield state


@pytest.fixture
async def target(database: Database) -> Database:
    """Where the store goes: a gateway with two locations."""
    there = [MAIN, {"id": 2, "name": "Depot", "slug": "depot"}]
    await database.transact(catalog.import_catalog, {"locations": there})
    return database


async def copied(database: Database, access: Access, **how: Any) -> Copied:
    async with Store(access) as store:
        return await copy(database, store, Copying(**how))


async def answers(client: httpx.AsyncClient) -> dict[int, Any]:
    """All that a gateway answers of its products and their variations, but when they were changed."""
    found: dict[int, Any] = {}
    for page in (1, 2):
        listed = (await client.get(PRODUCTS, params={"per_page": 100, "page": page, "context": "edit"})).json()
        found |= {each["id"]: each for each in listed}
    for parent in [each["id"] for each in found.values() if each["type"] == "variable"]:
        listed = (await client.get(f"{PRODUCTS}/{parent}/variations", params={"context": "edit"})).json()
        found |= {each["id"]: each for each in listed}
    for each in found.values():
        del each["date_modified"], each["date_modified_gmt"]
    return found


@asynccontextmanager
async def own_client(database: Database, url: str, base: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway that the store was imported into, under the store's address."""
    key = await database.transact(access.issue_api_key, "test", [Scope.READ, Scope.WRITE])
    app = create_app(Settings(database_url=url, secret_key=SECRET))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, auth=("erp", key.token)) as client,
    ):
        yield client


async def ledger(database: Database) -> list[Any]:
    query = """SELECT e.product_id, e.location_id, e.on_hand, g.dialect, g.principal FROM ledger_entry e
        JOIN stock_change_group g ON g.id = e.group_id ORDER BY e.sequence"""
    return [tuple(row) for row in (await database.read(lambda session: session.execute(text(query)))).all()]


async def jobs(database: Database) -> list[Any]:
    query = "SELECT state, applied_chunks, rows, refused FROM import_job ORDER BY id"
    return [tuple(row) for row in (await database.read(lambda session: session.execute(text(query)))).all()]


async def test_a_store_is_there_as_it_was_and_nothing_is_doubled(
    origin: Origin, target: Database, database_url: str
) -> None:
    rehearsed = await copied(target, origin.access(), dry_run=True)
    assert (rehearsed.products.created, await ledger(target), await jobs(target)) == (PLAIN + 8, [], [])
    first = await copied(target, origin.access())
    assert (first.products, first.stock, first.refused) == (rehearsed.products, Counts(created=5), [])
    auth = httpx.BasicAuth(*origin.pair)
    async with (
        own_client(target, database_url, origin.base) as own,
        httpx.AsyncClient(base_url=origin.base, auth=auth) as there,
    ):
        theirs = await answers(there)
        assert len(theirs) == PLAIN + 8
        ours = await answers(own)
        assert ours == theirs
        entries = await ledger(target)
        assert sorted(entry[2] for entry in entries) == [-2, 0, 3, 4, 12]
        assert {entry[1:2] + entry[3:] for entry in entries} == {(1, "woocommerce-import", origin.base)}

        again = await copied(target, origin.access())
        assert (again.products, again.stock) == (Counts(unchanged=PLAIN + 8), Counts(unchanged=5))
        assert await ledger(target) == entries

        lantern = next(each for each in theirs.values() if each["sku"] == "LANTERN")
        changes = {"stock_quantity": 5, "sale_price": "", "sku": "LANTERN-2", "meta_data": [{"key": "n", "value": 1}]}
        before = {
            "stock_quantity": 12,
            "sale_price": "19.90",
            "sku": "LANTERN",
            "meta_data": [{"key": "n", "value": None}],
        }
        await there.put(f"{PRODUCTS}/{lantern['id']}", json=changes)
        updated = await copied(target, origin.access())
        assert (updated.products.updated, updated.stock.updated) == (1, 1)
        assert await answers(own) == await answers(there)
        await there.put(f"{PRODUCTS}/{lantern['id']}", json=before)
    assert [job[0] for job in await jobs(target)] == ["finished"] * 3


async def test_a_store_that_stumbles_is_asked_again_and_one_that_stops_is_gone_on_with(
    origin: Origin, target: Database, proxy: Proxy
) -> None:
    proxy.faults = [_busy, _maintenance, None, _down, _hang_up, None, _cut_off]
    proxy.broken = "page=2"
    with pytest.raises(StoreError, match=r"products: the store answers 503, 3 times\. Run the same command again"):
        await copied(target, origin.access(proxy.url))
    assert await jobs(target) == [("applying", 1, 100, 0)]
    proxy.broken, proxy.asked = "", []
    done = await copied(target, origin.access(proxy.url))
    assert done.resumed_after == 1
    assert next(page for page in proxy.asked if page.startswith("products?")).endswith("page=1&orderby=id&order=asc")
    assert (done.products.created, done.products.unchanged) == (PLAIN + 8 - 100, 100)
    assert await jobs(target) == [("finished", 2, 235, 0)]
    assert len(await ledger(target)) == 5
    whole = await copied(target, origin.access(), location="depot")
    assert (whole.products.created, whole.stock.created) == (0, 5)


@sqlite
async def test_what_is_in_the_way_is_told_by_product_and_never_half_written(
    origin: Origin,
    target: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = [
        {"id": 1000, "sku": "OTHER", "name": "Another"},
        {"id": 5, "sku": "lantern", "name": "Our Lantern"},
        {"id": 6, "sku": "SMOCK-S", "name": "Our Smock", "regular_price": "1"},
        {"id": 1001, "sku": "p-1", "name": "The same, brought over by hand"},
    ]
    await target.transact(catalog.import_catalog, {"products": own})
    monkeypatch.setenv("STOCKGATE_DATABASE_URL", database_url)
    monkeypatch.setenv("WOOCOMMERCE_KEY", origin.pair[0])
    monkeypatch.setenv("WOOCOMMERCE_SECRET", origin.pair[1])

    async def run(*options: str) -> tuple[int, str, str]:
        asked = ("import", "woocommerce", "--url", origin.base, "--requests-per-second", "500", *options)
        with pytest.raises(SystemExit) as ended:
            await to_thread.run_sync(main, asked)
        return (int(ended.value.code or 0), *capsys.readouterr())

    code, _, refused = await run()
    assert (code, refused) == (
        1,
        "stockgate: --url is not https, so everybody on the way could read the secret. --insecure takes it.\n",
    )
    for options, verb, created in ((("--dry-run",), "would be", 131), ((), "were", 131), ((), "were", 0)):
        code, printed, refused = await run("--insecure", *options)
        assert code == 1
        assert printed.startswith(f"products: {created} {'would be ' if options else ''}created")
        lines = sorted(re.sub("[0-9]+", "N", line) for line in refused.splitlines())
        assert lines == [
            f"stockgate: N products {verb} left out, with their variations:",
            "stockgate: product N Lantern (SKU LANTERN): sku is also that of product N",
            "stockgate: product N Plain N (SKU P-N): id is that of another product here, Another (SKU OTHER)",
            "stockgate: product N Smock (SKU SMOCK): variation N: sku is also that of product N",
        ]
    found = "SELECT id, name, parent_id FROM product WHERE sku IN ('OTHER', 'lantern', 'SMOCK', 'SMOCK-S', 'P-1')"
    rows = (await target.read(lambda session: session.execute(text(found)))).all()
    assert sorted(row.name for row in rows) == ["Another", "Our Lantern", "Our Smock", "Plain 1"]
    assert sorted(entry[2] for entry in await ledger(target)) == [-2]
    assert [job[0::3] for job in await jobs(target)] == [("finished", 3)] * 2


@sqlite
async def test_a_key_that_the_store_refuses_and_an_address_that_is_none_are_told_without_the_secret(
    origin: Origin, target: Database
) -> None:
    wrong = Access(origin.base, origin.pair[0], "cs_wrong-secret", insecure=True)
    with pytest.raises(StoreError, match=r"The store refuses the key \(401\): .* It needs permission to read") as told:
        await copied(target, wrong)
    assert "cs_" not in str(told.value)
    with pytest.raises(StoreError, match=r"the store answers 404.* a WooCommerce, with permalinks on"):
        await copied(target, origin.access(f"{origin.base}/blog"))
    with pytest.raises(StoreError, match="There is no location 'nowhere'"):
        await copied(target, origin.access(), location="nowhere")
    assert await jobs(target) == []
    assert base_url("https://shop.example/de/wp-json/wc/v3/", insecure=False) == "https://shop.example/de"
    for url, message in (("shop.example", "must be the store's address"), ("https://a:b@c.example", "a password")):
        with pytest.raises(StoreError, match=message):
            base_url(url, insecure=True)


@sqlite
async def test_what_moved_up_because_others_were_deleted_meanwhile_is_not_missed(
    origin: Origin, target: Database, proxy: Proxy
) -> None:
    async with httpx.AsyncClient(base_url=origin.base, auth=httpx.BasicAuth(*origin.pair)) as there:

        async def delete(asked: str) -> None:
            if "page=2" in asked:
                proxy.meanwhile = None
                for number in (1002, 1003):
                    assert (await there.delete(f"{PRODUCTS}/{number}")).is_success

        proxy.meanwhile = delete
        done = await copied(target, origin.access(proxy.url))
        for number in (1002, 1003):
            await there.put(f"{PRODUCTS}/{number}", json={"status": "publish"})
    assert [re.findall("&page=([0-9])", each)[0] for each in proxy.asked if each.startswith("products?")] == list(
        "1212"
    )
    assert (done.products.created, done.products.unchanged) == (PLAIN + 8, 98)


@sqlite
async def test_keys_travel_in_the_query_where_a_host_drops_the_header(
    origin: Origin, target: Database, proxy: Proxy
) -> None:
    proxy.deaf = True
    done = await copied(target, origin.access(proxy.tls_url))
    assert (done.products.created, "consumer_secret=cs_" in proxy.asked[1]) == (PLAIN + 8, True)
    assert not any("consumer_" in each for each in proxy.asked[:1])


@sqlite
async def test_an_import_is_its_command_s_own_and_ends_when_it_is_cancelled(
    origin: Origin, target: Database, proxy: Proxy
) -> None:
    async def cancel(asked: str) -> None:
        if "page=2" in asked:
            assert await target.read(imports.waiting) == []
            assert await target.transact(imports.take, 1, "another") is None
            [job] = await target.read(imports.page, first=5)
            assert (job.kind, job.name, job.rows) == ("woocommerce", proxy.url, 100)
            await target.transact(imports.cancel, 1)

    proxy.meanwhile = cancel
    with pytest.raises(StoreError, match="The import was cancelled"):
        await copied(target, origin.access(proxy.url))
    proxy.meanwhile = None
    again = await copied(target, origin.access(proxy.url))
    assert (again.resumed_after, again.products.unchanged) == (0, 100)


async def test_a_store_gets_no_more_requests_than_it_is_said_to_bear(origin: Origin, proxy: Proxy) -> None:
    begun = time.monotonic()
    async with Store(origin.access(proxy.url, requests_per_second=25.0)) as store:
        await asyncio.gather(*(store.page("products/1134/variations", 1) for _ in range(6)))
    assert time.monotonic() - begun >= 5 / 25


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("Fri, 31 Dec 2100 23:59:59 GMT", 1e9, 1e10), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0)],
)
def test_what_a_store_says_of_when_to_ask_again_is_a_number_or_a_date(header: str, least: float, most: float) -> None:
    waited = _retry_after(httpx.Response(429, headers={"Retry-After": header}))
    assert waited is not None
    assert least <= waited <= most
    assert _retry_after(httpx.Response(503, headers={"Retry-After": "soon"})) is None


@pytest.mark.campaign
@sqlite
async def test_an_import_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    origin: Origin, target: Database, database_url: str
) -> None:
    names = {"STOCKGATE_DATABASE_URL": database_url, "WOOCOMMERCE_KEY": origin.pair[0]}
    variables = environment(**names, WOOCOMMERCE_SECRET=origin.pair[1])
    asked = ["stockgate", "import", "woocommerce", "--url", origin.base, "--insecure", "--requests-per-second", "1"]
    for seconds in (2.0, 3.0, 4.0, 5.0, 3.5):
        process = await asyncio.create_subprocess_exec(*asked, env=variables, stdout=DEVNULL, stderr=DEVNULL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    process = await asyncio.create_subprocess_exec(*asked, env=variables, stdout=DEVNULL, stderr=PIPE)
    _, told = await process.communicate()
    assert (process.returncode, told) == (0, b"")
    auth = httpx.BasicAuth(*origin.pair)
    async with (
        own_client(target, database_url, origin.base) as own,
        httpx.AsyncClient(base_url=origin.base, auth=auth) as there,
    ):
        assert await answers(own) == await answers(there)
    assert sorted(entry[2] for entry in await ledger(target)) == [-2, 0, 3, 4, 12]
