// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <type_traits>

namespace vgpu::host {
namespace {

constexpr size_t kMaxClients = 16;
constexpr size_t kMaxRequest = 8192;
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kRest = std::chrono::seconds(1);

Result<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size())
    return Error{"'" + std::string(text) + "' is not a port"};
  return port;
}

template <class Address>
Result<UniqueFd> bind_port(Address& address) {
  constexpr int kFamily = std::is_same_v<Address, sockaddr_in> ? AF_INET : AF_INET6;
  UniqueFd socket(::socket(kFamily, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!socket) return Error::from_errno("cannot create a socket");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // SAFETY: the socket calls take every address family through sockaddr.
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  socklen_t bytes = sizeof address;
  if (::bind(socket.get(), any, bytes) != 0 || ::listen(socket.get(), 16) != 0)
    return Error::from_errno("cannot listen on the port");
  ::getsockname(socket.get(), any, &bytes);
  return socket;
}

struct RequestLine {
  std::string_view method, path;  // the path without what is asked of it
};

RequestLine request_line(std::string_view request) {
  const std::string_view line = request.substr(0, request.find_first_of("\r\n"));
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view rest = line.substr(std::min(space + 1, line.size()));
  return {line.substr(0, space), rest.substr(0, rest.find_first_of(" ?"))};
}

std::string answer_text(std::string_view status, std::string_view text, bool with_text = true) {
  std::string answer =
      "HTTP/1.0 " + std::string(status) +
      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: " + std::to_string(text.size()) +
      "\r\nConnection: close\r\n\r\n";
  return with_text ? answer.append(text) : answer;
}

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::open(EventLoop& loop, const std::string& where, mode_t mode,
                                                           Source source) {
  std::unique_ptr<MetricsServer> server(new MetricsServer(loop, std::move(source)));
  if (auto listening = server->listen(where, mode); !listening.ok())
    return Error{"--metrics " + where + ": " + listening.error().message};
  const int fd = server->listener_ ? server->listener_->fd() : server->port_.get();
  server->watch_ = TRY(loop.watch(fd, EPOLLIN, [self = server.get()](uint32_t) { self->accept_clients(); }));
  return server;
}

Result<void> MetricsServer::listen(const std::string& where, mode_t mode) {
  if (where.find('/') != std::string::npos) {
    listener_.emplace(TRY(Listener::open(where, mode, SOCK_STREAM)));
    where_ = where;
    return {};
  }
  // Only this machine: the page is not encrypted and asks for no password.
  if (where.starts_with("127.0.0.1:")) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(TRY(parse_port(std::string_view(where).substr(10))));
    port_ = TRY(bind_port(address));
    where_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    return {};
  }
  if (where.starts_with("[::1]:")) {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    address.sin6_port = htons(TRY(parse_port(std::string_view(where).substr(6))));
    port_ = TRY(bind_port(address));
    where_ = "[::1]:" + std::to_string(ntohs(address.sin6_port));
    return {};
  }
  return Error{"give a path with a slash in it, 127.0.0.1:PORT or [::1]:PORT"};
}

void MetricsServer::accept_clients() {
  const int fd = listener_ ? listener_->fd() : port_.get();
  UniqueFd socket(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // Without descriptors it stays in the queue, and the loop would spin on it.
  if (!socket && (errno == EMFILE || errno == ENFILE)) {
    watch_.expect(0);
    resting_until_ = Clock::now() + kRest;
  }
  if (!socket || clients_.size() >= kMaxClients) return;
  auto client = std::make_shared<Client>();
  client->socket = std::move(socket);
  client->deadline = Clock::now() + kPatience;
  Client* const known = client.get();
  auto watch =
      loop_.watch(client->socket.get(), EPOLLIN, [this, known](uint32_t events) { on_client(*known, events); });
  if (!watch) return;
  client->watch = std::move(*watch);
  clients_.push_back(std::move(client));
}

void MetricsServer::on_client(Client& client, uint32_t events) {
  if (client.asked) {
    if ((events & EPOLLOUT) != 0) write_answer(client);
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) client.done = true;
    return;
  }
  char part[2048];
  const ssize_t got = ::recv(client.socket.get(), part, sizeof part, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || client.request.size() > kMaxRequest) {
    client.done = true;
    return;
  }
  client.request.append(part, static_cast<size_t>(got));
  if (client.request.find("\r\n\r\n") != std::string::npos || client.request.find("\n\n") != std::string::npos)
    on_request(client);
}

void MetricsServer::on_request(Client& client) {
  client.asked = true;
  client.watch.expect(0);
  const RequestLine line = request_line(client.request);
  const bool has_text = line.method != "HEAD";
  if (line.method != "GET" && has_text) return refuse(client, "405 Method Not Allowed");
  if (line.path != "/metrics" && line.path != "/") return refuse(client, "404 Not Found");
  std::weak_ptr<Client> waiting;
  for (const auto& known : clients_)
    if (known.get() == &client) waiting = known;
  source_([waiting, has_text](const std::string& text) {
    const auto still = waiting.lock();
    if (still == nullptr || still->done) return;
    still->answer = answer_text("200 OK", text, has_text);
    write_answer(*still);
  });
}

void MetricsServer::refuse(Client& client, const char* status) {
  client.answer = answer_text(status, "GET /metrics is all that there is.\n");
  write_answer(client);
}

void MetricsServer::write_answer(Client& client) {
  const ssize_t sent =
      ::send(client.socket.get(), client.answer.data(), client.answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) client.answer.erase(0, static_cast<size_t>(sent));
  client.done = client.answer.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR);
  client.watch.expect(client.done ? 0u : static_cast<uint32_t>(EPOLLOUT));
}

std::optional<MetricsServer::Clock::time_point> MetricsServer::deadline() const {
  std::optional<Clock::time_point> next = resting_until_;
  for (const auto& client : clients_) {
    if (client->done) return Clock::now();
    next = next ? std::min(*next, client->deadline) : client->deadline;
  }
  return next;
}

void MetricsServer::expire() {
  const auto now = Clock::now();
  if (resting_until_ && now >= *resting_until_) {
    resting_until_.reset();
    watch_.expect(EPOLLIN);
  }
  clients_.remove_if([now](const std::shared_ptr<Client>& client) { return client->done || now >= client->deadline; });
}

}  // namespace vgpu::host
