#include "admin/stats_writer.h"

#include "admin/histogram_text.h"
#include "admin/json_writer.h"
#include "admin/stats_walk.h"

namespace remora::admin {
namespace {

using Pass = StatsWalk::Pass;

// "name: value" lines: counters and gauges in one order, then histograms, as Envoy lists them.
class TextWriter {
 public:
  TextWriter(Scopes scopes, StatsQuery query) : query_(std::move(query)), walk_(std::move(scopes), query_) {}

  bool write(std::string& piece) {
    const size_t enough = piece.size() + kPieceSize;
    while (piece.size() < enough) {
      if (walk_.next()) {
        for (const auto& item : walk_.items()) append(piece, item);
      } else if (pass_ == Pass::kCountersAndGauges) {
        walk_.start(pass_ = Pass::kHistograms);
      } else {
        return false;
      }
    }
    return true;
  }

 private:
  void append(std::string& out, const StatsWalk::Item& item) {
    if (pass_ == Pass::kCountersAndGauges) {
      out.append(item.name).append(": ").append(std::to_string(item.value)) += '\n';
      return;
    }
    const HistogramSnapshot histogram = item.scope->histogram(item.stat);
    if (histogram.count != 0 || !query_.used_only) append_histogram(out, item.name, histogram, query_);
  }

  StatsQuery query_;
  StatsWalk walk_;
  Pass pass_ = Pass::kCountersAndGauges;
};

// {"stats":[{"name":..,"value":..},...,{"histograms":{...}}]}
class StatsJsonWriter {
 public:
  StatsJsonWriter(Scopes scopes, StatsQuery query)
      : query_(std::move(query)),
        walk_(std::move(scopes), query_),
        json_(buffer_, JsonWriter::Style::kCompact) {
    json_.begin_object();
    json_.key("stats");
    json_.begin_array();
  }

  bool write(std::string& piece) {
    bool more = true;
    while (more && buffer_.size() < kPieceSize) more = step();
    piece += buffer_;
    buffer_.clear();
    return more;
  }

 private:
  bool step() {
    if (walk_.next()) {
      for (const auto& item : walk_.items()) append(item);
      return true;
    }
    if (pass_ == Pass::kCountersAndGauges) {
      walk_.start(pass_ = Pass::kHistograms);
      return true;
    }
    if (histograms_) end_histograms(json_, query_.buckets);
    json_.end_array();
    json_.end_object();
    return false;
  }

  void append(const StatsWalk::Item& item) {
    if (pass_ == Pass::kCountersAndGauges) {
      json_.begin_object();
      json_.member("name", item.name);
      json_.member("value", item.value);
      json_.end_object();
      return;
    }
    const HistogramSnapshot histogram = item.scope->histogram(item.stat);
    if (histogram.count == 0 && query_.used_only) return;
    if (!histograms_) begin_histograms(json_, query_.buckets);
    histograms_ = true;
    write_histogram(json_, item.name, histogram, query_);
  }

  StatsQuery query_;
  StatsWalk walk_;
  std::string buffer_;
  JsonWriter json_;
  Pass pass_ = Pass::kCountersAndGauges;
  bool histograms_ = false;
};

template <typename Writer>
PieceWriter piece_writer(Scopes scopes, StatsQuery query) {
  auto writer = std::make_shared<Writer>(std::move(scopes), std::move(query));
  return [writer](std::string& piece) { return writer->write(piece); };
}

}  // namespace

PieceWriter text_writer(Scopes scopes, StatsQuery query) {
  return piece_writer<TextWriter>(std::move(scopes), std::move(query));
}

PieceWriter json_writer(Scopes scopes, StatsQuery query) {
  return piece_writer<StatsJsonWriter>(std::move(scopes), std::move(query));
}

}  // namespace remora::admin
