#pragma once

#include <memory>
#include <vector>

namespace remora {

class Exchange;
class MessageEvents;

/// The exchanges of one connection that are under way. Each knows its place, so that one of a thousand
/// streams ends as cheaply as the only one.
class ExchangeList {
 public:
  ExchangeList();
  ~ExchangeList();
  Exchange& add(std::unique_ptr<Exchange> exchange);
  /// Takes out the one that receives `request`; null if that is none of these.
  std::unique_ptr<Exchange> take(MessageEvents& request);
  /// Takes out any; null if there is none.
  std::unique_ptr<Exchange> take_any();

  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] auto begin() const { return all_.begin(); }
  [[nodiscard]] auto end() const { return all_.end(); }

 private:
  std::vector<std::unique_ptr<Exchange>> all_;
};

}  // namespace remora
