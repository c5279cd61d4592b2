#include "worker/provider.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "pg/settings.hpp"

namespace capeai::worker {
namespace {

constexpr const char* kOpenAi = "https://api.openai.com/v1";
constexpr off_t kMaxKeyBytes = 4096;

Error KeyFileError(const std::string& message) {
  return Error{sqlstate::kNotInPrerequisiteState, "capeai.api_key_file: " + message, "",
               "It must be a regular file of mode 0600 or 0400 that belongs to the user of the server."};
}

}  // namespace

Result<std::string> ReadKeyFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return KeyFileError("cannot be opened");
  struct stat info;
  const bool stated = fstat(fd, &info) == 0;
  std::string key;
  if (stated && S_ISREG(info.st_mode) && info.st_size <= kMaxKeyBytes) {
    char buffer[kMaxKeyBytes];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0) key.assign(buffer, static_cast<size_t>(n));
  }
  close(fd);
  if (!stated || !S_ISREG(info.st_mode)) return KeyFileError("is not a regular file");
  if (info.st_uid != geteuid()) return KeyFileError("belongs to another user");
  if ((info.st_mode & 0177) != 0) return KeyFileError("can be read by others");
  if (info.st_size > kMaxKeyBytes) return KeyFileError("is larger than 4 kB");
  while (!key.empty() && static_cast<unsigned char>(key.back()) <= ' ') key.pop_back();
  if (key.empty()) return KeyFileError("is empty");
  return key;
}

Provider ReadProvider() {
  namespace settings = pg::settings;
  Provider out;
  const std::string own_url = settings::BaseUrl();
  if (const std::string path = settings::ApiKeyFile(); !path.empty()) {
    auto key = ReadKeyFile(path);
    if (key)
      out.credentials.api_key = *key;
    else
      out.problem = key.error().message;
  } else if (const std::string key = settings::ApiKey(); !key.empty()) {
    out.credentials.api_key = key;
  } else if (const char* from_environment = getenv("OPENAI_API_KEY")) {
    out.credentials.api_key = from_environment;
  }
  out.configured = !own_url.empty() || !out.credentials.api_key.empty() || !out.problem.empty();
  out.base_url = own_url.empty() ? kOpenAi : own_url;
  out.credentials.organization = settings::Organization();
  out.credentials.project = settings::Project();
  out.ca_file = settings::CaFile();
  out.proxy = settings::Proxy();
  out.request_timeout = settings::RequestTimeout();
  out.max_response_size = static_cast<size_t>(settings::MaxResponseSize());

  auto egress = net::EgressPolicy::Create(own_url, settings::AllowedHosts(), out.proxy);
  if (egress) {
    out.egress = std::make_shared<net::EgressPolicy>(std::move(*egress));
  } else {
    out.problem = egress.error().message;
    out.egress = std::make_shared<net::EgressPolicy>(*net::EgressPolicy::Create("", ""));
  }
  return out;
}

}  // namespace capeai::worker
