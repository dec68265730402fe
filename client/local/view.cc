#include "registry/view.h"

#include <algorithm>
#include <tuple>

namespace registry {
namespace {

using Name = std::tuple<std::string_view, std::string_view, std::string_view>;

Name NameOf(const InstanceSpec& spec) { return {spec.ns, spec.service, spec.id}; }

}  // namespace

bool NameLess(const InstanceSpec& a, const InstanceSpec& b) { return NameOf(a) < NameOf(b); }

bool SameName(const InstanceSpec& a, const InstanceSpec& b) { return NameOf(a) == NameOf(b); }

InstancePtr View::Find(std::string_view ns, std::string_view service, std::string_view id) const {
  const Name name(ns, service, id);
  const auto found = std::lower_bound(instances.begin(), instances.end(), name,
                                      [](const InstancePtr& instance, const Name& wanted) {
                                        return NameOf(instance->spec) < wanted;
                                      });
  if (found == instances.end() || NameOf((*found)->spec) != name) return nullptr;
  return *found;
}

}  // namespace registry
