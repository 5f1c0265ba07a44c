"""What went wrong, in words for the person at the terminal."""

from __future__ import annotations

from collections.abc import Sequence


class CommandError(Exception):
    """The command cannot do what it was asked; its message says why. One line each where there are several reasons."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def explain(error: Exception) -> Sequence[str] | None:
    """The lines to print for an error that is the user's to mend; None for one that is a bug of ours."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from gateway.server.listening import CannotServeError
    from gateway.server_secret import ServerSecretError
    from gateway.settings import UnknownSettingError
    from gateway.telemetry import TelemetryMissingError
    from storage.catalog_document import CatalogError
    from storage.errors import InventoryError, StorageUnavailableError

    match error:
        case CommandError():
            return error.lines
        case ValidationError() if error.title == "Settings":
            return [
                f"{_variable(str(found['loc'][0]))}: {found['msg']}." for found in error.errors(include_input=False)
            ]
        case SettingsError():
            return [f"{_variable(str(error).split(chr(34))[1])}: not valid JSON."]
        case CatalogError():
            return [str(problem) for problem in error.problems]
        case InventoryError():
            return [error.message]
        case StorageUnavailableError() | UnknownSettingError() | ServerSecretError() | CannotServeError():
            return [str(error)]
        case TelemetryMissingError():
            return [str(error)]
    return None


def _variable(field: str) -> str:
    from gateway.settings import PREFIX

    return f"{PREFIX}{field}".upper()
