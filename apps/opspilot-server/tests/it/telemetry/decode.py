"""Prints what OTLP requests hold, read with the official messages: decode.py FILE..., named after their signal."""

import json
import pathlib
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

found = {"metrics": [], "traces": [], "places": [], "logs": [], "services": []}


def text(attributes, key):
    return next((a.value.string_value for a in attributes if a.key == key), None)


for name in sys.argv[1:]:
    path = pathlib.Path(name)
    signal = path.name.split("-")[0]
    kinds = {"metrics": ExportMetricsServiceRequest, "traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
    request = kinds[signal].FromString(path.read_bytes())
    groups = {"metrics": "resource_metrics", "traces": "resource_spans", "logs": "resource_logs"}
    for group in getattr(request, groups[signal]):
        found["services"].append(text(group.resource.attributes, "service.name"))
        if signal == "metrics":
            found[signal] += [[m.name, m.WhichOneof("data")] for s in group.scope_metrics for m in s.metrics]
        elif signal == "traces":
            found[signal] += [[s.name, s.kind, len(s.trace_id), len(s.span_id)] for g in group.scope_spans for s in g.spans]
            found["places"] += [
                [s.name, s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex()] for g in group.scope_spans for s in g.spans
            ]
        else:
            found[signal] += [[r.body.string_value, r.severity_text] for g in group.scope_logs for r in g.log_records]
print(json.dumps(found))
