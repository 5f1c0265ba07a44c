"""OpenTelemetry, where it is wanted: a span for each operation, and one below it for each statement.

Nothing of it is imported unless STOCKGATE_TELEMETRY is on. Where spans go, and how many of them, the variables of
OpenTelemetry say: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and their like.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from gateway.calls import Call

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span

_SQL_MAX: Final = 4000
_HEADERS: Final = (b"traceparent", b"tracestate")


class TelemetryMissingError(Exception):
    """Telemetry is switched on, and not installed."""


def check_installed(*, is_on: bool) -> None:
    """Raises TelemetryMissingError when it is wanted, and not there."""
    if is_on and (find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None):
        raise TelemetryMissingError(
            "STOCKGATE_TELEMETRY is on, and what it takes is not installed: pip install 'stockgate[telemetry]'."
        )


class Telemetry:
    """The spans of one process."""

    def __init__(self, engine: str, processor: SpanProcessor | None = None) -> None:
        """`processor` is what takes the spans; by default they are sent to where OTEL_* says.

        Raises TelemetryMissingError when the extra is not installed.
        """
        check_installed(is_on=True)
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        told = {"service.version": version("stockgate")}
        if "OTEL_SERVICE_NAME" not in os.environ:
            told["service.name"] = "stockgate"
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self.provider: TracerProvider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
        self.provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("stockgate")
        self._engine = engine

    def begin(self, call: Call, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """The span of a call, which goes on with the trace that its headers name."""
        carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in _HEADERS}
        context = self._propagator.extract(carrier) if carrier else None
        span = self._tracer.start_span(call.operation, context=context, kind=self._trace.SpanKind.SERVER)
        call.span = span
        if span.is_recording():
            call.trace = partial(self._statement, span)

    def finished(self, call: Call, status: int, _seconds: float) -> None:
        """A call ended, and so does its span."""
        span: Span | None = call.span
        if span is None:
            return
        span.update_name(f"{call.dialect} {call.operation}")
        span.set_attributes(
            {
                "stockgate.dialect": call.dialect,
                "stockgate.operation": call.operation,
                "stockgate.request_id": call.request_id,
                "stockgate.key": call.key_id,
                "stockgate.cost": call.cost,
                "stockgate.statements": call.statements,
                "http.response.status_code": status,
            }
        )
        if refusal := call.refusal(status):
            span.set_attribute("stockgate.refused", refusal)
        if status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    def _statement(self, parent: Span, sql: str) -> AbstractContextManager[Any]:
        return self._running(parent, sql)

    @contextmanager
    def _running(self, parent: Span, sql: str) -> Iterator[None]:
        """The span of a statement: its text has places for values, and no values."""
        verb = sql.lstrip("( \n")[:12].split(maxsplit=1)[0].upper()
        attributes = {"db.system.name": self._engine, "db.operation.name": verb, "db.query.text": sql[:_SQL_MAX]}
        span = self._tracer.start_span(
            verb,
            context=self._trace.set_span_in_context(parent),
            kind=self._trace.SpanKind.CLIENT,
            attributes=attributes,
        )
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)  # its words may quote values
            span.set_status(self._trace.StatusCode.ERROR)
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left. It takes as long as OTEL_BSP_EXPORT_TIMEOUT at most: not for the event loop."""
        self.provider.shutdown()
