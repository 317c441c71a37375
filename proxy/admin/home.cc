#include "admin/commands.h"

namespace remora::admin {
namespace {

constexpr std::string_view kHead =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>Remora Admin</title>\n<style>\n"
    "body { font-family: sans-serif; margin: 2em; }\n"
    "td { padding: 4px 16px 4px 0; }\n"
    "form { margin: 0; }\n"
    "button { background: none; border: none; padding: 0; color: #069; font: inherit; cursor: pointer;"
    " text-decoration: underline; }\n"
    "</style>\n</head>\n<body>\n<table>\n<thead><tr><th>Command</th><th>Description</th></tr></"
    "thead>\n<tbody>\n";
constexpr std::string_view kTail = "</tbody>\n</table>\n</body>\n</html>\n";

// A link, or for what changes state a form, so that no link prefetched by a browser changes anything.
void append_row(const Command& command, std::string& out) {
  const std::string_view shown = command.path.substr(command.path == "/" ? 0 : 1);
  out += "<tr><td>";
  if (command.changes_state) {
    out.append("<form method=\"post\" action=\"").append(shown).append("\"><button>").append(shown);
    out += "</button></form>";
  } else {
    out.append("<a href=\"")
        .append(command.path == "/" ? "." : shown)
        .append("\">")
        .append(shown)
        .append("</a>");
  }
  out.append("</td><td>").append(command.help).append("</td></tr>\n");
}

}  // namespace

// Every text on it is a constant of ours; nothing needs escaping.
Response home(const Request&, AdminSources&) {
  std::string page(kHead);
  for (const Command& command : commands()) append_row(command, page);
  page += kTail;
  return {.content_type = kHtmlType, .body = std::move(page)};
}

}  // namespace remora::admin
