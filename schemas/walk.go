package schemas

import (
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Where a schema holds others (JSON Schema 2020-12 core, sections 8.2.4, 10 and 11).
// What lies elsewhere, as in const or examples, is data, whatever it looks like.
var (
	holdsOne  = []string{"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
	holdsList = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	holdsMap  = []string{"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)

// eachSchema visits a schema and all schemas in it, with their JSON pointers.
func eachSchema(v any, pointer string, visit func(schema map[string]any, pointer string)) {
	schema, ok := v.(map[string]any)
	if !ok {
		return
	}
	visit(schema, pointer)
	for _, keyword := range holdsOne {
		eachSchema(schema[keyword], pointer+"/"+keyword, visit)
	}
	for _, keyword := range holdsList {
		list, _ := schema[keyword].([]any)
		for i, item := range list {
			eachSchema(item, pointer+"/"+keyword+"/"+itoa(i), visit)
		}
	}
	for _, keyword := range holdsMap {
		members, _ := schema[keyword].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			eachSchema(members[name], pointer+"/"+keyword+"/"+escape(name), visit)
		}
	}
}

func knownFormat(format string) bool {
	_, ok := jsonschema.Formats[format]
	return ok
}

func formats() string {
	return strings.Join(slices.Sorted(maps.Keys(jsonschema.Formats)), ", ")
}
