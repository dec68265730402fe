// One registryd: all parts, wired, started in order and stopped in reverse.
//
//   ASSIGN_OR_RETURN(auto node, Node::Start(config));
//   node->WriteReadyFile();
//   node->Stop();          // hands over, answers what is under way, closes the stores
//
// Threads: Start and Stop by the main thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "registryd/server/config.h"

namespace registryd::server {

class Node {
 public:
  // UNAVAILABLE: an address is taken. FAILED_PRECONDITION: the data directory is in use. DATA_LOSS:
  // names the damaged file.
  static absl::StatusOr<std::unique_ptr<Node>> Start(const Config& config);
  ~Node();

  // Lines of "api=host:port", written whole or not at all. Call once it serves.
  absl::Status WriteReadyFile() const;
  // Looks at once whether the files of policy and token keys have changed. (gRPC reads those of
  // certificates itself.)
  void Reload();
  // Within about 3 s; some more where a leader finds no successor, or a node is joining.
  void Stop();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::server
