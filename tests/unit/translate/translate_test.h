#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "remora/config/bootstrap.h"
#include "remora/core/stats.h"
#include "translate/context.h"
#include "translate/yaml_document.h"

namespace remora::xds {

/// A proto message written as YAML.
template <typename Message>
Message from_yaml(const std::string& text) {
  Message message;
  auto document = parse_yaml(text, "test");
  EXPECT_TRUE(document.ok()) << (document.ok() ? "" : document.error().message);
  if (!document.ok()) return message;
  const auto status = google::protobuf::util::JsonStringToMessage(to_json(*document), &message);
  EXPECT_TRUE(status.ok()) << status.message();
  return message;
}

/// What a translation needs around it, and what it found.
class TranslateTest : public testing::Test {
 protected:
  std::string findings() const { return errors() + warnings(); }
  std::string errors() const { return lines(ConfigFinding::Severity::kError); }
  std::string warnings() const { return lines(ConfigFinding::Severity::kWarning); }

  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  Environment environment_{stats_, node_, runtime_};
  ConfigReport report_;
  Context context_{environment_, report_};

 private:
  std::string lines(ConfigFinding::Severity severity) const {
    std::string text;
    for (const auto& finding : report_.findings()) {
      if (finding.severity == severity) text += finding.path + ": " + finding.message + "\n";
    }
    return text;
  }
};

}  // namespace remora::xds
