#include "translate/header_mutations.h"

#include "translate/matchers.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using ProtoEdit = envoy::config::common::mutation_rules::v3::HeaderMutation;
using Action = HeaderMutation::Action;

bool is_protected(std::string_view lower_case_name) {
  return lower_case_name.starts_with(':') || lower_case_name == "host";
}

Action to_action(const HeaderValueOption& option, Context& context) {
  if (option.has_append()) {
    if (option.append_action() != HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
      context.error("append", "cannot be set together with append_action");
    }
    return option.append().value() ? Action::kAppendOrAdd : Action::kOverwriteOrAdd;
  }
  switch (option.append_action()) {
    case HeaderValueOption::ADD_IF_ABSENT: return Action::kAddIfAbsent;
    case HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD: return Action::kOverwriteOrAdd;
    case HeaderValueOption::OVERWRITE_IF_EXISTS: return Action::kOverwriteIfExists;
    default: return Action::kAppendOrAdd;
  }
}

HeaderEdit to_header_edit(const ProtoEdit& edit, Context& context) {
  HeaderEdit out;
  switch (edit.action_case()) {
    case ProtoEdit::kRemove:
      out.mutation.remove.push_back(lower(edit.remove()));
      if (is_protected(out.mutation.remove.back()))
        context.error("remove", "'" + out.mutation.remove.back() + "' cannot be removed");
      break;
    case ProtoEdit::kAppend: {
      const auto scope = context.in("append");
      out.mutation.add.push_back(to_header_mutation(edit.append(), context));
      break;
    }
    case ProtoEdit::kRemoveOnMatch: {
      const auto match = context.in("remove_on_match");
      const auto scope = context.in("key_matcher");
      out.remove_matching = to_string_matcher(edit.remove_on_match().key_matcher(), context);
      break;
    }
    default: context.error("names no action");
  }
  return out;
}

}  // namespace

HeaderMutation to_header_mutation(const HeaderValueOption& option, Context& context) {
  HeaderMutation out;
  out.action = to_action(option, context);
  out.keep_empty_value = option.keep_empty_value();
  out.name = lower(option.header().key());
  const auto scope = context.in("header");
  if (is_protected(out.name))
    context.error("key", "'" + out.name + "' cannot be changed by a header mutation");
  auto format = Format::parse(option.header().value());
  if (format.ok()) {
    out.value = std::move(*format);
  } else {
    context.error("value", format.error().message);
  }
  return out;
}

HeaderMutations to_header_mutations(const HeaderOptions& add, std::string_view add_field,
                                    const HeaderNames& remove, std::string_view remove_field,
                                    Context& context) {
  HeaderMutations out;
  for (int i = 0; i < add.size(); ++i) {
    const auto scope = context.in(add_field, i);
    out.add.push_back(to_header_mutation(add[i], context));
  }
  for (int i = 0; i < remove.size(); ++i) {
    const auto scope = context.in(remove_field, i);
    out.remove.push_back(lower(remove[i]));
    if (is_protected(out.remove.back())) context.error("'" + out.remove.back() + "' cannot be removed");
  }
  return out;
}

std::vector<HeaderEdit> to_header_edits(const HeaderEditList& edits, std::string_view field,
                                        Context& context) {
  std::vector<HeaderEdit> out;
  for (int i = 0; i < edits.size(); ++i) {
    const auto scope = context.in(field, i);
    out.push_back(to_header_edit(edits[i], context));
  }
  return out;
}

}  // namespace remora::xds
