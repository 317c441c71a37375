#pragma once

#include <nghttp2/nghttp2.h>

namespace remora {

/// Memory for nghttp2, which asks for a dozen small pieces a stream: a stock of blocks by size for each
/// thread, so that streams in steady state cost no call of malloc. For sessions that live and end on the
/// calling thread.
nghttp2_mem* h2_memory();

}  // namespace remora
