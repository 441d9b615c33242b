"""Sends logs, metrics and spans with the OpenTelemetry SDK: export.py http|grpc ADDRESS TOKEN."""

import logging
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

protocol, address, token = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from grpc import Compression

    common = {"insecure": True, "headers": {"authorization": f"Bearer {token}"}, "timeout": 5}
    common["compression"] = Compression.Gzip
    at = lambda signal: address
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    common = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 5, "compression": Compression.Gzip}
    at = lambda signal: f"http://{address}/v1/{signal}"

resource = Resource.create({"service.name": "shop", "host.name": "h1"})

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(endpoint=at("logs"), **common)))
logger = logging.getLogger("cart")
logger.addHandler(LoggingHandler(logger_provider=logs))
logger.propagate = False
logger.error("the cart %s is lost", 7, extra={"customer": "c1"})

meters = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=at("metrics"), **common), 60000)],
)
meter = meters.get_meter("cart")
meter.create_counter("orders", unit="1").add(3, {"kind": "web"})
meter.create_histogram("latency", unit="ms").record(40)
meters.force_flush()

spans = TracerProvider(resource=resource)
spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=at("traces"), **common)))
tracer = spans.get_tracer("cart")
with tracer.start_as_current_span("GET /fine"):
    pass
with tracer.start_as_current_span("GET /cart") as span:
    span.set_status(Status(StatusCode.ERROR, "no such cart"))
meters.shutdown()
