#include "cli/output/table.h"

#include <gtest/gtest.h>

namespace registry::cli {
namespace {

TEST(TableTest, AlignsColumnsAndEndsLinesWithoutSpaces) {
  Table table({"ID", "HEALTH", "ZONE"});
  table.AddRow({"i-1", "passing", "a"});
  table.AddRow({"a-long-id", "", "b"});
  EXPECT_EQ(table.ToText(),
            "ID         HEALTH   ZONE\n"
            "i-1        passing  a\n"
            "a-long-id  -        b\n");
}

TEST(TableTest, CountsCodePointsAndNotBytes) {
  Table table({"ZONE", "X"});
  table.AddRow({"zürich", "1"});
  table.AddRow({"berlin", "2"});
  EXPECT_EQ(table.ToText(), "ZONE    X\nzürich  1\nberlin  2\n");
}

TEST(TableTest, MissingCellsAreShown) {
  Table table({"A", "B"});
  table.AddRow({"1"});
  EXPECT_EQ(table.ToText(), "A  B\n1  -\n");
}

TEST(PrintableTest, ControlCharactersAreWrittenOut) {
  EXPECT_EQ(Printable("a\x1b[31mb\nc\x7f"), "a\\x1b[31mb\\x0ac\\x7f");
  EXPECT_EQ(Printable(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "A"),
            "\\xc2\\x9bA");  // CSI in one character
  EXPECT_EQ(Printable("grün \xC2\xA7 \xC2"), "grün \xC2\xA7 \xC2");
}

}  // namespace
}  // namespace registry::cli
