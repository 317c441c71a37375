"""Builders for Envoy configuration that read as sentences; each returns a plain dict in the protos' JSON form."""

TYPE = "type.googleapis.com/"
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"
FILE_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

ROUTE_FIELDS = {"name", "metadata", "decorator", "typed_per_filter_config", "request_headers_to_add",
                "request_headers_to_remove", "response_headers_to_add", "response_headers_to_remove", "stat_prefix"}


def typed(type_name, **fields):
    return {"@type": TYPE + type_name, **fields}


def address(port, host="127.0.0.1"):
    return {"socket_address": {"address": host, "port_value": port}}


def bootstrap(listeners=(), clusters=(), ads=None, node=None, **more):
    """A whole bootstrap with the admin interface on a free port.

    `ads`: the port of a management server that delivers listeners and clusters beside the static ones.
    """
    clusters = list(clusters)
    config = {"node": node or {"id": "test-node", "cluster": "test-cluster"},
              "admin": {"address": address(0)},
              "static_resources": {"listeners": list(listeners), "clusters": clusters}, **more}
    if ads is not None:
        clusters.append(cluster("ads", ads, http2=True, connect_timeout="1s"))
        config["dynamic_resources"] = {
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [
                {"envoy_grpc": {"cluster_name": "ads"}}]},
            "cds_config": over_ads(), "lds_config": over_ads()}
    return config


def over_ads(fetch_timeout=None):
    source = {"ads": {}, "resource_api_version": "V3"}
    return {**source, "initial_fetch_timeout": fetch_timeout} if fetch_timeout else source


def listener(*filters, name="in", port=0, **more):
    return {"name": name, "address": address(port), "filter_chains": [{"filters": list(filters)}], **more}


def http(routes=None, *, stat_prefix="in", route_config=None, filters=(), **more):
    """The HTTP connection manager. `routes`: the routes of one virtual host for every domain, for the common case."""
    if route_config is None and "rds" not in more:
        route_config = routing(virtual_host(*(routes or [])))
    settings = {"stat_prefix": stat_prefix, "http_filters": [*filters, router()], **more}
    if route_config is not None:
        settings["route_config"] = route_config
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed(HCM, **settings)}


def tcp_proxy(cluster=None, *, stat_prefix="tcp", **more):
    """The TCP proxy; without `cluster`, its weighted_clusters are among the rest."""
    settings = {"stat_prefix": stat_prefix, **more}
    if cluster is not None:
        settings["cluster"] = cluster
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": typed(TCP_PROXY, **settings)}


def listener_filter(kind, **more):
    """`kind`: "tls_inspector", "http_inspector", "proxy_protocol" or "original_dst"."""
    message = "".join(word.capitalize() for word in kind.split("_"))
    return {"name": f"envoy.filters.listener.{kind}",
            "typed_config": typed(f"envoy.extensions.filters.listener.{kind}.v3.{message}", **more)}


def router(**more):
    return {"name": "envoy.filters.http.router", "typed_config": typed(ROUTER, **more)}


def http_listener(*routes, name="in", **more):
    """A listener with one connection manager and one virtual host, for the common case."""
    return listener(http(list(routes) or None, stat_prefix=name, **more), name=name)


def routing(*virtual_hosts, name="routes", **more):
    return {"name": name, "virtual_hosts": list(virtual_hosts), **more}


def virtual_host(*routes, name="all", domains=("*",), **more):
    return {"name": name, "domains": list(domains), "routes": list(routes), **more}


def route(prefix=None, *, path=None, regex=None, separated_prefix=None, headers=(), query=(), fraction=None,
          ignore_case=False, to=None, split=None, to_header=None, redirect=None, respond=None, **more):
    """One route: what it matches, then where it leads.

    `to`: a cluster; `split`: weights by cluster name, a list of weighted clusters, or a whole WeightedCluster; `to_header`: the header that
    names the cluster; `redirect`: a RedirectAction; `respond`: (status, body). Other fields go to the route or to
    its action, wherever Envoy has them.
    """
    match = path_match(prefix, path, regex, separated_prefix)
    if headers:
        match["headers"] = list(headers)
    if query:
        match["query_parameters"] = list(query)
    if fraction is not None:
        match["runtime_fraction"] = {"default_value": percent(fraction)}
    if ignore_case:
        match["case_sensitive"] = False
    result = {"match": match, **{key: more.pop(key) for key in list(more) if key in ROUTE_FIELDS}}
    if redirect is not None:
        result["redirect"] = redirect
    elif respond is not None:
        status, body = respond
        result["direct_response"] = {"status": status, **({"body": {"inline_string": body}} if body else {})}
    else:
        result["route"] = {**target(to, split, to_header), **more}
        more = {}
    assert not more, f"no place for {more}"
    return result


