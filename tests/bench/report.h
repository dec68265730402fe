// What was measured, as a table for the terminal, JSON, and one picture per workload.
//
//   Report report;
//   report.Add({.workload = "lookup of 10", .server = "etcd", .values = {...}});
//   report.Print();  report.Write("build/bench/results");      // results.json, table.txt, *.svg
//
// Ratios are to the first server of a workload, the do-nothing server where there is one.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace registryd::bench {

// One server under one workload, over the rounds.
struct Row {
  std::string workload;
  std::string server;
  std::string unit = "per second";
  std::vector<double> values;  // one a round
  double p50_us = 0;           // medians of the rounds; 0: does not apply
  double p99_us = 0;
  double p999_us = 0;
  double cpu_us_per_op = 0;  // of all processes of the server; 0: does not apply
  double Median() const;
  double Spread() const;  // (largest - smallest) / median
};

// How something grows: restart time over the number of instances, and the like.
struct Growth {
  std::string workload;
  std::string x_name;
  std::string y_name;
  std::map<std::string, std::vector<std::pair<double, double>>> series;
};

class Report {
 public:
  void Add(Row row) { rows_.push_back(std::move(row)); }
  void Add(Growth growth) { growths_.push_back(std::move(growth)); }
  // Of the machine and the versions, for whoever reads the numbers.
  void Note(const std::string& name, const std::string& value) { notes_.push_back({name, value}); }

  std::string Table() const;
  // Creates the folder.
  void Write(const std::string& folder) const;

 private:
  std::vector<std::vector<const Row*>> ByWorkload() const;
  std::vector<Row> rows_;
  std::vector<Growth> growths_;
  std::vector<std::pair<std::string, std::string>> notes_;
};

double Median(std::vector<double> values);

}  // namespace registryd::bench
