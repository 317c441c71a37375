#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kube/call.h"
#include "store/object_store.h"

namespace remora::kube {

class WatchStream;

/// What handling a request needs besides the request.
struct Api {
  boost::asio::io_context& context;
  store::ObjectStore& store;
  std::string build;  ///< which build of ours this is, for /version
  std::set<std::shared_ptr<WatchStream>> watches = {};
};

// What can be done with objects. Each answers the call, now or later; those that write may refuse it.
void get_object(Api& api, const CallPtr& call);
void list_objects(Api& api, const CallPtr& call);
void watch_objects(Api& api, const CallPtr& call);
void create_object(Api& api, const CallPtr& call);
void update_object(Api& api, const CallPtr& call);
void patch_object(Api& api, const CallPtr& call);
void delete_object(Api& api, const CallPtr& call);
void delete_collection(Api& api, const CallPtr& call);

/// The object in the store, or the Namespace that exists because something is in it; null where there is
/// none. The version of one that the store does not have is 0.
store::ObjectPtr find_object(const Api& api, const store::ObjectKey& key);
store::ObjectList find_objects(const Api& api, const Target& target);

}  // namespace remora::kube
