"""POST /explain and remoractl explain: where a request would go, and why, against what becomes of real ones."""

import json
import subprocess

import pytest

from support.bootstrap import bootstrap, cluster, endpoint, http, listener, route, routing, virtual_host
from support.proxy import Proxy, bin_dir
from support.upstream import Upstream, unused_port

SUBSETS = {"fallback_policy": "NO_FALLBACK", "subset_selectors": [{"keys": ["version"]}]}


def header(name, value):
    return {"name": name, "string_match": {"exact": value}}


@pytest.fixture(scope="module")
def proxy():
    with Upstream("a") as a, Upstream("b") as b:
        routes = [
            route(path="/exact", to="a"),
            route("/user", to="b", headers=[header("x-user", "alice")]),
            route("/user", to="a", prefix_rewrite="/people"),
            route("/moved", redirect={"host_redirect": "new.local"}),
            route("/direct", respond=(418, "teapot")),
            route("/split", split={"a": 75, "b": 25}),
            route("/subset", to="versions", metadata_match={"filter_metadata": {"envoy.lb": {"version": "v1"}}}),
            route("/nowhere", to="missing"),
            route(regex="/[0-9]+", to="b"),
        ]
        hosts = [virtual_host(*routes, name="shop", domains=["shop.local", "*.shop.local"])]
        clusters = [cluster("a", a.port), cluster("b", b.port),
                    cluster("versions", endpoint(a.port, metadata={"version": "v1"}),
                            endpoint(b.port, metadata={"version": "v2"}), lb_subset_config=SUBSETS)]
        manager = http(route_config=routing(*hosts, validate_clusters=False))
        with Proxy(bootstrap([listener(manager, name="main"), listener(manager, name="other")], clusters)) as running:
            yield running


