package schemas

import (
	"encoding/json"
	"slices"
	"strings"
)

func (x explainer) choiceWords(choices []string) string {
	var words []string
	for _, pointer := range choices {
		choice, _ := lookup(x.doc, pointer)
		schema, _ := choice.(map[string]any)
		if w := x.words(schema, maxRefs); w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " or ")
}

// maxRefs ends a chain of $ref that leads in a circle.
const maxRefs = 8

// words names what a schema accepts: by its title, else its values, else its
// types. "" where it says none of them.
func (x explainer) words(schema map[string]any, refs int) string {
	if t := title(schema); t != "" {
		return t
	}
	if value, ok := schema["const"]; ok {
		return compact(value)
	}
	if values, ok := schema["enum"].([]any); ok {
		return "one of " + list(values, compact)
	}
	if types := typeWords(schema["type"]); types != "" {
		return types
	}
	if ref, ok := schema["$ref"].(string); ok && refs > 0 {
		target, _ := lookup(x.doc, pointerOf(strings.TrimPrefix(strings.TrimPrefix(ref, x.id), "#")))
		schema, _ := target.(map[string]any)
		return x.words(schema, refs-1)
	}
	return ""
}

// describe repeats the keyword that does not hold, unless words has told it.
func describe(keyword string, schema map[string]any) string {
	if title(schema) == "" && (keyword == "type" || keyword == "const" || keyword == "enum") {
		return ""
	}
	value, ok := schema[keyword]
	if !ok {
		return ""
	}
	if keyword == "type" {
		return "type " + typeWords(value)
	}
	switch v := value.(type) {
	case string:
		return keyword + " " + clean(v, maxText)
	case []any:
		return keyword + " " + clean(list(v, compact), maxText)
	}
	return keyword + " " + compact(value)
}

// title of the whole document is a heading, no description of a value.
func title(schema map[string]any) string {
	if _, whole := schema["$id"]; whole {
		return ""
	}
	t, _ := schema["title"].(string)
	return t
}

func typeWords(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case []any:
		return strings.Join(texts(t), " or ")
	}
	return ""
}

func list(values []any, word func(any) string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = word(v)
	}
	return strings.Join(words, ", ")
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return clean(string(b), maxFound*2)
}
