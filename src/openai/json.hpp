// jansson behind one RAII header: the only way JSON is read or written outside
// PostgreSQL's own jsonb.
#pragma once

#include <jansson.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.hpp"

namespace capeai {

// A counted reference to a JSON value; empty when nothing was found or parsed.
// Copies share the value: build a document, then treat it as constant.
class Json {
 public:
  Json() = default;
  Json(const Json& other) : value_(json_incref(other.value_)) {}
  Json(Json&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Json& operator=(Json other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Json() { json_decref(value_); }

  // Takes over a new reference, as jansson's constructors return.
  static Json Own(json_t* value) {
    Json json;
    json.value_ = value;
    return json;
  }
  static Json Share(json_t* value) { return Own(json_incref(value)); }

  // Not json_object(): the server exports an SQL function of that name, and in a
  // backend the dynamic linker would call it instead of jansson's (`make lint`).
  static Json Object() { return Own(json_pack("{}")); }
  static Json Array() { return Own(json_array()); }
  static Json Null() { return Own(json_null()); }
  static Json Bool(bool v) { return Own(json_boolean(v)); }
  static Json Int(int64_t v) { return Own(json_integer(v)); }
  // JSON has no NaN or infinity: those become null.
  static Json Real(double v) { return std::isfinite(v) ? Own(json_real(v)) : Null(); }
  // `text` must be valid UTF-8 (utf8::Repair); otherwise the result is empty. Looked at
  // here, because jansson takes each character by itself.
  static Json String(std::string_view text) {
    return utf8::Valid(text) ? Own(json_stringn_nocheck(text.data(), text.size())) : Json();
  }

  // Parses one JSON value of any type. Empty on a syntax error, on trailing
  // bytes, on duplicate keys, or when it is nested deeper than jansson's 2,048.
  static Json Parse(std::string_view text, std::string* problem = nullptr) {
    json_error_t error;
    json_t* v = json_loadb(text.data(), text.size(),
                           JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!v && problem) *problem = error.text;
    return Own(v);
  }

  // Compact text of the value, members in the order of insertion. Empty for an
  // empty Json.
  std::string Dump() const;
  // The same for reading: on lines of their own, indented by two.
  std::string Pretty() const;

  // The document as base/json_tokens.hpp has it, for a statement; empty for an empty Json.
  std::string Tokens() const;
  // What Tokens() gave, from a process of ours; empty if it is not whole.
  static Json FromTokens(std::string_view tokens);

  explicit operator bool() const { return value_ != nullptr; }
  json_t* get() const { return value_; }

  bool is_object() const { return json_is_object(value_); }
  bool is_array() const { return json_is_array(value_); }
  bool is_string() const { return json_is_string(value_); }
  bool is_number() const { return json_is_number(value_); }
  bool is_integer() const { return json_is_integer(value_); }
  bool is_bool() const { return json_is_boolean(value_); }
  bool is_null() const { return json_is_null(value_); }

  // Member `name` of an object, element `index` of an array; empty if absent.
  Json operator[](const char* name) const { return Share(json_object_get(value_, name)); }
  Json operator[](const std::string& name) const { return (*this)[name.c_str()]; }
  Json operator[](size_t index) const { return Share(json_array_get(value_, index)); }
  // Elements of an array or members of an object; 0 for anything else.
  size_t size() const {
    return is_array() ? json_array_size(value_) : is_object() ? json_object_size(value_) : 0;
  }

  std::optional<std::string> string() const {
    if (!is_string()) return std::nullopt;
    return std::string(json_string_value(value_), json_string_length(value_));
  }
  std::string string_or(std::string_view fallback) const {
    auto s = string();
    return s ? std::move(*s) : std::string(fallback);
  }
  std::optional<double> number() const {
    if (!is_number()) return std::nullopt;
    return json_number_value(value_);
  }
  // An integer, or a real that is one and fits.
  std::optional<int64_t> integer() const {
    if (is_integer()) return json_integer_value(value_);
    if (const auto v = number(); v && std::trunc(*v) == *v && std::abs(*v) < 9e15)
      return static_cast<int64_t>(*v);
    return std::nullopt;
  }
  std::optional<bool> boolean() const {
    if (!is_bool()) return std::nullopt;
    return json_is_true(value_);
  }

  // Sets a member; returns *this for chaining. Does nothing on a non-object.
  Json& Set(const char* name, Json value) {
    json_object_set_new(value_, name, json_incref(value.value_));
    return *this;
  }
  Json& Set(const std::string& name, Json value) { return Set(name.c_str(), std::move(value)); }
  Json& Push(Json value) {
    json_array_append_new(value_, json_incref(value.value_));
    return *this;
  }
  Json DeepCopy() const { return Own(json_deep_copy(value_)); }
  // Same type and value, as jansson compares: the integer 1 and the real 1.0 differ.
  bool Equals(const Json& other) const { return json_equal(value_, other.value_); }

 private:
  json_t* value_ = nullptr;
};

}  // namespace capeai
