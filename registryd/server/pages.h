// The HTTP pages of a node: /metrics for Prometheus, /healthz (the process works: restart it if
// not) and /readyz (it should get traffic). Threads: the HTTP server's.
#pragma once

#include <functional>
#include <string>

#include "registryd/gateway/http/http_server.h"

namespace registryd::server {

struct Health {
  bool ok = true;
  std::string why;  // one line for people
};

class Pages {
 public:
  Pages(std::function<Health()> alive, std::function<Health()> ready)
      : alive_(std::move(alive)), ready_(std::move(ready)) {}
  gateway::HttpResponse Answer(const gateway::HttpRequest& request) const;

 private:
  const std::function<Health()> alive_;
  const std::function<Health()> ready_;
};

}  // namespace registryd::server
