#pragma once

#include <poll.h>

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "client/dns/cares_channel.h"
#include "client/dns/name_resolver.h"
#include "remora/core/stats.h"

namespace remora::xds {

/// Asks name servers through c-ares, without ever waiting: whoever owns it polls its sockets. So many
/// questions are under way at most; the others wait for their turn. Single-threaded.
class CaresResolver final : public NameResolver {
 public:
  static constexpr size_t kMostUnderWay = 256;

  /// `stats`: make_cares_scope().
  CaresResolver(DnsResolverConfig config, std::shared_ptr<StatScope> stats);
  ~CaresResolver() override;

  void resolve(const std::string& name, DnsLookupFamily family, Done done) override;

  /// Begins what waits, and hands out the answers that are there. Answers may lead to further questions.
  void run(MonotonicTime now);
  void add_sockets(std::vector<pollfd>& out) const;
  /// Those of `polled` that are its own, and what time alone brings about.
  void process(const std::vector<pollfd>& polled);
  [[nodiscard]] MonotonicTime next_due(MonotonicTime now) const;
  [[nodiscard]] const DnsResolverConfig& config() const { return config_; }

 private:
  struct Question;
  struct Lookup;

  void begin(std::unique_ptr<Question> question);
  void look_up(Question& question, int family);
  void on_looked_up(const Lookup& lookup, int status, int timeouts, const ares_addrinfo* found);
  void on_lookup_ended(Question& question);
  CaresChannel& channel();
  void finish(Question& question);

  const DnsResolverConfig config_;
  const std::shared_ptr<StatScope> stats_;
  std::list<CaresChannel> channels_;  // the last one takes questions, the others end theirs
  std::deque<std::unique_ptr<Question>> waiting_;
  std::list<std::unique_ptr<Question>> under_way_;
  std::vector<std::unique_ptr<Question>> finished_;
  MonotonicTime now_{};  // of the turn
  bool ending_ = false;
};

}  // namespace remora::xds
