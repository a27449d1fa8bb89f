// Command beside is what users would pick instead, for test/measure to set beside
// the listener: a NATS server with JetStream that syncs each message, and the
// clients that load it and an MQTT broker. It is a module of its own, so that no
// program of the project depends on any of this.
//
//	beside server FOLDER                            serves NATS, writes where, until it is told to end
//	beside nats ENDPOINT FRAMES CLIENTS SECONDS     publishes to JetStream, each client awaiting its acknowledgement
//	beside mqtt ENDPOINT FRAMES CLIENTS SECONDS     publishes with QoS 1, each client awaiting its PUBACK
//
// FRAMES is a file of test/measure's writeFrames. A load writes "ready" once all
// clients are connected, begins with the next line of input, and ends with
// "seconds S cpu C count N p50 µs p99 µs".
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "beside:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "server":
		return serveNATS(ctx, args[1])
	case len(args) == 5 && args[0] == "nats":
		return load(ctx, args[1:], newNATSClients)
	case len(args) == 5 && args[0] == "mqtt":
		return load(ctx, args[1:], newMQTTClients)
	}
	return fmt.Errorf("unknown words %q", args)
}

// patience bounds each step that waits for somebody else.
const patience = 30 * time.Second

// clients are connections of a kind, with a way to publish over each.
type clients struct {
	publish func(client int, message []byte) error // returns once it is acknowledged
	close   func()
}

func load(ctx context.Context, args []string, connect func(endpoint string, n int) (clients, error)) error {
	frames, err := readFrames(args[1])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(args[3], 64)
	if err != nil {
		return err
	}
	c, err := connect(strings.TrimPrefix(args[0], "tcp://"), n)
	if err != nil {
		return err
	}
	defer c.close()
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return publishAll(ctx, c, n, frames, time.Duration(seconds*float64(time.Second)))
}
