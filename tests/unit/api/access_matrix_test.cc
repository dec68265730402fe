// Every RPC of the public API x every kind of role x the own and another namespace x one and
// several objects, made from the descriptors of the API. An RPC without a rule in kRules fails:
// whoever adds one says here what it needs, and this test shows that it is asked for.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "registryd/base/metrics.h"
#include "registryd/consensus/membership_calls.h"
#include "registryd/operations/administration.h"
#include "registryd/operations/oversight.h"
#include "registryd/operations/policy_access.h"
#include "tests/support/test_services.h"
#include "tests/support/token_maker.h"
#include "tests/support/wait_for.h"

namespace registryd::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using grpc::StatusCode;
using operations::Verb;

enum class Kind {
  kService,   // names services, and each must be allowed
  kRegistry,  // about the registry as a whole
  kFiltered,  // shows of what it finds only what may be seen
  kSelf,      // everybody who is identified may
};
struct Rule {
  Verb verb;
  Kind kind;
};

const std::map<std::string, Rule> kRules = {
    {"registry.v1.Registration.Register", {Verb::kRegister, Kind::kService}},
    {"registry.v1.Registration.Deregister", {Verb::kDeregister, Kind::kService}},
    {"registry.v1.Registration.Update", {Verb::kUpdate, Kind::kService}},
    {"registry.v1.Registration.SetHealth", {Verb::kUpdate, Kind::kService}},
    {"registry.v1.Lease.Grant", {Verb::kLease, Kind::kRegistry}},
    {"registry.v1.Lease.Revoke", {Verb::kLease, Kind::kRegistry}},
    {"registry.v1.Lease.KeepAlive", {Verb::kLease, Kind::kRegistry}},
    {"registry.v1.Discovery.Lookup", {Verb::kLookup, Kind::kService}},
    {"registry.v1.Discovery.BatchLookup", {Verb::kLookup, Kind::kService}},
    {"registry.v1.Discovery.Watch", {Verb::kWatch, Kind::kService}},
    {"registry.v1.Discovery.ListServices", {Verb::kLookup, Kind::kFiltered}},
    {"registry.v1.Discovery.ListInstances", {Verb::kLookup, Kind::kFiltered}},
    {"registry.v1.Cluster.Status", {Verb::kStatus, Kind::kRegistry}},
    {"registry.v1.History.ListChanges", {Verb::kHistory, Kind::kService}},
    {"registry.v1.History.LookupPast", {Verb::kHistory, Kind::kService}},
    {"registry.v1.History.Diff", {Verb::kHistory, Kind::kService}},
    {"registry.v1.History.Explain", {Verb::kLookup, Kind::kService}},
    {"registry.v1.Subscribers.ListSubscribers", {Verb::kHistory, Kind::kService}},
    {"registry.v1.Subscribers.Drain", {Verb::kDrain, Kind::kService}},
    {"registry.v1.Node.SetLogLevel", {Verb::kOperate, Kind::kRegistry}},
    {"registry.v1.Operator.SetMaintenance", {Verb::kOverride, Kind::kService}},
    {"registry.v1.Operator.EndMaintenance", {Verb::kOverride, Kind::kService}},
    {"registry.v1.Operator.ListMaintenance", {Verb::kLookup, Kind::kFiltered}},
    {"registry.v1.Operator.SetService", {Verb::kOverride, Kind::kService}},
    {"registry.v1.Operator.GetService", {Verb::kLookup, Kind::kService}},
    {"registry.v1.Operator.ListGuard", {Verb::kLookup, Kind::kFiltered}},
    {"registry.v1.Operator.ReleaseGuard", {Verb::kOperate, Kind::kRegistry}},
    {"registry.v1.Administration.ChangeMember", {Verb::kMember, Kind::kRegistry}},
    {"registry.v1.Administration.Backup", {Verb::kOperate, Kind::kRegistry}},
    {"registry.v1.Access.Check", {Verb::kLookup, Kind::kSelf}},
};

constexpr char kOwn[] = "own";
constexpr char kOther[] = "other";
constexpr char kService[] = "svc";
constexpr char kSecret[] = "i-secret";  // in both namespaces; shown by no list of a forbidden one

// Fills a request so that it is valid: the names that matter, and one element of each list.
class Filler {
 public:
  Filler(std::string ns, std::optional<std::string> second_ns)
      : ns_(std::move(ns)), second_(std::move(second_ns)) {}

