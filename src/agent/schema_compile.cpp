// Compiling a JSON Schema: every keyword checked, references resolved, patterns
// compiled, endless self-reference refused. Knows no instance.
#include <algorithm>
#include <cmath>
#include <map>

#include "agent/schema.hpp"
#include "agent/schema_node.hpp"

namespace capeai {
namespace {

constexpr size_t kMaxNodes = 10'000;         // more is no schema that a person wrote
constexpr int64_t kPatternMemory = 1 << 20;  // bytes of RE2 program for one pattern

const std::pair<const char*, unsigned> kTypeNames[] = {
    {"null", SchemaNode::kNull},     {"boolean", SchemaNode::kBoolean}, {"integer", SchemaNode::kInteger},
    {"number", SchemaNode::kNumber}, {"string", SchemaNode::kString},   {"array", SchemaNode::kArray},
    {"object", SchemaNode::kObject}};

class Compiler {
 public:
  explicit Compiler(const Json& source) : source_(source) {}

  std::shared_ptr<const SchemaProgram> Run() {
    NodeAt(source_, "", 0);
    // References are followed here and not where they stand: their chains may be longer than the stack.
    while (!pending_.empty()) {
      auto [node, target] = std::move(pending_.back());
      pending_.pop_back();
      node->ref = Resolve(target, node->pointer);
    }
    if (problems_.empty()) RefuseEndlessReference();
    return program_;
  }
  std::vector<SchemaProblem> TakeProblems() { return std::move(problems_); }

 private:
  using Setter = void (Compiler::*)(SchemaNode&, const Json&, const std::string&, int);
  static const std::map<std::string, Setter>& Keywords();

  void Problem(const std::string& pointer, std::string what) {
    if (problems_.size() < 100) problems_.push_back({pointer, std::move(what)});
  }

  // The node for `source`, compiled once however often it is referred to.
  SchemaNode* NodeAt(const Json& source, const std::string& pointer, int depth) {
    if (auto known = by_value_.find(source.get()); known != by_value_.end()) return known->second;
    program_->nodes.push_back(std::make_unique<SchemaNode>());
    SchemaNode* node = program_->nodes.back().get();
    node->pointer = pointer;
    by_value_[source.get()] = node;
    if (depth > Schema::kMaxNesting) {
      Problem(pointer, "is nested more than 64 levels deep");
    } else if (program_->nodes.size() > kMaxNodes) {
      if (program_->nodes.size() == kMaxNodes + 1) Problem(pointer, "the schema has more than 10000 parts");
    } else if (source.is_bool()) {
      node->always = *source.boolean();
    } else if (!source.is_object()) {
      Problem(pointer, "must be a schema: an object, true or false");
    } else {
      Fill(*node, source, pointer, depth);
    }
    return node;
  }

  void Fill(SchemaNode& node, const Json& source, const std::string& pointer, int depth) {
    const char* name;
    json_t* value;
    json_object_foreach(source.get(), name, value) {
      const std::string here = pointer + PointerStep(name);
      const auto keyword = Keywords().find(name);
      if (keyword == Keywords().end()) {
        Problem(here, std::string("keyword \"") + name + "\" is not supported" + Advice(name));
      } else if (keyword->second) {
        (this->*keyword->second)(node, Json::Share(value), here, depth + 1);
      }
    }
  }

  static std::string Advice(std::string_view name) {
    if (name == "additionalItems") return "; use prefixItems and items";
    if (name == "dependencies") return "; use dependentRequired";
    return "";
  }

  // --- one function for each shape of a keyword ---

  template <SchemaNode::Link SchemaNode::*member>
  void OneSchema(SchemaNode& node, const Json& value, const std::string& at, int depth) {
    node.*member = NodeAt(value, at, depth);
  }

  void Items(SchemaNode& node, const Json& value, const std::string& at, int depth) {
    if (value.is_array()) return Problem(at, "must be one schema; use prefixItems for a schema per place");
    node.items = NodeAt(value, at, depth);
  }

