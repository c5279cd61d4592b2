#include "pg/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"

namespace capeai::pg {
namespace {

JsonbValue TextUnsafe(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("unsupported Unicode escape sequence"),
            errdetail("\\u0000 cannot be converted to text."));
  if (text.size() > JENTRY_OFFLENMASK)
    ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
            errmsg("string too long to represent as jsonb string"));
  pg_verifymbstr(text.data(), static_cast<int>(text.size()), false);
  JsonbValue out;
  out.type = jbvString;
  out.val.string.val = const_cast<char*>(text.data());
  out.val.string.len = static_cast<int>(text.size());
  return out;
}

JsonbValue RealUnsafe(std::string_view text) {
  JsonbValue out;
  out.type = jbvNumeric;
  out.val.numeric =
      DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text.data(), text.size())),
                                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
  return out;
}

JsonbValue ScalarUnsafe(JsonToken token, const JsonTokenReader& reader) {
  JsonbValue out;
  switch (token) {
    case JsonToken::kString:
      return TextUnsafe(reader.text());
    case JsonToken::kReal:
      return RealUnsafe(reader.text());
    case JsonToken::kInt:
      out.type = jbvNumeric;
      out.val.numeric = int64_to_numeric(reader.integer());
      return out;
    case JsonToken::kTrue:
    case JsonToken::kFalse:
      out.type = jbvBool;
      out.val.boolean = token == JsonToken::kTrue;
      return out;
    default:
      out.type = jbvNull;
      return out;
  }
}

}  // namespace

Datum JsonbUnsafe(JsonTokens tokens) {
  JsonTokenReader reader(tokens);
  JsonbParseState* state = nullptr;
  JsonbValue* whole = nullptr;
  JsonbIteratorToken as = WJB_ELEM;  // what a value is to what it stands in
  while (!reader.AtEnd()) {
    const JsonToken token = reader.Next();
    switch (token) {
      case JsonToken::kBeginObject:
        whole = pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        break;
      case JsonToken::kEndObject:
        whole = pushJsonbValue(&state, WJB_END_OBJECT, nullptr);
        break;
      case JsonToken::kBeginArray:
        whole = pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
        break;
      case JsonToken::kEndArray:
        whole = pushJsonbValue(&state, WJB_END_ARRAY, nullptr);
        break;
      case JsonToken::kKey: {
        JsonbValue key = TextUnsafe(reader.text());
        whole = pushJsonbValue(&state, WJB_KEY, &key);
        as = WJB_VALUE;
        continue;
      }
      default: {
        JsonbValue scalar = ScalarUnsafe(token, reader);
        if (!state) return JsonbPGetDatum(JsonbValueToJsonb(&scalar));
        whole = pushJsonbValue(&state, as, &scalar);
      }
    }
    as = WJB_ELEM;
  }
  return JsonbPGetDatum(JsonbValueToJsonb(whole));
}

std::string ToDatabase(JsonTokens tokens) {
  JsonTokenReader reader(tokens);
  JsonTokenWriter out;
  while (!reader.AtEnd()) {
    const JsonToken token = reader.Next();
    if (token == JsonToken::kString || token == JsonToken::kKey)
      out.AddText(token, ToDatabase(std::string(reader.text())).text);
    else if (token == JsonToken::kReal)
      out.AddText(token, reader.text());
    else if (token == JsonToken::kInt)
      out.AddInt(reader.integer());
    else
      out.Add(token);
  }
  return out.Take();
}

}  // namespace capeai::pg
