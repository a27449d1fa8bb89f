package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webhuis/cfengine-messages/zmq"
)

// curveFigures are what CURVE costs both ends together, that is this process:
// client and server of this project's zmq, in processor time.
type curveFigures struct {
	Plain curveCosts `json:"plain"`
	Curve curveCosts `json:"curve"`

	ConnectionRatio float64 `json:"connection_curve_to_plain"`
	MessageRatio    float64 `json:"message_curve_to_plain"`
}

type curveCosts struct {
	Connection spread `json:"connection_cpu_us"` // a new client, one request and its answer
	Message    spread `json:"message_cpu_us"`    // one request more over that, and its answer
}

const (
	curveBytes  = 1024 // of a request, about what a host's envelope has
	curveWindow = 64   // requests under way
)

// curveRun is a server, and the clients for it.
type curveRun struct {
	endpoint            string
	client              zmq.ClientOptions
	connection, message []float64
}

func (s *stage) measureCurve(ctx context.Context) (f curveFigures, err error) {
	ctx, stop := context.WithCancel(ctx)
	var serving errgroup.Group
	defer func() {
		stop()
		if ended := serving.Wait(); err == nil {
			err = ended
		}
	}()
	runs := make([]*curveRun, 2)
	for i := range runs {
		if runs[i], err = serveCurve(ctx, i == 1, serving.Go); err != nil {
			return f, err
		}
	}
	for round := range s.CurveRounds + 1 {
		for _, r := range runs {
			if err := r.measure(ctx, s.Connections, s.Requests, round > 0); err != nil { // the first one warms up
				return f, err
			}
		}
		progress("CURVE", round, s.CurveRounds)
	}
	f.Plain, f.Curve = runs[0].costs(), runs[1].costs()
	f.ConnectionRatio, f.MessageRatio = f.Curve.Connection.Median/f.Plain.Connection.Median, f.Curve.Message.Median/f.Plain.Message.Median
	return f, nil
}

// serveCurve echoes requests; with CURVE it asks about each client's key.
func serveCurve(ctx context.Context, curve bool, goOn func(func() error)) (*curveRun, error) {
	r := new(curveRun)
	o := zmq.ServerOptions{Binds: []string{"tcp://127.0.0.1:0"}}
	if curve {
		secret, err := zmq.NewCurveSecret()
		if err != nil {
			return nil, err
		}
		public, err := zmq.CurvePublic(secret)
		if err != nil {
			return nil, err
		}
		o.Curve = &zmq.CurveServer{Secret: secret, Admits: func(client, _ string) bool { return client != "" }}
		r.client.Curve = &zmq.CurveClient{Server: public}
	}
	server, err := zmq.Listen(o)
	if err != nil {
		return nil, err
	}
	r.endpoint = server.Endpoints()[0]
	goOn(func() error { return server.Serve(ctx, func(q zmq.Request) { q.Reply(q.Payload) }) })
	return r, nil
}

func (r *curveRun) measure(ctx context.Context, connections, requests int, counts bool) error {
	payload := make([]byte, curveBytes)
	used := usedBy(syscall.RUSAGE_SELF)
	for range connections {
		c := zmq.NewClient(r.client)
		if _, err := c.Request(ctx, r.endpoint, payload); err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	connection := usedBy(syscall.RUSAGE_SELF) - used
	c := zmq.NewClient(r.client)
	defer c.Close()
	used = usedBy(syscall.RUSAGE_SELF)
	var sending errgroup.Group
	for range curveWindow {
		sending.Go(func() error {
			for range requests / curveWindow {
				if _, err := c.Request(ctx, r.endpoint, payload); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := sending.Wait()
	if message := usedBy(syscall.RUSAGE_SELF) - used; counts {
		r.connection = append(r.connection, perOne(connection, connections))
		r.message = append(r.message, perOne(message, requests/curveWindow*curveWindow))
	}
	return err
}

func perOne(d time.Duration, n int) float64 { return microseconds(d) / float64(n) }

func (r *curveRun) costs() curveCosts {
	return curveCosts{Connection: spreadOf(r.connection), Message: spreadOf(r.message)}
}

func (f curveFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n8. CURVE: CPU µs of both ends together, requests of %d bytes and their answers, %d rounds\n\n", curveBytes, f.Plain.Message.N)
	row(b, "", "new connection, one request", "one request more")
	row(b, "plain", f.Plain.Connection.text(0), f.Plain.Message.text(1))
	row(b, "CURVE, key asked about", f.Curve.Connection.text(0), f.Curve.Message.text(1))
	row(b, "CURVE / plain", ratio(f.ConnectionRatio), ratio(f.MessageRatio))
}
