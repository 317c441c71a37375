"""The control plane's page in a real Chromium.

Most tests play a recorded rollout from a server of the tests (support/page_server.py), so that every state can be had
at will; TestRealControlPlane looks at the real server.
"""

import json
import pathlib

import pytest

from support.browser import Browser
from support.http_client import fetch
from support.page_server import PageServer
from support.proxy import Process, under_test
from support.release import Release
from support.recorded_rollout import progressing, rolled_back, snapshot, traffic
from support.waiting import wait_until

AUDIT = (pathlib.Path(__file__).resolve().parents[1] / "support" / "page_audit.js").read_text()
pytestmark = pytest.mark.skipif(under_test() == "envoy", reason="the page belongs to the control plane, not to a proxy")


@pytest.fixture(scope="module")
def window():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(window, closing):
    """The window as if new. After the test, it must not have asked anybody else for anything, nor complained.

    It needs `closing` only so that servers live until it has ended.
    """
    window.open("about:blank")
    window.set_media(dark=False)
    window.resize(1200, 900)
    window.logs()
    window.console.clear()
    window.requests.clear()
    window.expected = []
    yield window
    origin = window.run("return location.origin")
    console, requests = window.logs()
    window.open("about:blank")
    complaints = [text for level, text in console if level in ("SEVERE", "WARNING")
                  and not any(word in text for word in window.expected)]
    assert not complaints
    assert requests and all(url.startswith(origin + "/") for url in requests), requests


@pytest.fixture
def server(closing):
    return closing(PageServer(snapshot))


@pytest.fixture
def page(browser, server):
    browser.open(server.url)
    browser.wait_text("Live", "#connection")
    browser.wait_text("Timeline", "#rollouts")
    return browser


