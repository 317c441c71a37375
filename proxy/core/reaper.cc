#include "core/reaper.h"

#include <malloc.h>
#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace remora {
namespace {

class Reaper {
 public:
  Reaper() : thread_([this] { run(); }) { pthread_setname_np(thread_.native_handle(), "reaper"); }
  ~Reaper() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    wanted_.notify_one();
    thread_.join();
  }
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void take(std::function<bool()> release) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(release));
    }
    wanted_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wanted_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto batch = std::exchange(waiting_, {});
      lock.unlock();
      bool was_much = false;
      for (const auto& release : batch) was_much = release() || was_much;
      batch.clear();
      if (was_much) malloc_trim(0);  // so much at once is not needed again soon
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::vector<std::function<bool()>> waiting_;
  bool ended_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

void free_elsewhere(std::function<bool()> release) {
  static Reaper reaper;  // made when it is first needed
  reaper.take(std::move(release));
}

}  // namespace remora
