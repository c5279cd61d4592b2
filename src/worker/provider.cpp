#include "worker/provider.hpp"

#include <cstdlib>

#include "pg/key_file.hpp"
#include "pg/settings.hpp"

namespace capeai::worker {
namespace {

constexpr const char* kOpenAi = "https://api.openai.com/v1";
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
