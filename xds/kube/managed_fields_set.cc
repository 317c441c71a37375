#include "kube/managed_fields_set.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace remora::kube {
namespace {

namespace json = boost::json;

/// `k:{"name":"x"}` -> `[name="x"]`
std::string element_text(const std::string& element) {
  const std::string rest = element.substr(2);
  if (element.starts_with("f:")) return '.' + rest;
  if (element.starts_with("v:")) return "[=" + rest + ']';
  if (element.starts_with("i:")) return '[' + rest + ']';
  boost::system::error_code error;
  const json::value key = json::parse(rest, error);
  std::string text;
  if (!error && key.is_object()) {
    for (const auto& member : key.get_object()) {
      text.append(text.empty() ? "" : ",")
          .append(member.key())
          .append(1, '=')
          .append(json::serialize(member.value()));
    }
  }
  return '[' + text + ']';
}

/// On every level first the paths themselves, then what is below them, as Kubernetes lists them.
void visit_paths(const FieldSet& set, const std::string& path,
                 const std::function<void(const std::string&)>& visit) {
  for (const auto& [element, child] : set.children) {
    if (child.member) visit(path + element_text(element));
  }
  for (const auto& [element, child] : set.children) {
    if (!child.children.empty()) visit_paths(child, path + element_text(element), visit);
  }
}

bool is_element(std::string_view name) {
  if (name.starts_with("f:") || name.starts_with("i:")) return true;
  if (!name.starts_with("k:") && !name.starts_with("v:")) return false;
  boost::system::error_code error;
  const json::value parsed = json::parse(name.substr(2), error);
  return !error && (parsed.is_object() || name.starts_with("v:"));
}

}  // namespace

const FieldSet* FieldSet::find(const std::string& element) const {
  const auto found = children.find(element);
  return found == children.end() ? nullptr : &found->second;
}

void FieldSet::add(std::initializer_list<std::string> path) {
  FieldSet* node = this;
  for (const std::string& element : path) node = &node->children[element];
  node->member = true;
}

FieldSet unite(FieldSet a, const FieldSet& b) {
  a.member = a.member || b.member;
  for (const auto& [element, child] : b.children) {
    FieldSet& mine = a.children[element];
    mine = unite(std::move(mine), child);
  }
  return a;
}

FieldSet intersect(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && b.member;
  for (const auto& [element, child] : a.children) {
    const FieldSet* other = b.find(element);
    if (other == nullptr) continue;
    FieldSet common = intersect(child, *other);
    if (!common.empty()) out.children.emplace(element, std::move(common));
  }
  return out;
}

FieldSet subtract(FieldSet a, const FieldSet& b) {
  a.member = a.member && !b.member;
  for (auto child = a.children.begin(); child != a.children.end();) {
    if (const FieldSet* other = b.find(child->first))
      child->second = subtract(std::move(child->second), *other);
    child = child->second.empty() ? a.children.erase(child) : std::next(child);
  }
  return a;
}

void for_each_path(const FieldSet& set, const std::function<void(const std::string&)>& visit) {
  visit_paths(set, "", visit);
}

json::object to_fields_v1(const FieldSet& set) {
  json::object out;
  if (set.member && !set.children.empty()) out["."] = json::object{};
  for (const auto& [element, child] : set.children) out[element] = to_fields_v1(child);
  return out;
}

Result<FieldSet> from_fields_v1(const json::value& fields) {
  const auto* object = fields.if_object();
  if (object == nullptr) return Error{"a field set is made of maps"};
  FieldSet set;
  for (const auto& member : *object) {
    if (member.key() == ".") {
      set.member = true;
      continue;
    }
    if (!is_element(member.key())) return Error{"\"" + std::string(member.key()) + "\" is no path element"};
    auto child = from_fields_v1(member.value());
    if (!child) return child.error();
    if (child->empty()) child->member = true;
    set.children.emplace(member.key(), std::move(*child));
  }
  return set;
}

}  // namespace remora::kube
