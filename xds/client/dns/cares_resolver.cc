#include "client/dns/cares_resolver.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include "client/dns/dns_stats.h"

namespace remora::xds {
namespace {

constexpr size_t kMainShard = 0;  // nobody else writes this scope

/// The family that is asked for first.
int first_family(DnsLookupFamily family) {
  return family == DnsLookupFamily::kAuto || family == DnsLookupFamily::kV6Only ? AF_INET6 : AF_INET;
}

/// The one that is asked for where the first gave nothing.
int second_family(DnsLookupFamily family) {
  if (family == DnsLookupFamily::kAuto) return AF_INET;
  return family == DnsLookupFamily::kV4Preferred ? AF_INET6 : AF_UNSPEC;
}

bool covers(DnsLookupFamily wanted, int family) {
  return wanted == DnsLookupFamily::kAll || first_family(wanted) == family || second_family(wanted) == family;
}

/// Whether an interface beyond loopback has such an address.
bool is_routable(int family) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return true;
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr && !found; one = one->ifa_next) {
    found = one->ifa_addr != nullptr && one->ifa_addr->sa_family == family &&
            (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
  }
  freeifaddrs(all);
  return found;
}

bool is_answer(int status) {
  return status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

/// Envoy's words, which are c-ares's: "dns_resolution_failure{cares_norecords:Domain_name_not_found}".
/// Static.
const char* failure_text(int status) {
  constexpr size_t kStatuses = 32;
  static const auto kTexts = [] {
    std::array<std::string, kStatuses> texts;
    for (int i = 0; i < static_cast<int>(kStatuses); ++i) {
      std::string text = is_answer(i) ? "cares_norecords:" : "cares_failure:";
      text += ares_strerror(i);
      std::ranges::replace(text, ' ', '_');
      texts[static_cast<size_t>(i)] = "dns_resolution_failure{" + text + "}";
    }
    return texts;
  }();
  return kTexts[static_cast<size_t>(status) < kStatuses ? static_cast<size_t>(status) : 0].c_str();
}

void count(StatBlock& block, int status, int timeouts) {
  block.add(kResolveTotal);
  block.sub(kPendingResolutions);
  switch (status) {
    case ARES_SUCCESS: return;
    case ARES_ENODATA:
    case ARES_ENOTFOUND: return block.add(kNotFound);
    case ARES_ETIMEOUT: return block.add(kTimeouts, static_cast<uint64_t>(std::max(timeouts, 0)));
    default: block.add(kGetAddrFailure);
  }
}

}  // namespace

struct CaresResolver::Question {
  std::string name;
  DnsLookupFamily family = DnsLookupFamily::kAuto;
  Done done;
  DnsAnswer answer;
  std::unordered_set<std::string> seen;  // of the answer's addresses
  size_t lookups = 0;                    // under way
  bool has_second = false;               // the other family may still be asked for

  void add(const ares_addrinfo_node& node) {
    Address address = Address::from_sockaddr(node.ai_addr, node.ai_addrlen);
    if (!address.is_ip() || !covers(family, address.family())) return;
    address.set_port(0);
    const Milliseconds ttl = std::chrono::seconds(std::max(node.ai_ttl, 0));
    answer.ttl = answer.addresses.empty() ? ttl : std::min(answer.ttl, ttl);
    if (seen.insert(address.host()).second) answer.addresses.push_back(std::move(address));
  }
};

/// One family of one question, from ares_getaddrinfo() to its end.
struct CaresResolver::Lookup {
  CaresResolver& resolver;
  Question& question;
  CaresChannel& channel;

  static void on_done(void* argument, int status, int timeouts, ares_addrinfo* found) {
    const std::unique_ptr<Lookup> self(static_cast<Lookup*>(argument));
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> held(found, &ares_freeaddrinfo);
    self->channel.ended(status, timeouts);
    if (!self->resolver.ending_) self->resolver.on_looked_up(*self, status, timeouts, found);
  }
};

CaresResolver::CaresResolver(DnsResolverConfig config, std::shared_ptr<StatScope> stats)
    : config_(std::move(config)),
      stats_(std::move(stats)) {}

CaresResolver::~CaresResolver() {
  ending_ = true;  // what is under way ends with its channel
  channels_.clear();
}

void CaresResolver::resolve(const std::string& name, DnsLookupFamily family, Done done) {
  auto question = std::make_unique<Question>();
  question->name = name;
  question->family = family;
  question->done = std::move(done);
  waiting_.push_back(std::move(question));
}

void CaresResolver::run(MonotonicTime now) {
  now_ = now;
  while (!waiting_.empty() && under_way_.size() < kMostUnderWay) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(std::move(next));
  }
  const auto finished = std::move(finished_);
  finished_.clear();
  for (const auto& question : finished) question->done(std::move(question->answer), now);
  const auto is_over = [&](const CaresChannel& one) { return one.is_idle() && one.is_spent(now); };
  channels_.remove_if(is_over);
}

