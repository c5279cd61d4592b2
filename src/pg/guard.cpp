#include "pg/postgres.hpp"

#include <pthread.h>

#include <stdexcept>

#include "pg/guard.hpp"

namespace capeai::pg {

void Raise(Error error) { throw PgError(std::move(error)); }

void Raise(const char* sqlstate, std::string message, std::string hint, std::string detail) {
  throw PgError(Error{sqlstate, std::move(message), std::move(detail), std::move(hint)});
}

namespace internal {
namespace {

Error FromErrorData(const ErrorData& data) {
  const auto text = [](const char* s) { return s ? std::string(s) : std::string(); };
  return Error{unpack_sql_state(data.sqlerrcode), text(data.message), text(data.detail), text(data.hint)};
}

// Runs `call` and returns the error that it raised, or nullptr. Nothing in this
// frame has a destructor. A C++ exception must not pass PG_TRY, so it is kept
// in *thrown.
ErrorData* TryUnsafe(void (*call)(void*), void* arg, std::exception_ptr* thrown) {
  MemoryContext caller = CurrentMemoryContext;
  ErrorData* volatile caught = nullptr;
  PG_TRY();
  {
    try {
      call(arg);
    } catch (...) {
      *thrown = std::current_exception();
    }
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(caller);
    caught = CopyErrorData();
    FlushErrorState();
  }
  PG_END_TRY();
  return caught;
}

}  // namespace

void RunGuarded(void (*call)(void*), void* arg) {
  // PostgreSQL knows one thread. This library is loaded in it, or in its parent's.
  static const pthread_t only = pthread_self();
  if (!pthread_equal(only, pthread_self())) throw std::logic_error("PostgreSQL called from another thread");
  std::exception_ptr thrown;
  ErrorData* caught = TryUnsafe(call, arg, &thrown);
  if (caught) {
    PgError error(FromErrorData(*caught));
    FreeErrorData(caught);
    throw error;
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace internal
}  // namespace capeai::pg
