#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string_view>
#include <vector>

#include "core/ascii.h"

namespace remora {

struct VirtualHost;

/// Domains without wildcards and their virtual hosts, in pieces that one version shares with the next: to
/// change one domain of many thousands copies one small piece. The virtual hosts own the texts. Immutable
/// once its editor is done, any thread.
class DomainMap {
 public:
  /// For so many domains.
  explicit DomainMap(size_t size = 0);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  /// Whether it has grown so much that its pieces are no longer small.
  [[nodiscard]] bool is_crowded() const { return size_ > 4 * kPieceSize * pieces_.size(); }

  /// Null: there is none. In any case.
  [[nodiscard]] const VirtualHost* find(std::string_view domain) const {
    const size_t hash = FoldedHash{}(domain);
    const auto& piece = pieces_[hash & (pieces_.size() - 1)]->hosts;
    const auto found = piece.find(domain);
    return found == piece.end() ? nullptr : found->second;
  }

  /// The virtual host that has the domain already; null: it was added.
  const VirtualHost* add(std::string_view domain, const VirtualHost* host);
  /// Takes the domain away if it is that virtual host's.
  void remove(std::string_view domain, const VirtualHost* host);

 private:
  static constexpr size_t kPieceSize = 64;  // domains, about
  struct Piece {
    absl::flat_hash_map<std::string_view, const VirtualHost*, FoldedHash, FoldedEqual> hosts;
  };
  /// Of that domain, this version's own.
  Piece& own_piece(std::string_view domain);

  std::vector<std::shared_ptr<Piece>> pieces_;  // 2^n, by the hash's lower bits
  size_t size_ = 0;
};

}  // namespace remora
