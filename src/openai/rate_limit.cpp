#include "openai/rate_limit.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string>

namespace capeai {
namespace {

constexpr Duration kLongestReset = std::chrono::hours(24);

// A number without sign at the front of `text`, which is moved past it.
std::optional<double> TakeNumber(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[length])) || text[length] == '.'))
    ++length;
  double value = 0;
  const char* end = text.data() + length;
  const auto [rest, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (length == 0 || error != std::errc() || rest != end) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// Seconds of a unit at the front of `text`, which is moved past it.
std::optional<double> TakeUnit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  // Longer names first: "ms" is not "m".
  static constexpr Unit kUnits[] = {{"ms", 1e-3},       {"us", 1e-6}, {"\xC2\xB5s", 1e-6}, {"ns", 1e-9},
                                    {"d", 24 * 3600.0}, {"h", 3600},  {"m", 60},           {"s", 1}};
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.seconds;
  }
  return std::nullopt;
}

Duration FromSeconds(double seconds, Duration cap) {
  const double most = Seconds(cap);
  return Duration(static_cast<Duration::rep>(std::llround(std::clamp(seconds, 0.0, most) * 1e6)));
}

std::optional<int> TakeDigits(std::string_view& text, size_t fewest, size_t most) {
  int value = 0;
  size_t length = 0;
  for (; length < most && length < text.size() && text[length] >= '0' && text[length] <= '9'; ++length)
    value = value * 10 + (text[length] - '0');
  if (length < fewest) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

bool TakeText(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<int> TakeMonth(std::string_view& text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (size_t i = 0; i < kMonths.size(); ++i)
    if (TakeText(text, kMonths[i])) return static_cast<int>(i) + 1;
  return std::nullopt;
}

// "08:49:37" as seconds of the day; a leap second is taken as the one before.
std::optional<int> TakeTimeOfDay(std::string_view& text) {
  const auto hour = TakeDigits(text, 2, 2);
  if (!hour || !TakeText(text, ":")) return std::nullopt;
  const auto minute = TakeDigits(text, 2, 2);
  if (!minute || !TakeText(text, ":")) return std::nullopt;
  const auto second = TakeDigits(text, 2, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return *hour * 3600 + *minute * 60 + std::min(*second, 59);
}

std::optional<WallTime> MakeTime(int year, int month, int day, int second_of_day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::seconds(second_of_day);
}

// "06 Nov 1994 08:49:37 GMT" or, with '-' between, "06-Nov-94 08:49:37 GMT".
std::optional<WallTime> ParseDayFirst(std::string_view text, std::string_view separator) {
  const auto day = TakeDigits(text, 2, 2);
  if (!day || !TakeText(text, separator)) return std::nullopt;
  const auto month = TakeMonth(text);
  if (!month || !TakeText(text, separator)) return std::nullopt;
  const size_t before = text.size();
  auto year = TakeDigits(text, 2, 4);
  if (!year || !TakeText(text, " ")) return std::nullopt;
  if (before - text.size() == 3) *year += *year < 70 ? 2000 : 1900;  // two digits and the blank
  const auto time = TakeTimeOfDay(text);
  if (!time || !(text == " GMT" || text == " UTC")) return std::nullopt;
  return MakeTime(*year, *month, *day, *time);
}

// "Nov  6 08:49:37 1994", as C's asctime writes.
std::optional<WallTime> ParseMonthFirst(std::string_view text) {
  const auto month = TakeMonth(text);
  if (!month || !TakeText(text, " ")) return std::nullopt;
  TakeText(text, " ");
  const auto day = TakeDigits(text, 1, 2);
  if (!day || !TakeText(text, " ")) return std::nullopt;
  const auto time = TakeTimeOfDay(text);
  if (!time || !TakeText(text, " ")) return std::nullopt;
  const auto year = TakeDigits(text, 4, 4);
  if (!year || !text.empty()) return std::nullopt;
  return MakeTime(*year, *month, *day, *time);
}

// "17" or "1.5", in units of `seconds`; anything else is empty.
std::optional<Duration> ParsePlain(std::string_view text, double seconds) {
  const auto number = TakeNumber(text);
  if (!number || !text.empty()) return std::nullopt;
  return FromSeconds(*number * seconds, kMaxRetryAfter);
}

std::optional<int64_t> ParseCount(std::string_view text) {
  int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

RateWindow ReadWindow(const Headers& headers, const std::string& what) {
  RateWindow window;
  window.limit = ParseCount(FindHeader(headers, "x-ratelimit-limit-" + what));
  window.remaining = ParseCount(FindHeader(headers, "x-ratelimit-remaining-" + what));
  window.reset = ParseDuration(FindHeader(headers, "x-ratelimit-reset-" + what));
  return window;
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double seconds = 0;
  for (bool first = true; !text.empty(); first = false) {
    const auto number = TakeNumber(text);
    if (!number) return std::nullopt;
    if (first && text.empty()) return FromSeconds(*number, kLongestReset);
    const auto unit = TakeUnit(text);
    if (!unit) return std::nullopt;
    seconds += *number * *unit;
  }
  return FromSeconds(seconds, kLongestReset);
}

std::optional<WallTime> ParseHttpDate(std::string_view text) {
  const size_t comma = text.find(',');
  if (comma != std::string_view::npos) {
    std::string_view rest = TrimBlanks(text.substr(comma + 1));
    const auto time = ParseDayFirst(rest, " ");
    return time ? time : ParseDayFirst(rest, "-");
  }
  const size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  return ParseMonthFirst(text.substr(blank + 1));
}

std::optional<Duration> RetryAfter(const Headers& headers, WallTime now) {
  const auto millis = ParsePlain(FindHeader(headers, "retry-after-ms"), 1e-3);
  const std::string_view text = FindHeader(headers, "retry-after");
  auto wait = ParsePlain(text, 1);
  if (!wait) {
    if (const auto date = ParseHttpDate(text))
      wait = std::clamp(*date - now, Duration::zero(), kMaxRetryAfter);
  }
  if (millis && wait) return std::max(*millis, *wait);
  return millis ? millis : wait;
}

RateLimits ReadRateLimits(const Headers& headers) {
  return {ReadWindow(headers, "requests"), ReadWindow(headers, "tokens")};
}

}  // namespace capeai