  // Were there two objects to name?
  bool several() const { return several_; }

  void Fill(Message* message, int depth = 0) {
    const auto* reflection = message->GetReflection();
    const Descriptor* type = message->GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (const auto* oneof = field->real_containing_oneof();
          oneof != nullptr && reflection->HasOneof(*message, oneof)) {
        continue;
      }
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        if (depth == 5 || field->is_map() || kLeftOut.count(field->name()) != 0) continue;
        if (!field->is_repeated()) {
          Fill(reflection->MutableMessage(message, field), depth + 1);
          continue;
        }
        Fill(reflection->AddMessage(message, field), depth + 1);
        if (second_ && field->message_type()->FindFieldByName("namespace") != nullptr) {
          std::swap(ns_, *second_);
          Fill(reflection->AddMessage(message, field), depth + 1);
          std::swap(ns_, *second_);
          several_ = true;
        }
      } else if (field->is_repeated()) {
        if (field->name() == "lease_ids") reflection->AddUInt64(message, field, 4711);
        if (field->name() == "epochs") reflection->AddUInt64(message, field, 1);
      } else {
        FillValue(message, field);
      }
    }
  }

 private:
  void FillValue(Message* message, const FieldDescriptor* field) {
    const auto* reflection = message->GetReflection();
    const std::string& name = field->name();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::map<std::string, std::string> texts = {{"namespace", ns_},
                                                          {"service", ns_.empty() ? "" : kService},
                                                          {"id", kSecret},
                                                          {"host", "10.0.0.1"},
                                                          {"address", "10.0.0.1:7401"},
                                                          {"verb", "lookup"},
                                                          {"version", ""},
                                                          {"reason", "test"}};
        if (const auto found = texts.find(name); found != texts.end() && !found->second.empty()) {
          reflection->SetString(message, field, found->second);
        }
        break;
      }
      case FieldDescriptor::CPPTYPE_UINT32:
        if (name == "port") reflection->SetUInt32(message, field, 8080);
        if (name == "weight") reflection->SetUInt32(message, field, 1);
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        if (name == "subscription") reflection->SetUInt64(message, field, 1);
        if (name == "revision" && message->GetDescriptor()->name() == "Moment") {
          reflection->SetUInt64(message, field, 1);
        }
        if (name == "lease_id" || name == "node_id") reflection->SetUInt64(message, field, 4711);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        if (name == "wait_ms") reflection->SetInt64(message, field, 1);
        if (name == "ttl_ms") reflection->SetInt64(message, field, 6'000);
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        if (name == "health" || name == "change") reflection->SetEnumValue(message, field, 1);
        break;
      default:
        break;
    }
  }

  static const std::set<std::string> kLeftOut;
  std::string ns_;
  std::optional<std::string> second_;
  bool several_ = false;
};
const std::set<std::string> Filler::kLeftOut = {"request_id", "read", "resume", "checks", "check"};

grpc::ByteBuffer ToBuffer(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.Valid() || !buffer.DumpToSingleSlice(&slice).ok()) return {};
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// What stands behind the permission to change members and to back up answers that it cannot.
class NoSnapshots final : public consensus::SnapshotStore {
 public:
  absl::StatusOr<std::unique_ptr<consensus::SnapshotSource>> Open() override {
    return absl::UnavailableError("none here");
  }
  absl::StatusOr<std::unique_ptr<consensus::SnapshotSink>> Receive() override {
    return absl::UnavailableError("none here");
  }
};

class AccessMatrixTest : public ::testing::Test {
 protected:
  AccessMatrixTest()
      : members_(
            {.raft = nullptr, .calls = nullptr, .self = {}, .leader = [] { return NodeId(); }}),
        oversight_({.reads = &services_.reads(),
                    .writes = &services_.writes(),
                    .access = &access_,
                    .liveness = &services_.liveness()}),
        administration_({.members = &members_, .snapshots = &snapshots_, .access = &access_}) {
    operations::PolicyText policy{.roles = {{"all", {"* *"}}, {"none", {}}},
                                  .identities = {{"jwt:all", {"all"}}, {"jwt:none", {"none"}}}};
    for (Verb verb : operations::kVerbs) {
      const std::string name(operations::ToString(verb));
      std::string others;
      for (Verb other : operations::kVerbs) {
        // Who may register may keep leases.
        if (other == verb || (verb == Verb::kLease && other == Verb::kRegister)) continue;
        others += (others.empty() ? "" : ",") + std::string(operations::ToString(other));
      }
      const bool whole = verb == Verb::kLease || verb == Verb::kStatus || verb == Verb::kOperate ||
                         verb == Verb::kMember;
      policy.roles.push_back({"only-" + name, {name + (whole ? " *" : " own/*")}});
      policy.roles.push_back({"not-" + name, {others + " *"}});
      for (const char* role : {"only-", "not-"}) {
        policy.identities.push_back({"jwt:" + (role + name), {role + name}});
      }
    }
    auto compiled = operations::Policy::Compile(policy);
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    access_.SetPolicy(std::make_shared<const operations::Policy>(*std::move(compiled)));
    authenticator_.SetKeys(std::make_shared<const operations::KeySet>(
        *operations::KeySet::Parse(testing::Jwks({&key_}))));
    MakeInstances();
    services_.Start(&oversight_, &administration_);
  }

