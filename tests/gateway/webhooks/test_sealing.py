"""Secrets of endpoints are stored encrypted, and open with the server's secret only."""

from __future__ import annotations

import base64

import pytest

from gateway.webhooks.sealing import SealBrokenError, new_secret, seal, unseal

SERVER = "s" * 32


def test_a_sealed_secret_shows_nothing_and_opens_with_the_servers_secret_alone() -> None:
    secret = new_secret()
    sealed = seal(SERVER, secret)
    assert unseal(SERVER, sealed) == secret
    assert seal(SERVER, secret) != sealed
    assert secret[6:] not in sealed
    assert secret[6:].encode() not in base64.urlsafe_b64decode(sealed)
    for wrong in ("t" * 32, SERVER + "s"):
        with pytest.raises(SealBrokenError, match="STOCKGATE_SECRET_KEY"):
            unseal(wrong, sealed)
    with pytest.raises(SealBrokenError):
        unseal(SERVER, sealed[:-4] + "AAA=")


def test_a_new_secret_is_what_the_standard_webhooks_specification_wants() -> None:
    secrets = {new_secret() for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
