#pragma once

#include <boost/json/value.hpp>
#include <random>
#include <string>

namespace remora::kube {

/// Documents for property tests: few names and few values, so that two of them have much in common. Neither
/// holds a null, which a merge patch cannot write. The same seed gives the same documents.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : engine_(seed) {}

  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine_); }

  boost::json::value value(int depth) {
    const int choice = below(depth > 0 ? 6 : 4);
    if (choice == 0) return below(3);
    if (choice == 1) return below(2) == 0;
    if (choice == 2) return boost::json::value(std::string(1, static_cast<char>('p' + below(3))));
    if (choice == 3) return boost::json::array();
    if (choice == 4) return array(depth - 1);
    return object(depth - 1);
  }

  boost::json::object object(int depth) {
    boost::json::object out;
    for (int i = below(4); i > 0; --i) out[std::string(1, static_cast<char>('a' + below(5)))] = value(depth);
    return out;
  }

  boost::json::array array(int depth) {
    boost::json::array out;
    for (int i = below(4); i > 0; --i) out.push_back(value(depth));
    return out;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace remora::kube
