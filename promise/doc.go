// Package promise speaks CFEngine's custom promise protocol, version 1 in its
// JSON form, so that a promise module can be written in Go. It knows nothing
// about any particular promise type: that is a [Type], two functions, and
// [Server] holds the conversation with cf-agent around it.
//
// A complete module:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"os"
//		"os/signal"
//		"syscall"
//
//		"github.com/webhuis/cfengine-messages/promise"
//	)
//
//	// directories makes the directory that the promiser names.
//	type directories struct{}
//
//	func (directories) Validate(_ context.Context, p promise.Promise) error {
//		return promise.UnknownAttributes(p)
//	}
//
//	func (directories) Evaluate(_ context.Context, p promise.Promise) promise.Outcome {
//		if _, err := os.Stat(p.Promiser); err == nil {
//			return promise.Kept()
//		}
//		if p.WarnOnly {
//			return promise.Warned("Directory " + p.Promiser + " should be made")
//		}
//		if err := os.Mkdir(p.Promiser, 0o755); err != nil {
//			return promise.NotKept(err.Error())
//		}
//		return promise.Repaired("Made directory " + p.Promiser)
//	}
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
//		defer stop()
//		out := os.Stdout
//		os.Stdout = os.Stderr // a stray fmt.Println must not reach the agent
//		server := promise.Server{Name: "directories_promise_module", Version: "1.0", Type: directories{}}
//		if err := server.Serve(ctx, os.Stdin, out); err != nil && ctx.Err() == nil {
//			fmt.Fprintln(os.Stderr, err)
//			os.Exit(1)
//		}
//	}
//
// In policy:
//
//	promise agent directories
//	{
//	  path => "$(sys.workdir)/modules/promises/directories";
//	}
//
// # What holds by construction
//
// Some answers make cf-agent report a "Bug in promise module", and a few crash
// it (mod_custom.c of CFEngine 3.21.0; the crashes stand in its master branch).
// An [Outcome] can only be made by [Kept], [Repaired], [NotKept] and [Warned] and
// carries its log lines, so that none of these can be built, whatever texts and
// class names go into it. A panic in a Type is an answer like any other.
//
// # Life of a module
//
// The agent starts one process per module path and run and talks to it until the
// run ends: header, then validate and evaluate for each promise, then terminate.
// It waits for every answer without limit: a Type bounds its own time. An agent
// that is killed says nothing, its end of the pipe is closed; the context given
// to the Type is then cancelled with [ErrAgentGone] as its cause. What must
// survive is to be on disk before Evaluate returns.
//
// Writing to an agent that is gone raises SIGPIPE, which ends a Go program whose
// standard output it is; a module that wants to tidy up first calls
// signal.Ignore(syscall.SIGPIPE) and gets the error from [Server.Serve].
// Panics in goroutines that a Type starts are beyond this package's reach.
package promise
