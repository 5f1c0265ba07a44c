"""The server's own secret: given, or in a file that only its owner may read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.settings import Settings

GIVEN = "k" * 32


def secret_in(folder: Path, **options: Any) -> ServerSecret:
    return ServerSecret(Settings(database_url=f"sqlite:///{folder}/shop.db", **options))


def test_a_secret_that_is_set_needs_no_file(tmp_path: Path) -> None:
    secret = secret_in(tmp_path, secret_key=GIVEN)
    assert (secret.value(), secret.value_or_new(), list(tmp_path.iterdir())) == (GIVEN, GIVEN, [])
    assert GIVEN not in repr(secret)
    with pytest.raises(ValidationError, match="must have at least 32 characters"):
        secret_in(tmp_path, secret_key="short")


def test_a_secret_is_made_beside_the_database_when_it_is_first_needed(tmp_path: Path) -> None:
    server = secret_in(tmp_path)
    with pytest.raises(ServerSecretError, match=r"stockgate\.secret: No such file"):
        server.value()
    with ThreadPoolExecutor() as threads:
        made = set(threads.map(lambda _: secret_in(tmp_path).value_or_new(), range(8)))
    assert made == {server.value()}, "one that is made at the same time does not replace another"
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("stockgate.secret", 0o600)]


def test_a_file_that_was_replaced_is_read_anew_when_asked(tmp_path: Path) -> None:
    secret = secret_in(tmp_path, secret_key_file=str(tmp_path / "own"))
    (tmp_path / "own").write_text(f"{GIVEN}\n")
    assert secret.value() == GIVEN
    (tmp_path / "own").write_text("n" * 32)
    assert (secret.value(), secret.value(anew=True), secret.value()) == (GIVEN, "n" * 32, "n" * 32)


def test_a_file_that_holds_no_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("short")
    with pytest.raises(ServerSecretError, match="holds fewer than 32 characters"):
        secret_in(tmp_path, secret_key_file=str(tmp_path / "own")).value_or_new()
    (tmp_path / "own").write_bytes(b"\xff" * 40)
    with pytest.raises(ServerSecretError, match="it is not plain text"):
        secret_in(tmp_path, secret_key_file=str(tmp_path / "own")).value()
    with pytest.raises(ServerSecretError, match="Set STOCKGATE_SECRET_KEY"):
        secret_in(tmp_path, secret_key_file=str(tmp_path / "no/folder")).value_or_new()


def test_proxies_are_addresses_or_networks(tmp_path: Path) -> None:
    assert Settings(trusted_proxies=["10.0.0.5", "::1", "10.1.0.0/16"]).trusted_proxies[1] == "::1"
    for wrong in ("proxy.example", "10.1.0.5/16", "*"):
        with pytest.raises(ValidationError, match="is neither an address nor a network"):
            Settings(trusted_proxies=[wrong])
