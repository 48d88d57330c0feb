#include "adler32.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace {

using ferry::archive::adler32;

TEST(Adler32, IsThatOfPublishedTexts) {
  EXPECT_EQ(adler32(""), 1U);
  EXPECT_EQ(adler32("Wikipedia"), 0x11E60398U);
  EXPECT_EQ(adler32("123456789"), 0x091E01DEU);
}

TEST(Adler32, IsTakenModulo65521) {
  // 1 + 255 n and n + 255 n (n + 1) / 2, both modulo 65521.
  const std::uint64_t n = 100'000;
  const auto expected = (n + 255 * n * (n + 1) / 2) % 65521 << 16U | (1 + 255 * n) % 65521;
  EXPECT_EQ(adler32(std::string(n, '\xFF')), expected);
}

}  // namespace
