# What Remora is built on, all from Debian 12 (`./dev setup` installs it).
# Boost and friends are imported targets, so their headers are system headers and our warnings do not apply.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers only; Debian's unversioned package is 1.74
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET GLOBAL re2)
pkg_check_modules(nghttp2 REQUIRED IMPORTED_TARGET GLOBAL libnghttp2)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET GLOBAL libcares)
pkg_check_modules(grpcpp REQUIRED IMPORTED_TARGET GLOBAL grpc++)
find_program(REMORA_PYTHON NAMES /usr/bin/python3 python3 REQUIRED)  # the system's: it has pip as Debian packs it

# Asio as Remora uses it: coroutines, typed executors, no deprecated names, no per-operation thread cache growth.
add_library(remora_asio INTERFACE)
target_link_libraries(remora_asio INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(remora_asio INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS)
