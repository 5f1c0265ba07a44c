"""Secrets of webhook endpoints as they are stored: encrypted with a key that is derived from the server's secret.

Whoever reads the database, or a backup of it, cannot sign with them. After the server's secret was changed nothing of
it can be opened any more: endpoints need new secrets then.
"""

from __future__ import annotations

import base64
import secrets
from functools import lru_cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "whsec_"
"""How the secrets of the Standard Webhooks specification begin; base64 follows."""
_PURPOSE: Final = b"stockgate webhook secrets 1"
_BYTES: Final = 32


class SealBrokenError(Exception):
    """What is stored was sealed with another secret of the server, or is damaged."""

    def __init__(self) -> None:
        super().__init__(
            "The secret of this webhook endpoint cannot be opened: the server's secret is another than the one it was "
            "stored with. Set STOCKGATE_SECRET_KEY as it was, or give the endpoint a new secret: "
            "`stockgate webhook rotate`."
        )


def new_secret() -> str:
    """A random secret, as receivers are given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def seal(server_secret: str, secret: str) -> str:
    """A secret as it is stored."""
    return _fernet(server_secret).encrypt(secret.encode()).decode()


def unseal(server_secret: str, sealed: str) -> str:
    """A secret as it was before it was stored. Raises SealBrokenError."""
    try:
        return _fernet(server_secret).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBrokenError from None


@lru_cache(maxsize=4)
def _fernet(server_secret: str) -> Fernet:
    key = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(server_secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
