"""The server's own secret, from which the secrets of consumer pairs are derived: a setting, or a file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from gateway.settings import SECRET_LENGTH_MIN, Settings

_FILE_NAME: Final = "stockgate.secret"


class ServerSecretError(Exception):
    """There is no server secret that could be used; the message says how to get one."""


class ServerSecret:
    """STOCKGATE_SECRET_KEY, or else what STOCKGATE_SECRET_KEY_FILE holds, which is read when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.secret_key.get_secret_value()
        self.file = Path(settings.secret_key_file) if settings.secret_key_file else _beside_the_database(settings)
        self._known = ""

    def __repr__(self) -> str:
        return f"ServerSecret({self.file})"

    def value(self, *, anew: bool = False) -> str:
        """The secret. `anew` reads the file again, which another process may have made since.

        Raises ServerSecretError when there is none.
        """
        if self._given:
            return self._given
        if anew or not self._known:
            self._known = self._read()
        return self._known

    def value_or_new(self) -> str:
        """The secret; without one a file with a new one is made, which only its owner may read.

        Raises ServerSecretError when that cannot be done.
        """
        if not self._given and not self.file.exists():
            self._make()
        return self.value()

    def _read(self) -> str:
        try:
            text = self.file.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise ServerSecretError(f"The server's secret cannot be read from {self.file}: {_reason(error)}.") from None
        if len(text) < SECRET_LENGTH_MIN:
            raise ServerSecretError(f"{self.file} holds fewer than {SECRET_LENGTH_MIN} characters: no server's secret.")
        return text

    def _make(self) -> None:
        """Whole or not at all, and never over one that another process just made."""
        draft = self.file.with_name(f"{self.file.name}.{secrets.token_hex(4)}")
        try:
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(f"{secrets.token_hex(32)}\n")
                    file.flush()
                    os.fsync(file.fileno())
                os.link(draft, self.file)
            finally:
                draft.unlink(missing_ok=True)
        except FileExistsError:
            return
        except OSError as error:
            raise ServerSecretError(
                f"The server's secret cannot be written to {self.file}: {_reason(error)}. "
                "Set STOCKGATE_SECRET_KEY, or STOCKGATE_SECRET_KEY_FILE to a file in a folder that can be written to."
            ) from None


def _beside_the_database(settings: Settings) -> Path:
    url = make_url(settings.database_url.get_secret_value())
    folder = Path(url.database).parent if url.drivername.startswith("sqlite") and url.database else Path()
    return folder / _FILE_NAME


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not plain text"
