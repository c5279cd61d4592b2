// Set-returning functions that give one value a call, so that a cursor gets each
// as soon as there is one. Included by api/ after pg/function.hpp.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pg/function.hpp"

namespace capeai::pg {

// Makes the values of one execution of a set-returning function. It is destroyed
// when the last value was taken, and just as well when its statement ends early
// in whatever way (cursor closed, cancelled, rolled back): that is when PostgreSQL
// gives back the memory of the execution. Therefore the destructor must not raise.
class TextGenerator {
 public:
  virtual ~TextGenerator() = default;
  // The next value, in UTF-8; nothing at the end. May wait and raise.
  virtual std::optional<std::string> Next() = 0;
};

// The body of such a function. `begin` is called once an execution, with the
// arguments, and its result lives until the execution ends.
Datum GenerateTexts(FunctionCallInfo fcinfo, std::unique_ptr<TextGenerator> (*begin)(FunctionCallInfo));

}  // namespace capeai::pg