  template <std::vector<SchemaNode::Link> SchemaNode::*member>
  void SchemaList(SchemaNode& node, const Json& value, const std::string& at, int depth) {
    if (!value.is_array() || value.size() == 0) return Problem(at, "must be an array of one or more schemas");
    for (size_t i = 0; i < value.size(); ++i)
      (node.*member).push_back(NodeAt(value[i], at + PointerStep(std::to_string(i)), depth));
  }

  void Properties(SchemaNode& node, const Json& value, const std::string& at, int depth) {
    EachMember(value, at, [&](const char* name, const Json& schema, const std::string& here) {
      node.properties[name] = NodeAt(schema, here, depth);
    });
  }

  void PatternProperties(SchemaNode& node, const Json& value, const std::string& at, int depth) {
    EachMember(value, at, [&](const char* name, const Json& schema, const std::string& here) {
      if (auto pattern = MakePattern(name, here))
        node.pattern_properties.emplace_back(std::move(pattern), NodeAt(schema, here, depth));
    });
  }

  void Definitions(SchemaNode&, const Json& value, const std::string& at, int depth) {
    EachMember(value, at, [&](const char*, const Json& schema, const std::string& here) {
      NodeAt(schema, here, depth);
    });
  }

  void DependentRequired(SchemaNode& node, const Json& value, const std::string& at, int) {
    EachMember(value, at, [&](const char* name, const Json& names, const std::string& here) {
      if (auto list = Names(names, here)) node.dependent_required.emplace_back(name, std::move(*list));
    });
  }

  void Required(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (auto list = Names(value, at)) node.required = std::move(*list);
  }

  void Types(SchemaNode& node, const Json& value, const std::string& at, int) {
    const auto bit = [](const Json& name) -> unsigned {
      for (const auto& [text, type] : kTypeNames)
        if (name.string_or("") == text) return type;
      return 0;
    };
    if (value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i) {
        if (!bit(value[i])) return Problem(at + PointerStep(std::to_string(i)), "is not a JSON type's name");
        node.types |= bit(value[i]);
      }
    } else {
      node.types = bit(value);
    }
    if (!node.types)
      Problem(at, "must be null, boolean, integer, number, string, array or object, or an array of these");
  }

  void Enum(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (!value.is_array() || value.size() == 0) return Problem(at, "must be an array of one or more values");
    node.allowed.emplace();
    for (size_t i = 0; i < value.size(); ++i) {
      node.allowed->push_back(CanonicalJson(value[i]));
      if (i < 20) node.allowed_text += (i ? ", " : "") + value[i].Dump();
      if (i == 20) node.allowed_text += ", ...";
    }
  }

  void Const(SchemaNode& node, const Json& value, const std::string&, int) {
    node.constant = CanonicalJson(value);
  }

  void Ref(SchemaNode& node, const Json& value, const std::string& at, int) {
    const std::string target = value.string_or("");
    if (target != "#" && target.rfind("#/", 0) != 0)
      return Problem(at, "must be \"#\" or point into this schema, as in \"#/$defs/name\"");
    pending_.emplace_back(&node, target.substr(1));
  }

  void Pattern(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (!value.is_string()) return Problem(at, "must be a string");
    node.pattern = MakePattern(*value.string(), at);
  }

  void UniqueItems(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (!value.is_bool()) return Problem(at, "must be true or false");
    node.unique_items = *value.boolean();
  }

  template <std::optional<int64_t> SchemaNode::*member>
  void Count(SchemaNode& node, const Json& value, const std::string& at, int) {
    const auto count = value.integer();
    if (!count || *count < 0) return Problem(at, "must be a whole number, 0 or more");
    node.*member = *count;
  }

  template <std::optional<SchemaNumber> SchemaNode::*member>
  void Number(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (!value.is_number()) return Problem(at, "must be a number");
    node.*member = NumberOf(value.get());
  }

