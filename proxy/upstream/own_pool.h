#pragma once

#include <boost/intrusive/list.hpp>

namespace remora {

/// The place of a pool that serves one downstream connection in the list of its host: it follows what becomes
/// of the host there, and leaves it when it goes.
class OwnPool
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {};

using OwnPoolList = boost::intrusive::list<OwnPool, boost::intrusive::constant_time_size<false>>;

}  // namespace remora
