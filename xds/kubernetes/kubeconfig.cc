#include <openssl/evp.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <sstream>

#include "kubernetes/access.h"
#include "store/yaml.h"
#include "web/url.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;

/// One object of the file, with the path by which messages call it.
struct Part {
  json::object fields;
  std::string path;
};

struct Unsupported {
  std::string_view field;
  std::string_view why;
};

Result<json::object> load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error{"cannot be read"};
  auto value = store::from_yaml(std::move(text).str());
  if (!value.ok()) return Error{value.error()};
  if (!value->is_object()) return Error{"is no kubeconfig: it must be a map"};
  return std::move(value->as_object());
}

/// A string field; null counts as absent.
Result<std::string> text_of(const Part& part, std::string_view name) {
  const json::value* value = part.fields.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return Error{part.path + '.' + std::string(name) + ": must be a string"};
  return std::string(value->get_string());
}

/// The entry called `name` of the list `list`, and in it the map `inner`.
Result<Part> find_part(const json::object& config, const std::string& list, const std::string& name,
                       const std::string& inner) {
  const json::value* entries = config.if_contains(list);
  const json::array* array = entries == nullptr ? nullptr : entries->if_array();
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const json::object* entry = (*array)[i].if_object();
    const json::value* its_name = entry == nullptr ? nullptr : entry->if_contains("name");
    if (its_name == nullptr || !its_name->is_string() || its_name->get_string() != name) continue;
    const json::value* fields = entry->if_contains(inner);
    const std::string path = list + '[' + std::to_string(i) + "]." + inner;
    if (fields == nullptr || fields->is_null()) return Part{{}, path};
    if (!fields->is_object()) return Error{path + ": must be a map"};
    return Part{fields->get_object(), path};
  }
  return Error{list + ": there is no entry called \"" + name + '"'};
}

/// Refuses what is known and not done, and what is not known at all.
Result<void> check_fields(const Part& part, std::initializer_list<std::string_view> known,
                          std::initializer_list<Unsupported> unsupported) {
  for (const auto& field : part.fields) {
    if (field.value().is_null()) continue;
    const std::string path = part.path + '.' + std::string(field.key());
    for (const Unsupported& entry : unsupported) {
      if (entry.field == field.key()) return Error{path + ": " + std::string(entry.why)};
    }
    if (std::find(known.begin(), known.end(), field.key()) == known.end()) {
      return Error{path + ": is not understood here"};
    }
  }
  return {};
}

Result<std::string> decode_base64(const std::string& text, const std::string& path) {
  std::string packed;
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != ' ') packed += c;
  }
  std::string out(packed.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(packed.data()), static_cast<int>(packed.size()));
  if (size < 0) return Error{path + ": is no base64"};
  const size_t padding = packed.size() - (packed.find_last_not_of('=') + 1);
  if (padding > 2) return Error{path + ": is no base64"};
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

class Reader {
 public:
  Reader(const std::string& path, json::object config)
      : folder_(std::filesystem::absolute(path).parent_path()),
        config_(std::move(config)) {}

  Result<Access> read(const std::string& wanted) {
    std::string name = wanted;
    if (name.empty()) {
      auto current = text_of({config_, "kubeconfig"}, "current-context");
      if (!current.ok()) return Error{current.error()};
      name = std::move(*current);
    }
    if (name.empty()) return Error{"current-context: is not set, and no context was named"};
    const auto context = find_part(config_, "contexts", name, "context");
    if (!context.ok()) return Error{context.error()};
    auto ns = text_of(*context, "namespace");
    if (!ns.ok()) return Error{ns.error()};
    access_.ns = std::move(*ns);
    auto done = read_cluster(*context);
    if (done.ok()) done = read_user(*context);
    if (!done.ok()) return Error{done.error()};
    return access_;
  }