def ask(proxy, **question):
    reply = proxy.admin("/explain", method="POST", body=json.dumps({"listener": "main", "authority": "shop.local", **question}))
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def explain(proxy, *words):
    done = subprocess.run([str(bin_dir() / "remoractl"), "explain", "--admin", f"127.0.0.1:{proxy.admin_port}", *words],
                          timeout=60, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_route_with_the_reasons_of_those_before(proxy):
    answer = ask(proxy, path="/user/7?x=1", headers={"x-user": ["bob"]})
    assert answer["virtual_host"] == {"name": "shop", "number": 0, "domain": "shop.local"}
    assert answer["route"]["number"] == 2 and answer["cluster"]["name"] == "a"
    assert answer["upstream_request"]["path_rewrite"] == {"from": "/user/7?x=1", "to": "/people/7?x=1"}
    assert [(each["number"], each["condition"], each["expected"], each["seen"]) for each in answer["earlier_routes"]] == [
        (0, "path", 'path "/exact"', '"/user/7"'), (1, "headers[0]", 'x-user: exact "alice"', '"bob"')]
    assert answer["cluster"]["endpoints"][0]["takes_requests"] is True


def test_what_is_said_is_what_happens(proxy):
    for path, headers in [("/exact", {}), ("/user", {"x-user": "alice"}), ("/user", {}), ("/17", {}), ("/moved", {}),
                          ("/direct", {}), ("/nowhere", {}), ("/none", {})]:
        answer = ask(proxy, path=path, headers=headers)
        real = proxy.fetch(path, headers=headers, host="shop.local", listener="main")
        if "answer" in answer:
            assert real.status == answer["answer"]["status"], path
            assert real.get("location") == answer["answer"].get("location"), path
        else:
            assert real.status == 200 and real.get("x-upstream") == answer["cluster"]["name"], path


def test_weights_and_subsets(proxy):
    answer = ask(proxy, path="/split", random_value=99)
    assert [(each["name"], each["share_percent"], each["chosen"]) for each in answer["weighted_clusters"]] == [
        ("a", 75, False), ("b", 25, True)]
    assert answer["cluster"]["name"] == "b"
    subset = ask(proxy, path="/subset")["cluster"]
    assert subset["subset"] == {"version": "v1"} and subset["selection"] == 'subset version="v1"'
    assert len(subset["endpoints"]) == 1


def test_nobody_there(proxy):
    assert ask(proxy, authority="elsewhere.local")["virtual_host"] is None
    reply = proxy.admin("/explain", method="POST", body=json.dumps({"destination": {"port": 1}}))
    answer = json.loads(reply.body)
    assert answer["listener"] is None and "main" in answer["notes"][0]


@pytest.mark.parametrize("body, message", [
    ("{", "no JSON"), ("[]", "must be an object"), ('{"pth": "/"}', "pth: is not known"),
    ('{"headers": [{"name": "a"}]}', "headers[0].value: is missing"), ('{"headers": {"a b": "c"}}', "'a b' is no header name"),
    ('{"headers": {"a": "b\\r\\nc: d"}}', "headers.a: no header value"), ('{"path": "x"}', "path: must begin"),
    ('{"source": {"address": "host"}}', "source.address"), ('{"destination": {"port": 70000}}', "destination.port"),
    ('{"random_value": -1}', "random_value"), ('{"max_routes": 10001}', "max_routes"), ("{}", "destination: is needed"),
    ('{"listener": "nobody"}', "listener: there is none"), ('{"direction": "up"}', "direction: must be"),
    ('{"headers": {"a": [' + '"x",' * 1000 + '"x"]}}', "more than 1000"), ('{"dynamic_metadata": ' + '{"a":' * 40 + "1" + "}" * 41, "no JSON"),
])
def test_bad_questions_name_the_field(proxy, body, message):
    reply = proxy.admin("/explain", method="POST", body=body)
    assert reply.status == 400 and message in reply.text, reply.text


def test_limits_of_the_endpoint(proxy):
    assert proxy.admin("/explain").status == 405
    assert proxy.admin("/explain", method="POST", body="{" + " " * 70000 + "}").status == 413


class TestCommand:
    def test_for_people(self, proxy):
        code, text = explain(proxy, "http://shop.local/user", "-H", "x-user: bob", "--listener", "main")
        assert code == 0, text
        assert 'x-user: exact "alice"' in text and '"bob"' in text and "/people" in text and "domain shop.local" in text

    def test_json_by_destination(self, proxy):
        code, text = explain(proxy, f"http://127.0.0.1:{proxy.port('main')}/moved", "-H", "Host: www.shop.local", "-o", "json")
        assert code == 0 and json.loads(text)["answer"]["location"].startswith("http://new.local")

    def test_nobody_takes_it(self, proxy):
        assert explain(proxy, "http://elsewhere.local/", "--listener", "main")[0] == 1
        assert explain(proxy, "http://shop.local:1/")[0] == 1

    @pytest.mark.parametrize("words, message", [
        (["ftp://x/"], "ftp"), (["http://"], "no host"), (["http://x/", "-H", "nothing"], "--header"),
        (["http://x/", "--claims", "[]"], "--claims"), (["http://x/", "--random", "x"], "--random"),
        (["http://x/", "--destination", "[::1]:x"], "--destination"), (["http://x/", "-o", "xml"], "--output")])
    def test_bad_words(self, proxy, words, message):
        code, text = explain(proxy, *words)
        assert code == 2 and message in text

    def test_no_proxy(self, proxy):
        code, text = explain(proxy, "http://x/", "--admin", f"127.0.0.1:{unused_port()}")
        assert code == 2 and "no answer from the proxy" in text


class TestShadowedRoutes:
    def validate(self, tmp_path, *routes):
        config = bootstrap([listener(http([*routes]))], [cluster("a", 1)])
        (tmp_path / "bootstrap.json").write_text(json.dumps(config))
        done = subprocess.run([str(bin_dir() / "remora"), "--mode", "validate", "-c", str(tmp_path / "bootstrap.json")],
                              timeout=60, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def test_are_named_with_both_paths(self, tmp_path):
        text = self.validate(tmp_path, route("/api", to="a"), route("/other", to="a"), route(path="/api/items", to="a"))
        assert 'virtual_hosts[0].routes[2]: can never match: routes[0] (prefix "/api")' in text
        assert '(path "/api/items")' in text and text.count("can never match") == 1

    def test_routes_that_can_match_raise_no_alarm(self, tmp_path):
        text = self.validate(tmp_path, route("/api", to="a", headers=[header("x", "1")]), route("/api/items", to="a"),
                             route(separated_prefix="/a", to="a"), route("/a", to="a"), route("/", to="a"))
        assert "can never match" not in text

    def test_the_list_ends(self, tmp_path):
        text = self.validate(tmp_path, *[route("/", to="a") for _ in range(300)])
        assert text.count("can never match") == 100
