"""Random but repeatable configurations and requests for comparing two proxies.

Only what both must answer alike is generated; random splits, retries and repeated headers under a matcher are not, since
chance or a documented decision would tell the two apart.
"""

from random import Random

from support.bootstrap import (add_header, bootstrap, cluster, header, http, listener, percent, query, route, routing, string_match,
                               typed, virtual_host)
from support.jwt import Key, encode, jwks

CLUSTERS = ("a", "b", "c")
PATHS = ("/", "/a", "/a/", "/a/b", "/A/B", "/ab", "/api", "/api/v1", "/api/v1/users", "/api/v2/users", "/apiv1", "/v1/items/7",
         "/static/app.js", "/x%20y", "/caf%C3%A9", "/a//b", "/a/./b", "/a/../api/v1", "/a%2Fb", "/a/b;p=1", "/*", "/a+b", "/~x")
QUERIES = ("", "", "", "?", "?x=1", "?x=2&page=1", "?page=1&x=1", "?debug", "?q=%20a&x=", "?x=1?page=2", "?url=http://h/p")
HOSTS = ("a.local", "A.Local", "b.local", "b.local:8080", "www.a.local", "deep.www.a.local", "c.org", "c.com:80", "other", "other:99",
         "[::1]:80", "1.2.3.4")
METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
DOMAINS = ("a.local", "b.local", "b.local:8080", "*.a.local", "*.local", "c.*", "*.www.a.local", "1.2.3.4", "other")
TEXTS = ({"exact": "prod"}, {"exact": "PROD", "ignore_case": True}, {"prefix": "pr"}, {"suffix": "od"}, {"contains": "ro"},
         {"regex": "p.*d"}, {"regex": "[a-z]+"})
