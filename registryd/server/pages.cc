#include "registryd/server/pages.h"

#include "registryd/base/metrics.h"

namespace registryd::server {
namespace {

gateway::HttpResponse Tell(const Health& health) {
  return {.status = health.ok ? 200 : 503, .body = health.why + "\n"};
}

}  // namespace

gateway::HttpResponse Pages::Answer(const gateway::HttpRequest& request) const {
  if (request.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics::Scrape()};
  }
  if (request.path == "/healthz") return Tell(alive_());
  if (request.path == "/readyz") return Tell(ready_());
  return {.status = 404, .body = "there is /metrics, /healthz and /readyz\n"};
}

}  // namespace registryd::server
