// An error as OpenAI reports it: status and {"error":{message,type,param,code}}.
#pragma once

#include <optional>
#include <string>

#include "json.hpp"

namespace mock {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param;  // empty: null
  std::string code;   // empty: null
};
using Check = std::optional<ApiError>;  // empty: nothing wrong

inline std::string ErrorBody(const ApiError& error) {
  std::string out = "{\n  \"error\": {\n    \"message\": ";
  AppendQuoted(out, error.message);
  out += ",\n    \"type\": ";
  AppendQuoted(out, error.type);
  out += ",\n    \"param\": ";
  error.param.empty() ? void(out += "null") : AppendQuoted(out, error.param);
  out += ",\n    \"code\": ";
  error.code.empty() ? void(out += "null") : AppendQuoted(out, error.code);
  return out + "\n  }\n}\n";
}

}  // namespace mock
