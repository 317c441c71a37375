"""Random but repeatable route tables that use every field of routes that both proxies have, and requests for them.

Chance must not tell the proxies apart: fractions are 0 or 100 %, of the clusters of a split only one has weight or a hash decides, and a
cluster with several hosts is only chosen by a hash or by metadata.
"""

from support.bootstrap import add_header, cluster, endpoint, header, http, listener, percent, query, route, routing, string_match, typed, virtual_host
from support.random_config import HOSTS, PATHS, TEXTS, Generator

UPSTREAMS = ("a", "b", "c", "shadow")
ONE_HOST = ("a", "b", "c", "named")  # clusters
FRAMES = {"websocket": {"upgrade": "websocket", "connection": "upgrade"}}
RETRIES = ("5xx", "gateway-error", "retriable-4xx", "connect-failure", "reset", "retriable-status-codes", "retriable-headers",
           "reset-before-request", "envoy-ratelimited", "cancelled", "unavailable", "5xx,retriable-4xx", "gateway-error,reset",
           "retriable-status-codes,retriable-headers")
# What the upstreams do, try by try, the last for all that follow.
DOINGS = ("503", "503,200", "502,503,200", "500", "404", "409", "418,200", "429", "504,200", "reset", "reset,200", "200-retry", "200-retry,200",
          "302 http://a.local/a", "302 http://b.local/api/v1?x=1,200", "302 /a", "307 http://a.local/,200", "303 http://other/x,200",
          "302 https://a.local/a,200", "302 http://a.local/a,302 http://a.local/b,200", "301 http://c.org/,503,200", "grpc 14", "grpc 0", "201",
          "204", "304", "600-is-none")
