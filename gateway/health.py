"""/healthz: the process lives. /readyz: it can serve."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from storage import migrations
from storage.errors import StorageUnavailableError

_READY_TIMEOUT_S = 2.0


async def healthz(_request: Request) -> JSONResponse:
    """200 as long as the process answers; asks nobody else."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> JSONResponse:
    """200 when the database answers and has the schema this program needs, else 503 and the reason."""
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            pending = await migrations.pending(request.app.state.database)
    except TimeoutError:
        return _not_ready("The database did not answer in time.")
    except StorageUnavailableError:
        return _not_ready("The database cannot be reached.")
    return _not_ready("The database needs `stockgate migrate`.") if pending else JSONResponse({"status": "ready"})


def _not_ready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503, headers={"Retry-After": "2"})


ROUTES = [Route("/healthz", healthz), Route("/readyz", readyz)]
