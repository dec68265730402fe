// A network of its own for each member of a cluster, so that a test can cut one from another, in
// one direction or in both.
//
//   if (!NetworkNamespaces::Permitted()) GTEST_SKIP() << "no right to make network namespaces";
//   NetworkNamespaces networks(3);
//   Cluster cluster(3, {"--insecure"}, &networks);
//   networks.Cut(0, 1);                        // nothing that member 0 sends reaches member 1
//   networks.HealAll();
//
// One bridge, and a namespace with one address of 10.0.0.0/8 for each member; the test itself
// reaches all of them. A cut is a blackhole route, so nobody gets a reset: packets vanish, as on a
// broken cable. The destructor removes everything. Threads: one.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace registryd::testing {

class NetworkNamespaces {
 public:
  // Is this process allowed to, and are the programs there?
  static bool Permitted();

  explicit NetworkNamespaces(size_t size);
  ~NetworkNamespaces();
  NetworkNamespaces(const NetworkNamespaces&) = delete;
  NetworkNamespaces& operator=(const NetworkNamespaces&) = delete;

  std::string net() const { return net_; }          // "10.x.y."
  std::vector<std::string> Prefix(size_t i) const;  // runs a program as member i
  void Cut(size_t from, size_t to);
  // In both directions, from every other member.
  void Isolate(size_t i);
  void HealAll();

 private:
  std::string Namespace(size_t i) const;
  std::string Address(size_t i) const;

  const size_t size_;
  const std::string id_;
  const std::string net_;
  std::set<std::pair<size_t, size_t>> cuts_;
};

}  // namespace registryd::testing