 private:
  Result<void> read_cluster(const Part& context) {
    const auto name = text_of(context, "cluster");
    if (!name.ok()) return Error{name.error()};
    const auto part = find_part(config_, "clusters", *name, "cluster");
    if (!part.ok()) return Error{part.error()};
    auto done =
        check_fields(*part,
                     {"server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority",
                      "certificate-authority-data", "disable-compression", "extensions"},
                     {{"proxy-url", "proxies are not supported"}});
    if (done.ok()) done = take(*part, "server", access_.server);
    if (done.ok()) done = take(*part, "tls-server-name", access_.server_name);
    if (done.ok()) done = take_pem(*part, "certificate-authority", access_.ca);
    if (!done.ok()) return done;
    const json::value* skip = part->fields.if_contains("insecure-skip-tls-verify");
    access_.verify = skip == nullptr || !skip->is_bool() || !skip->get_bool();
    const auto url = web::parse_url(access_.server);
    if (!url.ok()) return Error{part->path + ".server: " + url.error().message};
    return {};
  }

  Result<void> read_user(const Part& context) {
    const auto name = text_of(context, "user");
    if (!name.ok()) return Error{name.error()};
    if (name->empty()) return {};
    const auto part = find_part(config_, "users", *name, "user");
    if (!part.ok()) return Error{part.error()};
    constexpr std::string_view kPlugin =
        "credential plugins are not run here: use a client certificate, a token or a token file";
    constexpr std::string_view kImpersonation = "impersonation is not supported";
    constexpr std::string_view kPassword = "passwords are not supported: API servers do not take them";
    auto done = check_fields(*part,
                             {"client-certificate", "client-certificate-data", "client-key",
                              "client-key-data", "token", "tokenFile", "extensions"},
                             {{"exec", kPlugin},
                              {"auth-provider", kPlugin},
                              {"username", kPassword},
                              {"password", kPassword},
                              {"as", kImpersonation},
                              {"as-uid", kImpersonation},
                              {"as-groups", kImpersonation},
                              {"as-user-extra", kImpersonation}});
    if (done.ok()) done = take_pem(*part, "client-certificate", access_.certificate);
    if (done.ok()) done = take_pem(*part, "client-key", access_.private_key);
    if (done.ok()) done = take(*part, "token", access_.token);
    if (done.ok()) done = take(*part, "tokenFile", access_.token_file);
    if (!done.ok()) return done;
    if (!access_.token_file.empty()) access_.token_file = full(access_.token_file);
    if (access_.certificate.empty() != access_.private_key.empty()) {
      return Error{part->path + ": client-certificate and client-key belong together"};
    }
    return {};
  }

  static Result<void> take(const Part& part, std::string_view field, std::string& out) {
    auto text = text_of(part, field);
    if (!text.ok()) return Error{text.error()};
    out = std::move(*text);
    return {};
  }

  /// The field names a file; the one called so with "-data" has the text itself, and counts more.
  Result<void> take_pem(const Part& part, const std::string& field, Pem& out) const {
    auto file = text_of(part, field);
    if (!file.ok()) return Error{file.error()};
    const auto data = text_of(part, field + "-data");
    if (!data.ok()) return Error{data.error()};
    if (data->empty()) {
      if (!file->empty()) out.file = full(*file);
      return {};
    }
    auto text = decode_base64(*data, part.path + '.' + field + "-data");
    if (!text.ok()) return Error{text.error()};
    out.text = std::move(*text);
    return {};
  }

  std::string full(const std::string& path) const { return (folder_ / path).lexically_normal().string(); }

  std::filesystem::path folder_;
  json::object config_;
  Access access_;
};

}  // namespace

Result<Access> read_kubeconfig(const std::string& path, const std::string& context) {
  auto config = load(path);
  if (!config.ok()) return Error{path + ": " + config.error().message};
  auto access = Reader(path, std::move(*config)).read(context);
  if (!access.ok()) return Error{path + ": " + access.error().message};
  return access;
}

}  // namespace remora::kubernetes
