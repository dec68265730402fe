// TLS from files that are read again when they change.
//
//   auto credentials = ServerTls({.cert = "node.pem", .key = "node.key", .ca = "ca.pem"}, true);
//
// TLS 1.2 or newer, by OpenSSL. The files are looked at every second: connections that are made
// later use what is in them then, those that exist go on. A certificate and its key must change
// together for gRPC: write both, then move them into place (registry-cli tls issue does). Threads:
// any; gRPC has one that looks at the files.
#pragma once

#include <memory>
#include <string>

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace registryd::api {

struct TlsFiles {
  std::string cert;  // PEM, with the chain behind the certificate
  std::string key;
  std::string ca;       // who may sign clients' certificates; empty: none are asked for
  std::string crl_dir;  // hashed X.509 CRLs (openssl rehash); empty: none are looked at
  bool enabled() const { return !cert.empty(); }
};

// `require_client`: a connection without a certificate of the CA is refused. Otherwise one without
// any certificate is let in, one with a wrong certificate is not.
std::shared_ptr<grpc::ServerCredentials> ServerTls(const TlsFiles& files, bool require_client);

// What a member shows to another one. The other's certificate must be signed by the CA; which node
// it is for is checked by its name, not by its address (consensus/peer_identity.h).
std::shared_ptr<grpc::ChannelCredentials> PeerClientTls(const TlsFiles& files);

}  // namespace registryd::api
