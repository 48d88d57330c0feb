#include "table.hpp"
#include "text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace {

using ferry::cli::align;
using ferry::text::short_number;

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(align({{"a", "long", "c"}, {"longer", "b", ""}}), "a       long  c\nlonger  b\n");
  EXPECT_EQ(align({}), "");
}

TEST(Table, CountsCharactersAndNotBytes) { EXPECT_EQ(align({{"\xC3\xA4", "x"}, {"ab", "y"}}), "\xC3\xA4   x\nab  y\n"); }

TEST(Table, NumbersAreShort) {
  EXPECT_EQ(short_number(1.23456e-7), "1.23e-07");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(16777217, 17), "16777217");
  EXPECT_EQ(short_number(std::numeric_limits<double>::infinity()), "inf");
}

}  // namespace
