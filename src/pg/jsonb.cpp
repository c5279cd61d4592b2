#include "pg/postgres.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"

namespace capeai::pg {
namespace {

// A token with what belongs to it. Values of a container follow it; so a document is one array, without a
// pointer to be followed.
struct Node {
  JsonToken token;
  uint32_t size;  // bytes of a text; values in an array, members of an object
  uint32_t next;  // behind it and all that it holds; while it is read, what it stands in
  union {
    const char* text;
    int64_t integer;
  };
};

constexpr uint32_t kNone = UINT32_MAX;

// Writes what jsonb stores (utils/jsonb.h: each container's entries stand before the data of its values),
// straight into one buffer. PostgreSQL's own way there goes through a tree of values that is copied level by
// level, which of what a task's end costs was a fifth. Trivially destructible, so that a longjmp may leave
// it.
class JsonbWriter {
 public:
  Datum Write(JsonTokens tokens) {
    ReadNodes(tokens);
    initStringInfo(&out_);
    Append(nullptr, VARHDRSZ);
    const bool scalar =
        nodes_[0].token != JsonToken::kBeginObject && nodes_[0].token != JsonToken::kBeginArray;
    if (scalar) {
      const Container whole = Begin(1 | JB_FARRAY | JB_FSCALAR, 1);
      Put(whole, 0, WriteValue(0));
      (void)End(whole);
    } else {
      (void)WriteValue(0);
    }
    pfree(nodes_);
    SET_VARSIZE(out_.data, out_.len);
    return PointerGetDatum(out_.data);
  }

 private:
  // One that is being written; by offsets, for the buffer moves as it grows.
  struct Container {
    int base;     // what its entry counts from, padding included
    int entries;  // its first entry
    int data;
  };

  Node& Add(JsonToken token) {
    if (n_nodes_ == capacity_) {
      capacity_ *= 2;
      nodes_ = static_cast<Node*>(repalloc_huge(nodes_, capacity_ * sizeof(Node)));
    }
    Node& node = nodes_[n_nodes_++];
    node = {token, 0, static_cast<uint32_t>(n_nodes_), {nullptr}};
    return node;
  }

  void ReadNodes(JsonTokens tokens) {
    capacity_ = tokens.bytes.size() / 8 + 16;
    nodes_ = static_cast<Node*>(MemoryContextAllocHuge(CurrentMemoryContext, capacity_ * sizeof(Node)));
    JsonTokenReader reader(tokens);
    uint32_t open = kNone;   // the container that is being read
    bool after_key = false;  // a value is to come
    bool whole = true;
    while (whole && !reader.AtEnd()) {
      const JsonToken token = reader.Next();
      const bool in_object = open != kNone && nodes_[open].token == JsonToken::kBeginObject;
      if (token == JsonToken::kEndObject || token == JsonToken::kEndArray) {
        whole = open != kNone && in_object == (token == JsonToken::kEndObject) && !after_key;
        if (whole) open = std::exchange(nodes_[open].next, static_cast<uint32_t>(n_nodes_));
        continue;
      }
      const bool is_key = token == JsonToken::kKey;
      whole = open == kNone ? n_nodes_ == 0 && !is_key : in_object == (after_key != is_key);
      after_key = is_key;
      if (open != kNone && in_object == is_key) ++nodes_[open].size;
      Node& node = Add(token);
      if (token == JsonToken::kBeginObject || token == JsonToken::kBeginArray) {
        node.next = std::exchange(open, static_cast<uint32_t>(n_nodes_ - 1));
      } else if (token == JsonToken::kInt) {
        node.integer = reader.integer();
      } else {
        node.text = reader.text().data();
        node.size = static_cast<uint32_t>(reader.text().size());
      }
    }
    if (!whole || n_nodes_ == 0 || open != kNone || reader.cut())
      elog(ERROR, "a document's tokens are not whole");
  }

