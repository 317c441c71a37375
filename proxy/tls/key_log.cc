#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include "tls/ssl_context.h"

namespace remora {

class KeyLog {
 public:
  explicit KeyLog(std::FILE* file) : file_(file) {}
  void write(const char* line) {
    const std::lock_guard lock(mutex_);
    std::fputs(line, file_.get());
    std::fputc('\n', file_.get());
    std::fflush(file_.get());
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::mutex mutex_;
  std::unique_ptr<std::FILE, Close> file_;
};

namespace {

int index_of_log() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void log_line_of(const SSL* ssl, const char* line) {
  static_cast<KeyLog*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_log()))->write(line);
}

}  // namespace

Result<std::shared_ptr<KeyLog>> open_key_log(const std::string& path) {
  if (path.empty()) return std::shared_ptr<KeyLog>();
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return Error{"key_log: cannot open '" + path + "': " + std::strerror(errno)};
  return std::make_shared<KeyLog>(file);
}

void install_key_log(SSL_CTX* context, KeyLog& log) {
  SSL_CTX_set_ex_data(context, index_of_log(), &log);
  SSL_CTX_set_keylog_callback(context, log_line_of);
}

}  // namespace remora
