// What API servers send, and what nobody should.
#include "kubernetes/wire.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "kubernetes/raw_json.h"
#include "kubernetes/slim.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

const ApiKind& kServices = *find_api_kind("services");

std::vector<std::string> members(std::string_view text, bool& whole) {
  std::vector<std::string> found;
  whole = for_each_member(text, [&](std::string_view name, std::string_view value) {
    found.push_back(std::string(name) + '=' + std::string(value));
  });
  return found;
}

TEST(RawJson, TakesAnObjectApart) {
  bool whole = false;
  EXPECT_EQ(members(R"( {"a" : 1 ,"b":{"c":"}"},"d":[1,"]",{}],"e":"x\"},","f":null} )", whole),
            (std::vector<std::string>{"a=1", R"(b={"c":"}"})", R"(d=[1,"]",{}])", R"(e="x\"},")", "f=null"}));
  EXPECT_TRUE(whole);
  EXPECT_TRUE(members("{}", whole).empty());
  EXPECT_TRUE(whole);
}

TEST(RawJson, SaysWhereATextIsNotWhole) {
  bool whole = true;
  for (const char* text : {"", "[]", "{", R"({"a")", R"({"a":)", R"({"a":1)", R"({"a":{"b":1})", R"({"a":"x)",
                           R"({"a":"x\)", R"({"a":1,})", "{1:2}", R"({"a":[})"}) {
    members(text, whole);
    EXPECT_FALSE(whole) << text;
  }
}

TEST(RawJson, DepthCostsNoStack) {
  const std::string deep = R"({"a":)" + std::string(2'000'000, '[') + std::string(2'000'000, ']') + '}';
  bool whole = false;
  EXPECT_EQ(members(deep, whole).size(), 1U);
  EXPECT_TRUE(whole);
}

TEST(RawJson, TakesAnArrayApart) {
  std::string found;
  const auto item = [&](std::string_view text) { found += std::string(text) + ';'; };
  EXPECT_TRUE(for_each_item(R"([1, "a,b",{"c":[2,3]} ])", item));
  EXPECT_EQ(found, R"(1;"a,b";{"c":[2,3]};)");
  EXPECT_FALSE(for_each_item("[1,", item));
  EXPECT_FALSE(for_each_item("{}", item));
  EXPECT_TRUE(for_each_item("[ ]", item));
}

std::string service(const std::string& metadata) { return R"({"metadata":{)" + metadata + R"(},"spec":{}})"; }
const std::string kGood = service(R"("name":"a","namespace":"shop","resourceVersion":"7")");

TEST(Wire, AnItemOfAListSaysWhatItIs) {
  const ObjectText read = read_object(kServices, kGood);
  ASSERT_NE(read.object, nullptr) << read.fault.why;
  EXPECT_EQ(read.object->key, (store::ObjectKey{"services", "shop", "a"}));
  EXPECT_EQ(read.object->version, 7U);
  EXPECT_EQ(read.object->body.begin()->key(), "apiVersion");
  EXPECT_EQ(read.object->body.at("kind"), "Service");
}

TEST(Wire, AnObjectThatCannotBeReadIsNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {service(R"("name":"a","namespace":"shop","resourceVersion":"x")"), "resourceVersion is no number"},
      {service(R"("name":"a","resourceVersion":"7")"), "namespace does not fit"},
      {R"({"metadata":{"name":"a","namespace":"shop","resourceVersion":"7"},"spec":{"x":tru}})", "no JSON"},
  };
  for (const auto& [text, why] : cases) {
    const ObjectText read = read_object(kServices, text);
    EXPECT_EQ(read.object, nullptr) << text;
    EXPECT_EQ(read.fault.key.name, "a") << text;
    EXPECT_NE(read.fault.why.find(why), std::string::npos) << read.fault.why;
  }
}

TEST(Wire, AListIsReadWhateverOneOfItsItemsIs) {
  const auto page =
      read_list(kServices, R"({"kind":"ServiceList","metadata":{"resourceVersion":"9","continue":"t/k"},)"
                           R"("items":[)" +
                               kGood + R"(,{"metadata":{"name":"bad"}},17]})");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->version, 9U);
  EXPECT_EQ(page->continue_token, "t/k");
  EXPECT_EQ(page->objects.size(), 1U);
  ASSERT_EQ(page->unreadable.size(), 2U);
  EXPECT_EQ(page->unreadable[0].key.name, "bad");
  EXPECT_TRUE(read_list(kServices, R"({"metadata":{"resourceVersion":"9"},"items":null})").ok())
      << "Go's empty list";
}

TEST(Wire, AListThatIsNoneIsAnError) {
  for (const char* text : {"", "[]", R"({"items":[]})", R"({"metadata":{"resourceVersion":"x"},"items":[]})",
                           R"({"metadata":{"resourceVersion":"9"},"items":[)", "<html>"}) {
    EXPECT_FALSE(read_list(kServices, text).ok()) << text;
  }
}

