#include "cli/output/line_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/sample.h"

namespace registry::cli {
namespace {

using ::testing::HasSubstr;

std::optional<std::string> Render(const std::string& text) {
  return LineTemplate::Parse(text)->Render(SampleInstance());
}

TEST(LineTemplateTest, FieldsOfTheFirstEndpoint) {
  EXPECT_EQ(Render("{{host}}:{{port}}"), "10.0.0.1:8080");
  EXPECT_EQ(Render("{{endpoint}} {{protocol}}."), "http .");
}

TEST(LineTemplateTest, FieldsOfANamedEndpoint) {
  EXPECT_EQ(Render("{{host:api}} {{port:api}} {{protocol:api}} {{endpoint:api}}"),
            "2001:db8::1 81 grpc api");
  EXPECT_EQ(Render("http://{{address:api}}/"), "http://[2001:db8::1]:81/");
}

TEST(LineTemplateTest, PlainFieldsAndLabels) {
  EXPECT_EQ(Render("{{namespace}}/{{service}}/{{id}} {{health}} {{version}} {{zone}} {{region}} "
                   "{{weight}}"),
            "shop/web/i-1 passing 1.4.2 eu-1 eu 10");
  EXPECT_EQ(Render("[{{label:env}}][{{label:absent}}]"), "[prod][]");
}

TEST(LineTemplateTest, EverythingElseIsCopied) {
  EXPECT_EQ(Render("a } b { c }} $x"), "a } b { c }} $x");
  EXPECT_EQ(Render("\"{{id}}\","), "\"i-1\",");
}

TEST(LineTemplateTest, NoLineWithoutTheEndpoint) {
  EXPECT_EQ(Render("{{id}} {{host:absent}}"), std::nullopt);
  EXPECT_EQ(LineTemplate::Parse("{{host}}")->Render(Instance()), std::nullopt);
}

TEST(LineTemplateTest, OneInstanceIsOneLine) {
  Instance instance = SampleInstance();
  instance.spec.labels["note"] = "a\nb";
  EXPECT_EQ(LineTemplate::Parse("{{label:note}}")->Render(instance), "a\\x0ab");
}

TEST(LineTemplateTest, WrongTemplatesAreRefused) {
  for (const char* bad : {"{{", "{{id", "{{}}", "{{ id }}", "{{ID}}", "{{hosts}}", "{{host:}}",
                          "{{label}}", "{{label:}}", "{{id:x}}", "{{id}} {{"}) {
    EXPECT_FALSE(LineTemplate::Parse(bad).ok()) << bad;
  }
  EXPECT_THAT(LineTemplate::Parse("{{ip}}").status().ToString(),
              HasSubstr("unknown field {{ip}}: use namespace, service"));
}

}  // namespace
}  // namespace registry::cli