VALUES = ("%ROUTE_NAME%", "%UPSTREAM_METADATA(envoy.lb:version)%", "%METADATA(ROUTE:test:key)%", "%RESPONSE_CODE%", "%UPSTREAM_CLUSTER%",
          "%QUERY_PARAM(x)%", "%PATH(NQ)%", "%PATH(WQ:PATH)%", "%REQUEST_HEADER(x-env?x-num)%", "%REQ(x-num?x-env):1%", "%VIRTUAL_CLUSTER_NAME%",
          "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "%REQUESTED_SERVER_NAME%", "%HOSTNAME%")
INTERNAL = "envoy.extensions.internal_redirect."


def clusters(ports, nobody):
    """Those that the tables lead to: one host each, one chosen by metadata, one by a hash, one that nobody serves, and one for mirrors."""
    version = {"lb_subset_config": {"fallback_policy": "NO_FALLBACK", "subset_selectors": [{"keys": ["version"]}]}}
    hosts = [endpoint(ports[name], metadata={"version": f"v{number}"}) for number, name in enumerate("ab", 1)]
    named = endpoint(ports["c"])
    named["endpoint"]["hostname"] = "real.local"
    # A request that met the end of a connection that had been used before is sent once more, retries or not: here none is used twice.
    once = {"max_requests_per_connection": 1}
    return [*(cluster(name, ports[name], **once) for name in UPSTREAMS), cluster("named", named, **once), cluster("nobody", nobody),
            cluster("versions", *hosts, **version, **once), cluster("ring", *(ports[name] for name in "abc"), lb_policy="RING_HASH", **once)]


class RouteGenerator(Generator):
    """The tables and requests of Generator, with what is only about routes in full."""

    def table(self, number):
        """A listener with one table."""
        table = routing(*self.virtual_hosts(), validate_clusters=False, **self.mutations(0.2), **self.some({
            "most_specific_header_mutations_wins": (0.3, lambda: True), "ignore_port_in_host_matching": (0.3, lambda: True),
            "internal_only_headers": (0.2, lambda: ["x-num", "x-envoy-secret"]), "request_mirror_policies": (0.1, self.mirrors)}))
        for host in table["virtual_hosts"]:
            host.update(self.some({
                "require_tls": (0.1, lambda: self.pick(("EXTERNAL_ONLY", "ALL"))), "retry_policy": (0.2, self.retry_policy),
                "request_mirror_policies": (0.1, self.mirrors)}))
        upgrades = {"upgrade_configs": [{"upgrade_type": "websocket"}]} if self.maybe(0.4) else {}
        return listener(http(route_config=table, stat_prefix=f"table-{number}", **self.manager(), **upgrades), name=f"table-{number}")

    def route(self, index):
        match = self.path_match()
        prefix = match.get("prefix") is not None or match.get("separated_prefix") is not None
        result = route(**match, **self.action(prefix), name=f"route-{index}", **self.mutations(0.2), **self.some({
            "metadata": (0.2, lambda: {"filter_metadata": {"test": {"key": f"of-{index}"}}})}))
        result["match"].update(self.some({
            "headers": (0.3, lambda: [self.header_matcher() for _ in range(self.pick((1, 1, 2)))]),
            "query_parameters": (0.2, lambda: [self.query_matcher()]),
            "grpc": (0.05, lambda: {}),
            "runtime_fraction": (0.1, lambda: {"default_value": percent(self.pick((0, 100))), "runtime_key": "not.set"})}))
        if "regex" not in match and self.maybe(0.15):
            result["match"]["case_sensitive"] = False
        return result

    def header_matcher(self):
        kind = self.pick(("common", "common", "common", "older", "older-regex", "pseudo", "repeated"))
        if kind == "older":
            key, value = self.pick((("exact_match", "prod"), ("prefix_match", "pr"), ("suffix_match", "od"), ("contains_match", "ro")))
            return {"name": "x-env", key: value, **self.some({"invert_match": (0.3, lambda: True)})}
        if kind == "older-regex":
            return {"name": "x-env", "safe_regex_match": {"regex": self.pick(("p.*d", "dev|prod", "x*"))}}
        if kind == "pseudo":
            return header(self.pick((":scheme", ":method", "host", "content-type", "cookie")), **self.pick(TEXTS), missing_as_empty=self.maybe(0.3),
                          invert=self.maybe(0.3))
        return super().header_matcher()

    def query_matcher(self):
        return self.pick((super().query_matcher(), query(self.pick(("x", "page", "q", "url")), present=self.pick((True, False))),
                          query(self.pick(("x", "q")), **self.pick(({"regex": ".*"}, {"exact": ""}, {"prefix": "1"}, {"suffix": "2"}, {"contains": "?"},
                                                                    {"exact": "1", "ignore_case": True})))))

    # Where a route leads

    def action(self, prefix):
        kind = self.pick(("forward",) * 6 + ("ring", "versions", "split", "header", "redirect", "respond", "nowhere"))
        if kind == "forward":
            return {"to": self.pick((*ONE_HOST * 3, "nobody")), **self.rewrites(prefix), **self.behaviour()}
        if kind == "ring":
            return {"to": "ring", **self.rewrites(prefix), "hash_policy": [*(self.hash_policy() for _ in range(self.pick((0, 1, 2)))),
                                                                            {"header": {"header_name": ":path"}}]}
        if kind == "versions":
            wanted = self.pick(("v1", "v2", "v3"))
            return {"to": "versions", "metadata_match": {"filter_metadata": {"envoy.lb": {"version": wanted}}}, **self.behaviour()}
        if kind == "split":
            return {**self.split(), **self.rewrites(prefix), **self.behaviour()}
        made = super().action(prefix)
        if made.get("respond", (0,))[0] == 204:  # Envoy would send a body after it, if it was given one.
            made["respond"] = (204, "")
        return made

    def split(self):
        return super().split() if self.maybe(0.5) else {"split": self.weighted()}

    def weighted(self):
        """One of them has all the weight."""
        entries = [{"name": self.pick(ONE_HOST), "weight": 0} for _ in range(self.pick((0, 1, 2)))]
        chosen = {"name": self.pick(ONE_HOST), "weight": self.pick((1, 100)), **self.mutations(0.4), **self.some({
            "host_rewrite_literal": (0.2, lambda: "weighted.local")})}
        if self.maybe(0.2):
            chosen = {"name": "versions", "weight": 1, "metadata_match": {"filter_metadata": {"envoy.lb": {"version": "v2"}}}}
        entries.insert(self.random.randint(0, len(entries)), chosen)
        return {"clusters": entries}

    def behaviour(self):
        return self.some({
            "timeout": (0.3, lambda: self.pick(("0s", "7s", "20s"))), "idle_timeout": (0.1, lambda: "30s"),
            "retry_policy": (0.4, self.retry_policy), "request_mirror_policies": (0.1, self.mirrors),
            "priority": (0.1, lambda: "HIGH"), "max_grpc_timeout": (0.1, lambda: self.pick(("0s", "9s"))),
            "max_stream_duration": (0.1, lambda: {"max_stream_duration": "50s", **self.some({
                "grpc_timeout_header_max": (0.5, lambda: self.pick(("0s", "9s"))), "grpc_timeout_header_offset": (0.3, lambda: "1s")})}),
            "upgrade_configs": (0.1, lambda: [{"upgrade_type": "websocket", "enabled": self.maybe(0.5)}]),
            "internal_redirect_policy": (0.4, self.internal_redirects)})

    def retry_policy(self):
        return {"retry_on": self.pick(RETRIES), "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.002s"}, **self.some({
            "num_retries": (0.6, lambda: self.pick((0, 1, 2, 3))), "per_try_timeout": (0.3, lambda: "6s"),
            "retriable_status_codes": (0.5, lambda: [self.pick((200, 404, 418, 429))]),
            "retriable_headers": (0.5, lambda: [header("x-retry", present=True)]),
            "retriable_request_headers": (0.2, lambda: [self.header_matcher()])})}

    def mirrors(self):
        def one():
            where = self.pick(({"cluster": "shadow"}, {"cluster_header": "x-shadow"}))
            return {**where, **self.some({
                "runtime_fraction": (0.3, lambda: {"default_value": percent(self.pick((0, 100)))}),
                "disable_shadow_host_suffix_append": (0.3, lambda: True), "host_rewrite_literal": (0.2, lambda: "mirror.local"),
                "request_headers_mutations": (0.3, lambda: [self.pick((
                    {"append": add_header("x-mirror", "%REQ(:PATH)%", "OVERWRITE_IF_EXISTS_OR_ADD")}, {"remove": "x-env"}))])})}
        return [one() for _ in range(self.pick((1, 1, 2)))]

    def internal_redirects(self):
        predicates = {"previous_routes": ("PreviousRoutesConfig", {}), "safe_cross_scheme": ("SafeCrossSchemeConfig", {}),
                      "allow_listed_routes": ("AllowListedRoutesConfig", {"allowed_route_names": ["route-0", "rest"]})}
        chosen = [name for name in predicates if self.maybe(0.2)]
        return {**self.some({"max_internal_redirects": (0.5, lambda: self.pick((1, 2))),
                             "redirect_response_codes": (0.5, lambda: self.random.sample((301, 302, 303, 307, 308), 3)),
                             "allow_cross_scheme_redirect": (0.3, lambda: True), "response_headers_to_copy": (0.3, lambda: ["x-retry", "x-up"])}),
                **({"predicates": [{"name": name, "typed_config": typed(f"{INTERNAL}{name}.v3.{predicates[name][0]}", **predicates[name][1])}
                                   for name in chosen]} if chosen else {})}

    def rewrites(self, prefix):
        rewrites = super().rewrites(prefix)
        if "to" not in rewrites and not any(name.startswith("host_rewrite") for name in rewrites) and self.maybe(0.1):
            rewrites["auto_host_rewrite"] = True
        return rewrites

    def header_value(self):
        return self.pick(VALUES) if self.maybe(0.4) else super().header_value()

    # Requests

    def request(self):
        method, target, host, headers, body = super().request()
        # A name with an underscore is refused by Envoy's codec, which knows neither gRPC nor request ids.
        headers = [(name, value) for name, value in headers if name not in ("authorization", "x-token", "x-under_score")]
        headers += [(name, make()) for name, (chance, make) in {
            "x-do": (0.4, lambda: self.pick(DOINGS)), "x-shadow": (0.5, lambda: self.pick(("shadow", "unknown"))),
            "content-type": (0.15, lambda: self.pick(("application/grpc", "application/grpc+proto", "text/plain", "application/grpc-web"))),
            "grpc-timeout": (0.15, lambda: self.pick(("5S", "20S", "900000m", "0S", "1H", "bad"))),
            "x-envoy-retry-on": (0.1, lambda: self.pick(RETRIES)), "x-envoy-retry-grpc-on": (0.05, lambda: self.pick(("unavailable", "cancelled"))),
            "x-envoy-retriable-status-codes": (0.05, lambda: self.pick(("404,418", "x"))),
            "x-envoy-retriable-header-names": (0.05, lambda: "x-retry"),
            "x-envoy-upstream-rq-per-try-timeout-ms": (0.05, lambda: "5000"), "x-envoy-upstream-alt-stat-name": (0.05, lambda: "alt"),
            "x-envoy-upstream-stream-duration-ms": (0.05, lambda: "60000"), "x-envoy-decorator-operation": (0.05, lambda: "op"),
            "x-envoy-secret": (0.1, lambda: "s"), "x-env": (0.05, lambda: "again"),
        }.items() if self.maybe(chance)]
        if self.maybe(0.04) and not body:
            # The upstream refuses: when it answers 200, Envoy drops the body, which is nobody's model.
            headers = [(name, value) for name, value in headers if name not in ("connection", "x-do")]
            headers += [*FRAMES["websocket"].items(), ("x-do", self.pick(("404", "500")))]
        return method, target, host, headers, body
