package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/webhuis/cfengine-messages/schemas"
)

// schemaLine is a schema as programs read it (DESIGN.md section 9).
type schemaLine struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Entity  any    `json:"entity"` // as in x-entity: the text sender, or a list of properties
	Title   string `json:"title"`
	File    string `json:"file"`
}

func newSchemaLine(s *schemas.Schema) schemaLine {
	line := schemaLine{ID: s.ID, Version: s.Version, Kind: string(s.Kind), Entity: s.Entity.Properties, Title: s.Title, File: s.File}
	if s.Entity.Sender {
		line.Entity = "sender"
	}
	return line
}

// differenceLine is a difference as programs read it.
type differenceLine struct {
	Way     schemas.Way `json:"way"`
	Verdict string      `json:"verdict"` // incompatible, or undecided
	Pointer string      `json:"pointer"`
	Why     string      `json:"why"`
	WayOut  string      `json:"way_out"`
}

func newDifferenceLine(d schemas.Difference) differenceLine {
	line := differenceLine{Way: d.Way, Verdict: "incompatible", Pointer: d.Pointer, Why: d.Why, WayOut: d.WayOut}
	if d.Undecided {
		line.Verdict = "undecided"
	}
	return line
}

func schemaCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "schema",
		Short: "The schemas: which there are, what they say, and whether a new version is compatible",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("schema: list, show or check? See cf-messaged schema --help")}
		},
	}
	c.AddCommand(schemaListCommand(f), schemaShowCommand(f), schemaCheckCommand())
	return c
}

// openSchemas finds the built-in schemas and the site's. A schema or a feed
// that is at fault keeps nobody from looking at the others.
func openSchemas(f *flags) (*schemas.Registry, error) {
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	r, err := schemas.NewRegistry(config.schemaFolders()...)
	if err != nil {
		return nil, usageError{err}
	}
	return r, nil
}

func (c *Config) schemaFolders() []string {
	if c.Schemas == "" {
		return nil
	}
	return []string{c.Schemas}
}

func schemaListCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the schemas, the site's among them",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := openSchemas(f)
			if err != nil {
				return err
			}
			return schemaList(r, lines(c), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "an object a line")
	return c
}

// schemaList lists what there is, and fails where something cannot be used.
func schemaList(r *schemas.Registry, out io.Writer, asJSON bool) error {
	all, faults := r.All()
	rows := [][]string{{"ID", "VERSION", "KIND", "ENTITY", "TITLE"}}
	for _, s := range all {
		line := newSchemaLine(s)
		if asJSON {
			if err := writeJSON(out, line); err != nil {
				return err
			}
			continue
		}
		entity := "sender"
		if !s.Entity.Sender {
			entity = strings.Join(s.Entity.Properties, ",")
		}
		rows = append(rows, []string{line.ID, line.Version, line.Kind, entity, line.Title})
	}
	if !asJSON {
		if err := table(out, rows); err != nil {
			return err
		}
	}
	return faults
}

func schemaShowCommand(f *flags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show ID [VERSION]",
		Short:   "Print a schema's document, of the newest version unless one is named",
		Example: "  cf-messaged schema show host | jq .examples[0]",
		Args:    usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := openSchemas(f)
			if err != nil {
				return err
			}
			s, err := r.Find(args[0], append(args, "")[1])
			if err != nil {
				return err
			}
			return schemaShow(s, lines(c), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "in one line")
	return c
}

func schemaShow(s *schemas.Schema, out io.Writer, asJSON bool) error {
	document := append(bytes.TrimSuffix(s.Document, []byte("\n")), '\n')
	if asJSON {
		var line bytes.Buffer
		if err := json.Compact(&line, s.Document); err != nil {
			return fmt.Errorf("%s: %w", s.File, err)
		}
		document = append(line.Bytes(), '\n')
	}
	_, err := out.Write(document)
	return err
}

func schemaCheckCommand() *cobra.Command {
	var asJSON bool
	var way string
	c := &cobra.Command{
		Use:   "check OLD NEW",
		Short: "Tell whether a new version of a schema is compatible with the old one",
		Long: `check compares two files: contents of the old version under the new one (backward),
and contents of the new version under the old one (forward). Where both hold, nodes and
listeners may be brought up to date in any order. Where backward alone holds, bring the new
version to the listeners before the nodes: --way backward asks for no more than that.
What it cannot judge is undecided and never called compatible.

Exit codes: 0 compatible, 1 incompatible or undecided, 2 usage, or no two versions of one schema.`,
		Example: "  cf-messaged schema check disks/1.0.json disks/1.1.json",
		Args:    usageArgs(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if way != "both" && way != string(schemas.Backward) && way != string(schemas.Forward) {
				return usageError{fmt.Errorf("--way: expected both, backward or forward, found %q", way)}
			}
			return schemaCheck(args[0], args[1], way, lines(c), asJSON)
		},
	}
	c.Flags().StringVar(&way, "way", "both", "which way to check: both, backward or forward")
	c.Flags().BoolVar(&asJSON, "json", false, "a difference a line, as an object")
	return c
}

// schemaCheck prints the differences of a way and fails where there are any.
func schemaCheck(oldFile, newFile, way string, out io.Writer, asJSON bool) error {
	was, err := readSchema(oldFile)
	if err != nil {
		return usageError{err}
	}
	is, err := readSchema(newFile)
	if err != nil {
		return usageError{err}
	}
	differences, err := schemas.Compatible(was.Document, is.Document)
	if err != nil {
		return usageError{fmt.Errorf("schema check: %w", err)}
	}
	found := 0
	for _, d := range differences {
		if way != "both" && way != string(d.Way) {
			continue
		}
		found++
		if err := writeDifference(out, newDifferenceLine(d), asJSON); err != nil {
			return err
		}
	}
	if found > 0 {
		return fmt.Errorf("%s %s and %s are not known to be compatible (%s), differences: %d", was.ID, was.Version, is.Version, way, found)
	}
	if !asJSON {
		_, err = fmt.Fprintf(out, "%s %s and %s are compatible (%s)\n", was.ID, was.Version, is.Version, way)
	}
	return err
}

func writeDifference(out io.Writer, d differenceLine, asJSON bool) error {
	if asJSON {
		return writeJSON(out, d)
	}
	_, err := fmt.Fprintf(out, "%-9s%-13s%s: %s\n%22s%s\n", d.Way, d.Verdict, visible(orText(d.Pointer, "the whole")), visible(d.Why), "", visible(d.WayOut))
	return err
}

// maxSchemaFile is more than a registry takes.
const maxSchemaFile = 1 << 20

func readSchema(file string) (*schemas.Schema, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, maxSchemaFile+1))
	if err != nil {
		return nil, err
	}
	if len(document) > maxSchemaFile {
		return nil, fmt.Errorf("%s: larger than %d KiB, no schema is", file, maxSchemaFile>>10)
	}
	return schemas.Parse(file, document)
}
