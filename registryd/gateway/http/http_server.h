// A small HTTP/1.1 server for pages: Boost.Beast does the protocol, and only this folder sees it.
//
//   ASSIGN_OR_RETURN(auto http, HttpServer::Start("127.0.0.1", 7402, [](const HttpRequest& request)
//   {
//     return request.path == "/healthz" ? HttpResponse{200, "text/plain", "ok\n"} :
//     HttpResponse{404};
//   }));
//
// Threads: one of its own, on which the handler runs; it must not block for long. Limits: 256
// connections, headers of 8 KiB, bodies of 64 KiB, 10 s for a request to come or an answer to
// leave; a connection over the limit is closed at once. Methods: GET and HEAD.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace registryd::gateway {

struct HttpRequest {
  std::string path;   // without the query
  std::string query;  // behind '?', not decoded
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

class HttpServer {
 public:
  // UNAVAILABLE: the address is taken; INVALID_ARGUMENT: not an address of this machine.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& host, int port,
                                                           HttpHandler handler);
  ~HttpServer();  // stops
  int port() const;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registryd::gateway
