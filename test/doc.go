// Package test holds the whole-system stories: the two programs as they are
// built for users, the real cf-agent, real sockets and programs that others
// wrote. Each story is a script in testdata; what the scripts can say besides
// testscript's own commands is in harness_test.go.
package test
