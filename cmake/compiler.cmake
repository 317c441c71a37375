# How everything of ours is compiled: one interface target, `remora_flags`.
# Third-party and generated code does not link it, so that its objects are the same in every preset.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# The optimisation level is ours to choose per target, not CMake's.
foreach(type DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
  set(CMAKE_CXX_FLAGS_${type} "")
endforeach()

# ccache with paths relative to the checkout: build folders of the same depth share their objects.
find_program(REMORA_CCACHE ccache)
if(REMORA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=time_macros "${REMORA_CCACHE}")
endif()

find_program(REMORA_GOLD ld.gold)
if(REMORA_GOLD)
  add_link_options(-fuse-ld=gold)  # links several times faster than the default linker of Debian 12
endif()

add_library(remora_flags INTERFACE)
target_compile_options(remora_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wextra-semi -Wdouble-promotion -Wformat -Wformat-security -Werror
  -Wno-missing-field-initializers  # a designated initialiser that leaves out defaulted members is what we want
  -fno-omit-frame-pointer
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these in inlined code of its own library, where we can neither see nor fix the cause.
  target_compile_options(remora_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(remora_flags INTERFACE NDEBUG _FORTIFY_SOURCE=2)
  target_compile_options(remora_flags INTERFACE -O2 -fstack-protector-strong)
  add_link_options(-Wl,-z,relro,-z,now)
else()
  target_compile_definitions(remora_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_options(remora_flags INTERFACE -O1 -g1)
endif()

if(REMORA_SANITIZER)
  target_compile_options(remora_flags INTERFACE "-fsanitize=${REMORA_SANITIZER}" -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${REMORA_SANITIZER}")
endif()
if(REMORA_SANITIZER MATCHES "thread")
  # std::atomic_thread_fence, which Boost.Asio's headers use, is not modelled by ThreadSanitizer.
  target_compile_options(remora_flags INTERFACE -Wno-tsan)
endif()
if(REMORA_COVERAGE)
  target_compile_options(remora_flags INTERFACE --coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
if(REMORA_LTO)
  target_compile_options(remora_flags INTERFACE -flto)
  target_link_options(remora_flags INTERFACE -flto -O2)
endif()
