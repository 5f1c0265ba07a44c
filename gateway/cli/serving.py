"""The command that serves."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    from storage.database import Database

_DEMO_DATABASE_URL: Final = "sqlite:///stockgate-demo.db"
_SHUTDOWN_S: Final = 10
_PING_S: Final = 15


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; STOCKGATE_HOST without it.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, 0 for any that is free; STOCKGATE_PORT without it.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve.")] = 1,
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
    --demo, which is in development mode, a key and two examples to copy are printed when it is ready. Ctrl-C or SIGTERM
    stops it, after the requests in progress.
    """
    from gateway import settings
    from storage import migrations

    if demo:
        os.environ.setdefault("STOCKGATE_DATABASE_URL", _DEMO_DATABASE_URL)  # where the workers look, too
        os.environ.setdefault("STOCKGATE_MODE", "development")
    current = settings.load()

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

    with _listen(current.host if host is None else host, current.port if port is None else port) as listening:
        base = current.public_url.rstrip("/") or _base_url(listening)
        # The database is checked before the server starts, where a failure is still one line
        _run(listening, workers, with_database(greeting, prepared=False), current.body_bytes_max)


def _run(listening: socket.socket, workers: int, greeting: str, body_bytes_max: int) -> None:
    """Serve until told to stop; the greeting is printed when requests are answered."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    class GreetingServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            typer.echo(greeting)

    class GreetingSupervisor(Multiprocess):
        def init_processes(self) -> None:
            super().init_processes()
            if all(process.wait_until_ready(60, self.should_exit) for process in self.processes):
                typer.echo(greeting)

    config = uvicorn.Config(
        "gateway.app:create_app",
        factory=True,
        workers=workers,
        log_config=None,  # our own log: one line a request, see gateway/request_log.py
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn would believe all of this machine: create_app asks STOCKGATE_TRUSTED_PROXIES
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ws_max_size=body_bytes_max,
        ws_ping_interval=_PING_S,
        ws_per_message_deflate=False,  # events are small, and each connection would hold buffers for it
    )
    with contextlib.suppress(KeyboardInterrupt):
        if workers == 1:
            GreetingServer(config).run(sockets=[listening])
        else:
            GreetingSupervisor(config, sockets=[listening]).run()


def _listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address, before anything else is done: a taken port should change nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise CommandError(f"Port {port} of {host} is taken. Choose another one: --port {port + 1}") from None
        raise CommandError(f"Cannot listen on port {port} of {host}: {error.strerror}.") from None
    listening.set_inheritable(True)
    return listening


def _base_url(listening: socket.socket) -> str:
    """Where clients on this machine reach the server."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared with, not bound to)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