  // A value's data, and the entry that says what it is and how long.
  JEntry WriteValue(uint32_t at) {
    const Node& node = nodes_[at];
    switch (node.token) {
      case JsonToken::kBeginObject:
        return WriteObject(at);
      case JsonToken::kBeginArray:
        return WriteArray(at);
      case JsonToken::kString:
        return WriteText(node);
      case JsonToken::kInt:
        return WriteNumeric(int64_to_numeric(node.integer));
      case JsonToken::kReal:
        return WriteNumeric(
            DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(node.text, node.size)),
                                                ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
      case JsonToken::kTrue:
        return JENTRY_ISBOOL_TRUE;
      case JsonToken::kFalse:
        return JENTRY_ISBOOL_FALSE;
      default:
        return JENTRY_ISNULL;
    }
  }

  JEntry WriteText(const Node& node) {
    if (memchr(node.text, '\0', node.size))
      ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("unsupported Unicode escape sequence"),
              errdetail("\\u0000 cannot be converted to text."));
    if (node.size > JENTRY_OFFLENMASK)
      ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
              errmsg("string too long to represent as jsonb string"));
    pg_verifymbstr(node.text, static_cast<int>(node.size), false);
    Append(node.text, static_cast<int>(node.size));
    return JENTRY_ISSTRING | node.size;
  }

  JEntry WriteNumeric(Numeric number) {
    const int base = out_.len;
    Align();
    Append(number, static_cast<int>(VARSIZE_ANY(number)));
    return JENTRY_ISNUMERIC | static_cast<uint32_t>(out_.len - base);
  }

  JEntry WriteArray(uint32_t at) {
    check_stack_depth();
    const uint32_t count = nodes_[at].size;
    const Container array = Begin(count | JB_FARRAY, count);
    uint32_t element = at + 1;
    for (uint32_t i = 0; i < count; ++i, element = nodes_[element].next) Put(array, i, WriteValue(element));
    return End(array);
  }

  // Its keys in jsonb's order, and then, in the same order, their values; of equal keys the last counts.
  JEntry WriteObject(uint32_t at) {
    check_stack_depth();
    constexpr uint32_t kUsual = 32;
    uint32_t usual[kUsual];
    const uint32_t members = nodes_[at].size;
    uint32_t* keys = usual;
    if (members > kUsual)
      keys = static_cast<uint32_t*>(MemoryContextAllocHuge(CurrentMemoryContext, members * sizeof *keys));
    uint32_t key = at + 1;
    for (uint32_t i = 0; i < members; ++i, key = nodes_[key + 1].next) keys[i] = key;
    const auto order = [this](uint32_t a, uint32_t b) {
      const Node &x = nodes_[a], &y = nodes_[b];
      if (x.size != y.size) return x.size < y.size ? -1 : 1;
      return memcmp(x.text, y.text, x.size);
    };
    std::sort(keys, keys + members, [&](uint32_t a, uint32_t b) {
      const int said = order(a, b);
      return said != 0 ? said < 0 : a < b;
    });
    uint32_t count = 0;
    for (uint32_t i = 0; i < members; ++i)
      if (i + 1 == members || order(keys[i], keys[i + 1]) != 0) keys[count++] = keys[i];
    const Container object = Begin(count | JB_FOBJECT, 2 * count);
    for (uint32_t i = 0; i < count; ++i) Put(object, i, WriteText(nodes_[keys[i]]));
    for (uint32_t i = 0; i < count; ++i) Put(object, count + i, WriteValue(keys[i] + 1));
    if (keys != usual) pfree(keys);
    return End(object);
  }

