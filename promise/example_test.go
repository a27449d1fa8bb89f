package promise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/webhuis/cfengine-messages/promise"
)

// settings promises what stands in a table.
type settings map[string]string

func (settings) Validate(_ context.Context, p promise.Promise) error {
	_, err := p.Text("value", "")
	return errors.Join(err, p.Require("value"), promise.UnknownAttributes(p, "value"))
}

func (s settings) Evaluate(_ context.Context, p promise.Promise) promise.Outcome {
	value, _ := p.Text("value", "") // Validate has seen it
	change := fmt.Sprintf("%s from '%s' to '%s'", p.Promiser, s[p.Promiser], value)
	switch {
	case s[p.Promiser] == value:
		return promise.Kept()
	case p.WarnOnly:
		return promise.Warned("Should set " + change)
	}
	s[p.Promiser] = value
	return promise.Repaired("Set " + change).WithClasses("settings_" + p.Promiser + "_changed")
}

// A conversation as cf-agent holds it.
func ExampleServer() {
	agent := `cf-agent 3.21.0 v1

{"attributes":{"valeu":"3"},"filename":"p.cf","line_number":4,"log_level":"info","operation":"validate_promise","promise_type":"settings","promiser":"retries"}

{"attributes":{"action_policy":"warn","value":"3"},"filename":"p.cf","line_number":5,"log_level":"info","operation":"evaluate_promise","promise_type":"settings","promiser":"retries"}

{"attributes":{"value":"3"},"filename":"p.cf","line_number":6,"log_level":"info","operation":"evaluate_promise","promise_type":"settings","promiser":"retries"}

{"operation":"terminate"}

`
	server := promise.Server{Name: "settings_promise_module", Version: "1.0", Type: settings{"retries": "2"}}
	if err := server.Serve(context.Background(), strings.NewReader(agent), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// settings_promise_module 1.0 v1 json_based action_policy
	//
	// log_error=attribute 'value' is missing (p.cf:4)
	// log_error=unknown attribute 'valeu', known are: value (p.cf:4)
	// {"operation":"validate_promise","promiser":"retries","result":"invalid"}
	//
	// log_warning=Should set retries from '2' to '3'
	// {"operation":"evaluate_promise","promiser":"retries","result":"not_kept"}
	//
	// log_info=Set retries from '2' to '3'
	// {"operation":"evaluate_promise","promiser":"retries","result":"repaired","result_classes":["settings_retries_changed"]}
	//
	// {"operation":"terminate","result":"success"}
}
