# Every foreign package, as Debian 12 ships it. deploy/install-packages.sh installs them.
include(GoogleTest)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers: Asio and Beast
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

find_library(REGISTRYD_ROCKSDB rocksdb REQUIRED)
add_library(registryd_rocksdb INTERFACE)
target_link_libraries(registryd_rocksdb INTERFACE ${REGISTRYD_ROCKSDB})

# libraft is linked statically and only in the one version whose contract we know (docs/adr/0001).
find_library(REGISTRYD_RAFT libraft.a REQUIRED)
find_library(REGISTRYD_UV uv REQUIRED)
find_library(REGISTRYD_LZ4 lz4 REQUIRED)
find_file(REGISTRYD_RAFT_H raft.h REQUIRED)
file(READ ${REGISTRYD_RAFT_H} raft_h)
if(NOT raft_h MATCHES "define RAFT_VERSION_MAJOR 0\n#define RAFT_VERSION_MINOR 22\n#define RAFT_VERSION_RELEASE 1\n")
  message(FATAL_ERROR "${REGISTRYD_RAFT_H} is not libraft 0.22.1; run deploy/install-packages.sh")
endif()
add_library(registryd_libraft INTERFACE)
target_link_libraries(registryd_libraft INTERFACE ${REGISTRYD_RAFT} ${REGISTRYD_UV} ${REGISTRYD_LZ4} Threads::Threads)

# prometheus-cpp's own CMake package wants the push and pull parts with curl and civetweb; only the core is used.
find_library(REGISTRYD_PROMETHEUS prometheus-cpp-core REQUIRED)
add_library(registryd_prometheus INTERFACE)
target_link_libraries(registryd_prometheus INTERFACE ${REGISTRYD_PROMETHEUS})
