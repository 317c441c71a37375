#include "exchange_list.h"

#include <utility>

#include "exchange.h"

namespace remora {

ExchangeList::ExchangeList() = default;
ExchangeList::~ExchangeList() = default;

Exchange& ExchangeList::add(std::unique_ptr<Exchange> exchange) {
  exchange->list_place = all_.size();
  all_.push_back(std::move(exchange));
  return *all_.back();
}

std::unique_ptr<Exchange> ExchangeList::take(MessageEvents& request) {
  // Whatever receives the requests of a downstream connection is an exchange.
  const size_t place = static_cast<Exchange&>(request).list_place;
  if (place >= all_.size() || all_[place].get() != &request) return nullptr;
  auto taken = std::move(all_[place]);
  if (place + 1 < all_.size()) {
    all_[place] = std::move(all_.back());
    all_[place]->list_place = place;
  }
  all_.pop_back();
  return taken;
}

std::unique_ptr<Exchange> ExchangeList::take_any() { return empty() ? nullptr : take(*all_.back()); }

}  // namespace remora
