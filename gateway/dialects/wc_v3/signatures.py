"""Who signed a request by OAuth 1.0a: its key, its signature, its time, and that it was not sent before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from gateway.authentication import Authenticator, Consumer, Principal
from gateway.dialects.wc_v3 import oauth
from gateway.dialects.wc_v3.oauth import OAuthError, SignatureDiffersError, Signed
from gateway.dialects.wordpress.addressing import sent
from gateway.server_secret import ServerSecret, ServerSecretError
from storage import consumer_pairs, nonces, turnstile
from storage.database import Database
from storage.turnstile import Rank

REMEMBERED_S: Final = oauth.WINDOW_S + 60
"""How long a nonce is. A little longer than needed: clocks of several hosts are not one."""
log = structlog.get_logger("stockgate.wc_v3")


class Signatures:
    """Verifies signed requests. `clock` gives Unix seconds."""

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        server_secret: ServerSecret,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._server_secret = server_secret
        self._clock = clock

    async def signer(self, request: Signed, request_id: str) -> Principal:
        """Who signed the request. Raises OAuthError."""
        consumer = await self._authenticator.consumer(request.consumer_key.strip())
        if consumer is None:
            raise OAuthError("Consumer key is invalid.")
        try:
            oauth.check_signature(request, self._secret_of(consumer, request_id))
        except SignatureDiffersError as error:
            log.warning(
                "oauth signature differs: does the client sign this URL, and STOCKGATE_PUBLIC_URL name it?",
                request_id=request_id,
                api_key_id=consumer.principal.credential.id,
                base_string=error.base_string,
            )
            raise
        now = self._clock()
        oauth.check_time(request, now)
        if not await self._database.transact(self._claim, consumer, request, now):
            raise OAuthError("Invalid nonce - nonce has already been used.")
        turnstile.rank_as(Rank.TILL)  # nothing of what is asked for was written yet
        return consumer.principal

    async def _claim(self, session: AsyncSession, consumer: Consumer, request: Signed, now: float) -> bool:
        oldest = int(now) - REMEMBERED_S
        key_id = consumer.principal.credential.id
        return await nonces.claim(session, key_id, request.nonce, request.timestamp, forgotten=oldest)

    def _secret_of(self, consumer: Consumer, request_id: str) -> str:
        """The consumer's secret. Another process may have made the server's since: then its file is read anew."""
        reason = "the server's secret is another one than when this key was issued: bring it back, or rotate the key"
        for anew in (False, True):
            try:
                secret = consumer_pairs.secret_of(self._server_secret.value(anew=anew), consumer.pair.key_hash)
            except ServerSecretError as error:
                reason = str(error)
                continue
            if consumer.pair.has_secret(secret):
                return secret
        key_id = consumer.principal.credential.id
        log.error("a consumer secret cannot be derived", request_id=request_id, api_key_id=key_id, reason=reason)
        raise OAuthError(oauth.DIFFERS)


def urls_of(conn: HTTPConnection) -> Iterator[str]:
    """The URLs that the client may have signed: by the public URL, as the reference has it, and by its Host header."""
    _, path = sent(conn.scope)
    home = urlsplit(conn.app.state.settings.public_url.rstrip("/"))
    told = conn.headers.get("host", "")
    if home.netloc:
        below = path if f"{path}/".startswith(f"{home.path}/") else home.path + path
        yield f"{conn.url.scheme}://{home.netloc}{below}"
    if told != home.netloc or not home.netloc:
        yield f"{conn.url.scheme}://{told}{path}"
