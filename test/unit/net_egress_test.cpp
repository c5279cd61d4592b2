#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "net/egress.hpp"

namespace capeai::net {
namespace {

bool Allows(const EgressPolicy& policy, const char* host, const char* address, uint16_t port = 443) {
  IpAddress ip;
  EXPECT_TRUE(IpAddress::Parse(address, &ip)) << address;
  std::string reason;
  const bool allowed = policy.Allows(host, ip, port, &reason);
  EXPECT_EQ(allowed, reason.empty());
  return allowed;
}

EgressPolicy Make(const char* base_url, const char* hosts, const char* proxy = "") {
  Result<EgressPolicy> policy = EgressPolicy::Create(base_url, hosts, proxy);
  EXPECT_TRUE(policy.ok()) << policy.error().message;
  return policy.ok() ? *policy : EgressPolicy();
}

TEST(Egress, PublicOnlyByDefault) {
  const EgressPolicy policy = Make("https://api.openai.com/v1", "");
  EXPECT_TRUE(Allows(policy, "api.openai.com", "162.159.140.245"));
  EXPECT_TRUE(Allows(policy, "api.openai.com", "2606:4700::1"));
  for (const char* inside : {"127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fd00::1",
                             "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "0.0.0.0", "224.0.0.1"}) {
    EXPECT_FALSE(Allows(policy, "api.openai.com", inside)) << inside;
  }
}

TEST(Egress, SaysWhy) {
  std::string reason;
  IpAddress ip;
  IpAddress::Parse("::ffff:10.0.0.1", &ip);
  EXPECT_FALSE(EgressPolicy().Allows("h", ip, 80, &reason));
  EXPECT_EQ(reason, "10.0.0.1 (private)");
  EXPECT_FALSE(EgressPolicy().Allows("h", ip, 80, nullptr));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(EgressPolicy().Allows("h", reinterpret_cast<sockaddr*>(&local), &reason));
}

TEST(Egress, LiteralBaseUrlGrantsExactlyItself) {
  const EgressPolicy policy = Make("http://127.0.0.1:8080/v1", "");
  EXPECT_TRUE(Allows(policy, "127.0.0.1", "127.0.0.1", 8080));
  EXPECT_TRUE(Allows(policy, "127.0.0.1", "::ffff:127.0.0.1", 8080));
  EXPECT_FALSE(Allows(policy, "127.0.0.1", "127.0.0.1", 5432));
  EXPECT_FALSE(Allows(policy, "127.0.0.1", "127.0.0.2", 8080));
  EXPECT_FALSE(Allows(policy, "rebound.example", "127.0.0.1", 8080));
  EXPECT_TRUE(Allows(Make("http://[fe80::5]:80", ""), "fe80::5", "fe80::5", 80));
}

TEST(Egress, LocalhostGrantsLoopbackOnly) {
  const EgressPolicy policy = Make("http://localhost:11434", "");
  EXPECT_TRUE(Allows(policy, "localhost", "127.0.0.1", 11434));
  EXPECT_TRUE(Allows(policy, "localhost", "::1", 11434));
  EXPECT_FALSE(Allows(policy, "localhost", "10.0.0.1", 11434));
  EXPECT_FALSE(Allows(policy, "localhost", "127.0.0.1", 5432));
}

TEST(Egress, OddSpellingsOfLoopbackGrantNothing) {
  for (const char* base : {"http://0x7f.1", "http://2130706433", "http://127.1"}) {
    EXPECT_FALSE(Allows(Make(base, ""), base + 7, "127.0.0.1", 80)) << base;
  }
}

TEST(Egress, PrivateNameNeedsAllowedHosts) {
  EXPECT_FALSE(Allows(Make("https://llm.corp", ""), "llm.corp", "10.0.0.1"));
  EXPECT_TRUE(Allows(Make("https://llm.corp", "llm.corp"), "llm.corp", "10.0.0.1"));
}

TEST(Egress, AllowedHosts) {
  const EgressPolicy policy = Make("",
                                   " LLM.corp , gpu.corp:8000,*.lab.example *.ai.example:90\n10.9.9.9 "
                                   "[fd00::9]:443 172.16.0.0/12,fd12::/16 fe80::7");
  EXPECT_TRUE(Allows(policy, "llm.corp", "10.0.0.1", 1));
  EXPECT_FALSE(Allows(policy, "x.llm.corp", "10.0.0.1"));
  EXPECT_TRUE(Allows(policy, "gpu.corp", "10.0.0.1", 8000));
  EXPECT_FALSE(Allows(policy, "gpu.corp", "10.0.0.1", 8001));
  EXPECT_TRUE(Allows(policy, "a.b.lab.example", "192.168.0.1"));
  EXPECT_FALSE(Allows(policy, "lab.example", "192.168.0.1"));
  EXPECT_FALSE(Allows(policy, "evillab.example", "192.168.0.1"));
  EXPECT_TRUE(Allows(policy, "x.ai.example", "127.0.0.1", 90));
  EXPECT_FALSE(Allows(policy, "x.ai.example", "127.0.0.1", 91));
  EXPECT_TRUE(Allows(policy, "any", "10.9.9.9"));
  EXPECT_TRUE(Allows(policy, "any", "fd00::9", 443));
  EXPECT_FALSE(Allows(policy, "any", "fd00::9", 444));
  EXPECT_TRUE(Allows(policy, "any", "172.31.255.255"));
  EXPECT_FALSE(Allows(policy, "any", "10.9.9.8"));
  EXPECT_TRUE(Allows(policy, "any", "fd12:1::1"));
  EXPECT_TRUE(Allows(policy, "any", "fe80::7"));
}

TEST(Egress, NamesNeverGrantMetadataOrLinkLocal) {
  const EgressPolicy policy = Make("", "llm.corp *.corp");
  for (const char* address :
       {"169.254.169.254", "169.254.1.1", "fd00:ec2::254", "fe80::1", "224.0.0.1", "0.0.0.0"}) {
    EXPECT_FALSE(Allows(policy, "llm.corp", address)) << address;
  }
  EXPECT_TRUE(Allows(Make("", "169.254.169.254/32"), "any", "169.254.169.254"));
}

TEST(Egress, ProxyGrantsItself) {
  const EgressPolicy policy = Make("https://api.openai.com", "", "http://10.0.0.5:3128");
  EXPECT_TRUE(Allows(policy, "10.0.0.5", "10.0.0.5", 3128));
  EXPECT_FALSE(Allows(policy, "10.0.0.5", "10.0.0.5", 22));
}

TEST(Egress, RefusesWhatItCannotRead) {
  for (const char* bad :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0/8", "fd00::/129", "h/8", "*", "*.", "*.1.2.3.4",
        "a*b", "h:0", "h:x", "http://h", "10.0.0.0/-1", "ok,bad/entry"}) {
    Result<EgressPolicy> policy = EgressPolicy::Create("", bad);
    ASSERT_FALSE(policy.ok()) << bad;
    EXPECT_EQ(policy.error().sqlstate, "22023");
    EXPECT_FALSE(policy.error().hint.empty());
  }
  EXPECT_FALSE(EgressPolicy::Create("nonsense", "").ok());
  EXPECT_FALSE(EgressPolicy::Create("", "", "socks5://h").ok());
}

}  // namespace
}  // namespace capeai::net
