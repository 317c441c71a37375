#!/usr/bin/env python3
"""Writes Grafana's dashboards beside itself: dashboards.py [FOLDER]. Change this file, not the JSON."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = {"type": "prometheus", "uid": "${source}"}
SERVICE = 'destination_workload_namespace=~"$namespace",destination_canonical_service=~"$service"'
WIDTH = 24


def panel(title, unit, *queries, kind="timeseries", width=8, height=8, about=""):
    """One panel. `queries`: (expression, legend)."""
    return {"title": title, "type": kind, "description": about, "datasource": SOURCE,
            "gridPos": {"w": width, "h": height},
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "targets": [{"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expression,
                         "legendFormat": legend, "instant": kind in ("stat", "table")}
                        for index, (expression, legend) in enumerate(queries)]}


def choice(name, label, query):
    """A variable whose values come from a query."""
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name},
            "definition": query, "includeAll": True, "multi": True, "refresh": 2, "allValue": ".*",
            "current": {"text": "All", "value": "$__all"}}


def fixed(name, label, *values):
    return {"name": name, "label": label, "type": "custom", "query": ",".join(values),
            "current": {"text": values[0], "value": values[0]},
            "options": [{"text": value, "value": value, "selected": value == values[0]} for value in values]}


def dashboard(uid, title, panels, variables=()):
    x = y = row = 0
    for number, each in enumerate(panels, 1):
        size = each["gridPos"]
        if x + size["w"] > WIDTH:
            x, y, row = 0, y + row, 0
        size.update(x=x, y=y)
        each["id"] = number
        x, row = x + size["w"], max(row, size["h"])
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {"uid": uid, "title": title, "tags": ["remora"], "schemaVersion": 37, "editable": True, "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"}, "templating": {"list": [source, *variables]}, "panels": panels}


def mesh():
    versions = "{{destination_canonical_service}} {{destination_version}}"
    return dashboard("remora-mesh", "Remora: mesh", [
        panel("Requests", "reqps", ('mesh:requests:rate1m{reporter="$reporter"}', "{{reporter}}"), kind="stat", width=6,
              height=4),
        panel("Success", "percentunit", ('mesh:success:ratio1m{reporter="$reporter"}', "{{reporter}}"), kind="stat", width=6,
              height=4, about="Answers that are no 5xx."),
        panel("Proxies", "none", ('sum(up{job="remora"})', "up"), ("sum(pilot_xds)", "connected"),
              ("sum(remora_control_telemetry_proxies)", "report"), kind="stat", width=6, height=4),
        panel("Faults of the configuration", "none", ("sum(remora_control_config_errors)", "errors"),
              ("sum(remora_control_config_warnings)", "warnings"), ("sum(remora_control_proxies_rejecting)", "rejected"),
              kind="stat", width=6, height=4),
        panel("Requests by version", "reqps", ('service_version:requests:rate1m{reporter="$reporter"}', versions)),
        panel("Success by version", "percentunit", ('service_version:success:ratio1m{reporter="$reporter"}', versions)),
        panel("p99 by version", "ms", ('service_version:duration_milliseconds:p99_1m{reporter="$reporter"}', versions)),
        panel("Who calls whom", "reqps", (
            "sum by (source_canonical_service, destination_canonical_service) "
            '(rate(istio_requests_total{reporter="$reporter"}[$__rate_interval]))',
            "{{source_canonical_service}} to {{destination_canonical_service}}")),
        panel("Answers by class", "reqps", (
            "sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx[$__rate_interval]))",
            "{{envoy_response_code_class}}xx")),
        panel("Upstream failures", "reqps", ("cluster:upstream_failures:rate1m", "{{envoy_cluster_name}}"),
              about="Connections that fail, requests that time out or exceed a limit."),
        panel("Open connections", "none", ("sum by (instance) (envoy_http_downstream_cx_active)", "{{instance}}")),
        panel("Memory of proxies", "bytes", ("envoy_server_memory_physical_size", "{{instance}}")),
        panel("Pushes of the control plane", "ops", (
            "sum by (type) (rate(pilot_xds_pushes[$__rate_interval]))", "{{type}}"),
            ("sum(rate(pilot_total_xds_rejects[$__rate_interval]))", "rejected")),
    ], [fixed("reporter", "Seen by", "source", "destination")])


def service():
    chosen = f'{{reporter="$reporter",{SERVICE}}}'
    codes = "sum by (destination_version, response_code, response_flags) " \
            f"(rate(istio_requests_total{chosen}[$__rate_interval]))"
    return dashboard("remora-service", "Remora: service", [
        panel("Requests", "reqps", (f"service_version:requests:rate1m{chosen}", "{{destination_version}}")),
        panel("Success", "percentunit", (f"service_version:success:ratio1m{chosen}", "{{destination_version}}")),
        panel("Duration", "ms",
              (f"service_version:duration_milliseconds:p50_1m{chosen}", "{{destination_version}} p50"),
              (f"service_version:duration_milliseconds:p99_1m{chosen}", "{{destination_version}} p99")),
        panel("Answers", "reqps", (codes, "{{destination_version}} {{response_code}} {{response_flags}}")),
        panel("Callers", "reqps", (
            f"sum by (source_canonical_service, source_version) (rate(istio_requests_total{chosen}[$__rate_interval]))",
            "{{source_canonical_service}} {{source_version}}")),
        panel("Workloads", "reqps", (
            f"sum by (destination_workload) (rate(istio_requests_total{chosen}[$__rate_interval]))",
            "{{destination_workload}}")),
        panel("Sizes", "bytes", (
            f"sum(rate(istio_request_bytes_sum{chosen}[$__rate_interval])) "
            f"/ sum(rate(istio_request_bytes_count{chosen}[$__rate_interval]))", "request"), (
            f"sum(rate(istio_response_bytes_sum{chosen}[$__rate_interval])) "
            f"/ sum(rate(istio_response_bytes_count{chosen}[$__rate_interval]))", "response"),
            about="Mean bytes, with headers."),
        panel("Retries", "reqps", (
            'sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_rq_retry{envoy_cluster_name=~".*($service)[.].*"}'
            "[$__rate_interval]))", "{{envoy_cluster_name}}")),
        panel("Endpoints", "none", (
            'min by (envoy_cluster_name) (envoy_cluster_membership_healthy{envoy_cluster_name=~".*($service)[.].*"})',
            "{{envoy_cluster_name}} healthy"), (
            'max by (envoy_cluster_name) (envoy_cluster_membership_total{envoy_cluster_name=~".*($service)[.].*"})',
            "{{envoy_cluster_name}} all")),
    ], [fixed("reporter", "Seen by", "source", "destination"),
        choice("namespace", "Namespace", "label_values(istio_requests_total, destination_workload_namespace)"),
        choice("service", "Service", "label_values(istio_requests_total{destination_workload_namespace=~\"$namespace\"}, "
                                     "destination_canonical_service)")])


def canary():
    which = '{namespace=~"$namespace",name=~"$canary"}'
    traffic = 'reporter="$reporter",destination_workload_namespace=~"$namespace",destination_canonical_service=~"$canary"'
    return dashboard("remora-canary", "Remora: canary", [
        panel("Last result", "none", (f"flagger_canary_status{which}", "{{namespace}}/{{name}}"), kind="stat", height=4,
              about="0: under way; 1: promoted, or none yet; 2: rolled back."),
        panel("Promoted", "none", ('sum(flagger_canary_successes_total) or vector(0)', "all"), kind="stat", height=4),
        panel("Rolled back", "none", ('sum(flagger_canary_failures_total) or vector(0)', "all"), kind="stat", height=4),
        panel("Weight", "percent", ('flagger_canary_weight{namespace=~"$namespace",workload=~"($canary)(-primary)?"}',
                                    "{{workload}}")),
        panel("Metrics of the analysis", "none", (f"flagger_canary_metric_analysis{which}", "{{name}} {{metric}}"),
              about="As the canary was judged by them; durations in seconds."),
        panel("Time of a check", "s", (
            f"sum by (name) (rate(flagger_canary_duration_seconds_sum{which}[$__rate_interval])) "
            f"/ sum by (name) (rate(flagger_canary_duration_seconds_count{which}[$__rate_interval]))", "{{name}}")),
        panel("Requests", "reqps", (f"service_version:requests:rate1m{{{traffic}}}", "{{destination_version}}")),
        panel("Success", "percentunit", (f"service_version:success:ratio1m{{{traffic}}}", "{{destination_version}}")),
        panel("p99", "ms", (f"service_version:duration_milliseconds:p99_1m{{{traffic}}}", "{{destination_version}}")),
    ], [fixed("reporter", "Seen by", "destination", "source"),
        choice("namespace", "Namespace", "label_values(flagger_canary_status, namespace)"),
        choice("canary", "Canary", "label_values(flagger_canary_status{namespace=~\"$namespace\"}, name)")])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dashboards"
    folder.mkdir(exist_ok=True)
    for made in (mesh(), service(), canary()):
        (folder / f"{made['uid'].removeprefix('remora-')}.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
