#include "tests/bench/report.h"

#include <algorithm>
#include <cctype>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace registryd::bench {
namespace {

std::string Format(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string Format(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  return buffer;
}

std::string FileName(const std::string& workload) {
  std::string name;
  for (const char c : workload) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else if (!name.empty() && name.back() != '-') {
      name.push_back('-');
    }
  }
  return name;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// 1234567 -> "1.23M"
std::string Short(double value) {
  if (value >= 1e6) return Format("%.3gM", value / 1e6);
  if (value >= 1e3) return Format("%.3gk", value / 1e3);
  return Format("%.3g", value);
}

constexpr int kWidth = 720;
const char* const kColours[] = {"#9aa0a6", "#1a73e8", "#188038", "#f29900", "#a142f4", "#d93025"};

std::string SvgHead(int height, const std::string& title) {
  return Format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
             "font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%%\" "
             "height=\"100%%\" fill=\"white\"/>\n",
             kWidth, height) +
         "<text x=\"12\" y=\"22\" font-size=\"15\">" + Escaped(title) + "</text>\n";
}

// A bar for each server, the median, with a line from the smallest to the largest round.
std::string Bars(const std::vector<const Row*>& rows) {
  double most = 0;
  for (const Row* row : rows) {
    most = std::max(most, *std::max_element(row->values.begin(), row->values.end()));
  }
  const int height = 44 + 34 * static_cast<int>(rows.size());
  std::string svg = SvgHead(height, rows[0]->workload + ", " + rows[0]->unit);
  const double scale = (kWidth - 300) / (most > 0 ? most : 1);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = *rows[i];
    const int y = 38 + 34 * static_cast<int>(i);
    const auto [low, high] = std::minmax_element(row.values.begin(), row.values.end());
    svg += Format("<text x=\"12\" y=\"%d\">%s</text>\n", y + 16, Escaped(row.server).c_str());
    svg += Format("<rect x=\"150\" y=\"%d\" width=\"%.1f\" height=\"22\" fill=\"%s\"/>\n", y,
                  row.Median() * scale, kColours[i % std::size(kColours)]);
    svg += Format("<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"black\"/>\n",
                  150 + *low * scale, y + 11, 150 + *high * scale, y + 11);
    svg += Format("<text x=\"%.1f\" y=\"%d\">%s</text>\n", 158 + *high * scale, y + 16,
                  Short(row.Median()).c_str());
  }
  return svg + "</svg>\n";
}

std::string Lines(const Growth& growth) {
  double most_x = 1;
  double most_y = 0;
  for (const auto& [name, points] : growth.series) {
    for (const auto& [x, y] : points) {
      most_x = std::max(most_x, x);
      most_y = std::max(most_y, y);
    }
  }
  if (most_y <= 0) most_y = 1;
  const int height = 380;
  const auto at_x = [&](double x) { return 80 + x / most_x * (kWidth - 240); };
  const auto at_y = [&](double y) { return 330 - y / most_y * 280; };
  std::string svg = SvgHead(height, growth.workload);
  svg += Format("<path d=\"M80 50V330H%d\" fill=\"none\" stroke=\"black\"/>\n", kWidth - 150);
  svg += "<text x=\"80\" y=\"365\">" + Escaped(growth.x_name) + ", up to " + Short(most_x) +
         "</text>\n<text x=\"12\" y=\"44\">" + Escaped(growth.y_name) + ", up to " + Short(most_y) +
         "</text>\n";
  size_t i = 0;
  for (const auto& [name, points] : growth.series) {
    const char* colour = kColours[(1 + i) % std::size(kColours)];
    std::string line;
    for (const auto& [x, y] : points) {
      line += Format("%s%.1f %.1f", line.empty() ? "M" : "L", at_x(x), at_y(y));
      svg += Format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", at_x(x), at_y(y),
                    colour);
      svg += Format("<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", at_x(x) + 6, at_y(y) - 6,
                    Short(y).c_str());
    }
    svg += "<path d=\"" + line + "\" fill=\"none\" stroke=\"" + colour + "\"/>\n";
    svg += Format("<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", kWidth - 140,
                  60 + 20 * static_cast<int>(i), colour, Escaped(name).c_str());
    ++i;
  }
  return svg + "</svg>\n";
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Row::Median() const { return bench::Median(values); }
double Row::Spread() const {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return Median() > 0 ? (*high - *low) / Median() : 0;
}

std::vector<std::vector<const Row*>> Report::ByWorkload() const {
  std::vector<std::vector<const Row*>> out;
  for (const Row& row : rows_) {
    if (out.empty() || out.back()[0]->workload != row.workload) out.emplace_back();
    out.back().push_back(&row);
  }
  return out;
}

std::string Report::Table() const {
  std::string out;
  for (const auto& [name, value] : notes_) out += name + ": " + value + "\n";
  out += Format("\n%-58s %-13s %12s %7s %9s %9s %9s %9s %7s\n", "workload", "server", "median",
                "spread", "p50 us", "p99 us", "p99.9 us", "cpu us/op", "ratio");
  for (const auto& rows : ByWorkload()) {
    for (const Row* row : rows) {
      const bool first = row == rows[0];
      out += Format("%-58s %-13s %12.6g %6.0f%% ", first ? row->workload.c_str() : "",
                    row->server.c_str(), row->Median(), 100 * row->Spread());
      out += row->p50_us > 0 ? Format("%9.0f %9.0f %9.0f ", row->p50_us, row->p99_us, row->p999_us)
                             : Format("%9s %9s %9s ", "-", "-", "-");
      out += row->cpu_us_per_op > 0 ? Format("%9.2f ", row->cpu_us_per_op) : Format("%9s ", "-");
      const double floor = rows[0]->Median();
      out += Format("%7.2f", floor > 0 ? row->Median() / floor : 0);
      out += row->unit == "per second" ? "\n" : "  " + row->unit + "\n";
    }
  }
  for (const Growth& growth : growths_) {
    out += "\n" + growth.workload + " (" + growth.y_name + " over " + growth.x_name + ")\n";
    for (const auto& [name, points] : growth.series) {
      for (const auto& [x, y] : points) {
        out += Format("  %-34s %12.0f %14.6g\n", name.c_str(), x, y);
      }
    }
  }
  return out;
}

void Report::Write(const std::string& folder) const {
  std::filesystem::create_directories(folder);
  nlohmann::ordered_json document;
  for (const auto& [name, value] : notes_) document[name] = value;
  document["rows"] = nlohmann::ordered_json::array();
  for (const Row& row : rows_) {
    document["rows"].push_back({{"workload", row.workload},
                                {"server", row.server},
                                {"unit", row.unit},
                                {"median", row.Median()},
                                {"rounds", row.values},
                                {"p50_us", row.p50_us},
                                {"p99_us", row.p99_us},
                                {"p999_us", row.p999_us},
                                {"cpu_us_per_op", row.cpu_us_per_op}});
  }
  for (const Growth& growth : growths_) {
    document["growth"].push_back({{"workload", growth.workload},
                                  {"x", growth.x_name},
                                  {"y", growth.y_name},
                                  {"series", growth.series}});
    std::ofstream(folder + "/" + FileName(growth.workload) + ".svg") << Lines(growth);
  }
  for (const auto& rows : ByWorkload()) {
    std::ofstream(folder + "/" + FileName(rows[0]->workload) + ".svg") << Bars(rows);
  }
  std::ofstream(folder + "/results.json") << document.dump(2) << "\n";
  std::ofstream(folder + "/table.txt") << Table();
}

}  // namespace registryd::bench
