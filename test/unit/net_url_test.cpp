#include <gtest/gtest.h>

#include "net/url.hpp"

namespace capeai::net {
namespace {

TEST(Url, TakesApart) {
  Result<Url> url = ParseBaseUrl("HTTPS://Api.OpenAI.com./v1/");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "api.openai.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->path, "/v1");
  EXPECT_FALSE(url->literal);
  EXPECT_EQ(url->origin(), "https://api.openai.com:443");

  url = ParseBaseUrl("http://[::FFFF:127.0.0.1]:8080");
  ASSERT_TRUE(url.ok());
  EXPECT_TRUE(url->literal);
  EXPECT_EQ(url->address.ToString(), "127.0.0.1");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->origin(), "http://[::ffff:127.0.0.1]:8080");
}

TEST(Url, OddNumbersAreNames) {
  for (const char* text : {"http://0x7f.1", "http://2130706433", "http://127.1/v1", "http://017700000001"}) {
    Result<Url> url = ParseBaseUrl(text);
    ASSERT_TRUE(url.ok()) << text;
    EXPECT_FALSE(url->literal) << text;
  }
}

TEST(Url, Refuses) {
  const std::string long_url = "http://h/" + std::string(2000, 'a');
  const std::string long_label = "http://" + std::string(64, 'a') + ".com";
  for (const std::string text : {"",
                                 "api.openai.com",
                                 "ftp://h",
                                 "file:///etc/passwd",
                                 "gopher://h",
                                 "http://",
                                 "http:///v1",
                                 "http://u@h",
                                 "http://u:p@h/",
                                 "http://h@evil",
                                 "http://h#f",
                                 "http://h?q=1",
                                 "http://h/v1?q=1",
                                 "http://h:0",
                                 "http://h:",
                                 "http://h:65536",
                                 "http://h:8x",
                                 "http://h:-1",
                                 "http://h h",
                                 "http://h\n",
                                 "http://h\\@evil",
                                 "http://[::1",
                                 "http://[127.0.0.1]",
                                 "http://[h]",
                                 "http://::1",
                                 "http://h..com",
                                 "http://.h",
                                 "http://h%41",
                                 "http://b\xc3\xbc"
                                 "cher.de",
                                 "http://[fe80::1%25eth0]",
                                 "http://[::1]x",
                                 "http://a,b",
                                 "http://h/a b"}) {
    Result<Url> url = ParseBaseUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().sqlstate, "22023");
  }
  EXPECT_FALSE(ParseBaseUrl(long_url).ok());
  EXPECT_FALSE(ParseBaseUrl(long_label).ok());
  EXPECT_FALSE(ParseBaseUrl(std::string_view("http://h\0.com", 13)).ok());
}

TEST(Url, RequestsMayHaveQueries) {
  Result<Url> url = ParseUrl("https://h/v1/models/?limit=2@x");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->path, "/v1/models/?limit=2@x");
  url = ParseUrl("https://h?a=b");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "h");
}

TEST(Url, Joins) {
  for (const char* base : {"https://h/v1", "https://h/v1/", "https://h/v1//"}) {
    for (const char* path : {"chat/completions", "/chat/completions"}) {
      EXPECT_EQ(JoinUrl(*ParseBaseUrl(base), path), "https://h:443/v1/chat/completions");
    }
  }
  EXPECT_EQ(JoinUrl(*ParseBaseUrl("http://h:81"), "/x"), "http://h:81/x");
}

}  // namespace
}  // namespace capeai::net
