// A table for people: a header, one line for each row, columns aligned by spaces.
//
//   Table table({"ID", "HEALTH"});
//   table.AddRow({"i-1", "passing"});
//   std::cout << table.ToText();
//
// Cost: one pass over the cells. Not for millions of rows: all of them are held until ToText.
#pragma once

#include <string>
#include <vector>

namespace registry::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // As many cells as the header has. An empty cell is shown as "-", so that columns can be cut by
  // spaces.
  void AddRow(std::vector<std::string> cells);
  std::string ToText() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header is the first
};

// The text with control characters written as \xNN: what a service says of itself neither moves the
// cursor of a terminal nor breaks a line in two.
std::string Printable(const std::string& text);

}  // namespace registry::cli