class TestRollout:
    def test_everything_about_a_canary_is_there(self, page):
        rollout = page.text("#rollouts")
        for words in ("api in default", "Progressing", "80\u2009% v1 (primary)", "20\u2009% v2 (canary)", "2 of 5", "20 of 50\u2009%"):
            assert words in rollout, words
        row = page.text("table.live tbody tr:nth-child(2)")
        assert all(words in row for words in ("v2", "20\u2009%", "9.6/s", "92.4\u2009%", "5.1\u2009ms", "87\u2009ms")), row
        newest = page.text(".timeline li:first-child")
        for words in ("Held", "request-success-rate 92.4 is below 99", "3 checks, 1 failed", "92.4\u2009%", "\u2265\u200999\u2009%", "failed",
                      "36 of 482 requests failed", "\u2264\u2009500\u2009ms"):
            assert words in newest, words
        assert page.run("return document.querySelectorAll('.timeline li').length") == 5

    def test_is_rolled_back_before_ones_eyes(self, page, server):
        server.send("rollout", rolled_back())
        page.wait_text("Rolled back", ".timeline li:first-child")
        assert "Failed" in page.text(".rollout header")
        assert "5 of 5 checks have failed" in page.text(".timeline li:first-child")
        assert "100\u2009% v1 (primary)" in page.text(".split") and "0\u2009% v2 (canary)" in page.text(".split")
        page.wait_text("api: Failed, canary at 0 percent.", "#announcer")

    def test_numbers_move_without_being_read_out(self, page, server):
        page.run("window.told = 0; new MutationObserver(() => window.told++).observe(document.getElementById('announcer'), "
                 "{ childList: true, characterData: true, subtree: true })")
        moved = traffic()
        moved["services"][0]["versions"][1].update(requestsPerSecond=77.0, successRate=55.5)
        server.send("traffic", moved)
        page.wait_text("55.5\u2009%", "table.live")
        assert "77/s" in page.text("table.live") and page.run("return window.told") == 0

    def test_a_replica_that_follows_says_who_leads(self, page, server):
        shown = "return getComputedStyle(document.getElementById('standing')).display !== 'none'"
        assert not page.run(shown)
        server.send("traffic", {**traffic(), "standing": "this replica does not lead: replica-2 does"})
        page.wait_text("replica-2 does", "#standing")
        assert page.run(shown)
        server.send("traffic", {**traffic(), "standing": ""})  # it has become the leader
        wait_until(lambda: not page.run(shown), "the notice goes")

    def test_what_somebody_opened_or_focused_stays(self, page, server):
        page.run("document.querySelector('.timeline li:nth-child(3) details').open = true;"
                 "document.querySelector('.timeline li:nth-child(3) summary').focus()")
        server.send("rollout", rolled_back())
        page.wait_text("Rolled back", ".timeline")
        assert page.run("return document.querySelector('.timeline li:nth-child(4) details').open")
        assert page.run("return document.activeElement === document.querySelector('.timeline li:nth-child(4) summary')")

    def test_a_rollout_that_is_gone_leaves(self, page, server):
        server.send("rollout-gone", {"namespace": "default", "name": "api"})
        page.wait_text("No canary is defined", "#rollouts")

    def test_hostile_names_stay_text(self, browser, server):
        evil = "<img src=x onerror=alert(1)><script>alert(1)</script>"
        server.snapshot = lambda: snapshot({**progressing(), "message": evil})
        browser.open(server.url)
        browser.wait_text(evil, ".message")
        assert browser.run("return document.querySelectorAll('.message *').length") == 0

    def test_long_timelines_are_shown_on_request(self, browser, server):
        whole = progressing()
        whole["timeline"] = [{**whole["timeline"][1], "time": f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z"} for n in range(200)]
        server.whole["/rollouts/default/api"] = whole
        server.snapshot = lambda: snapshot({**whole, "timeline": whole["timeline"][150:], "earlierSteps": 150})
        browser.open(server.url)
        browser.wait("document.querySelectorAll('.timeline li').length === 20", "a short timeline")
        assert browser.text(".more") == "Show all 200 steps"
        browser.run("document.querySelector('.more').click()")
        browser.wait("document.querySelectorAll('.timeline li').length === 200", "the whole timeline")

    def test_of_a_large_mesh_a_part_is_drawn(self, browser, server):
        many = [{**progressing(), "name": f"api-{n}"} for n in range(100)]
        large = snapshot(*many)
        one = large["mesh"]["services"][0]
        large["mesh"]["services"] = [{**one, "name": f"service-{n:04}"} for n in range(2000)]
        server.snapshot = lambda: large
        browser.open(server.url)
        browser.wait("document.querySelectorAll('.service').length === 40", "the first services")
        browser.wait("document.querySelectorAll('.picker li').length === 100", "all rollouts")
        browser.run("document.querySelector('[data-all-services]').click()")
        browser.wait("document.querySelectorAll('.service').length === 2000", "all services")

    def test_missing_fields_break_nothing(self, browser, server):
        server.snapshot = lambda: {"time": 1, "rollouts": [{"namespace": "a", "name": "b", "phase": "New"}], "traffic": {"time": 1},
                                   "mesh": {}}
        browser.open(server.url)
        browser.wait_text("b in a", "#rollouts")


class TestMesh:
    def test_services_and_findings(self, page, server):
        services = page.text("#services")
        assert "Routed by VirtualService default/api" in services and "80\u2009%" in services
        findings = page.text("#findings")
        assert "spec.http[0].route[1].destination.subset" in findings and "shop.yaml, line 14" in findings
        server.send("mesh", {"services": [], "findings": []})
        page.wait_text("no errors and no warnings", "#findings")


class TestActions:
    def test_by_keyboard_alone(self, page, server):
        for _ in range(40):
            page.press("Tab")
            if page.run("return document.activeElement.dataset.action") == "abort":
                break
        assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus must be seen"
        page.press("Enter")
        page.wait("document.getElementById('confirm').open", "the question")
        assert "All traffic goes back to v1" in page.text("dialog")
        assert page.run("return document.activeElement.value") == "cancel"
        page.press("Enter")
        page.wait("!document.getElementById('confirm').open", "the question's end")
        assert server.actions == [] and page.run("return document.activeElement.dataset.action") == "abort"
        page.press("Enter")
        page.wait("document.getElementById('confirm').open && document.activeElement.value === 'cancel'", "the question again")
        page.press("Tab", "Enter")
        wait_until(lambda: server.actions == ["/rollouts/default/api/abort"], lambda: f"the action in {server.actions}")

    def test_escape_means_no(self, page, server):
        page.run("document.querySelector('[data-action=promote]').focus()")
        page.press("Space")
        page.wait("document.getElementById('confirm').open", "the question")
        page.press("Escape")
        page.wait("!document.getElementById('confirm').open", "the question's end")
        assert server.actions == []

    def test_pause_needs_no_question_and_becomes_resume(self, page, server):
        page.run("document.querySelector('[data-action=pause]').click()")
        wait_until(lambda: server.actions == ["/rollouts/default/api/pause"], "the action")
        server.send("rollout", {**progressing(), "paused": True})
        page.wait_text("Paused (Progressing)", ".rollout header")
        assert "Resume" in page.text(".actions")

    def test_refusal_is_told(self, page, server):
        page.expected = ["409"]
        server.refusal = "the canary is not being analysed"
        page.run("document.querySelector('[data-action=pause]').click()")
        page.wait_text("pause was refused: the canary is not being analysed", "[role=alert]")

    def test_what_is_over_cannot_be_acted_on(self, page, server):
        server.send("rollout", rolled_back())
        page.wait_text("Failed", ".rollout header")
        assert page.run("return [...document.querySelectorAll('.actions button')].map((b) => b.getAttribute('aria-disabled'))") == ["true"] * 3
        page.run("document.querySelector('[data-action=abort]').click()")
        assert not page.run("return document.getElementById('confirm').open") and server.actions == []

    def test_mirrored_and_suspended_ones_say_so(self, page, server):
        server.send("rollout", {**progressing(), "mirror": True})
        page.wait_text("v2 gets copies", ".facts")
        server.send("rollout", {**progressing(), "suspended": True})
        page.wait_text("Suspended", ".rollout header")

    def test_one_of_several_is_chosen(self, browser, server):
        server.snapshot = lambda: snapshot(progressing(), {**rolled_back(), "namespace": "shop", "name": "checkout"})
        browser.open(server.url)
        browser.wait_text("api in default", ".rollout h3")
        browser.run("document.querySelector('[data-select=\"shop/checkout\"]').click()")
        browser.wait_text("checkout in shop", ".rollout h3")
        assert browser.run("return document.querySelector('[aria-current]').dataset.select") == "shop/checkout"


class TestConnection:
    def test_says_that_it_is_lost_and_comes_back_by_itself(self, page, server, closing):
        page.expected = ["net::ERR"]
        port = server.port
        server.close()
        page.wait_text("Disconnected since", "#connection")
        page.wait("document.querySelector('[data-action=abort]').getAttribute('aria-disabled') === 'true'", "no action without a server")
        closing(PageServer(lambda: snapshot(rolled_back()), port))
        page.wait_text("Live", "#connection")
        page.wait_text("Rolled back", "#rollouts")

    def test_silence_is_noticed(self, page):
        page.wait_text("Disconnected since", "#connection")  # The tests' server says nothing by itself.
        page.wait_text("Live", "#connection")


class TestForEverybody:
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("width", [360, 1200])
    def test_audit(self, page, server, width, dark):
        page.resize(width, 800, mobile=width < 500)
        page.set_media(dark)
        server.snapshot = lambda: snapshot(progressing(), {**rolled_back(), "namespace": "shop", "name": "checkout", "paused": True})
        page.open(server.url)
        page.wait_text("Timeline", "#rollouts")
        page.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        assert page.run(AUDIT) == []

    def test_the_audit_finds_faults(self, page):
        page.run("document.querySelector('h2').remove(); document.querySelector('.message').style.color = '#bbb';"
                 "document.querySelector('[data-action=abort]').replaceChildren(); document.querySelector('caption').remove();"
                 "document.documentElement.lang = ''")
        faults = "\n".join(page.run(AUDIT))
        for words in ("comes after a heading", "contrast", "has no name", "no caption", "no lang"):
            assert words in faults, faults

    @pytest.mark.parametrize("width", [360, 414, 768, 1200])
    def test_nothing_scrolls_sideways(self, page, server, width):
        server.snapshot = lambda: snapshot({**progressing(), "name": "a-service-with-a-very-long-name-that-has-63-characters-in-it-ok-xyz",
                                            "namespace": "namespace-" * 6})
        page.resize(width, 740, mobile=width < 500)
        page.open(server.url)
        page.wait_text("Timeline", "#rollouts")
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]

    def test_skip_link_leads_to_the_content(self, page):
        page.press("Tab")
        assert page.run("return document.activeElement.className") == "skip"
        page.press("Enter")
        assert page.run("return document.activeElement.id") == "main"

    def test_charts_say_in_words_what_they_show(self, page):
        words = page.run("return [...document.querySelectorAll('.chart svg')].map((svg) => svg.getAttribute('aria-label'))")
        assert len(words) == 3 and "v2: now 9" in words[0] and "to be at least 99\u2009%" in words[0], words
        assert all("no data" not in text for text in words), words


class TestRealControlPlane:
    """No recording: remora-control, workloads, a client's sidecar that reports, and a canary that metrics decide."""

    @pytest.fixture
    def release(self, tmp_path, closing):
        return Release(tmp_path / "config", closing).begin()

    def test_a_bad_version_is_rolled_back_before_ones_eyes(self, browser, release):
        browser.open(release.page)
        browser.wait_text("Live", "#connection")
        browser.wait_text("Initialized", ".rollout header")
        with release.traffic() as traffic:
            release.deploy("v2")
            browser.wait_text("v2 (canary)", ".split")
            browser.wait_text("Progressing", ".rollout header")
            release.wait_weight(40)  # At least one round of checks has passed.
            release.fail("v2")
            browser.wait_text("Failed", ".rollout header")
        timeline = browser.text(".timeline")
        assert "Rolled back" in browser.text(".timeline li:first-child")
        for words in ("Started", "Advanced", "Held", "request-success-rate", "\u2265\u200999\u2009%", "failed", "100\u2009%"):
            assert words in timeline, timeline
        assert "100\u2009% v1 (primary)" in browser.text(".split")
        rows = browser.run("return [...document.querySelectorAll('.rollout table.live tbody tr')].map((row) => row.innerText)")
        assert "v1" in rows[0] and "100\u2009%" in rows[0] and "v2" in rows[1], rows
        assert all("/s" in row and "ms" in row for row in rows), rows
        assert browser.run("return document.querySelectorAll('.chart .line').length") >= 5
        assert "Routed by VirtualService default/api" in browser.text("#services")
        assert browser.run(AUDIT) == []
        assert set(traffic.statuses) <= {200, 500}

    def test_actions_of_the_page_and_of_remoractl_are_the_same(self, browser, release):
        browser.open(release.page)
        browser.wait_text("Initialized", ".rollout header")
        with release.traffic():
            release.deploy("v2")
            browser.wait_text("Progressing", ".rollout header")
            browser.run("document.querySelector('[data-action=pause]').click()")
            browser.wait_text("Paused", ".rollout header")
            assert "(paused)" in release.remoractl("rollout", "list")
            assert "done" in release.remoractl("rollout", "resume", "api")
            browser.wait_text("Progressing", ".rollout header")
            browser.wait("!document.querySelector('.rollout header').innerText.includes('Paused')", "the resumption")
            browser.run("document.querySelector('[data-action=abort]').click()")
            browser.wait("document.getElementById('confirm').open", "the question")
            browser.press("Tab", "Enter")
            browser.wait_text("Failed", ".rollout header")
        assert release.wait_phase("Failed")["canaryWeight"] == 0

    def test_other_sites_cannot_act(self, release):
        release.deploy("v2")
        release.wait_phase("Progressing")

        def pause(**headers):
            return fetch(release.control.api_port, "/rollouts/default/api/pause", "POST",
                         {"content-type": "application/json", **headers}, b"{}", release.api).status

        for headers in ({"origin": "http://evil.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                        {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}):
            assert pause(**headers) == 403, headers
        assert not release.rollout()["paused"]
        assert pause(origin=f"http://{release.api}") == 200
        assert release.rollout()["paused"]

    def test_findings_come_and_go(self, browser, release):
        browser.open(release.page)
        browser.wait_text("Live", "#connection")
        release.apply("bad.yaml", "kind: [unclosed\n")
        browser.wait_text("bad.yaml", "#findings")
        release.delete("bad.yaml")
        browser.wait("!document.getElementById('findings').innerText.includes('bad.yaml')", "the finding's end")

    def test_the_page_survives_the_control_planes_restart(self, browser, release, closing):
        browser.expected = ["net::ERR"]
        browser.open(release.page)
        browser.wait_text("Initialized", ".rollout header")
        release.control.kill()
        browser.wait_text("Disconnected since", "#connection")
        command = [release.api if part == "127.0.0.1:0" and before == "--api-address" else part
                   for before, part in zip(["", *release.control.command], release.control.command)]
        closing(Process("remora-control", command))
        browser.wait_text("Live", "#connection")
        browser.wait_text("Initialized", ".rollout header")
