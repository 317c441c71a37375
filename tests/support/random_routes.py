"""Random but repeatable route tables that use every field of routes that both proxies have, and requests for them.

Chance must not tell the proxies apart: fractions are 0 or 100 %, of the clusters of a split only one has weight or a hash decides, and a
cluster with several hosts is only chosen by a hash or by metadata.
"""

from support.bootstrap import add_header, cluster, endpoint, header, http, listener, percent, route, routing, typed
from support.random_matching import MatchGenerator

UPSTREAMS = ("a", "b", "c", "shadow")
ONE_HOST = ("a", "b", "c", "named")  # clusters
WEBSOCKET = (("upgrade", "websocket"), ("connection", "upgrade"))
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


class RouteGenerator(MatchGenerator):
    """The tables and requests of Generator, with what is only about routes in full."""

    def table(self, number):
        """A listener with one table."""
        table = routing(*self.virtual_hosts(), validate_clusters=False, **self.mutations(0.2), **self.some({
            "most_specific_header_mutations_wins": (0.3, lambda: True), "ignore_port_in_host_matching": (0.3, lambda: True),
            "vhost_header": (0.1, lambda: self.pick(("x-vhost", "X-Forwarded-Host"))),
            "ignore_path_parameters_in_path_matching": (0.15, lambda: True),
            "internal_only_headers": (0.2, lambda: ["x-num", "x-envoy-secret"]), "request_mirror_policies": (0.1, self.mirrors)}))
        for host in table["virtual_hosts"]:
            self.complete(host, number)
        upgrades = [{"upgrade_type": kind} for kind, chance in (("websocket", 0.4), ("CONNECT", 0.3)) if self.maybe(chance)]
        own = self.some({"local_reply_config": (0.2, self.local_replies)})
        return listener(http(route_config=table, stat_prefix=f"table-{number}", **self.manager(), **own, upgrade_configs=upgrades,
                             http2_protocol_options={"allow_connect": True}), name=f"table-{number}")

    def complete(self, host, number):
        """What else a virtual host of this table may have. Its name is nobody else's, so that its statistics are its own."""
        host["name"] = f"t{number}-{host['name']}"
        host.update(self.some({
            "require_tls": (0.1, lambda: self.pick(("EXTERNAL_ONLY", "ALL"))), "retry_policy": (0.2, self.retry_policy),
            "request_mirror_policies": (0.1, self.mirrors), "request_body_buffer_limit": (0.1, lambda: self.pick((2, 1000))),
            "virtual_clusters": (0.4, lambda: [{"name": f"group-{index}", "headers": [
                self.header_matcher() for _ in range(self.pick((1, 1, 2)))]} for index in range(self.pick((1, 2)))])}))
        if self.maybe(0.2):
            host["matcher"] = self.tree(host.pop("routes"))

    def route(self, index):
        if self.maybe(0.05):
            return self.connect_route(index)
        match = self.path_match()
        prefix = match.get("prefix") is not None or match.get("separated_prefix") is not None
        result = route(**match, **self.action(prefix), name=f"route-{index}", **self.mutations(0.2), **self.some({
            "metadata": (0.2, lambda: {"filter_metadata": {"test": {"key": f"of-{index}"}}}),
            "stat_prefix": (0.2, lambda: self.pick(("counted", "a.b"))), }))
        result.update(self.some({self.pick(("request_body_buffer_limit", "per_request_buffer_limit_bytes")): (0.05, lambda: self.pick((0, 2, 1000)))}))
        if self.maybe(0.08):
            result["match"], policy = self.template()
            if "route" in result:
                result["route"] = {key: value for key, value in result["route"].items() if key not in ("prefix_rewrite", "regex_rewrite", "path_rewrite")} | policy
            for action in ("redirect",) if "redirect" in result else ():
                result[action].pop("prefix_rewrite", None)
        if result.get("direct_response", {}).get("status", 204) != 204 and self.maybe(0.2):
            result["direct_response"]["body_format"] = self.body_format()
        result["match"].update(self.some({
            "headers": (0.3, lambda: [self.header_matcher() for _ in range(self.pick((1, 1, 2)))]),
            "query_parameters": (0.2, lambda: [self.query_matcher()]),
            "grpc": (0.05, lambda: {}),
            "runtime_fraction": (0.1, lambda: {"default_value": percent(self.pick((0, 100))), "runtime_key": "not.set"})}))
        result["match"].update(self.rare_conditions())
        if "regex" not in match and self.maybe(0.15):
            result["match"]["case_sensitive"] = False
        return result

    def connect_route(self, index):
        """For who asks for a tunnel. An answer of our own must not look like one that is granted."""
        leads = self.pick(({"to": self.pick(ONE_HOST), **self.behaviour()}, {"respond": (404, "no tunnel")}, {"redirect": {"host_redirect": "new.local"}}))
        result = route(**leads, name=f"route-{index}", **self.mutations(0.2))
        result["match"] = {"connect_matcher": {}, **self.some({"headers": (0.3, lambda: [self.header_matcher()])})}
        if "route" in result and self.maybe(0.8):
            result["route"]["upgrade_configs"] = [{"upgrade_type": "CONNECT", "enabled": self.maybe(0.9)}]
        return result

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
            "per_try_idle_timeout": (0.2, lambda: "5s"), "retry_host_predicate": (0.2, self.avoided_hosts),
            "retry_priority": (0.1, lambda: {"name": "envoy.retry_priorities.previous_priorities", "typed_config": typed(
                "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", update_frequency=self.pick((1, 2)))}),
            # Headers that no upstream here sends, or sends as no time.
            "rate_limited_retry_back_off": (0.1, lambda: {"max_interval": "0.01s", "reset_headers": [
                {"name": self.pick(("x-up", "x-reset")), "format": self.pick(("SECONDS", "UNIX_TIMESTAMP"))}]}),
            "retriable_status_codes": (0.5, lambda: [self.pick((200, 404, 418, 429))]),
            "retriable_headers": (0.5, lambda: [header("x-retry", present=True)]),
            "retriable_request_headers": (0.2, lambda: [self.header_matcher()])})}

    def avoided_hosts(self):
        """Where there is only one host it is taken in the end."""
        kind, name, fields = self.pick((
            ("omit_canary_hosts", "OmitCanaryHostsPredicate", {}), ("previous_hosts", "PreviousHostsPredicate", {}),
            ("omit_host_metadata", "OmitHostMetadataConfig", {"metadata_match": {"filter_metadata": {"envoy.lb": {"version": "v1"}}}})))
        return [{"name": f"envoy.retry_host_predicates.{kind}", "typed_config": typed(f"envoy.extensions.retry.host.{kind}.v3.{name}", **fields)}]

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
        elif self.maybe(0.1):
            rewrites = {name: value for name, value in rewrites.items() if not name.startswith(("host_rewrite", "auto_host"))}
            rewrites["host_rewrite"] = self.pick(("%REQ(x-env)%.local", "%PROTOCOL%", "%REQ(x-nowhere)%"))
        if self.maybe(0.1):
            rewrites = {name: value for name, value in rewrites.items() if name not in ("prefix_rewrite", "regex_rewrite")}
            rewrites["path_rewrite"] = self.pick(("/made/%REQ(x-env)%", "%REQ(x-nowhere)%", "/of/%REQ(:METHOD)%?and=%REQ(:AUTHORITY)%"))
        return rewrites

    def body_format(self):
        text = {"text_format_source": {"inline_string": self.pick(("[%LOCAL_REPLY_BODY%] %RESPONSE_CODE% %REQ(x-env)%\n", "%RESPONSE_CODE_DETAILS%"))}}
        json = {"json_format": {"text": "%LOCAL_REPLY_BODY%", "status": "%RESPONSE_CODE%", "env": "%REQ(x-env)%"}}
        return {**self.pick((text, json)), **self.some({"content_type": (0.5, lambda: "text/x")})}

    def local_replies(self):
        """What becomes of the proxy's own answers."""
        def mapper():
            wanted = {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": self.pick((301, 403, 404, 503)), "runtime_key": "not.set"}}}}
            return {"filter": wanted, **self.some({
                "status_code": (0.5, lambda: self.pick((404, 418, 500))), "body": (0.5, lambda: {"inline_string": "mapped"}),
                "headers_to_add": (0.5, lambda: [add_header("x-mapped", "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%")]),
                "body_format_override": (0.3, self.body_format)})}
        return {"mappers": [mapper() for _ in range(self.pick((0, 1, 2)))], **self.some({"body_format": (0.5, self.body_format)})}

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
            "grpc-timeout": (0.15, lambda: self.pick(("5S", "20S", "900000m", "1H", "bad"))),
            "x-envoy-retry-on": (0.1, lambda: self.pick(RETRIES)), "x-envoy-retry-grpc-on": (0.05, lambda: self.pick(("unavailable", "cancelled"))),
            "x-envoy-retriable-status-codes": (0.05, lambda: self.pick(("404,418", "x"))),
            "x-envoy-retriable-header-names": (0.05, lambda: "x-retry"),
            "x-envoy-upstream-rq-per-try-timeout-ms": (0.05, lambda: "5000"), "x-envoy-upstream-alt-stat-name": (0.05, lambda: "alt"),
            "x-envoy-upstream-stream-duration-ms": (0.05, lambda: "60000"), "x-envoy-decorator-operation": (0.05, lambda: "op"),
            "x-envoy-secret": (0.1, lambda: "s"), "x-env": (0.05, lambda: "again"),
            "x-vhost": (0.3, lambda: self.pick(("a.local", "B.local", "c.com:80", "nobody"))),
        }.items() if self.maybe(chance)]
        if self.maybe(0.04) and not body:
            # The upstream refuses: when it answers 200, Envoy drops the body, which is nobody's model.
            headers = [(name, value) for name, value in headers if name not in ("connection", "x-do")]
            headers += [*WEBSOCKET, ("x-do", self.pick(("404", "500")))]
        elif self.maybe(0.04):
            method, host, body = "CONNECT", self.pick(("a.local:80", "b.local:8080", "other:99")), b""
            target = host
            headers = [(name, value) for name, value in headers if name not in ("connection", "x-do")] + [("x-do", self.pick(("404", "500")))]
        if any(escape in target for escape in ("%2F", "%5C")):
            # Envoy gives a refused path the headers of a route only if the client itself has said by which scheme it came: without it, no
            # route is found. Here what is refused before routes are looked at has none of their headers.
            headers = [(name, value) for name, value in headers if name != "x-forwarded-proto"]
        return method, target, host, headers, body
