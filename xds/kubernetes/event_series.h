#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace remora::kubernetes {

/// What an event is about. Its namespace is empty where the object has none.
struct EventAbout {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
};

/// One Event of the API server: the same thing that happened once or several times.
struct EventSeries {
  using Time = std::chrono::system_clock::time_point;

  EventAbout about;
  bool warning = false;
  std::string reason;
  std::string message;
  uint64_t count = 0;
  Time first;
  Time last;
  std::string name;      ///< of the Event; empty: it has none yet
  bool created = false;  ///< the server is known to have it
};

/// Which of many things that happen become Events of their own, as Kubernetes' own recorder has it: what is
/// the same counts in one; of one object and reason, the tenth different message within ten minutes and all
/// further ones share one; and an object may cause 25 writes at once, and one in five minutes then. What is
/// not written still counts, and is told with the next write. Holds 4,096 series at most. Pure.
class EventSeriesTable {
 public:
  using Time = EventSeries::Time;

  /// The key of the series that this belongs to, where it may be written now.
  std::optional<std::string> add(const EventAbout& about, bool warning, const std::string& reason,
                                 const std::string& message, Time now);
  /// Null where it is gone.
  EventSeries* find(const std::string& key);

 private:
  /// What the messages of one object and reason have been lately.
  struct Family {
    std::set<std::string> messages;
    Time last;
  };
  struct Allowance {
    double writes = 0;
    Time at;
  };

  std::string key_of(const std::string& family, const std::string& message, Time now, std::string& told);
  bool may_write(const std::string& object, Time now);
  void make_room(Time now);

  std::map<std::string, EventSeries> series_;
  std::map<std::string, Family> families_;
  std::map<std::string, Allowance> allowances_;
};

}  // namespace remora::kubernetes
