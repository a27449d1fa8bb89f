// Package schemas holds the JSON Schemas of this project and the registry that
// finds them, together with those that a site adds.
//
// A schema is the template of a container's content (DESIGN.md section 8). It
// lies in <id>/<version>.json, is written in JSON Schema 2020-12, and says with
// three keywords of its own what it is: x-kind, x-entity and x-unique. A
// published version never changes.
//
// Nothing is parsed before it is asked for, and nothing compiled before the
// first content is to be checked: the module must start fast. A content that
// surely fits is accepted by a plan of its schema (package plan), in one pass
// over its bytes. Whatever the plan leaves open, jsonschema v5 decides; it alone
// refuses, and what it says is put into words.
//
// Rules beyond JSON Schema, for built-in schemas and a site's alike:
//   - $ref leads into the same document; nothing is ever fetched.
//   - format is asserted, and a format that is not known is refused when the
//     document is loaded. JSON Schema leaves both open (2020-12 validation,
//     section 7), but a check that silently checks nothing helps nobody.
//   - pattern is Go's regular expression syntax (RE2), which always ends in
//     time linear to the text.
//   - title says in words what is expected ("string of digits"); it stands in
//     refusals.
package schemas
