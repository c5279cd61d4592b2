// Errors as values. Expected failures (bad input, a refused request, a
// time-out) travel as Result<T>; exceptions are for bugs and out-of-memory.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace capeai {

// One error in PostgreSQL's shape, so that it can cross the wall in pg/
// unchanged. `sqlstate` is five characters of SQLSTATE; message starts in lower
// case without a full stop, detail and hint are sentences, as in PostgreSQL's
// error style guide.
struct Error {
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
};

// The SQLSTATEs that DESIGN's error table names.
namespace sqlstate {
inline constexpr const char* kInvalidParameter = "22023";
inline constexpr const char* kUndefinedObject = "42704";
inline constexpr const char* kInsufficientPrivilege = "42501";
inline constexpr const char* kNotInPrerequisiteState = "55000";
inline constexpr const char* kConfigurationLimit = "53400";
inline constexpr const char* kConnectionFailure = "08006";
inline constexpr const char* kQueryCanceled = "57014";
inline constexpr const char* kUniqueViolation = "23505";
inline constexpr const char* kFeatureNotSupported = "0A000";
inline constexpr const char* kOutOfMemory = "53200";
}  // namespace sqlstate

// A value or an Error. `*result` and `result->` require ok().
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  const Error& error() const { return std::get<1>(state_); }
  Error&& take_error() { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

struct Ok {};
using Status = Result<Ok>;

}  // namespace capeai