  void MultipleOf(SchemaNode& node, const Json& value, const std::string& at, int) {
    if (!value.is_number() || *value.number() <= 0) return Problem(at, "must be a number above 0");
    node.multiple_of = NumberOf(value.get());
  }

  void OnlyAtTop(SchemaNode&, const Json&, const std::string& at, int depth) {
    if (depth > 1) Problem(at, "is supported only at the top of the schema");
  }

  // --- what they share ---

  template <class F>
  void EachMember(const Json& value, const std::string& at, F use) {
    if (!value.is_object()) return Problem(at, "must be an object");
    const char* name;
    json_t* member;
    json_object_foreach(value.get(), name, member) use(name, Json::Share(member), at + PointerStep(name));
  }

  std::optional<std::vector<std::string>> Names(const Json& value, const std::string& at) {
    std::vector<std::string> names;
    bool good = value.is_array();
    for (size_t i = 0; good && i < value.size(); ++i) {
      good = value[i].is_string();
      if (good) names.push_back(*value[i].string());
    }
    if (good) return names;
    Problem(at, "must be an array of member names");
    return std::nullopt;
  }

  std::shared_ptr<const RE2> MakePattern(const std::string& text, const std::string& at) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemory);
    auto pattern = std::make_shared<const RE2>(text, options);
    if (pattern->ok()) return pattern;
    Problem(at, "is not a regular expression that RE2 can run: " + pattern->error());
    return nullptr;
  }

  // The node that the fragment `target` ("" or "/...") points to.
  SchemaNode* Resolve(const std::string& target, const std::string& from) {
    Json value = source_;
    int depth = 0;
    for (size_t at = 0; at < target.size() && value; ++depth) {
      const size_t end = std::min(target.find('/', at + 1), target.size());
      value = Step(value, Unescape(target.substr(at + 1, end - at - 1)));
      at = end;
    }
    if (value) return NodeAt(value, target, depth);
    Problem(from + "/$ref", "points to nothing in this schema");
    return nullptr;
  }

  static Json Step(const Json& value, const std::string& name) {
    if (value.is_object()) return value[name];
    if (name.empty() || name.size() > 6 || !std::all_of(name.begin(), name.end(), ::isdigit)) return {};
    return value[static_cast<size_t>(std::stoul(name))];
  }

  // Percent-decoding of a URI fragment, then ~1 and ~0 of a pointer.
  static std::string Unescape(const std::string& text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool hex = text[i] == '%' && i + 2 < text.size() &&
                       isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                       isxdigit(static_cast<unsigned char>(text[i + 2]));
      if (hex) {
        plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        plain += text[i];
      }
    }
    std::string out;
    for (size_t i = 0; i < plain.size(); ++i) {
      const bool escape =
          plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
      out += escape ? (plain[++i] == '0' ? '~' : '/') : plain[i];
    }
    return out;
  }

  // A schema that applies to a value only by way of itself would never end.
  void RefuseEndlessReference() {
    std::map<const SchemaNode*, int> state;  // 1: under way, 2: done
    for (const auto& root : program_->nodes) {
      std::vector<std::pair<const SchemaNode*, bool>> stack{{root.get(), false}};
      while (!stack.empty()) {
        auto [node, leaving] = stack.back();
        stack.pop_back();
        if (leaving) {
          state[node] = 2;
        } else if (state[node] == 1) {
          Problem(node->pointer, "refers to itself without end");
          return;
        } else if (state[node] == 0) {
          state[node] = 1;
          stack.emplace_back(node, true);
          for (const SchemaNode* next : InPlace(*node)) {
            if (state[next] == 1) return Problem(node->pointer, "refers to itself without end");
            if (state[next] == 0) stack.emplace_back(next, false);
          }
        }
      }
    }
  }

  // Schemas that are applied to the same value as `node`.
  static std::vector<const SchemaNode*> InPlace(const SchemaNode& node) {
    std::vector<const SchemaNode*> next;
    for (const auto* list : {&node.all_of, &node.any_of, &node.one_of})
      next.insert(next.end(), list->begin(), list->end());
    for (const SchemaNode* one : {node.negated, node.condition, node.then_branch, node.else_branch, node.ref})
      if (one) next.push_back(one);
    return next;
  }

  const Json source_;
  std::shared_ptr<SchemaProgram> program_ = std::make_shared<SchemaProgram>();
  std::map<json_t*, SchemaNode*> by_value_;
  std::vector<std::pair<SchemaNode*, std::string>> pending_;
  std::vector<SchemaProblem> problems_;
};

