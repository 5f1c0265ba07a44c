"""The command that serves."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.database import with_database

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from gateway.settings import Settings
    from storage.database import Database

_DEMO_DATABASE_URL: Final = "sqlite:///stockgate-demo.db"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; STOCKGATE_HOST without it.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, 0 for any that is free; STOCKGATE_PORT without it.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve; one that dies is replaced.")] = 1,
    *,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Serve a small catalogue of our own, from stockgate-demo.db unless a database is set."
        ),
    ] = False,
) -> None:
    """Serve GraphQL and the REST dialects over HTTP.

    An SQLite database is created and migrated first; PostgreSQL needs `stockgate migrate`, once per upgrade. With
    --demo, which is in development mode, a key and two examples to copy are printed when it is ready.

    Ctrl-C or SIGTERM stops it, after the requests in progress, which have STOCKGATE_STOP_SECONDS_MAX; a second Ctrl-C
    at once. Of several workers those that die or hang are replaced, and all go when this process does, however it ends.
    """
    from gateway import settings, telemetry
    from gateway.server import listening, open_files
    from storage import migrations

    if demo:
        os.environ.setdefault("STOCKGATE_DATABASE_URL", _DEMO_DATABASE_URL)  # where the workers look, too
        os.environ.setdefault("STOCKGATE_MODE", "development")
    current = settings.load()
    telemetry.check_installed(is_on=current.telemetry == "on")

    async def greeting(database: Database) -> str:
        await migrations.prepare(database)
        if not demo:
            return f"Stockgate serves GraphQL on {base}/graphql and REST below {base}/wp-json, in {current.mode} mode."
        from gateway import console
        from gateway.cli import demo as shop

        token = await shop.set_up(database)
        if current.database_url.get_secret_value() == _DEMO_DATABASE_URL:  # a key to it opens nobody's own data
            os.environ.setdefault("STOCKGATE_CONSOLE_KEY", token)
        return shop.greeting(
            base, token, str(database.url.database), current.mode, console=console.is_on(current), docs=current.docs
        )

    open_files.make_room(current)
    with listening.listen(current.host if host is None else host, current.port if port is None else port) as bound:
        base = current.public_url.rstrip("/") or _base_url(bound)
        # The database is checked before the server starts, where a failure is still one line
        _serve(current, bound, workers, with_database(greeting, prepared=False))


def _serve(settings: Settings, listening: socket.socket, workers: int, greeting: str) -> None:
    """Serve until told to stop; the greeting is printed when requests are answered."""
    from gateway.server import serving, supervisor

    def greet() -> None:
        typer.echo(greeting)

    if workers == 1:
        serving.serve(settings, listening, serving.Hooks(started=greet))
    else:
        code = supervisor.Supervisor(settings, listening, workers, greet).run()
        if code:
            raise typer.Exit(code)


def _base_url(listening: socket.socket) -> str:
    """Where clients on this machine reach the server."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared with, not bound to)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