def path_match(prefix, path, regex, separated_prefix):
    if path is not None:
        return {"path": path}
    if regex is not None:
        return {"safe_regex": {"regex": regex}}
    if separated_prefix is not None:
        return {"path_separated_prefix": separated_prefix}
    return {"prefix": "/" if prefix is None else prefix}


def target(to, split, to_header):
    if isinstance(split, dict) and "clusters" in split:
        return {"weighted_clusters": split}
    if split is not None:
        parts = split if isinstance(split, list) else [{"name": name, "weight": weight}
                                                       for name, weight in split.items()]
        return {"weighted_clusters": {"clusters": parts}}
    return {"cluster_header": to_header} if to_header else {"cluster": to}


def percent(value):
    """A percentage as a FractionalPercent, exact to 0.0001."""
    return {"numerator": round(value * 10000), "denominator": "MILLION"}


def string_match(exact=None, prefix=None, suffix=None, contains=None, regex=None, ignore_case=False):
    given = {"exact": exact, "prefix": prefix, "suffix": suffix, "contains": contains,
             "safe_regex": regex and {"regex": regex}}
    match = {key: value for key, value in given.items() if value is not None}
    return {**match, **({"ignore_case": True} if ignore_case else {})}


def header(name, *, present=None, within=None, invert=False, missing_as_empty=False, **text):
    """A header matcher: present=True, within=(start, end) or a string match."""
    match = {"name": name}
    if present is not None:
        match["present_match"] = present
    elif within is not None:
        match["range_match"] = {"start": within[0], "end": within[1]}
    else:
        match["string_match"] = string_match(**text)
    if invert:
        match["invert_match"] = True
    if missing_as_empty:
        match["treat_missing_header_as_empty"] = True
    return match


def query(name, *, present=None, **text):
    """A query parameter matcher."""
    return {"name": name, **({"present_match": present} if present is not None else
                             {"string_match": string_match(**text)})}


def add_header(name, value, action=None, keep_empty=False):
    option = {"header": {"key": name, "value": value}}
    if action:
        option["append_action"] = action
    if keep_empty:
        option["keep_empty_value"] = True
    return option


def cluster(name, *endpoints, http2=False, connect_timeout="2s", eds=None, **more):
    """A cluster of these endpoints: ports, or what `endpoint` returns. `eds`: its EDS source, with no endpoints."""
    result = {"name": name, "connect_timeout": connect_timeout, **more}
    if eds is not None:
        result |= {"type": "EDS", "eds_cluster_config": {"eds_config": eds}}
    else:
        result |= {"type": "STATIC", "load_assignment": assignment(name, *endpoints)}
    if http2:
        result.setdefault("typed_extension_protocol_options", {})[HTTP_OPTIONS] = typed(
            HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": {}})
    return result


def assignment(cluster_name, *endpoints, **more):
    """A ClusterLoadAssignment with all endpoints in one locality."""
    entries = [endpoint(entry) if isinstance(entry, int) else entry for entry in endpoints]
    localities = [{"lb_endpoints": entries}] if entries else []
    return {"cluster_name": cluster_name, "endpoints": localities, **more}


def endpoint(port, host="127.0.0.1", metadata=None, **more):
    """One endpoint; `metadata` is what subset load balancing reads."""
    entry = {"endpoint": {"address": address(port, host)}, **more}
    if metadata:
        entry["metadata"] = {"filter_metadata": {"envoy.lb": metadata}}
    return entry


def file_log(path, text=None, json=None):
    """A file access log, in Envoy's default format unless one is given."""
    log_format = {}
    if text is not None:
        log_format = {"log_format": {"text_format_source": {"inline_string": text}}}
    elif json is not None:
        log_format = {"log_format": {"json_format": json}}
    return {"name": "envoy.access_loggers.file", "typed_config": typed(FILE_LOG, path=str(path), **log_format)}
