#include "rollout/check.h"

#include <boost/json/value.hpp>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

constexpr Outcome kOutcomes[] = {Outcome::kPass, Outcome::kFail, Outcome::kInconclusive, Outcome::kError};

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass: return "pass";
    case Outcome::kFail: return "fail";
    case Outcome::kInconclusive: return "inconclusive";
    case Outcome::kError: return "error";
  }
  return "";
}

boost::json::object to_json(const Check& check) {
  boost::json::object json{{"name", check.name}, {"kind", check.kind}};
  if (check.value) json["value"] = *check.value;
  if (check.min) json["min"] = *check.min;
  if (check.max) json["max"] = *check.max;
  if (check.samples) json["samples"] = *check.samples;
  json["outcome"] = to_string(check.outcome);
  json["text"] = check.text;
  return json;
}

Check check_from_json(const boost::json::object& json) {
  Check check;
  check.name = text_of(json, "name");
  check.kind = text_of(json, "kind");
  check.value = number_of(json, "value");
  check.min = number_of(json, "min");
  check.max = number_of(json, "max");
  if (json.contains("samples")) check.samples = static_cast<uint64_t>(integer_of(json, "samples"));
  const std::string outcome = text_of(json, "outcome");
  for (const Outcome known : kOutcomes) {
    if (outcome == to_string(known)) check.outcome = known;
  }
  check.text = text_of(json, "text");
  return check;
}

}  // namespace remora::rollout
