#include "registryd/consensus/peer_identity.h"

#include "registryd/base/text.h"
#include "registryd/consensus/peer_codec.h"
#include "registryd/internal/v1/peer.pb.h"

namespace registryd::consensus {
namespace {

std::string Describe(const std::string& name, const std::string& address, uint64_t node) {
  return Text("node \"", name, "\" (", node, ", at ", address, ")");
}

}  // namespace

internal::v1::PeerHello MakeHello(const PeerIdentity& self, NodeId expected) {
  internal::v1::PeerHello hello;
  hello.set_format(kPeerFormat);
  hello.set_cluster_id(self.cluster.value());
  hello.set_node_id(self.node.value());
  hello.set_name(self.name);
  hello.set_address(self.address);
  hello.set_expected_node_id(expected.value());
  hello.set_data_id(self.data_id);
  return hello;
}

PeerIdentity IdentityOf(const internal::v1::PeerHello& hello) {
  return {ClusterId(hello.cluster_id()), NodeId(hello.node_id()), hello.name(), hello.address(),
          hello.data_id()};
}

absl::Status CheckHello(const PeerIdentity& self, const internal::v1::PeerHello& hello,
                        bool strangers) {
  const std::string other = Describe(hello.name(), hello.address(), hello.node_id());
  const std::string here = Describe(self.name, self.address, self.node.value());
  if (hello.format() != kPeerFormat) {
    return absl::FailedPreconditionError(Text(other, " speaks format ", hello.format(),
                                              " to its peers, ", here, " speaks ", kPeerFormat,
                                              "; run builds that know each other"));
  }
  if (hello.node_id() == 0) {
    return absl::FailedPreconditionError(Text("a peer without a node id reached ", here));
  }
  if (hello.cluster_id() == 0 && strangers) return absl::OkStatus();
  if (hello.cluster_id() != self.cluster.value()) {
    return absl::FailedPreconditionError(
        Text(other, " is of cluster ", hello.cluster_id(), " and ", here, " of cluster ",
             self.cluster, "; check --initial-cluster and the data directories of both"));
  }
  if (NodeId(hello.node_id()) == self.node) {
    return absl::FailedPreconditionError(
        Text(other, " has the identity of ", here,
             "; two nodes run on copies of one data directory, or under one name"));
  }
  if (hello.expected_node_id() != 0 && NodeId(hello.expected_node_id()) != self.node) {
    return absl::FailedPreconditionError(
        Text(other, " expects node ", hello.expected_node_id(), " where ", here,
             " is; the data directory of another node is mounted here, or a member's address is "
             "wrong"));
  }
  return absl::OkStatus();
}

}  // namespace registryd::consensus
