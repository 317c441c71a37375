#include "core/domain_map.h"

#include <bit>

namespace remora {

DomainMap::DomainMap(size_t size) : pieces_(std::bit_ceil(size / kPieceSize + 1)) {
  for (auto& piece : pieces_) piece = std::make_shared<Piece>();
}

DomainMap::Piece& DomainMap::own_piece(std::string_view domain) {
  auto& piece = pieces_[FoldedHash{}(domain) & (pieces_.size() - 1)];
  if (piece.use_count() > 1) piece = std::make_shared<Piece>(*piece);
  return *piece;
}

const VirtualHost* DomainMap::add(std::string_view domain, const VirtualHost* host) {
  const auto [at, fresh] = own_piece(domain).hosts.emplace(domain, host);
  if (!fresh) return at->second;
  ++size_;
  return nullptr;
}

void DomainMap::remove(std::string_view domain, const VirtualHost* host) {
  if (find(domain) != host) return;
  own_piece(domain).hosts.erase(domain);
  --size_;
}

}  // namespace remora
