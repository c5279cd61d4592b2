#include "openai/sse.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capeai {
namespace {

struct Seen {
  std::string log;  // each event as type|data|id;
  bool too_long = false;
  long retry = -1;
};

Seen Play(std::string_view stream, size_t piece, SseParser::Limits limits = {}, bool tail = false) {
  SseParser parser(limits);
  Seen seen;
  SseEvent event;
  const auto note = [&] {
    seen.log.append(event.type).append("|").append(event.data).append("|").append(event.last_id).append(";");
  };
  for (size_t at = 0; at < stream.size() && !seen.too_long; at += piece) {
    std::string_view bytes = stream.substr(at, piece);
    SseParser::Step step;
    while ((step = parser.Next(bytes, event)) == SseParser::Step::kEvent) note();
    seen.too_long = step == SseParser::Step::kTooLong;
  }
  if (tail && parser.Tail(event)) note();
  seen.retry = parser.retry_millis();
  return seen;
}

// The same log in pieces of every size.
std::string Log(std::string_view stream, bool tail = false) {
  const std::string whole = Play(stream, stream.size() + 1, {}, tail).log;
  for (size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(Play(stream, piece, {}, tail).log, whole) << "pieces of " << piece;
  return whole;
}

TEST(OpenaiSse, LineEndsInAnyMix) {
  EXPECT_EQ(Log("data: a\n\ndata: b\n\n"), "message|a|;message|b|;");
  EXPECT_EQ(Log("data: a\r\rdata: b\r\r"), "message|a|;message|b|;");
  EXPECT_EQ(Log("data: a\r\n\r\ndata: b\r\n\r\n"), "message|a|;message|b|;");
  EXPECT_EQ(Log("data: a\r\n\rdata: b\n\r\n"), "message|a|;message|b|;");
  EXPECT_EQ(Log("data: a\n\r\ndata: b\r\n\n"), "message|a|;message|b|;");
}

TEST(OpenaiSse, ACarriageReturnCompletesAtOnce) {
  SseParser parser;
  SseEvent event;
  std::string_view bytes = "data: a\r\r";
  EXPECT_EQ(parser.Next(bytes, event), SseParser::Step::kEvent);
  bytes = "\ndata: b\n";
  EXPECT_EQ(parser.Next(bytes, event), SseParser::Step::kNeedMore);
}

TEST(OpenaiSse, DataLinesAreJoined) {
  EXPECT_EQ(Log("data: a\ndata:b\ndata:  c\ndata\n\n"), "message|a\nb\n c\n|;");
  EXPECT_EQ(Log("data:\n\n"), "message||;");
  EXPECT_EQ(Log("data\ndata\n\n"), "message|\n|;");
}

TEST(OpenaiSse, FieldsAndComments) {
  EXPECT_EQ(Log(": hello\nevent: ping\nid: 7\nother: x\ndata: a\n:\ndatax: y\n\n"), "ping|a|7;");
  EXPECT_EQ(Log("event: ping\n\ndata: a\n\n"), "message|a|;") << "an event without data is none";
  EXPECT_EQ(Log("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"), "message|a|1;message|b|1;message|c|;");
  EXPECT_EQ(Log(std::string_view("id: 1\nid: 2\0\ndata: a\n\n", 22)), "message|a|1;");
  EXPECT_EQ(Log(" data: a\n\n"), "");
}

TEST(OpenaiSse, ByteOrderMarkOnlyInFront) {
  EXPECT_EQ(Log("\xEF\xBB\xBF"
                "data: a\n\n\xEF\xBB\xBF"
                "data: b\n\n"),
            "message|a|;");
}

TEST(OpenaiSse, Retry) {
  EXPECT_EQ(Play("retry: 1500\n", 1).retry, 1500);
  EXPECT_EQ(Play("retry: 15x\nretry: -1\nretry:\n", 3).retry, -1);
}

TEST(OpenaiSse, TailIsTakenOnDemand) {
  EXPECT_EQ(Log("data: a\n\ndata: [DONE]"), "message|a|;");
  EXPECT_EQ(Log("data: a\n\ndata: [DONE]", true), "message|a|;message|[DONE]|;");
  EXPECT_EQ(Log("data: a\n\ndata: [DONE]\n", true), "message|a|;message|[DONE]|;");
  EXPECT_EQ(Log("data: a\r\n\r\n", true), "message|a|;");
  EXPECT_EQ(Log(": only a comment", true), "");
}

TEST(OpenaiSse, LimitsHoldAtEveryPieceSize) {
  const SseParser::Limits limits{.line_bytes = 10, .event_bytes = 12};
  for (size_t piece = 1; piece <= 40; ++piece) {
    EXPECT_FALSE(Play("data: 1234\n\n", piece, limits).too_long);
    const Seen line = Play("data: a\n\ndata: 12345\n\n", piece, limits);
    EXPECT_TRUE(line.too_long);
    EXPECT_EQ(line.log, "message|a|;");
    EXPECT_TRUE(Play(":2345678901", piece, limits).too_long);
    EXPECT_FALSE(Play("data: 1234\ndata: 1234\n\n", piece, limits).too_long);
    EXPECT_TRUE(Play("data: 1234\ndata: 1234\ndata: 1234\n\n", piece, limits).too_long);
  }
}

TEST(OpenaiSse, StaysTooLong) {
  SseParser parser({.line_bytes = 4, .event_bytes = 100});
  SseEvent event;
  std::string_view bytes = "data: too long\n\n";
  EXPECT_EQ(parser.Next(bytes, event), SseParser::Step::kTooLong);
  bytes = "data\n\n";
  EXPECT_EQ(parser.Next(bytes, event), SseParser::Step::kTooLong);
  EXPECT_FALSE(parser.Tail(event));
}

}  // namespace
}  // namespace capeai
