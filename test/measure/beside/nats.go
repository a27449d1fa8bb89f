package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// serveNATS runs one node with JetStream whose messages are fsynced before they
// are acknowledged (sync_interval: always), as a listener's are.
func serveNATS(ctx context.Context, folder string) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder, SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go s.Start()
	if !s.ReadyForConnections(patience) {
		return errors.New("the NATS server is not ready")
	}
	fmt.Printf("tcp://%s\n", s.Addr())
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

const subject = "host"

// newNATSClients makes a stream in a file, and connections to publish to it.
func newNATSClients(endpoint string, n int) (c clients, err error) {
	streams := make([]jetstream.JetStream, n)
	connections := make([]*nats.Conn, 0, n)
	c.close = func() {
		for _, is := range connections {
			is.Close()
		}
	}
	for i := range n {
		is, err := nats.Connect("nats://"+endpoint, nats.Timeout(patience))
		if err != nil {
			return c, err
		}
		connections = append(connections, is)
		if streams[i], err = jetstream.New(is); err != nil {
			return c, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = streams[0].CreateStream(ctx, jetstream.StreamConfig{Name: subject, Subjects: []string{subject}, Storage: jetstream.FileStorage})
	c.publish = func(client int, message []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := streams[client].Publish(ctx, subject, message)
		return err
	}
	return c, err
}