const std::map<std::string, Compiler::Setter>& Compiler::Keywords() {
  using C = Compiler;
  using N = SchemaNode;
  static const auto* table = new std::map<std::string, Setter>{
      {"type", &C::Types},
      {"enum", &C::Enum},
      {"const", &C::Const},
      {"allOf", &C::SchemaList<&N::all_of>},
      {"anyOf", &C::SchemaList<&N::any_of>},
      {"oneOf", &C::SchemaList<&N::one_of>},
      {"not", &C::OneSchema<&N::negated>},
      {"if", &C::OneSchema<&N::condition>},
      {"then", &C::OneSchema<&N::then_branch>},
      {"else", &C::OneSchema<&N::else_branch>},
      {"$ref", &C::Ref},
      {"$defs", &C::Definitions},
      {"definitions", &C::Definitions},  // the older name, also of plain "draft-07" schemas
      {"properties", &C::Properties},
      {"required", &C::Required},
      {"additionalProperties", &C::OneSchema<&N::additional_properties>},
      {"patternProperties", &C::PatternProperties},
      {"propertyNames", &C::OneSchema<&N::property_names>},
      {"dependentRequired", &C::DependentRequired},
      {"minProperties", &C::Count<&N::min_properties>},
      {"maxProperties", &C::Count<&N::max_properties>},
      {"items", &C::Items},
      {"prefixItems", &C::SchemaList<&N::prefix_items>},
      {"contains", &C::OneSchema<&N::contains>},
      {"minContains", &C::Count<&N::min_contains>},
      {"maxContains", &C::Count<&N::max_contains>},
      {"minItems", &C::Count<&N::min_items>},
      {"maxItems", &C::Count<&N::max_items>},
      {"uniqueItems", &C::UniqueItems},
      {"minLength", &C::Count<&N::min_length>},
      {"maxLength", &C::Count<&N::max_length>},
      {"pattern", &C::Pattern},
      {"minimum", &C::Number<&N::minimum>},
      {"maximum", &C::Number<&N::maximum>},
      {"exclusiveMinimum", &C::Number<&N::exclusive_minimum>},
      {"exclusiveMaximum", &C::Number<&N::exclusive_maximum>},
      {"multipleOf", &C::MultipleOf},
      {"$schema", &C::OnlyAtTop},
      {"$id", &C::OnlyAtTop},
      // Annotations: accepted and ignored.
      {"title", nullptr},
      {"description", nullptr},
      {"default", nullptr},
      {"examples", nullptr},
      {"format", nullptr},
      {"deprecated", nullptr},
      {"readOnly", nullptr},
      {"writeOnly", nullptr},
      {"$comment", nullptr},
      {"contentEncoding", nullptr},
      {"contentMediaType", nullptr},
  };
  return *table;
}

}  // namespace

std::variant<Schema, std::vector<SchemaProblem>> Schema::Compile(const Json& source) {
  if (!source) return std::vector<SchemaProblem>{{"", "there is no schema"}};
  const Json own = source.DeepCopy();
  Compiler compiler(own);
  auto program = compiler.Run();
  auto problems = compiler.TakeProblems();
  if (!problems.empty()) return problems;
  return Schema(std::move(program), own);
}

}  // namespace capeai
