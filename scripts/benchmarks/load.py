"""Load from a process of its own: keep-alive connections that each send one request after the other.

Reads JSON from standard input: {"port", "connections", "apart", "seconds", "requests": [{"path", "headers", "body"}]}.
Prints JSON: {"requests", "seconds", "p50_ms", "p99_ms", "errors"}. Sends to 127.0.0.1 only, and stops after 120 s.
A request may have a "method" other than POST; where its body has the text of COUNTER, each has another number there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from typing import Any, Final

COUNTER: Final = "%count%"  # as long as the numbers that take its place


def _wire(request: dict[str, Any]) -> bytes:
    body = request.get("body", "").encode()
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", **request.get("headers", {})}
    lines = [
        f"{request.get('method', 'POST')} {request['path']} HTTP/1.1",
        *(f"{k}: {v}" for k, v in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_numbers: Final = itertools.count(1_000_000 + time.time_ns() // 1000 % 8_000_000)


async def _connection(port: int, wires: list[bytes], until: float, start: int) -> tuple[list[float], int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    durations, errors, n = [], 0, start
    marker = COUNTER.encode()
    while (begun := time.perf_counter()) < until:
        wire = wires[n % len(wires)]
        writer.write(wire.replace(marker, b"%d" % next(_numbers)) if marker in wire else wire)
        n += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        durations.append(time.perf_counter() - begun)
        errors += b" 200 " not in head[:15] or b'"errors"' in body[:20]
    writer.close()
    return durations, errors


async def main() -> None:
    asked = json.load(sys.stdin)
    wires = [_wire(request) for request in asked["requests"]]
    begun = time.perf_counter()
    until = begun + min(asked["seconds"], 120)
    done = await asyncio.gather(
        *(_connection(asked["port"], wires, until, n * asked["apart"]) for n in range(asked["connections"]))
    )
    seconds = time.perf_counter() - begun
    durations = sorted(duration for own, _ in done for duration in own)
    quantiles = statistics.quantiles(durations * 2, n=100)  # twice, for one may be all there is
    result = {
        "requests": len(durations), "seconds": seconds, "p50_ms": quantiles[49] * 1000, "p99_ms": quantiles[98] * 1000,
        "errors": sum(errors for _, errors in done),
    }  # fmt: skip
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
