#include "crc32.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

namespace {

std::uint32_t of(std::string_view text) { return ferry::archive::crc32(std::as_bytes(std::span(text))); }

TEST(Crc32, IsThatOfTheCatalogue) {
  EXPECT_EQ(of("123456789"), 0xCBF43926U);  // "check" of CRC-32/ISO-HDLC
  EXPECT_EQ(of(""), 0U);
}

}  // namespace
