"""/healthz: the process lives. /readyz: it can serve, and does everything else in time."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.metrics import serving as metrics
from gateway.metrics.stored import Stored, StoredFigures
from gateway.settings import Settings
from storage import migrations
from storage.errors import StorageUnavailableError

_READY_TIMEOUT_S = 2.0


async def healthz(_request: Request) -> JSONResponse:
    """200 as long as the process answers; asks nobody else."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> JSONResponse:
    """200 when the database answers and has the schema this program needs, else 503 and the reason.

    Webhooks or alerts that lag make it `degraded`, which is 200 all the same: requests are answered as ever, and a
    balancer that took every gateway away would help nobody. Who may read /metrics is told the figures.
    """
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            if await migrations.pending(request.app.state.database):
                return _not_ready("The database needs `stockgate migrate`.")
            figures: StoredFigures = request.app.state.stored_figures
            stored = await figures.now()
    except TimeoutError:
        return _not_ready("The database did not answer in time.")
    except StorageUnavailableError:
        return _not_ready("The database cannot be reached.")
    settings: Settings = request.app.state.settings
    lags = max(stored.lag_s, stored.reader_lag_s) > settings.ready_lag_seconds_max
    told: dict[str, Any] = {"status": "degraded" if lags else "ready"}
    if settings.metrics != "off" and await metrics.refused(request) is None:
        told |= _details(stored, settings)
    return JSONResponse(told)


def _details(stored: Stored, settings: Settings) -> dict[str, Any]:
    """For those who may know."""
    return {
        "migrations": "done",
        "webhooks": {
            "lag_seconds": round(stored.lag_s, 1),
            "lag_seconds_max": settings.ready_lag_seconds_max,
            "behind": stored.behind,
            "waiting": stored.waiting,
            "endpoints": dict(stored.endpoints),
        },
        "alerts": {"lag_seconds": round(stored.reader_lag_s, 1), "behind": dict(stored.readers)},
    }


def _not_ready(reason: str) -> JSONResponse:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503, headers={"Retry-After": "2"})


ROUTES = [Route("/healthz", healthz), Route("/readyz", readyz)]
