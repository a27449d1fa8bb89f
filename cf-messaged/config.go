package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// defaultConfig is the annotated configuration that init writes and that run
// uses where there is no file.
//
//go:embed cf-messaged.yaml
var defaultConfig []byte

const defaultConfigFile = "/etc/cf-messaged/cf-messaged.yaml"

// Config is the configuration file as written (DESIGN.md section 9). What was
// left out has its default once it is loaded.
type Config struct {
	State     string          `yaml:"state"`
	Keys      string          `yaml:"keys"`
	Schemas   string          `yaml:"schemas"`
	Views     string          `yaml:"views"`
	Listeners []Socket        `yaml:"listeners"`
	Feeds     map[string]Feed `yaml:"feeds"`
	Limits    Limits          `yaml:"limits"`
	Publish   Publish         `yaml:"publish"`
	Metrics   string          `yaml:"metrics"` // an address and a port for Prometheus; "" is nowhere

	file string // where it was read, for messages; empty for the embedded one
}

// flags override single settings of the file.
type flags struct {
	config string
	state  string
	keys   string
	bind   []string
}

// load reads the configuration; a fault in it is a usage error.
func (f flags) load() (Config, error) {
	c, err := loadConfig(f)
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// loadConfig reads the file named by the flags, else the default file, else
// the embedded configuration, and puts the flags over it. It touches nothing
// else. All faults are told at once.
func loadConfig(f flags) (Config, error) {
	data, file, err := configBytes(f.config)
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(data)
	c.file = file
	if err == nil {
		c.complete(f)
		err = c.check()
	}
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", c.name(), err)
	}
	return c, nil
}

func configBytes(file string) ([]byte, string, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("configuration: %w; make one with cf-messaged init --config %s", err, file)
		}
		return data, file, err
	}
	data, err := os.ReadFile(defaultConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return defaultConfig, "", nil
	}
	return data, defaultConfigFile, err
}

// name is how people find it.
func (c *Config) name() string {
	if c.file == "" {
		return "embedded configuration"
	}
	return c.file
}

// parseConfig reads YAML. Unknown keys, keys that occur twice and values of
// the wrong type are errors with line and column.
func parseConfig(data []byte) (c Config, err error) {
	defer func() { // goccy/go-yaml v1.19.2 panics on a tag where a list is wanted
		if fault := recover(); fault != nil {
			err = fmt.Errorf("no configuration: the YAML cannot be read (%v)", fault)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	err = d.Decode(&c)
	if errors.Is(err, io.EOF) {
		return c, errors.New("empty: cf-messaged init --print shows one that is not")
	}
	if err != nil {
		return c, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, errors.New("something follows after ---: a configuration is one YAML document")
	}
	return c, nil
}

// complete puts the flags over what is written, and defaults under it.
func (c *Config) complete(f flags) {
	if len(f.bind) > 0 {
		c.Listeners = []Socket{{Pattern: patternRequest, Bind: f.bind}}
	}
	c.State = first(f.state, c.State, "/var/lib/cf-messaged")
	c.Keys = first(f.keys, c.Keys)
	if c.Keys == "" {
		c.Keys = defaultKeys()
	}
	c.Limits.complete()
}

func first[T ~string](texts ...T) T {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// check finds what is wrong and can be seen without touching anything.
func (c *Config) check() error {
	var faults []error
	for i, s := range c.Listeners {
		faults = append(faults, s.check(i))
	}
	if len(c.Listeners) == 0 {
		faults = append(faults, errors.New("listeners: none; name at least one, as - {pattern: request, bind: [tcp://127.0.0.1:5309]}"))
	}
	_, err := c.feeds(senders{})
	faults = append(faults, err, c.checkHandlers(), c.checkWants(), c.checkKeep(), c.checkEnrolled(), c.checkPublish(), c.checkMetrics())
	return errors.Join(append(faults, c.checkLimits())...)
}

// defaultKeys is the folder of CFEngine's keys: Debian's package has another
// work directory than CFEngine's own packages.
func defaultKeys() string {
	for _, work := range []string{os.Getenv("CFENGINE_TEST_OVERRIDE_WORKDIR"), "/var/cfengine", "/var/lib/cfengine3"} {
		keys := filepath.Join(work, "ppkeys")
		if _, err := os.Stat(filepath.Join(keys, "localhost.priv")); work != "" && err == nil {
			return keys
		}
	}
	return "/var/cfengine/ppkeys"
}

// restart names the settings in which a new configuration differs from the
// one that a listener runs by, as far as only another start takes them over.
func (c *Config) restart(next Config) []string {
	var names []string
	for _, setting := range []struct {
		name      string
		was, will any
	}{
		{"state", c.State, next.State},
		{"keys", c.Keys, next.Keys},
		{"listeners", c.Listeners, next.Listeners},
		{"limits", c.Limits, next.Limits},
		{"views", c.Views, next.Views},
		{"publish", c.Publish, next.Publish},
		{"metrics", c.Metrics, next.Metrics},
		{"handlers", c.allHandlers(), next.allHandlers()},
	} {
		if !reflect.DeepEqual(setting.was, setting.will) {
			names = append(names, setting.name)
		}
	}
	return names
}
