#include "worker/provider.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "pg/key_file.hpp"
#include "pg/settings.hpp"

namespace capeai::worker {
namespace {

constexpr const char* kOpenAi = "https://api.openai.com/v1";

// Which setting it is and why, without its value: everybody who asks gets to read
// this, and a proxy's address may have been written with a password.
std::string EgressProblem(const std::string& base_url, const std::string& proxy) {
  if (auto url = net::ParseBaseUrl(base_url); !base_url.empty() && !url)
    return "capeai.base_url: " + url.error().detail;
  if (auto url = net::ParseBaseUrl(proxy); !proxy.empty() && !url)
    return "capeai.proxy: " + url.error().detail;
  return "capeai.allowed_hosts: an entry cannot be read";
}

// Also no FIFO, for which curl would wait.
bool IsReadableFile(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), R_OK) == 0;
}

}  // namespace

Provider ReadProvider() {
  namespace settings = pg::settings;
  Provider out;
  const std::string own_url = settings::BaseUrl();
  if (const std::string path = settings::ApiKeyFile(); !path.empty()) {
    auto key = pg::ReadKeyFile("capeai.api_key_file", path);
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

  if (auto egress = net::EgressPolicy::Create(own_url, settings::AllowedHosts(), out.proxy)) {
    out.egress = std::make_shared<net::EgressPolicy>(std::move(*egress));
  } else {
    out.problem = EgressProblem(own_url, out.proxy);
    out.egress = std::make_shared<net::EgressPolicy>(*net::EgressPolicy::Create("", ""));
  }
  if (!out.ca_file.empty() && !IsReadableFile(out.ca_file))
    out.problem = "capeai.ca_file: is not a file that the server can read";
  return out;
}

}  // namespace capeai::worker
