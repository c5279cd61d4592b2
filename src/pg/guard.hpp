// The inward guard: C++ calls PostgreSQL. Anything in PostgreSQL that can
// ereport runs inside Guarded(), which turns the error into a C++ exception
// with its SQLSTATE kept. (The outward guard, PostgreSQL calls C++, is in
// pg/function.hpp.)
//
// PostgreSQL errors longjmp. Therefore the function given to Guarded() may own
// nothing with a destructor: it works on objects of the frames above it.
// After an error the surrounding (sub)transaction must be aborted before
// PostgreSQL is used again: let the exception reach whoever owns it
// (Transaction, Subtransaction, or the outward guard).
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace capeai::pg {

// A PostgreSQL error, or one of ours on its way to PostgreSQL.
class PgError : public std::exception {
 public:
  explicit PgError(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// Throws `error` as a PgError.
[[noreturn]] void Raise(Error error);
[[noreturn]] void Raise(const char* sqlstate, std::string message, std::string hint = {},
                        std::string detail = {});

namespace internal {
void RunGuarded(void (*call)(void*), void* arg);
}

template <class F>
auto Guarded(F&& f) {
  using R = std::invoke_result_t<F&>;
  if constexpr (std::is_void_v<R>) {
    internal::RunGuarded([](void* arg) { (*static_cast<std::remove_reference_t<F>*>(arg))(); },
                         const_cast<void*>(static_cast<const void*>(&f)));
  } else {
    static_assert(std::is_trivially_destructible_v<R>, "would be lost to a longjmp");
    struct Frame {
      std::remove_reference_t<F>* f;
      R result;
    } frame{&f, R{}};
    internal::RunGuarded(
        [](void* arg) {
          auto* in = static_cast<Frame*>(arg);
          in->result = (*in->f)();
        },
        &frame);
    return frame.result;
  }
}

}  // namespace capeai::pg