ACTIONS = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")
VALUES = ("fixed", "%REQ(:METHOD)%", "%REQ(:PATH)%", "%REQ(x-env)%", "%REQ(x-none?x-env)%", "%PROTOCOL%", "100%%", "<%REQ(host)%>",
          "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%REQ(x-env):2%", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%")
STATE_VALUES = ("%FILTER_STATE(state:PLAIN)%", "%FILTER_STATE(other)%", "<%FILTER_STATE(other:PLAIN):3%>")
NAMES = ("x-env", "x-added", "x-other", "user-agent", "via", "accept")
FILTERS = "envoy.extensions.filters.http."
FAULT, MUTATION, BUFFER, CORS, JWT, STATE = (f"envoy.filters.http.{name}" for name in (
    "fault", "header_mutation", "buffer", "cors", "jwt_authn", "set_filter_state"))
KEYS = [Key("", "HS256", key_id=name) for name in ("one", "two")]
FAR, PAST = 4_000_000_000, 1_000_000_000
TOKENS = [KEYS[0].token({"iss": "one", "exp": FAR, "aud": "web", "group": "beta", "sub": "me"}), KEYS[0].token({"iss": "one", "aud": "api"}),
          KEYS[0].token({"iss": "one", "exp": PAST}), KEYS[1].token({"iss": "two", "group": ["beta", "x"], "scope": "read write"}),
          KEYS[1].token({"iss": "one"}), KEYS[0].token({"iss": "three"}), "a.b", f"{encode({'alg': 'none'})}.{encode({'iss': 'one'})}.x"]


class Generator:
    """One source of chance: the same `random` gives the same configuration and the same requests."""

    def __init__(self, random):
        self.random = random
        self.states = Random(repr(random.getstate()))  # for filter state, so that the rest stays as it was without it

    def maybe(self, chance):
        return self.random.random() < chance

    def pick(self, options):
        return self.random.choice(options)

    # Configuration

    def config(self, ports):
        """A bootstrap with one listener over clusters of these ports."""
        table = routing(*self.virtual_hosts(), validate_clusters=False, **self.mutations(0.3), **self.some({
            "most_specific_header_mutations_wins": (0.3, lambda: True),
            "ignore_port_in_host_matching": (0.3, lambda: True)}))
        return bootstrap([listener(http(route_config=table, filters=self.filters(), **self.manager()))],
                         [cluster(name, port) for name, port in ports.items()])

    def some(self, fields):
        return {name: make() for name, (chance, make) in fields.items() if self.maybe(chance)}

    def manager(self):
        return self.some({
            "use_remote_address": (0.5, lambda: True),
            "xff_num_trusted_hops": (0.3, lambda: self.pick((1, 2))),
            "skip_xff_append": (0.2, lambda: True),
            "via": (0.2, lambda: "proxy"),
            "server_name": (0.2, lambda: "custom"),
            "server_header_transformation": (0.4, lambda: self.pick(("OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH"))),
            "normalize_path": (0.4, lambda: True),
            "merge_slashes": (0.3, lambda: True),
            "path_with_escaped_slashes_action": (0.4, lambda: self.pick((
                "KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"))),
            "strip_any_host_port": (0.2, lambda: True),
            "preserve_external_request_id": (0.3, lambda: True),
            "always_set_request_id_in_response": (0.2, lambda: True),
            "generate_request_id": (0.2, lambda: False),
            "internal_address_config": (0.3, lambda: {"cidr_ranges": [
                {"address_prefix": "127.0.0.0", "prefix_len": 8}, {"address_prefix": "10.0.0.0", "prefix_len": 8}]}),
            "common_http_protocol_options": (0.3, lambda: {"headers_with_underscores_action": self.pick((
                "ALLOW", "REJECT_REQUEST", "DROP_HEADER"))}),
        })

    def filters(self):
        """A chain of HTTP filters; routes speak to each of them, whether or not it is there."""
        chain = [(JWT, "jwt_authn.v3.JwtAuthentication", self.jwt_authn()), (FAULT, "fault.v3.HTTPFault", self.fault()),
                 (CORS, "cors.v3.Cors", {}), (MUTATION, "header_mutation.v3.HeaderMutation", {"mutations": self.header_edits(), **self.some({
                     "most_specific_header_mutations_wins": (0.5, lambda: True)})}),
                 (BUFFER, "buffer.v3.Buffer", {"max_request_bytes": self.pick((3, 4, 1000))})]
        chosen = [entry for entry in chain if self.maybe(0.4)]
        if self.states.random() < 0.4:
            chosen.insert(0, (STATE, "set_filter_state.v3.Config", self.filter_state()))
        return [{"name": name, "typed_config": typed(FILTERS + kind, **fields)} for name, kind, fields in chosen]

    def header_value(self):
        value = self.pick(VALUES)
        return self.states.choice(STATE_VALUES) if self.states.random() < 0.15 else value

    def fault(self):
        share = {"percentage": percent(self.pick((0, 100)))}
        abort = self.pick(({"http_status": self.pick((418, 503))}, {"grpc_status": 5}, {"header_abort": {}}))
        return {"abort": {**abort, **share}, **self.some({
            "headers": (0.5, lambda: [self.header_matcher()]),
            "upstream_cluster": (0.3, lambda: self.pick(CLUSTERS)),
            "delay": (0.2, lambda: {"header_delay": {}, **share})})}

    def filter_state(self):
        def value():
            text = self.states.choice(("fixed", "%REQ(x-env)%", "%REQ(x-none)%", "<%REQ(:PATH)%>"))
            return {"object_key": self.states.choice(("state", "other")), "factory_key": "envoy.string", "skip_if_empty": self.states.random() < 0.3,
                    "read_only": self.states.random() < 0.2, "format_string": {"text_format_source": {"inline_string": text}}}
        return {"on_request_headers": [value() for _ in range(self.states.choice((1, 2)))]}

    def header_edits(self):
        def edits():
            return [self.pick(({"append": add_header(self.pick(NAMES), self.header_value(), self.pick(ACTIONS))},
                               {"remove": self.pick(("x-env", "x-other"))},
                               {"remove_on_match": {"key_matcher": string_match(prefix=self.pick(("x-e", "x-up")))}}))
                    for _ in range(self.pick((1, 2)))]
        return {"request_mutations": edits(), "response_mutations": [
            {"append": add_header("x-filtered", self.pick(("fixed", "%REQ(x-env)%")), self.pick(ACTIONS))}, *self.pick(([], [{"remove": "x-up"}]))]}

    def jwt_authn(self):
        providers = {name: {"issuer": name, "local_jwks": {"inline_string": jwks(key)}, "payload_in_metadata": "payload", **self.some({
            "forward": (0.3, lambda: True), "forward_payload_header": (0.3, lambda: "x-payload"),
            "audiences": (0.3, lambda: ["web"]), "clear_route_cache": (0.5, lambda: True),
            "from_headers": (0.2, lambda: [{"name": "x-token"}]), "from_params": (0.2, lambda: ["x"]),
            "claim_to_headers": (0.4, lambda: [{"header_name": "x-env", "claim_name": "group"}])})}
            for name, key in zip(("one", "two"), KEYS)}
        return {"providers": providers, "bypass_cors_preflight": self.maybe(0.5), "rules": [
            {"match": {"prefix": self.pick(("/", "/a", "/api", "/v1"))}, "requires": self.requirement(2)} for _ in range(self.pick((1, 2, 3)))]}

    def requirement(self, depth):
        kind = self.pick(("one", "two", "any", "all")) if depth else self.pick(("one", "two", "missing", "failed"))
        if kind in ("one", "two"):
            return {"provider_name": kind}
        if kind in ("missing", "failed"):
            return {"allow_missing" if kind == "missing" else "allow_missing_or_failed": {}}
        return {f"requires_{kind}": {"requirements": [self.requirement(depth - 1) for _ in range(self.pick((2, 3)))]}}

    def per_filter(self):
        """What a place says to the filters, of which it names at most one."""
        said = self.pick((
            lambda: (FAULT, "fault.v3.HTTPFault", self.fault()),
            lambda: (MUTATION, "header_mutation.v3.HeaderMutationPerRoute", {"mutations": self.header_edits()}),
            lambda: (BUFFER, "buffer.v3.BufferPerRoute", self.pick(({"disabled": True}, {"buffer": {"max_request_bytes": 2}}))),
            lambda: (JWT, "jwt_authn.v3.PerRouteConfig", {"disabled": True}),
            lambda: (CORS, "cors.v3.CorsPolicy", {"allow_origin_string_match": [{"exact": "https://a.com"}], "expose_headers": "x-up"})))
        name, kind, fields = said()
        state = {STATE: typed(FILTERS + "set_filter_state.v3.Config", **self.filter_state())} if self.states.random() < 0.5 else {}
        return {name: typed(FILTERS + kind, **fields), **state}

    def virtual_hosts(self):
        domains = list(DOMAINS)
        self.random.shuffle(domains)
        hosts = [virtual_host(*self.routes(), name="rest", domains=["*"], **self.mutations(0.3))]
        for index in range(self.pick((0, 1, 3, 4))):
            own = [domains.pop() for _ in range(self.pick((1, 2)))]
            hosts.append(virtual_host(*self.routes(), name=f"host-{index}", domains=own, **self.mutations(0.3), **self.some({
                "include_request_attempt_count": (0.2, lambda: True),
                "include_attempt_count_in_response": (0.2, lambda: True)})))
        self.random.shuffle(hosts)
        return hosts

    def routes(self):
        routes = [self.route(index) for index in range(self.random.randint(2, 9))]
        if self.maybe(0.9):
            routes.append(route("/", to=self.pick(CLUSTERS), name="rest"))
        return routes

    def route(self, index):
        match = self.path_match()
        match["headers"] = [self.header_matcher() for _ in range(self.pick((0, 0, 0, 0, 1, 2)))]
        match["query"] = [self.query_matcher() for _ in range(self.pick((0, 0, 0, 0, 1)))]
        if "regex" not in match and self.maybe(0.15):
            match["ignore_case"] = True
        prefix = match.get("prefix") is not None or match.get("separated_prefix") is not None
        result = route(**match, **self.action(prefix), name=f"route-{index}", **self.mutations(0.3), **self.some({
            "typed_per_filter_config": (0.2, self.per_filter)}))
        if self.maybe(0.1):
            result["match"]["dynamic_metadata"] = [{"filter": JWT, "path": [{"key": "payload"}, {"key": "group"}], "value": self.pick((
                {"string_match": {"exact": "beta"}}, {"list_match": {"one_of": {"string_match": {"prefix": "be"}}}}, {"present_match": True})),
                **self.some({"invert": (0.3, lambda: True)})}]
        return result

    def path_match(self):
        path = self.pick(PATHS)
        kind = self.pick(("prefix", "prefix", "path", "regex", "separated_prefix"))
        if kind == "regex":
            return {"regex": self.pick(("/a.*", "/api/v[0-9]+(/.*)?", "/[^/]*", ".*users", "/(a|b|static)/.*", "/v1/items/\\d+"))}
        if kind == "separated_prefix":
            path = self.pick([entry for entry in PATHS if entry.startswith("/") and not entry.endswith("/") and "%" not in entry])
        return {kind: path}

    def header_matcher(self):
        kind = self.pick(("text", "text", "present", "range", "pseudo"))
        invert = self.maybe(0.2)
        if kind == "text":
            return header("x-env", **self.pick(TEXTS), invert=invert, missing_as_empty=self.maybe(0.2))
        if kind == "present":
            return header(self.pick(("x-env", "x-num", "x-debug")), present=True, invert=invert)
        if kind == "range":
            return header("x-num", within=self.pick(((0, 10), (-5, 100), (50, 51))), invert=invert)
        return self.pick((header(":method", exact="POST", invert=invert), header(":authority", suffix=".local", invert=invert),
                          header(":path", prefix="/api", invert=invert)))

    def query_matcher(self):
        return self.pick((query("x", exact="1"), query("x", present=True), query("debug", present=True),
                          query("page", regex="[0-9]")))

    def action(self, prefix):
        kind = self.pick(("to", "to", "to", "split", "header", "redirect", "respond", "nowhere"))
        if kind == "respond":  # Not 201 or 3xx: there Envoy adds a Location of its own making.
            return {"respond": (self.pick((200, 204, 418, 404, 503)), self.pick(("", "body", "a longer body")))}
        if kind == "redirect":
            return {"redirect": self.redirect(prefix)}
        if kind == "nowhere":
            return {"to": "nowhere", **self.some({"cluster_not_found_response_code": (0.5, lambda: "NOT_FOUND")})}
        if kind == "header":
            return {"to_header": "x-cluster"}
        target = self.split() if kind == "split" else {"to": self.pick(CLUSTERS)}
        return {**target, **self.rewrites(prefix), **self.some({"timeout": (0.3, lambda: self.pick(("0s", "3s", "0.5s")))})}

    def split(self):
        """One cluster of weight, or several between which the request's hash decides: it always has one."""
        if self.maybe(0.3):
            return {"split": {self.pick(CLUSTERS): 1}}
        clusters = [{"name": name, "weight": self.pick((1, 2, 7))} for name in self.random.sample(CLUSTERS, 2)]
        return {"split": {"clusters": clusters, "use_hash_policy": True}, "hash_policy": [
            *(self.hash_policy() for _ in range(self.pick((0, 1, 2)))), {"header": {"header_name": self.pick((":path", ":authority", ":method"))}}]}

    def hash_policy(self):
        rewrite = {"regex_rewrite": {"pattern": {"regex": "[a-m]"}, "substitution": "<\\0>"}}
        return {**self.pick(({"header": {"header_name": self.pick(("x-env", "x-num", "host")), **self.pick(({}, rewrite))}},
                             {"query_parameter": {"name": self.pick(("x", "page", "q"))}}, {"cookie": {"name": self.pick(("c", "user"))}},
                             {"connection_properties": {"source_ip": True}})), **self.some({"terminal": (0.3, lambda: True)})}

    def redirect(self, prefix):
        path = self.some({"path_redirect": (0.3, lambda: self.pick(("/to", "/to?own=1")))})
        if not path and prefix:
            path = self.some({"prefix_rewrite": (0.4, lambda: "/moved")})
        if not path:
            path = self.some({"regex_rewrite": (0.3, lambda: {"pattern": {"regex": "/([a-z]+)"}, "substitution": "/<\\1>"})})
        scheme = self.pick(({}, {"https_redirect": True}, {"scheme_redirect": "https"}))
        return {**path, **scheme, **self.some({
            "host_redirect": (0.4, lambda: "new.local"), "port_redirect": (0.3, lambda: self.pick((80, 443, 8443))),
            "strip_query": (0.3, lambda: True),
            "response_code": (0.5, lambda: self.pick(("FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT")))})}

    def rewrites(self, prefix):
        path = self.some({"prefix_rewrite": (0.3, lambda: self.pick(("/", "/new", "/new/")))}) if prefix else {}
        if not path:
            path = self.some({"regex_rewrite": (0.2, lambda: {"pattern": {"regex": "/([a-z0-9]+)"}, "substitution": "/\\1-\\1"})})
        host = self.pick(({}, {}, {"host_rewrite_literal": "literal.local"}, {"host_rewrite_header": "x-env"},
                          {"host_rewrite_path_regex": {"pattern": {"regex": "^/([a-z]+).*$"}, "substitution": "\\1.local"}}))
        return {**path, **host, **({"append_x_forwarded_host": True} if host and self.maybe(0.3) else {})}

    def mutations(self, chance):
        def additions():
            return [add_header(self.pick(NAMES), self.header_value(), self.pick(ACTIONS), keep_empty=self.maybe(0.3))
                    for _ in range(self.pick((1, 2, 3)))]
        return self.some({
            "request_headers_to_add": (chance, additions),
            "response_headers_to_add": (chance, lambda: [
                add_header(self.pick(("x-out", "x-up", "server", "x-kept")), self.pick(("fixed", "%RESP(x-up)%",
                           "%REQ(x-env)%", "%PROTOCOL%")), self.pick(ACTIONS)) for _ in range(self.pick((1, 2)))]),
            "request_headers_to_remove": (chance / 2, lambda: [self.pick(("x-env", "x-other", "user-agent"))]),
            "response_headers_to_remove": (chance / 2, lambda: [self.pick(("x-up", "x-out"))])})

    # Requests

    def request(self):
        """Method, target, host, headers and body of one request."""
        method = self.pick(METHODS)
        headers = [(name, make()) for name, (chance, make) in {
            "x-env": (0.5, lambda: self.pick(("prod", "Prod", "dev", "p d", ""))),
            "x-num": (0.4, lambda: self.pick(("5", "50", "-3", "abc", "", "9223372036854775808"))),
            "x-debug": (0.2, lambda: "1"),
            "x-other": (0.3, lambda: "o"),
            "x-under_score": (0.1, lambda: "u"),
            "x-cluster": (0.5, lambda: self.pick((*CLUSTERS, "unknown"))),
            "x-forwarded-for": (0.4, lambda: self.pick((
                "1.2.3.4", "10.0.0.1", "10.0.0.1, 1.2.3.4", "1.1.1.1,2.2.2.2, 3.3.3.3", "::1", "nonsense", ""))),
            "x-forwarded-proto": (0.2, lambda: self.pick(("https", "http", "ftp"))),
            "x-forwarded-host": (0.1, lambda: "front.local"),
            "x-request-id": (0.3, lambda: "11111111-2222-4333-8444-555555555555"),
            "x-envoy-internal": (0.1, lambda: "true"),
            "x-envoy-external-address": (0.1, lambda: "9.9.9.9"),
            "x-envoy-original-path": (0.1, lambda: "/spoofed"),
            "x-envoy-upstream-rq-timeout-ms": (0.1, lambda: "9000"),
            "x-envoy-max-retries": (0.1, lambda: "1"),
            "x-envoy-expected-rq-timeout-ms": (0.1, lambda: "77"),
            "x-envoy-attempt-count": (0.1, lambda: "9"),
            "user-agent": (0.4, lambda: "tester"),
            "authorization": (0.4, lambda: "Bearer " + self.pick(TOKENS)),
            "x-token": (0.1, lambda: self.pick(TOKENS)),
            "origin": (0.2, lambda: self.pick(("https://a.com", "https://b.com"))),
            "access-control-request-method": (0.1, lambda: "PUT"),
            "x-envoy-fault-abort-request": (0.2, lambda: self.pick(("429", "99"))),
            "x-envoy-fault-delay-request": (0.1, lambda: "5"),
            "via": (0.1, lambda: "1.1 before"),
            "accept": (0.2, lambda: "*/*"),
            "cookie": (0.3, lambda: self.pick(("user=1; c=2", 'c="quoted"', "user", "c=; user=x", "a=b;c=3"))),
            "te": (0.1, lambda: self.pick(("trailers", "gzip"))),
            "connection": (0.1, lambda: self.pick(("keep-alive", "close"))),
            "forwarded": (0.1, lambda: "for=1.2.3.4"),
        }.items() if self.maybe(chance)]
        body = b"body" if method in ("POST", "PUT") else b""
        return method, self.pick(PATHS) + self.pick(QUERIES), self.pick(HOSTS), headers, body
