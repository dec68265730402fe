#include "tests/bench/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "etcd.pb.h"
#include "tests/bench/load.h"
#include "tests/bench/zookeeper_load.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_for.h"

namespace registryd::bench {
namespace {

// Ports that are free now. They are held until all are known, so that they differ.
std::vector<int> FreePorts(size_t count) {
  std::vector<int> sockets;
  std::vector<int> ports;
  for (size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) std::abort();
    sockets.push_back(fd);
    ports.push_back(ntohs(address.sin_port));
  }
  for (int fd : sockets) close(fd);
  return ports;
}

std::string Url(int port) { return "http://127.0.0.1:" + std::to_string(port); }
std::string Address(int port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

double CpuSeconds(const Server& server) {
  double sum = 0;
  for (pid_t pid : server.pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const size_t after_name = text.rfind(')');
    if (after_name == std::string::npos) continue;
    std::istringstream fields(text.substr(after_name + 2));
    std::string skip;
    for (int i = 0; i < 11; ++i) fields >> skip;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    sum += (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return sum;
}

double ResidentBytes(const Server& server) {
  double sum = 0;
  for (pid_t pid : server.pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    double total = 0;
    double resident = 0;
    file >> total >> resident;
    sum += resident * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  return sum;
}

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream dirs(path == nullptr ? "/usr/bin" : path);
  for (std::string dir; std::getline(dirs, dir, ':');) {
    const std::string file = dir + "/" + name;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

bool DoNothing::Start(const std::string& dir, const std::map<std::string, size_t>& sizes) {
  std::filesystem::create_directories(dir);
  std::vector<std::string> argv = {testing::BinDir() + "/do_nothing_server", dir + "/ready"};
  for (const auto& [what, size] : sizes) argv.push_back(what + "=" + std::to_string(size));
  process_ = std::make_unique<testing::ChildProcess>(argv, dir + "/out", dir + "/err");
  server_.name = "do-nothing";
  server_.pids = {process_->pid()};
  return testing::WaitFor([&] {
    server_.address = testing::ParseReadyFile(testing::ReadFile(dir + "/ready"))["api"];
    return !server_.address.empty();
  });
}

bool Etcd::Start() {
  const std::string program = FindProgram("etcd");
  if (program.empty()) return false;
  const std::vector<int> ports = FreePorts(2 * members_);
  std::string cluster;
  for (size_t i = 0; i < members_; ++i) {
    cluster += (i == 0 ? "" : ",") + ("m" + std::to_string(i)) + "=" + Url(ports[members_ + i]);
  }
  server_.name = members_ == 1 ? "etcd" : "etcd x" + std::to_string(members_);
  for (size_t i = 0; i < members_; ++i) {
    const std::string dir = dir_ + "/" + std::to_string(i);
    std::filesystem::create_directories(dir);
    const std::string client = Url(ports[i]);
    const std::string peer = Url(ports[members_ + i]);
    processes_.push_back(std::make_unique<testing::ChildProcess>(
        std::vector<std::string>{
            program, "--name", "m" + std::to_string(i), "--data-dir", dir + "/data",
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls",
            peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
            "--log-level", "error", "--quota-backend-bytes", "8589934592"},
        dir + "/out", dir + "/err"));
    server_.pids.push_back(processes_.back()->pid());
  }
  // Clients ask the leader, so that nothing is forwarded.
  return testing::WaitFor([&] {
    for (size_t i = 0; i < members_; ++i) {
      std::string answer;
      etcd::StatusResponse status;
      Load load(Address(ports[i]), 1);
      if (!load.TryCall("/etcdserverpb.Maintenance/Status", "", &answer)) return false;
      if (!status.ParseFromString(answer) || status.leader() == 0) return false;
      if (status.leader() == status.header().member_id()) server_.address = Address(ports[i]);
    }
    return !server_.address.empty();
  });
}

bool ZooKeeper::Start() {
  const std::string jar = "/usr/share/java/zookeeper.jar";
  const std::string java = FindProgram("java");
  if (java.empty() || !ZooKeeperLoad::Built() || !std::filesystem::exists(jar)) return false;
  const std::vector<int> ports = FreePorts(3 * members_);
  server_.name = members_ == 1 ? "zookeeper" : "zookeeper x" + std::to_string(members_);
  for (size_t i = 0; i < members_; ++i) {
    const std::string dir = dir_ + "/" + std::to_string(i);
    std::filesystem::create_directories(dir + "/data");
    std::ofstream config(dir + "/zoo.cfg");
    config
        << "tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n"
        << "globalOutstandingLimit=100000\ndataDir=" << dir << "/data\nclientPort=" << ports[i]
        << "\nclientPortAddress=127.0.0.1\n";
    for (size_t j = 0; members_ > 1 && j < members_; ++j) {
      config << "server." << j + 1 << "=127.0.0.1:" << ports[members_ + j] << ":"
             << ports[2 * members_ + j] << "\n";
    }
    std::ofstream(dir + "/data/myid") << i + 1 << "\n";
    config.close();
    processes_.push_back(std::make_unique<testing::ChildProcess>(
        std::vector<std::string>{
            java, "-Dzookeeper.log.dir=" + dir, "-Xmx4g", "-cp", "/etc/zookeeper/conf:" + jar,
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", dir + "/zoo.cfg"},
        dir + "/out", dir + "/err"));
    server_.pids.push_back(processes_.back()->pid());
  }
  server_.address = Address(ports[0]);
  return testing::WaitFor([&] { return ZooKeeperLoad(server_.address, 1).Connected(); });
}

}  // namespace registryd::bench