TEST(Wire, ReadsEventsOfAWatch) {
  using Type = WatchEvent::Type;
  const std::pair<const char*, Type> kinds[] = {{"ADDED", Type::kAdded},
                                                {"MODIFIED", Type::kModified},
                                                {"DELETED", Type::kDeleted},
                                                {"BOOKMARK", Type::kBookmark},
                                                {"ERROR", Type::kError}};
  for (const auto& [word, type] : kinds) {
    const std::string line = std::string(R"({"type":")") + word + R"(","object":{"a":1}})";
    const auto event = read_watch_event(line);
    ASSERT_TRUE(event.ok()) << word;
    EXPECT_EQ(event->type, type);
    EXPECT_EQ(event->object, R"({"a":1})");
  }
  EXPECT_FALSE(read_watch_event(R"({"type":"ADDED"})").ok());
  const std::string strange = R"({"type":")" + std::string(500, 'Z') + R"(","object":{}})";
  EXPECT_LT(read_watch_event(strange).error().message.size(), 120U)
      << "a stranger's text is not repeated at length";
}

TEST(Wire, ARefusalIsReadWhateverItLooksLike) {
  Refusal refusal =
      read_refusal(403, R"({"kind":"Status","code":403,"reason":"Forbidden","message":"no \"x\""})");
  EXPECT_EQ(refusal.code, 403U);
  EXPECT_EQ(refusal.reason, "Forbidden");
  EXPECT_EQ(refusal.message, "no \"x\"");
  EXPECT_EQ(read_refusal(502, "Bad gateway\nmore").message, "Bad gateway");
  EXPECT_EQ(read_refusal(500, "").message, "the server answers 500");
  EXPECT_LE(read_refusal(500, std::string(100'000, 'x')).message.size(), 500U);
}

TEST(Wire, SaysWhyAWriteDidNotHappen) {
  using Reason = store::WriteError::Reason;
  const store::ObjectKey key{"services", "shop", "a"};
  const auto reason = [&](unsigned code, const char* word) {
    return to_write_error(key, {code, word, "why"}).reason;
  };
  EXPECT_EQ(reason(404, "NotFound"), Reason::kNotFound);
  EXPECT_EQ(reason(409, "AlreadyExists"), Reason::kAlreadyExists);
  EXPECT_EQ(reason(409, "Conflict"), Reason::kConflict);
  EXPECT_EQ(reason(422, "Invalid"), Reason::kInvalid);
  EXPECT_EQ(reason(403, "Forbidden"), Reason::kStorage);
  EXPECT_EQ(to_write_error(key, {403, "Forbidden", "may not"}).message, "services shop/a: may not");
}

// --- what is kept of many objects
// ----------------------------------------------------------------------------

std::string slim(json::object (*make)(const json::object&), const char* text) {
  return json::serialize(make(json::parse(text).as_object()));
}

TEST(Slim, OfAPodWhatTheMeshReads) {
  EXPECT_EQ(
      slim(slim_pod, R"({"apiVersion":"v1","kind":"Pod",
      "metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"3","labels":{"app":"a"},"generateName":"a-",
        "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","sidecar.istio.io/inject":"true",
                       "sidecar.istio.io/status":"{long}","remora/x":"y"},
        "ownerReferences":[{"kind":"ReplicaSet","name":"a-1","uid":"v","controller":true}],"managedFields":[{}]},
      "spec":{"serviceAccountName":"sa","nodeName":"n","volumes":[{}],"tolerations":[],
        "containers":[{"name":"app","image":"i","env":[{}],"ports":[{"containerPort":80}]}]},
      "status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}],"hostIP":"h",
        "conditions":[{"type":"Ready","status":"True","lastTransitionTime":"t"}],"containerStatuses":[{}]}})"),
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"3",)"
      R"("labels":{"app":"a"},"annotations":{"sidecar.istio.io/inject":"true","sidecar.istio.io/status":"{}",)"
      R"("remora/x":"y"},"ownerReferences":[{"kind":"ReplicaSet","name":"a-1","controller":true}]},)"
      R"("spec":{"serviceAccountName":"sa","nodeName":"n","containers":[{"name":"app","ports":[{"containerPort":80}]}]},)"
      R"("status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}],)"
      R"("conditions":[{"type":"Ready","status":"True"}]}})");
}

TEST(Slim, StandsWhateverIsMissingOrOfAnotherType) {
  EXPECT_EQ(slim(slim_pod, "{}"), R"({"metadata":{},"spec":{},"status":{}})");
  EXPECT_EQ(slim(slim_pod, R"({"metadata":[],"spec":"x","status":{"conditions":[1,null]}})"),
            R"({"metadata":{},"spec":{},"status":{"conditions":[]}})");
  EXPECT_EQ(
      slim(slim_node,
           R"({"kind":"Node","metadata":{"name":"n","annotations":{},"labels":{"z":"1"}},"status":{}})"),
      R"({"kind":"Node","metadata":{"name":"n","labels":{"z":"1"}}})");
}

TEST(Slim, OfAnEndpointSliceItsPortsAndEndpoints) {
  EXPECT_EQ(
      slim(
          slim_endpoint_slice,
          R"({"kind":"EndpointSlice","addressType":"IPv4","metadata":{"name":"s","managedFields":[],"ownerReferences":[{}],
                     "labels":{"kubernetes.io/service-name":"a"}},"ports":[{"port":80}],"endpoints":[{"addresses":["10.0.0.1"]}]})"),
      R"({"kind":"EndpointSlice","addressType":"IPv4","metadata":{"name":"s","labels":{"kubernetes.io/service-name":"a"}},)"
      R"("ports":[{"port":80}],"endpoints":[{"addresses":["10.0.0.1"]}]})");
}

}  // namespace
}  // namespace remora::kubernetes
