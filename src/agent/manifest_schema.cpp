// The published JSON Schema of a manifest. agents/manifest.schema.json is the
// same text; a unit test keeps them equal.
#include "agent/agent.hpp"

namespace capeai {

const char* ManifestSchemaText() {
  return R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Manifest of a capeai agent",
  "type": "object",
  "properties": {
    "$schema": {"description": "For editors", "type": "string", "maxLength": 1000},
    "slug": {
      "description": "The agent's name in SQL",
      "type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    },
    "name": {"description": "Its name for people", "type": "string", "minLength": 1, "maxLength": 200},
    "version": {
      "description": "Semantic version",
      "type": "string", "maxLength": 100,
      "pattern": "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})(-[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$"
    },
    "description": {"type": "string", "maxLength": 4000},
    "changelog": {"description": "What this version changed", "type": "string", "maxLength": 20000},
    "capabilities": {
      "description": "What it can do, for the catalogue",
      "type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 200}
    },
    "visibility": {"type": "string", "enum": ["private", "role", "public"]},
    "status": {"type": "string", "enum": ["draft", "published"]},
    "steps": {
      "description": "Which steps it takes; always in this order, generate_response among them",
      "type": "array", "minItems": 1,
      "items": {
        "type": "string",
        "enum": ["analyze_context", "retrieve_knowledge", "generate_response", "match_resources", "format_response"]
      }
    },
    "input_schema": {"description": "JSON Schema of the input", "type": "object"},
    "output_schema": {"description": "JSON Schema of the model's reply, in OpenAI's strict form", "type": "object"},
    "model": {
      "type": "object",
      "properties": {
        "name": {"description": "Default: capeai.model of the caller", "type": "string", "minLength": 1, "maxLength": 200},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 1000000}
      },
      "additionalProperties": false
    },
    "prompts": {
      "description": "Templates with {{placeholders}}",
      "type": "object",
      "properties": {
        "system": {"type": "string", "maxLength": 100000},
        "user": {"type": "string", "minLength": 1, "maxLength": 100000}
      },
      "additionalProperties": false
    },
    "knowledge": {
      "type": "object",
      "properties": {
        "collection": {"type": "string", "minLength": 1, "maxLength": 200},
        "function": {
          "description": "schema.function, called as f(query text, context jsonb)",
          "type": "string", "maxLength": 130, "pattern": "^[^.\\s]+\\.[^.\\s]+$"
        },
        "passages": {"type": "integer", "minimum": 1, "maximum": 50}
      },
      "additionalProperties": false
    },
    "unsupported_policy": {"type": "string", "enum": ["answer", "flag", "refuse"]},
    "redaction": {
      "description": "What is masked before anything is stored, sent or shown",
      "type": "object",
      "properties": {"input": {"$ref": "#/$defs/redaction"}, "output": {"$ref": "#/$defs/redaction"}},
      "additionalProperties": false
    },
    "retry_after_output": {"type": "boolean"},
    "prompt_token_budget": {
      "description": "Tokens for passages and earlier turns together",
      "type": "integer", "minimum": 200, "maximum": 1000000
    },
    "tests": {
      "description": "Test cases: input, and what is expected of the answer",
      "type": "array", "maxItems": 1000,
      "items": {
        "type": "object",
        "properties": {
          "name": {"description": "Unique in this agent", "type": "string", "minLength": 1, "maxLength": 200},
          "input": {"description": "As in capeai_submit_task", "type": "object"},
          "expect": {
            "type": "object",
            "properties": {
              "equals": {"description": "The whole response", "type": "string"},
              "contains": {"description": "All of these are in the response", "$ref": "#/$defs/texts"},
              "not_contains": {"description": "None of these is", "$ref": "#/$defs/texts"},
              "regex": {"description": "All of these match, in RE2's syntax", "$ref": "#/$defs/texts"},
              "json_schema": {"description": "The output satisfies it", "type": "object"},
              "cites": {"description": "URLs of documents that are cited", "$ref": "#/$defs/texts"},
              "grounded": {"type": "boolean"},
              "confidence_between": {
                "description": "Least and most of confidence_score",
                "type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number", "minimum": 0, "maximum": 1}
              },
              "format": {"type": "string", "enum": ["text", "steps", "checklist", "code"]},
              "refuses": {"type": "boolean"}
            },
            "minProperties": 1,
            "additionalProperties": false
          }
        },
        "required": ["name", "input", "expect"],
        "additionalProperties": false
      }
    }
  },
  "required": ["slug", "name", "version", "steps"],
  "additionalProperties": false,
  "$defs": {
    "redaction": {
      "type": "array", "minItems": 1, "maxItems": 50,
      "items": {
        "anyOf": [
          {"type": "string", "enum": ["email", "key", "card"]},
          {
            "type": "object",
            "properties": {
              "name": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,30}$"},
              "pattern": {"description": "A regular expression in RE2's syntax", "type": "string", "minLength": 1, "maxLength": 1000}
            },
            "required": ["name", "pattern"],
            "additionalProperties": false
          }
        ]
      }
    },
    "texts": {
      "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 10000},
        {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "string", "minLength": 1, "maxLength": 10000}}
      ]
    }
  }
}
)json";
}

}  // namespace capeai
