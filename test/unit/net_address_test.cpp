#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "net/address.hpp"

namespace capeai::net {
namespace {

IpAddress Ip(const char* text) {
  IpAddress ip;
  EXPECT_TRUE(IpAddress::Parse(text, &ip)) << text;
  return ip;
}

struct Case {
  const char* address;
  AddressClass kind;
  const char* name;
};
constexpr auto kPub = AddressClass::kPublic;
constexpr auto kPriv = AddressClass::kPrivate;
constexpr auto kForb = AddressClass::kForbidden;

// The first and the last address of each range, and their public neighbours.
const Case kCases[] = {
    {"0.0.0.0", kForb, "unspecified"},
    {"0.255.255.255", kForb, "unspecified"},
    {"1.0.0.0", kPub, "public"},
    {"9.255.255.255", kPub, "public"},
    {"10.0.0.0", kPriv, "private"},
    {"10.255.255.255", kPriv, "private"},
    {"11.0.0.0", kPub, "public"},
    {"100.63.255.255", kPub, "public"},
    {"100.64.0.0", kPriv, "shared (carrier-grade NAT)"},
    {"100.127.255.255", kPriv, "shared (carrier-grade NAT)"},
    {"100.128.0.0", kPub, "public"},
    {"100.100.100.200", kForb, "cloud metadata"},
    {"126.255.255.255", kPub, "public"},
    {"127.0.0.1", kPriv, "loopback"},
    {"127.255.255.255", kPriv, "loopback"},
    {"128.0.0.0", kPub, "public"},
    {"168.63.129.16", kForb, "cloud metadata"},
    {"169.253.255.255", kPub, "public"},
    {"169.254.0.1", kForb, "link-local"},
    {"169.254.169.254", kForb, "cloud metadata"},
    {"169.254.170.2", kForb, "link-local"},
    {"169.255.0.0", kPub, "public"},
    {"172.15.255.255", kPub, "public"},
    {"172.16.0.0", kPriv, "private"},
    {"172.31.255.255", kPriv, "private"},
    {"172.32.0.0", kPub, "public"},
    {"192.0.0.8", kForb, "IETF protocol assignments"},
    {"192.0.0.192", kForb, "cloud metadata"},
    {"192.0.1.0", kPub, "public"},
    {"192.0.2.1", kPriv, "documentation"},
    {"192.31.196.1", kForb, "AS112"},
    {"192.52.193.1", kForb, "AMT"},
    {"192.88.99.1", kForb, "6to4 relay"},
    {"192.168.0.0", kPriv, "private"},
    {"192.168.255.255", kPriv, "private"},
    {"192.169.0.0", kPub, "public"},
    {"192.175.48.1", kForb, "AS112"},
    {"198.17.255.255", kPub, "public"},
    {"198.18.0.0", kPriv, "benchmarking"},
    {"198.19.255.255", kPriv, "benchmarking"},
    {"198.20.0.0", kPub, "public"},
    {"198.51.100.7", kPriv, "documentation"},
    {"203.0.113.7", kPriv, "documentation"},
    {"223.255.255.255", kPub, "public"},
    {"224.0.0.1", kForb, "multicast"},
    {"239.255.255.255", kForb, "multicast"},
    {"240.0.0.1", kForb, "reserved"},
    {"255.255.255.255", kForb, "reserved"},
    {"::", kForb, "unspecified"},
    {"::1", kPriv, "loopback"},
    {"::2", kForb, "IPv4-compatible"},
    {"::8.8.8.8", kForb, "IPv4-compatible"},
    {"::127.0.0.1", kForb, "IPv4-compatible"},
    {"::ffff:127.0.0.1", kPriv, "loopback"},
    {"::ffff:169.254.169.254", kForb, "cloud metadata"},
    {"::ffff:8.8.8.8", kPub, "public"},
    {"::ffff:0:127.0.0.1", kPriv, "loopback"},
    {"64:ff9b::127.0.0.1", kPriv, "loopback"},
    {"64:ff9b::10.1.2.3", kPriv, "private"},
    {"64:ff9b::169.254.169.254", kForb, "cloud metadata"},
    {"64:ff9b::8.8.8.8", kPub, "public"},
    {"64:ff9b:1::1", kForb, "local-use NAT64"},
    {"64:ff9b:2::1", kForb, "reserved"},
    {"100::1", kForb, "discard-only"},
    {"100:0:0:1::1", kForb, "dummy prefix"},
    {"2001::1", kForb, "Teredo"},
    {"2001:0:4136:e378:8000:63bf:3fff:fdd2", kForb, "Teredo"},
    {"2001:1::1", kForb, "IETF protocol assignments"},
    {"2001:2::1", kPriv, "benchmarking"},
    {"2001:10::1", kForb, "IETF protocol assignments"},
    {"2001:20::1", kForb, "IETF protocol assignments"},
    {"2001:200::1", kPub, "public"},
    {"2001:db8::1", kPriv, "documentation"},
    {"2001:4860:4860::8888", kPub, "public"},
    {"2002:7f00:1::", kForb, "6to4"},
    {"2002:808:808::1", kForb, "6to4"},
    {"2606:4700::1", kPub, "public"},
    {"2620:4f:8000::1", kForb, "AS112"},
    {"3fff::1", kPriv, "documentation"},
    {"3fff:fff::1", kPriv, "documentation"},
    {"3fff:1000::1", kPub, "public"},
    {"2a00:1450::5efe:7f00:1", kPriv, "loopback"},      // ISATAP
    {"2a00:1450::200:5efe:a01:203", kPriv, "private"},  // ISATAP
    {"4000::1", kForb, "reserved"},
    {"5f00::1", kForb, "segment routing"},
    {"fbff::1", kForb, "reserved"},
    {"fc00::1", kPriv, "unique local"},
    {"fdff:ffff::1", kPriv, "unique local"},
    {"fd00:ec2::254", kForb, "cloud metadata"},
    {"fd20:ce::254", kForb, "cloud metadata"},
    {"fe00::1", kForb, "reserved"},
    {"fe80::1", kForb, "link-local"},
    {"febf::1", kForb, "link-local"},
    {"fec0::1", kForb, "site-local"},
    {"ff02::1", kForb, "multicast"},
};

TEST(Address, EveryRange) {
  for (const Case& c : kCases) {
    const AddressVerdict verdict = Classify(Ip(c.address));
    EXPECT_EQ(verdict.kind, c.kind) << c.address;
    EXPECT_STREQ(verdict.name, c.name) << c.address;
  }
}

TEST(Address, ParsesStrictly) {
  IpAddress ip;
  for (const char* bad : {"", "1.2.3", "0x7f.0.0.1", "127.1", "2130706433", "01.2.3.4 ", "1.2.3.256", "::g",
                          "[::1]", "fe80::1%eth0", "1.2.3.4:80"}) {
    EXPECT_FALSE(IpAddress::Parse(bad, &ip)) << bad;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.2.3.4\0x", 9), &ip));
  EXPECT_EQ(Ip("127.0.0.1"), Ip("::ffff:7f00:1"));
  EXPECT_EQ(Ip("::ffff:127.0.0.1").ToString(), "127.0.0.1");
  EXPECT_EQ(Ip("2001:DB8:0::1").ToString(), "2001:db8::1");
}

TEST(Address, FromSocketAddress) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(443);
  inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr);
  IpAddress ip;
  uint16_t port = 0;
  ASSERT_TRUE(IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&in6), &ip, &port));
  EXPECT_EQ(ip, Ip("10.0.0.1"));
  EXPECT_EQ(port, 443);

  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&local), &ip, &port));
}

TEST(Address, Ranges) {
  EXPECT_TRUE(Ip("10.1.2.3").InRange(Ip("10.0.0.0"), 96 + 8));
  EXPECT_FALSE(Ip("11.1.2.3").InRange(Ip("10.0.0.0"), 96 + 8));
  EXPECT_TRUE(Ip("172.31.0.1").InRange(Ip("172.16.0.0"), 96 + 12));
  EXPECT_FALSE(Ip("172.32.0.1").InRange(Ip("172.16.0.0"), 96 + 12));
  EXPECT_TRUE(Ip("fd00::1").InRange(Ip("::"), 0));
  EXPECT_FALSE(Ip("10.1.2.3").InRange(Ip("::"), 0)) << "an IPv6 range says nothing of IPv4";
}

}  // namespace
}  // namespace capeai::net
