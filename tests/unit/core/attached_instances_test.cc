#include "registryd/core/attached_instances.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace registryd::core {
namespace {

Instance Named(const std::string& id) {
  Instance instance;
  instance.spec.name = InstanceName("default", "web", id);
  return instance;
}

std::vector<std::string> Ids(const AttachedInstances& attached) {
  std::vector<std::string> ids;
  attached.ForEach([&](const Instance& i) { ids.emplace_back(i.name().id()); });
  EXPECT_EQ(attached.size(), ids.size());
  return ids;
}

using Strings = std::vector<std::string>;

TEST(AttachedInstancesTest, HoldsNoneOneAndMany) {
  const Instance a = Named("a");
  const Instance b = Named("b");
  const Instance c = Named("c");
  AttachedInstances attached;
  EXPECT_EQ(Ids(attached), Strings());
  attached.Erase(&a);
  EXPECT_EQ(Ids(attached), Strings());

  attached.Insert(&b);
  EXPECT_EQ(Ids(attached), Strings{"b"});
  attached.Erase(&a);
  EXPECT_EQ(Ids(attached), Strings{"b"}) << "another one does not leave";
  attached.Erase(&b);
  EXPECT_EQ(Ids(attached), Strings());

  attached.Insert(&c);
  attached.Insert(&a);
  attached.Insert(&b);
  EXPECT_EQ(Ids(attached), (Strings{"a", "b", "c"}));
  attached.Erase(&b);
  attached.Erase(&b);
  EXPECT_EQ(Ids(attached), (Strings{"a", "c"}));

  AttachedInstances moved = std::move(attached);
  EXPECT_EQ(Ids(moved), (Strings{"a", "c"}));
  moved.Erase(&a);
  moved.Erase(&c);
  EXPECT_EQ(Ids(moved), Strings());
  moved.Insert(&a);
  EXPECT_EQ(Ids(moved), Strings{"a"}) << "a lease whose instances all left takes new ones";
}

}  // namespace
}  // namespace registryd::core