  void MakeInstances() {
    for (const char* ns : {kOwn, kOther}) {
      core::InstanceSpec spec = testing::Spec(kService, kSecret);
      spec.name = core::InstanceName(ns, kService, kSecret);
      EXPECT_TRUE(node_.Apply(core::Register{{spec}, {}}).status.ok());
    }
  }

  // Every method of every service in proto/registry/v1.
  static std::vector<const MethodDescriptor*> Methods() {
    std::vector<const MethodDescriptor*> methods;
    for (const auto& entry : std::filesystem::directory_iterator(REGISTRYD_PROTO_DIR)) {
      const auto* file = google::protobuf::DescriptorPool::generated_pool()->FindFileByName(
          "registry/v1/" + entry.path().filename().string());
      EXPECT_NE(file, nullptr) << entry.path();
      for (int s = 0; file != nullptr && s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          methods.push_back(file->service(s)->method(m));
        }
      }
    }
    return methods;
  }

  struct Answer {
    StatusCode code = StatusCode::UNKNOWN;
    std::string message;
    std::string bytes;
  };
  Answer Call(const MethodDescriptor& method, const std::string& role, Filler* filler) {
    google::protobuf::DynamicMessageFactory factory;
    const std::unique_ptr<Message> request(factory.GetPrototype(method.input_type())->New());
    filler->Fill(request.get());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    if (!role.empty()) {
      context.AddMetadata(
          "authorization",
          "Bearer " +
              key_.Token(R"({"iss":"i","aud":"a","exp":9999999999,"sub":")" + role + R"("})"));
    }
    const std::string path = "/" + method.service()->full_name() + "/" + method.name();
    grpc::ByteBuffer response;
    if (!method.client_streaming() && !method.server_streaming()) {
      const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
      const grpc::Status status =
          grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
              services_.channel().get(), rpc, &context, ToBuffer(*request), &response);
      return {status.error_code(), status.error_message(), ToString(response)};
    }
    // One message each way is enough. A refusal ends the stream, or comes as a message that says
    // so.
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
    std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
        grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
            services_.channel().get(), rpc, &context));
    stream->Write(ToBuffer(*request));
    if (!method.client_streaming()) stream->WritesDone();
    if (!stream->Read(&response)) {
      const grpc::Status status = stream->Finish();
      return {status.error_code(), status.error_message(), ""};
    }
    context.TryCancel();
    stream->Finish().error_code();
    Answer answer{StatusCode::OK, "", ToString(response)};
    const std::unique_ptr<Message> told(factory.GetPrototype(method.output_type())->New());
    EXPECT_TRUE(told->ParseFromString(answer.bytes));
    if (const auto* ended = method.output_type()->FindFieldByName("ended");
        ended != nullptr && told->GetReflection()->HasField(*told, ended)) {
      const Message& why = told->GetReflection()->GetMessage(*told, ended);
      const auto* code = ended->message_type()->FindFieldByName("code");
      answer.code = static_cast<StatusCode>(why.GetReflection()->GetUInt32(why, code));
      answer.message = why.ShortDebugString();
    }
    return answer;
  }

  const SystemClock clock_;
  testing::TestReplica node_;
  operations::PolicyAccess access_{{.clock = &clock_}};
  operations::Authenticator authenticator_{{.tokens = {.issuer = "i", .audiences = {"a"}}},
                                           &clock_};
  testing::SigningKey key_{"EdDSA", "k"};
  testing::TestServices services_{&node_, &clock_, &access_, &authenticator_};
  consensus::MembershipCalls members_;
  NoSnapshots snapshots_;
  operations::Oversight oversight_;
  operations::Administration administration_;
};

