#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kubernetes/api_client.h"

namespace remora::kubernetes {

/// An API server with collections, pages, watches and a memory that can be made short, and a client of it;
/// with the ways to fail that real ones have.
class FakeCluster final : public ApiClient {
 public:
  explicit FakeCluster(boost::asio::io_context& context) : context_(context) {}

  // --- what the cluster does ---

  /// Makes or changes an object; `more`: its further members ("spec", ...). `collection`: "/api/v1/services".
  void put(const std::string& collection, const std::string& ns, const std::string& name,
           boost::json::object more = {});
  void remove(const std::string& collection, const std::string& ns, const std::string& name);
  /// Forgets what was before now: older watches and pages are "410 Gone" from here on.
  void compact() { forgotten_ = version_; }
  /// Ends every watch, as the server does when its time is over; `error`: as a lost connection does.
  void end_watches(const std::string& error = {});
  /// A line to every watch of the collection.
  void tell(const std::string& collection, const std::string& line);
  void bookmark(const std::string& collection);
  uint64_t version() const { return version_; }

  // --- how it fails ---

  /// Instead of the answer to a path with its query; nullopt: the usual one.
  std::function<std::optional<ApiAnswer>(const std::string& path)> refuse = [](const std::string&) {
    return std::nullopt;
  };
  bool down = false;    ///< nobody listens
  bool silent = false;  ///< watches that begin now never tell anything

  static ApiAnswer status(unsigned code, const std::string& reason, const std::string& message);

  // --- what was asked ---

  std::vector<std::string> asked;  ///< "GET /api/v1/services?limit=250", in order
  size_t count(const std::string& part) const;
  size_t watches() const;  ///< that have begun
  std::string last(const std::string& part) const;

  std::shared_ptr<void> call(ApiCall call, Answered done) override;
  std::shared_ptr<void> stream(std::string path, OnLine on_line, Answered ended) override;

 private:
  struct Watching {
    std::string collection;
    std::weak_ptr<void> handle;
    OnLine on_line;
    Answered ended;
    bool silent = false;
    bool begun = false;
  };
  struct Happened {
    uint64_t version;
    std::string collection;
    std::string line;
  };

  ApiAnswer answer(const ApiCall& call);
  ApiAnswer list(const std::string& collection, const std::string& query);
  ApiAnswer write(const ApiCall& call);
  void happen(const std::string& collection, const std::string& type, const boost::json::object& object);
  void post(std::function<void()> what);

  boost::asio::io_context& context_;
  std::map<std::string, std::map<std::string, boost::json::object>> objects_;  // by collection, "ns/name"
  std::vector<Happened> history_;
  std::list<std::shared_ptr<Watching>> watches_;
  uint64_t version_ = 100;
  uint64_t forgotten_ = 0;
};

}  // namespace remora::kubernetes