  Container Begin(uint32_t header, uint32_t entries) {
    if (entries > JB_CMASK / 2)
      ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
              errmsg("number of values exceeds what jsonb can hold"));
    Container begun{out_.len, 0, 0};
    Align();
    Append(&header, sizeof header);
    begun.entries = out_.len;
    Append(nullptr, static_cast<int>(entries * sizeof(JEntry)));
    begun.data = out_.len;
    return begun;
  }

  // The i-th entry, after its data was written: its length, and of every so many where it ends.
  void Put(const Container& in, uint32_t i, JEntry entry) {
    const int end = out_.len - in.data;
    CheckLength(end);
    if (i % JB_OFFSET_STRIDE == 0)
      entry = (entry & JENTRY_TYPEMASK) | static_cast<uint32_t>(end) | JENTRY_HAS_OFF;
    memcpy(out_.data + in.entries + i * sizeof entry, &entry, sizeof entry);
  }

  JEntry End(const Container& in) {
    CheckLength(out_.len - in.base);
    return JENTRY_ISCONTAINER | static_cast<uint32_t>(out_.len - in.base);
  }

  static void CheckLength(int length) {
    if (length > JENTRY_OFFLENMASK)
      ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
              errmsg("total size of jsonb values exceeds the maximum of %u bytes", JENTRY_OFFLENMASK));
  }

  void Align() { Append(nullptr, static_cast<int>(INTALIGN(out_.len)) - out_.len); }

  // Without `data`, zeros.
  void Append(const void* data, int size) {
    enlargeStringInfo(&out_, size);
    if (data)
      memcpy(out_.data + out_.len, data, static_cast<size_t>(size));
    else
      memset(out_.data + out_.len, 0, static_cast<size_t>(size));
    out_.len += size;
  }

  Node* nodes_ = nullptr;
  size_t n_nodes_ = 0, capacity_ = 0;
  StringInfoData out_{};
};

// In the database encoding to UTF-8.
std::string_view ReadTextUnsafe(const JsonbValue& value) {
  const auto size = static_cast<size_t>(value.val.string.len);
  if (DatabaseIsUtf8()) return {value.val.string.val, size};
  return pg_server_to_any(pnstrdup(value.val.string.val, size), value.val.string.len, PG_UTF8);
}

void ReadNumberUnsafe(Numeric number, JsonTokenWriter& out) {
  const std::string_view text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
  int64_t integer;
  const char* const end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, integer);
  if (read.ec == std::errc() && read.ptr == end) return out.AddInt(integer);
  // An integer that no int64 holds is a real here.
  const bool real = text.find('.') != std::string_view::npos;
  out.AddText(JsonToken::kReal, real ? text : psprintf("%s.0", text.data()));
}

void ReadScalarUnsafe(const JsonbValue& value, JsonTokenWriter& out) {
  switch (value.type) {
    case jbvString:
      return out.AddText(JsonToken::kString, ReadTextUnsafe(value));
    case jbvNumeric:
      return ReadNumberUnsafe(value.val.numeric, out);
    case jbvBool:
      return out.Add(value.val.boolean ? JsonToken::kTrue : JsonToken::kFalse);
    default:
      return out.Add(JsonToken::kNull);
  }
}

}  // namespace

void TokensUnsafe(Datum jsonb, std::string& tokens) {
  JsonTokenWriter out(tokens);
  JsonbIterator* iterator = JsonbIteratorInit(&DatumGetJsonbP(jsonb)->root);
  bool scalar = false;  // the document is none but is stored in an array
  JsonbValue value;
  for (;;) {
    switch (JsonbIteratorNext(&iterator, &value, false)) {
      case WJB_DONE:
        return;
      case WJB_KEY:
        out.AddText(JsonToken::kKey, ReadTextUnsafe(value));
        break;
      case WJB_VALUE:
      case WJB_ELEM:
        ReadScalarUnsafe(value, out);
        break;
      case WJB_BEGIN_OBJECT:
        out.Add(JsonToken::kBeginObject);
        break;
      case WJB_END_OBJECT:
        out.Add(JsonToken::kEndObject);
        break;
      case WJB_BEGIN_ARRAY:
        scalar = value.val.array.rawScalar;
        if (!scalar) out.Add(JsonToken::kBeginArray);
        break;
      case WJB_END_ARRAY:
        if (!scalar) out.Add(JsonToken::kEndArray);
        break;
    }
  }
}

Datum JsonbUnsafe(JsonTokens tokens) { return JsonbWriter().Write(tokens); }

std::string ToDatabase(JsonTokens tokens) {
  JsonTokenReader reader(tokens);
  std::string converted;
  JsonTokenWriter out(converted);
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
  return converted;
}

}  // namespace capeai::pg
