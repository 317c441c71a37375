#include "overload/resource_monitor.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include "admin/process_memory.h"

namespace remora {
namespace {

/// A file of the kernel's or of an operator's, whole; far longer ones than are expected are cut off.
Result<std::string> contents(const std::string& path) {
  constexpr size_t kMost = 4096;
  std::ifstream file(path);
  if (!file) return Error{"cannot open '" + path + "'"};
  std::string text(kMost, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

template <typename Number>
Result<Number> number_in(const std::string& path) {
  auto text = contents(path);
  if (!text.ok()) return std::move(text).error();
  Number number{};
  const char* end_of_text = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), end_of_text, number);
  if (error != std::errc() || end != end_of_text) return Error{"'" + path + "' holds no number"};
  return number;
}

class FixedHeap final : public ResourceMonitor {
 public:
  explicit FixedHeap(uint64_t most) : most_(most) {}
  Result<double> pressure() override {
    return static_cast<double>(process_memory().allocated) / static_cast<double>(most_);
  }

 private:
  const uint64_t most_;
};

/// Version 2 of control groups where it is there, else version 1.
class CgroupMemory final : public ResourceMonitor {
 public:
  CgroupMemory(std::string root, uint64_t most) : root_(std::move(root)), most_(most) {}

  Result<double> pressure() override {
    const bool is_second = std::ifstream(root_ + "/memory.current").good();
    const auto used =
        number_in<uint64_t>(root_ + (is_second ? "/memory.current" : "/memory/memory.usage_in_bytes"));
    if (!used.ok()) return used.error();
    const auto limit = limit_at(root_ + (is_second ? "/memory.max" : "/memory/memory.limit_in_bytes"));
    if (!limit.ok()) return limit.error();
    const uint64_t most = most_ == 0 ? *limit : std::min(*limit, most_);
    if (most == kUnlimited) return 0.0;
    if (most == 0) return 1.0;
    return static_cast<double>(*used) / static_cast<double>(most);
  }

 private:
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  static Result<uint64_t> limit_at(const std::string& path) {
    const auto text = contents(path);
    if (!text.ok()) return text.error();
    if (*text == "max" || *text == "-1") return uint64_t{kUnlimited};
    return number_in<uint64_t>(path);
  }

  const std::string root_;
  const uint64_t most_;
};

/// Of all processors together: the time that they worked since the last look, in an average of which a new
/// value is a twentieth, as in Envoy.
class CpuUtilization final : public ResourceMonitor {
 public:
  explicit CpuUtilization(std::string file) : file_(std::move(file)), before_(read()) {}

  Result<double> pressure() override {
    const auto now = read();
    if (!now) return Error{"'" + file_ + "' does not begin with the times of the processors"};
    const auto before = std::exchange(before_, now);
    if (!before || now->all <= before->all || now->working < before->working) return average_;
    const auto worked = static_cast<double>(now->working - before->working);
    constexpr double kWeight = 0.05;
    average_ += kWeight * (worked / static_cast<double>(now->all - before->all) - average_);
    return average_;
  }

 private:
  struct Times {
    uint64_t working = 0;  // in user mode, also niced, and in the kernel
    uint64_t all = 0;      // and idle
  };

  [[nodiscard]] std::optional<Times> read() const {
    const auto text = contents(file_);
    if (!text.ok()) return std::nullopt;
    std::istringstream line(*text);
    std::string name;
    uint64_t user = 0, nice = 0, system = 0, idle = 0;
    if (!(line >> name >> user >> nice >> system >> idle) || name != "cpu") return std::nullopt;
    return Times{.working = user + nice + system, .all = user + nice + system + idle};
  }

  const std::string file_;
  std::optional<Times> before_;
  double average_ = 0;
};

class Injected final : public ResourceMonitor {
 public:
  explicit Injected(std::string file) : file_(std::move(file)) {}
  Result<double> pressure() override {
    auto given = number_in<double>(file_);
    if (given.ok() && !(*given >= 0 && *given <= 1))
      return Error{"'" + file_ + "' holds no number from 0 to 1"};
    return given;
  }

 private:
  const std::string file_;
};

class DownstreamConnections final : public ResourceMonitor {
 public:
  explicit DownstreamConnections(std::shared_ptr<const ConnectionLimit> limit) : limit_(std::move(limit)) {}
  Result<double> pressure() override {
    return static_cast<double>(limit_->taken()) / static_cast<double>(limit_->most());
  }

 private:
  const std::shared_ptr<const ConnectionLimit> limit_;
};

}  // namespace

std::unique_ptr<ResourceMonitor> make_resource_monitor(const ResourceMonitorConfig& config,
                                                       const SystemFiles& files,
                                                       std::shared_ptr<const ConnectionLimit> limit) {
  using Kind = ResourceMonitorConfig::Kind;
  switch (config.kind) {
    case Kind::kFixedHeap: return std::make_unique<FixedHeap>(config.most_bytes);
    case Kind::kCgroupMemory: return std::make_unique<CgroupMemory>(files.cgroup, config.most_bytes);
    case Kind::kCpuUtilization: return std::make_unique<CpuUtilization>(files.cpu);
    case Kind::kInjected: return std::make_unique<Injected>(config.filename);
    case Kind::kDownstreamConnections: return std::make_unique<DownstreamConnections>(std::move(limit));
  }
  return nullptr;
}

}  // namespace remora
