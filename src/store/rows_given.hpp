// Statements for rows that are given as arrays, one for each column. Where such SQL says
// {$7}, the column that $7 has stands there, row by row; or, in a statement of its own for
// what is most often a single row, the only one: without unnest there is no join with the
// rows and no node that makes them, a third of what the statement takes.
#pragma once

#include <string>
#include <string_view>

namespace capeai::store {

inline std::string WithColumns(std::string_view sql, std::string_view before, std::string_view after) {
  std::string out;
  for (const char c : sql) {
    if (c == '{')
      out += before;
    else if (c == '}')
      out += after;
    else
      out += c;
  }
  return out;
}

inline std::string ForEachRow(std::string_view sql) { return WithColumns(sql, "unnest(", ")"); }
inline std::string ForOnlyRow(std::string_view sql) { return WithColumns(sql, "(", ")[1]"); }

}  // namespace capeai::store