TEST_F(AccessMatrixTest, EveryCallAsksForWhatItNeeds) {
  const std::vector<const MethodDescriptor*> methods = Methods();
  ASSERT_GE(methods.size(), kRules.size());
  for (const MethodDescriptor* method : methods) {
    SCOPED_TRACE(method->full_name());
    MakeInstances();  // the call before may have taken them out
    const auto found = kRules.find(method->full_name());
    if (found == kRules.end()) {
      ADD_FAILURE() << method->full_name()
                    << " has no rule: say in kRules which verb it needs, and for what";
      continue;
    }
    const Rule rule = found->second;
    const std::string verb(operations::ToString(rule.verb));
    for (const char* ns : {kOwn, kOther}) {
      SCOPED_TRACE(ns);
      const auto call = [&](const std::string& role) {
        Filler filler(ns, std::nullopt);
        return Call(*method, role, &filler);
      };
      const auto expect_allowed = [&](const std::string& role) {
        const Answer answer = call(role);
        EXPECT_TRUE(answer.code != StatusCode::PERMISSION_DENIED &&
                    answer.code != StatusCode::UNAUTHENTICATED &&
                    answer.code != StatusCode::UNIMPLEMENTED)
            << role << ": " << answer.code << " " << answer.message;
        return answer;
      };
      const auto expect_denied = [&](const std::string& role, StatusCode code) {
        const Answer answer = call(role);
        EXPECT_EQ(answer.code, code) << role << ": " << answer.message;
        EXPECT_EQ(answer.bytes.find(kSecret), std::string::npos) << role;
      };
      expect_denied("", StatusCode::UNAUTHENTICATED);
      expect_allowed("all");
      if (rule.kind == Kind::kSelf) {
        expect_allowed("none");
        continue;
      }
      expect_denied("none", StatusCode::PERMISSION_DENIED);
      expect_denied("not-" + verb, StatusCode::PERMISSION_DENIED);
      const std::string only = "only-" + verb;
      if (rule.kind == Kind::kRegistry || ns == std::string(kOwn)) {
        expect_allowed(only);
      } else if (rule.kind == Kind::kService) {
        expect_denied(only, StatusCode::PERMISSION_DENIED);
      } else {
        const Answer answer = expect_allowed(only);
        EXPECT_EQ(answer.bytes.find(kSecret), std::string::npos) << "shows what is forbidden";
      }
    }
    // Several objects in one call: one that is forbidden forbids it all.
    Filler both(kOwn, kOther);
    const Answer answer = Call(*method, "only-" + verb, &both);
    if (both.several() && rule.kind == Kind::kService) {
      EXPECT_EQ(answer.code, StatusCode::PERMISSION_DENIED) << "a batch: " << answer.message;
    }
  }
}

// The alerts and graphs read registryd_rpcs_total: what is missing there fails unseen.
TEST_F(AccessMatrixTest, EveryCallIsCounted) {
  for (const MethodDescriptor* method : Methods()) {
    SCOPED_TRACE(method->full_name());
    Filler filler(kOwn, std::nullopt);
    Call(*method, "all", &filler);
    const std::string label = "method=\"" + method->service()->name() + "/" + method->name() + "\"";
    EXPECT_TRUE(testing::WaitFor([&] {  // a stream counts when it has ended on the server, too
      std::istringstream page(metrics::Scrape());
      for (std::string line; std::getline(page, line);) {
        if (line.rfind("registryd_rpcs_total{", 0) == 0 && line.find(label) != line.npos) {
          return true;
        }
      }
      return false;
    }));
  }
}

// The list without a namespace crosses all of them.
TEST_F(AccessMatrixTest, ListsOfEverythingShowOnlyWhatMayBeSeen) {
  for (const MethodDescriptor* method : Methods()) {
    const auto found = kRules.find(method->full_name());
    if (found == kRules.end() || found->second.kind != Kind::kFiltered) continue;
    SCOPED_TRACE(method->full_name());
    const std::string only = "only-" + std::string(operations::ToString(found->second.verb));
    Filler no_namespace("", std::nullopt);
    const Answer answer = Call(*method, only, &no_namespace);
    EXPECT_EQ(answer.code, StatusCode::OK) << answer.message;
    EXPECT_EQ(answer.bytes.find(kOther), std::string::npos);
  }
}

}  // namespace
}  // namespace registryd::api
