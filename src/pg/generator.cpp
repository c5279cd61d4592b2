#include "pg/postgres.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/memutils.h"
}

#include "pg/args.hpp"
#include "pg/generator.hpp"

namespace capeai::pg {
namespace {

// In the memory of the execution. Callbacks of its expression context would not
// run when the transaction aborts; those of its memory do on every way out.
struct Holder {
  MemoryContextCallback callback;
  TextGenerator* generator;
};

void Destroy(void* arg) { delete static_cast<Holder*>(arg)->generator; }

Holder* BeginUnsafe(FunctionCallInfo fcinfo) {
  FuncCallContext* call = init_MultiFuncCall(fcinfo);
  auto* holder = static_cast<Holder*>(MemoryContextAllocZero(call->multi_call_memory_ctx, sizeof(Holder)));
  holder->callback.func = Destroy;
  holder->callback.arg = holder;
  MemoryContextRegisterResetCallback(call->multi_call_memory_ctx, &holder->callback);
  call->user_fctx = holder;
  return holder;
}

}  // namespace

Datum GenerateTexts(FunctionCallInfo fcinfo, std::unique_ptr<TextGenerator> (*begin)(FunctionCallInfo)) {
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  if (!fcinfo->flinfo->fn_extra) {
    Holder* holder = Guarded([&] { return BeginUnsafe(fcinfo); });
    holder->generator = begin(fcinfo).release();
  }
  auto* call = static_cast<FuncCallContext*>(fcinfo->flinfo->fn_extra);
  std::optional<std::string> text = static_cast<Holder*>(call->user_fctx)->generator->Next();
  if (text) {
    const Datum value = TextResult(*text);
    ++call->call_cntr;
    result->isDone = ExprMultipleResult;
    return value;
  }
  Guarded([&] { end_MultiFuncCall(fcinfo, call); });
  result->isDone = ExprEndResult;
  fcinfo->isnull = true;
  return 0;
}

}  // namespace capeai::pg
