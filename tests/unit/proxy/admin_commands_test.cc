#include <gtest/gtest.h>

#include <chrono>

#include "admin/commands.h"
#include "unit/proxy/admin_fakes.h"

namespace remora {
namespace {

struct AdminCommands : ::testing::Test, AdminFixture {
  admin::Response get(const std::string& target) {
    return admin::answer(admin::Request("GET", target), sources);
  }
  admin::Response post(const std::string& target) {
    return admin::answer(admin::Request("POST", target), sources);
  }
};

TEST_F(AdminCommands, ReadyFollowsTheState) {
  EXPECT_EQ(get("/ready").status, 200u);
  EXPECT_EQ(get("/ready").body, "LIVE\n");
  for (const auto& [state, text] : {std::pair{ServerState::kDraining, "DRAINING\n"},
                                    std::pair{ServerState::kPreInitializing, "PRE_INITIALIZING\n"},
                                    std::pair{ServerState::kInitializing, "INITIALIZING\n"}}) {
    view.info.state = state;
    EXPECT_EQ(get("/ready").status, 503u);
    EXPECT_EQ(get("/ready").body, text);
  }
}

TEST_F(AdminCommands, ChangesNeedPost) {
  for (const char* path : {"/healthcheck/fail", "/healthcheck/ok", "/drain", "/drain_listeners",
                           "/quitquitquit", "/reset_counters", "/reopen_logs", "/logging"}) {
    const admin::Response response = get(path);
    EXPECT_EQ(response.status, 405u) << path;
    EXPECT_EQ(response.body, "Method GET not allowed, POST required.") << path;
  }
  EXPECT_EQ(view.reopened + view.quits + static_cast<int>(view.drains.size()), 0);
}

TEST_F(AdminCommands, AnUnknownPathGetsTheHelp) {
  const admin::Response response = get("/nope");
  EXPECT_EQ(response.status, 404u);
  EXPECT_EQ(response.body, "invalid path. " + admin::help_text());
  EXPECT_EQ(get("/help").body, admin::help_text());
  EXPECT_TRUE(admin::help_text().starts_with("admin commands are:\n  /: "));
  EXPECT_NE(admin::help_text().find("\n  /quitquitquit (POST): exit the server\n"), std::string::npos);
}

TEST_F(AdminCommands, CommandsAreSortedAndOnTheHomePage) {
  const std::string page = get("/").body;
  std::string_view before;
  for (const auto& command : admin::commands()) {
    EXPECT_LT(before, command.path);
    before = command.path;
    const std::string link = command.path == "/" ? "." : std::string(command.path.substr(1));
    EXPECT_NE(page.find('"' + link + '"'), std::string::npos) << command.path;
  }
}

TEST_F(AdminCommands, HealthCheckFailDrains) {
  EXPECT_EQ(post("/healthcheck/fail").body, "OK\n");
  EXPECT_EQ(get("/ready").status, 503u);
  EXPECT_EQ(post("/healthcheck/ok").body, "OK\n");
  EXPECT_EQ(get("/ready").status, 200u);
}

TEST_F(AdminCommands, DrainListenersPassesItsParameters) {
  EXPECT_EQ(post("/drain_listeners").body, "OK\n");
  post("/drain_listeners?inboundonly&graceful");
  post("/drain_listeners?skip_exit=true");
  ASSERT_EQ(view.drains.size(), 3u);
  EXPECT_FALSE(view.drains[0].inbound_only || view.drains[0].graceful || view.drains[0].skip_exit);
  EXPECT_TRUE(view.drains[1].inbound_only && view.drains[1].graceful && !view.drains[1].skip_exit);
  EXPECT_TRUE(!view.drains[2].inbound_only && !view.drains[2].graceful && view.drains[2].skip_exit);
}

TEST_F(AdminCommands, QuitComesAfterTheAnswer) {
  const admin::Response response = post("/quitquitquit");
  EXPECT_EQ(response.body, "OK\n");
  EXPECT_EQ(view.quits, 0);
  response.afterwards();
  EXPECT_EQ(view.quits, 1);
}

TEST_F(AdminCommands, LoggingShowsAndChangesLevels) {
  EXPECT_EQ(post("/logging").body, "active loggers:\n  http: info\n  upstream: info\n");
  EXPECT_EQ(post("/logging?level=debug").body, "active loggers:\n  http: debug\n  upstream: debug\n");
  EXPECT_EQ(post("/logging?http=trace").body, "active loggers:\n  http: trace\n  upstream: debug\n");
  EXPECT_EQ(post("/logging?paths=http:off,upstream:warning").body,
            "active loggers:\n  http: off\n  upstream: warning\n");
}

TEST_F(AdminCommands, LoggingRefusesWhatItDoesNotKnowAndChangesNothing) {
  const std::pair<const char*, const char*> cases[] = {
      {"/logging?level=loud", "unknown logger level"},
      {"/logging?nobody=info", "unknown logger name"},
      {"/logging?paths=http:debug,nobody:debug", "unknown logger name"},
      {"/logging?paths=http:debug,upstream:loud", "unknown logger level"},
      {"/logging?paths=http", "invalid logger name or level"},
      {"/logging?level=debug&http=info", "invalid number of parameters"},
  };
  for (const auto& [target, problem] : cases) {
    const admin::Response response = post(target);
    EXPECT_EQ(response.status, 400u) << target;
    EXPECT_TRUE(response.body.starts_with(std::string("error: ") + problem + "\n\nusage: ")) << response.body;
    EXPECT_EQ(view.levels["http"], "info") << target;
  }
}

TEST_F(AdminCommands, ListenersShowBoundAddresses) {
  EXPECT_EQ(get("/listeners?format=json").body, "{}\n");
  view.all_listeners.push_back({.name = "in",
                                .local_address = Address::ip("127.0.0.1", 4001).value(),
                                .additional_addresses = {Address::ip("::1", 4002).value()}});
  EXPECT_EQ(get("/listeners").body, "in::127.0.0.1:4001\nin::[::1]:4002\n");
  EXPECT_EQ(get("/listeners?format=json").body, R"({
 "listener_statuses": [
  {
   "name": "in",
   "local_address": {
    "socket_address": {
     "address": "127.0.0.1",
     "port_value": 4001
    }
   },
   "additional_local_addresses": [
    {
     "socket_address": {
      "address": "::1",
      "port_value": 4002
     }
    }
   ]
  }
 ]
}
)");
}

TEST_F(AdminCommands, ClustersAsEnvoyPrintsThem) {
  auto& cluster = view.add_cluster("outbound|80|v1|a.b");
  cluster.config->outlier.emplace();
  cluster.config->added_via_api = true;
  auto& host = cluster.add_host("127.0.0.1", 9999);
  host.cx_total = 2;
  host.rq_error = 1;
  host.failed_outlier_check = true;
  cluster.endpoints[0]->health = EndpointHealth::kUnhealthy;
  cluster.endpoints[0]->locality = std::make_shared<const Locality>(Locality{"r", "z", "s"});
  cluster.endpoints[0]->canary = true;
  view.add_cluster("empty");

  EXPECT_EQ(get("/clusters?filter=^out").body, R"(outbound|80|v1|a.b::observability_name::outbound|80|v1|a.b
outbound|80|v1|a.b::outlier::success_rate_average::-1
outbound|80|v1|a.b::outlier::success_rate_ejection_threshold::-1
outbound|80|v1|a.b::outlier::local_origin_success_rate_average::-1
outbound|80|v1|a.b::outlier::local_origin_success_rate_ejection_threshold::-1
outbound|80|v1|a.b::default_priority::max_connections::1024
outbound|80|v1|a.b::default_priority::max_pending_requests::1024
outbound|80|v1|a.b::default_priority::max_requests::1024
outbound|80|v1|a.b::default_priority::max_retries::3
outbound|80|v1|a.b::high_priority::max_connections::1024
outbound|80|v1|a.b::high_priority::max_pending_requests::1024
outbound|80|v1|a.b::high_priority::max_requests::1024
outbound|80|v1|a.b::high_priority::max_retries::3
outbound|80|v1|a.b::added_via_api::true
outbound|80|v1|a.b::127.0.0.1:9999::cx_active::0
outbound|80|v1|a.b::127.0.0.1:9999::cx_connect_fail::0
outbound|80|v1|a.b::127.0.0.1:9999::cx_total::2
outbound|80|v1|a.b::127.0.0.1:9999::rq_active::0
outbound|80|v1|a.b::127.0.0.1:9999::rq_error::1
outbound|80|v1|a.b::127.0.0.1:9999::rq_success::0
outbound|80|v1|a.b::127.0.0.1:9999::rq_timeout::0
outbound|80|v1|a.b::127.0.0.1:9999::rq_total::0
outbound|80|v1|a.b::127.0.0.1:9999::hostname::
outbound|80|v1|a.b::127.0.0.1:9999::health_flags::/failed_outlier_check/failed_eds_health
outbound|80|v1|a.b::127.0.0.1:9999::weight::1
outbound|80|v1|a.b::127.0.0.1:9999::region::r
outbound|80|v1|a.b::127.0.0.1:9999::zone::z
outbound|80|v1|a.b::127.0.0.1:9999::sub_zone::s
outbound|80|v1|a.b::127.0.0.1:9999::canary::true
outbound|80|v1|a.b::127.0.0.1:9999::priority::0
outbound|80|v1|a.b::127.0.0.1:9999::success_rate::-1
outbound|80|v1|a.b::127.0.0.1:9999::local_origin_success_rate::-1
)");
  EXPECT_NE(get("/clusters").body.find("empty::added_via_api::false\n"), std::string::npos);
  EXPECT_EQ(get("/clusters?filter=(").status, 400u);
}

TEST_F(AdminCommands, ClustersAsJson) {
  EXPECT_EQ(get("/clusters?format=json").body, "{}\n");
  auto& cluster = view.add_cluster("a");
  cluster.add_host("127.0.0.1", 80).rq_total = 3;
  const admin::Response response = get("/clusters?format=json");
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_NE(response.body.find("     \"health_status\": {\n      \"eds_health_status\": \"HEALTHY\"\n     "
                               "},\n     \"weight\": 1,"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find("      {\n       \"value\": \"3\",\n       \"name\": \"rq_total\"\n      }"),
            std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find("{\n      \"priority\": \"HIGH\",\n      \"max_connections\": 1024,"),
            std::string::npos)
      << response.body;
}

TEST_F(AdminCommands, ServerInfoNamesStateOptionsAndNode) {
  Options options;
  options.concurrency = 2;
  NodeInfo node;
  node.id = "n1";
  node.metadata["NAMESPACE"].value = std::string("default");
  view.info.options = &options;
  view.info.node = &node;
  const std::string body = get("/server_info").body;
  for (const char* part :
       {"\n \"state\": \"LIVE\",\n", "\n \"uptime_current_epoch\": \"7s\",\n", "\n  \"concurrency\": 2,\n",
        "\n  \"drain_time\": \"600s\",\n", "\n  \"file_flush_interval\": \"10s\",\n", "\n  \"id\": \"n1\",\n",
        "\n   \"NAMESPACE\": \"default\"\n"}) {
    EXPECT_NE(body.find(part), std::string::npos) << part << body;
  }
}

TEST_F(AdminCommands, ConfigDumpPassesItsQuery) {
  EXPECT_EQ(get("/config_dump?resource=static_clusters&mask=a,b&name_regex=x%2Ey&include_eds").status, 200u);
  EXPECT_EQ(config.last.resource, "static_clusters");
  EXPECT_EQ(config.last.mask, "a,b");
  EXPECT_EQ(config.last.name_regex, "x.y");
  EXPECT_TRUE(config.last.include_eds);
  EXPECT_EQ(get("/config_dump?resource=nothing").status, 404u);
}

TEST_F(AdminCommands, RuntimeAndInitDump) {
  EXPECT_EQ(get("/runtime").body, "{\n \"entries\": {},\n \"layers\": []\n}\n");
  EXPECT_EQ(get("/init_dump").body, "{}\n");
  view.runtime_values["a.b"] = "5";
  view.unready.push_back({"server", {"LDS"}});
  EXPECT_NE(
      get("/runtime")
          .body.find("\"a.b\": {\n   \"final_value\": \"5\",\n   \"layer_values\": [\n    \"5\"\n   ]\n  }"),
      std::string::npos);
  EXPECT_NE(get("/init_dump")
                .body.find("\"name\": \"init manager server\",\n   \"target_names\": [\n    \"LDS\"\n"),
            std::string::npos);
}

TEST_F(AdminCommands, MemoryIsThatOfThisProcess) {
  const std::string body = get("/memory").body;
  for (const char* key : {"allocated", "heap_size", "total_physical_bytes"}) {
    EXPECT_NE(body.find(std::string("\"") + key + "\": \""), std::string::npos) << body;
  }
  EXPECT_EQ(body.find("\"total_physical_bytes\": \"0\""), std::string::npos)
      << body;  // sanitizers hide the rest
}

TEST(AdminRequest, DecodesParametersOfQueryAndForm) {
  admin::Request request("POST", "/a?x=%41%2b+&flag&y=%zz&&x=2");
  request.add_form("z=1%3D");
  EXPECT_EQ(request.path(), "/a");
  EXPECT_EQ(request.parameter("x"), "A++");
  EXPECT_EQ(request.parameter("flag"), "");
  EXPECT_EQ(request.parameter("y"), "%zz");
  EXPECT_EQ(request.parameter("z"), "1=");
  EXPECT_FALSE(request.has("w"));
}

TEST_F(AdminCommands, CertificatesInEnvoysForm) {
  EXPECT_EQ(get("/certs").body, "{\n \"certificates\": []\n}\n");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  CertificateEntry entry{"/etc/cert.pem", "0a", {{"dns", "a.example"}, {"uri", "spiffe://b"}}, {}, {}};
  entry.valid_from = WallTime(std::chrono::seconds(1700000000));
  entry.expires = now + std::chrono::hours(49);
  view.certificates = {{{}, {entry}}};
  const auto body = get("/certs").body;
  for (const char* part :
       {"\"ca_cert\": []", "\"path\": \"/etc/cert.pem\"", "\"serial_number\": \"0a\"",
        "\"dns\": \"a.example\"", "\"uri\": \"spiffe://b\"", "\"days_until_expiration\": \"2\"",
        "\"valid_from\": \"2023-11-14T22:13:20Z\"", "\"expiration_time\": \"20"})
    EXPECT_NE(body.find(part), std::string::npos) << part << " is not in " << body;
  view.certificates[0].chain[0].expires = now - std::chrono::hours(49);
  EXPECT_NE(get("/certs").body.find("\"days_until_expiration\": \"0\""), std::string::npos);
}

}  // namespace
}  // namespace remora
