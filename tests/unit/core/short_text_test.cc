#include "registryd/core/short_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace registryd::core {
namespace {

TEST(ShortText, HoldsWhatItWasGivenAndAPointerWhenThatIsNothing) {
  EXPECT_EQ(sizeof(ShortText), sizeof(void*));
  ShortText text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text, "");
  const std::string with_zero("a\0b", 3);
  text = with_zero;
  EXPECT_EQ(std::string_view(text), std::string_view(with_zero));
  text = std::string(70'000, 'x');
  EXPECT_EQ(std::string_view(text).size(), 70'000u);
  text = "";
  EXPECT_TRUE(text.empty());
}

TEST(ShortText, CopiesAreDeepAndEqualByValue) {
  ShortText text = "eu-1";
  ShortText copy = text;
  EXPECT_EQ(copy, text);
  copy = "eu-2";
  EXPECT_NE(copy, text);
  EXPECT_EQ(text, std::string("eu-1"));
  // A part of itself.
  text = std::string_view(text).substr(3);
  EXPECT_EQ(text, "1");
  const ShortText moved = std::move(copy);
  EXPECT_EQ(moved, "eu-2");
}

}  // namespace
}  // namespace registryd::core
