"""Chance for what requests can be matched on beyond random_config: matcher trees, URI templates, conditions that few routes have."""

from support.bootstrap import header, query, typed
from support.random_config import TEXTS, Generator

# A pattern of a path, with rewrites that use what it has found.
TEMPLATES = (
    ("/{name}", "/found/{name}"), ("/a/{x}", "/{x}/a"), ("/api/{version}/users", "/users/{version}"), ("/api/**", "/all"),
    ("/{first}/{rest=**}", "/{rest}/of/{first}"), ("/v1/{kind=items}/{id=*}", "/{id}/{kind}"), ("/static/*.js", "/script"),
    ("/{whole=**}", "/under/{whole}"), ("/*/{last}", "/{last}.{last}"), ("/a/{long=*/*}", "/{long}"), ("/a", "/exact"), ("/", "/root"))
TREE_INPUTS = ("x-env", "x-num", ":method", ":path", "x-other", "user-agent", "x-none")
TREE_VALUES = {"x-env": ("prod", "Prod", "dev", "p d", "p", ""), "x-num": ("5", "50", "-3", "abc"), ":method": ("GET", "POST", "D", "HEAD"),
               ":path": ("/", "/a", "/api/v1", "/api", "/a?x=1", "/a/b"), "x-other": ("o",), "user-agent": ("tester", "test"), "x-none": ("1",)}


class MatchGenerator(Generator):

    def template(self):
        """A match on a pattern, and the rewrite that goes with it, if any."""
        pattern, rewrite = self.pick(TEMPLATES)
        match = {"path_match_policy": {"name": "envoy.path.match.uri_template.uri_template_matcher", "typed_config": typed(
            "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", path_template=pattern)}}
        policy = {"path_rewrite_policy": {"name": "envoy.path.rewrite.uri_template.uri_template_rewriter", "typed_config": typed(
            "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig", path_template_rewrite=rewrite)}}
        return match, self.pick(({}, policy))

    def rare_conditions(self):
        """Clients come without TLS, and no filter of these tables leaves an object."""
        return self.some({
            "tls_context": (0.04, lambda: self.pick(({"presented": False}, {"presented": True}, {"validated": False}, {"validated": True},
                                                     {"presented": False, "validated": False}))),
            "filter_state": (0.02, lambda: [{"key": "nobody's", "string_match": {"prefix": "a"}}])})

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

    # Trees

    def tree(self, routes, depth=2):
        """A matcher whose actions are some of these routes, in their order."""
        kind = self.pick(("list", "exact", "prefix"))
        if kind == "list":
            branches = [{"predicate": self.predicate(2), "on_match": self.on_match(routes, depth)} for _ in range(self.pick((1, 2, 3)))]
            matcher = {"matcher_list": {"matchers": branches}}
        else:
            name = self.pick(TREE_INPUTS)
            keys = [key for key in TREE_VALUES[name] if key or kind == "prefix"]
            chosen = self.random.sample(keys, min(len(keys), self.pick((1, 2, 3))))
            matcher = {"matcher_tree": {"input": self.reads(name), f"{kind}_match_map": {
                "map": {key: self.on_match(routes, depth) for key in chosen}}}}
        return {**matcher, **self.some({"on_no_match": (0.8, lambda: self.on_match(routes, depth))})}

    def on_match(self, routes, depth):
        if depth and self.maybe(0.25):
            return {"matcher": self.tree(routes, depth - 1)}
        some = [one for one in routes if self.maybe(0.7)] or routes[-1:]
        if len(some) == 1 or self.maybe(0.2):
            return {"action": {"name": "route", "typed_config": {"@type": "type.googleapis.com/envoy.config.route.v3.Route", **some[-1]}}}
        return {"action": {"name": "route", "typed_config": typed("envoy.config.route.v3.RouteList", routes=some)}}

    def predicate(self, depth):
        kind = self.pick(("one", "one", "and", "or", "not")) if depth else "one"
        if kind == "not":
            return {"not_matcher": self.predicate(depth - 1)}
        if kind in ("and", "or"):
            return {f"{kind}_matcher": {"predicate": [self.predicate(depth - 1) for _ in range(2)]}}
        name = self.pick(TREE_INPUTS)
        return {"single_predicate": {"input": self.reads(name), "value_match": self.tree_value(name)}}

    def tree_value(self, name):
        kind = self.pick(("exact", "prefix", "suffix", "contains", "regex"))
        if kind == "regex":
            return {"safe_regex": {"google_re2": {}, "regex": self.pick(("p.*d", "[a-z]+", "/a.*", "[0-9]+"))}}
        value = self.pick([value for value in TREE_VALUES[name] if value])
        return {kind: value, **self.some({"ignore_case": (0.3, lambda: True)})}

    @staticmethod
    def reads(name):
        return {"name": "request-headers", "typed_config": typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)}