void CaresResolver::begin(std::unique_ptr<Question> question) {
  Question& begun = *under_way_.emplace_back(std::move(question));
  if (auto literal = Address::ip(begun.name, 0); literal.ok()) {
    StatBlock& block = stats_->block(kMainShard);
    block.add(kResolveTotal);
    begun.answer.is_answered = covers(begun.family, literal->family());
    if (begun.answer.is_answered) {
      begun.answer.addresses.push_back(std::move(*literal));
    } else {
      block.add(kGetAddrFailure);
      begun.answer.failure = failure_text(ARES_EBADNAME);
    }
    return finish(begun);
  }
  if (begun.family == DnsLookupFamily::kAll) {
    begun.lookups = 2;
    look_up(begun, AF_INET);
    return look_up(begun, AF_INET6);
  }
  begun.has_second = second_family(begun.family) != AF_UNSPEC;
  begun.lookups = 1;
  look_up(begun, first_family(begun.family));
}

/// May be the end of the question.
void CaresResolver::look_up(Question& question, int family) {
  if (config_.filter_unroutable && !is_routable(family)) {
    question.answer.is_answered = true;
    return on_lookup_ended(question);
  }
  stats_->block(kMainShard).add(kPendingResolutions);
  CaresChannel& asked = channel();
  asked.ask(question.name, family, &Lookup::on_done, new Lookup{*this, question, asked});
}

CaresChannel& CaresResolver::channel() {
  if (channels_.empty() || channels_.back().is_spent(now_)) {
    if (!channels_.empty() && channels_.back().is_broken()) stats_->block(kMainShard).add(kReinits);
    channels_.emplace_back(config_, now_);
  }
  return channels_.back();
}

void CaresResolver::on_looked_up(const Lookup& lookup, int status, int timeouts, const ares_addrinfo* found) {
  count(stats_->block(kMainShard), status, timeouts);
  DnsAnswer& answer = lookup.question.answer;
  // That there is no such name, or no such address of it, is an answer as well.
  if (is_answer(status)) answer.is_answered = true;
  answer.failure = failure_text(status == ARES_SUCCESS ? ARES_ENODATA : status);
  if (status == ARES_SUCCESS && found != nullptr) {
    for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next)
      lookup.question.add(*node);
  }
  on_lookup_ended(lookup.question);
}

void CaresResolver::on_lookup_ended(Question& question) {
  if (--question.lookups > 0) return;
  if (question.has_second && question.answer.addresses.empty()) {
    question.has_second = false;
    question.lookups = 1;
    return look_up(question, second_family(question.family));
  }
  finish(question);
}

void CaresResolver::finish(Question& question) {
  const auto found =
      std::ranges::find_if(under_way_, [&](const auto& one) { return one.get() == &question; });
  finished_.push_back(std::move(*found));
  under_way_.erase(found);
}

void CaresResolver::add_sockets(std::vector<pollfd>& out) const {
  for (const CaresChannel& one : channels_) {
    for (const auto& [socket, events] : one.sockets()) out.push_back({socket, events, 0});
  }
}

void CaresResolver::process(const std::vector<pollfd>& polled) {
  for (CaresChannel& one : channels_) {
    for (const pollfd& ready : polled) {
      if (ready.revents != 0 && one.sockets().contains(ready.fd)) one.process(ready.fd, ready.revents);
    }
    one.process(-1, 0);
  }
}

MonotonicTime CaresResolver::next_due(MonotonicTime now) const {
  if (!finished_.empty() || (!waiting_.empty() && under_way_.size() < kMostUnderWay)) return now;
  MonotonicTime next = MonotonicTime::max();
  for (const CaresChannel& one : channels_) next = std::min(next, one.next_due(now));
  return next;
}

}  // namespace remora::xds
