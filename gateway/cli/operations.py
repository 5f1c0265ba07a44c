"""Commands that list the GraphQL operations that may run where only listed ones may."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.database import with_database
from gateway.cli.failures import CommandError

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.tables import PersistedOperation

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="GraphQL documents, or manifests in JSON.")]
Hash = Annotated[str, typer.Argument(metavar="SHA256", help="As `operations list` shows it, or how it begins.")]
_HASH_MIN = 8


def add(files: Files) -> None:
    """List operations, so that they run where STOCKGATE_PERSISTED_ONLY demands it.

    A `.graphql` file is one document; clients send exactly its text, or its SHA-256. A `.json` file is a manifest:
    an object of documents by any name, or Apollo's, with `operations` that have a `body`. All are checked against the
    schema first, and when one is not valid none is listed.
    """
    from storage import persisted_operations

    documents = {f"{path}{place}": text for path in files for place, text in _documents(path)}
    problems = [f"{place}: {problem}" for place, text in documents.items() for problem in _problems(text)]
    if problems:
        raise CommandError(*problems)
    added = with_database(lambda database: database.transact(persisted_operations.add, list(documents.values())))
    typer.echo(f"{added} listed, {len(set(documents.values())) - added} were listed before.")


def list_operations() -> None:
    """Show the operations that are listed: hash, date, and how each begins."""
    from storage import persisted_operations

    for row in with_database(lambda database: database.read(persisted_operations.listed)):
        typer.echo(_line(row))


def remove(sha256: Hash) -> None:
    """Take an operation off the list; it stops running within five seconds."""
    from storage import persisted_operations

    if len(sha256) < _HASH_MIN:
        raise CommandError(f"Give at least {_HASH_MIN} digits of the hash, or all 64.")
    if not with_database(lambda database: database.transact(persisted_operations.remove, sha256)):
        raise CommandError(f"No listed operation has a hash that begins with {sha256!r}.")
    typer.echo("The operation is not listed any more.")


def _documents(path: Path) -> Iterator[tuple[str, str]]:
    """The documents of a file, each with its place in it."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: not UTF-8.") from None
    if path.suffix != ".json":
        yield "", text
        return
    try:
        yield from _of_manifest(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "neither an object of documents nor a manifest with `operations` that have a `body`."
        raise CommandError(f"{path}: {message}") from None


def _of_manifest(manifest: Any) -> Iterator[tuple[str, str]]:
    if isinstance(manifest.get("operations"), list):
        manifest = {str(n): operation["body"] for n, operation in enumerate(manifest["operations"])}
    for name, document in manifest.items():
        if not isinstance(document, str):
            raise TypeError(name)
        yield f"[{name}]", document


def _problems(document: str) -> Sequence[str]:
    """What is wrong with a document: it would be refused when it is sent, too."""
    from gateway import settings
    from gateway.graphql.admission import limits_of
    from schema import operations
    from schema.operations import NAME_NEEDED, Operation

    prepared = operations.prepare(document, None, limits_of(settings.load()))
    if isinstance(prepared, Operation):
        return []
    named = [error.message for error in prepared]
    return [] if named == [NAME_NEEDED] else named


def _line(row: PersistedOperation) -> str:
    beginning = " ".join(row.document.split())
    shown = beginning if len(beginning) <= 60 else f"{beginning[:59]}…"
    return f"{row.sha256}  {row.created_at:%Y-%m-%d}  {shown}"
