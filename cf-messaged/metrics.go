package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/webhuis/cfengine-messages/queue"
)

// scrape bounds one answer with metrics, and a connection that says nothing.
const scrape = 5 * time.Second

// metrics serves what the listener counts in the text format of Prometheus, at
// /metrics (DESIGN.md section 9).
type metrics struct {
	reader *queue.Reader
	socket net.Listener
	server *http.Server
	ended  chan error
}

// checkMetrics tells what is wrong with the address as it is written.
func (c *Config) checkMetrics() error {
	if _, _, err := splitAddress(c.Metrics); c.Metrics != "" && err != nil {
		return fmt.Errorf("metrics: expected an address and a port, as 127.0.0.1:5314 or [::1]:5314, found %q", c.Metrics)
	}
	return nil
}

func splitAddress(text string) (netip.Addr, uint16, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	address, err := netip.ParseAddr(host)
	number, err2 := strconv.ParseUint(port, 10, 16)
	return address, uint16(number), errors.Join(err, err2)
}

// checkMetricsBind warns where others than this host can ask.
func checkMetricsBind(c Config) []finding {
	if c.Metrics == "" {
		return nil
	}
	what := "metrics " + c.Metrics
	if address, _, err := splitAddress(c.Metrics); err == nil && !address.IsLoopback() {
		return []finding{warning(what, "whoever reaches it sees how many messages there are, and what handlers run: bind 127.0.0.1, and have an agent of the monitoring ask there")}
	}
	return []finding{{What: what}}
}

// openMetrics binds, so that an address in use is an error, and serves; nil
// where the configuration names none.
func (s *service) openMetrics() (*metrics, error) {
	if s.config.Metrics == "" {
		return nil, nil
	}
	reader, err := queue.OpenReader(s.config.State)
	if err != nil {
		return nil, err
	}
	socket, err := net.Listen("tcp", s.config.Metrics)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: %w", err), reader.Close())
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &counted{service: s, reader: reader})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: scrape}))
	m := &metrics{reader: reader, socket: socket, ended: make(chan error, 1), server: &http.Server{
		Handler: mux, ReadTimeout: scrape, WriteTimeout: 2 * scrape, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}
	go func() { m.ended <- m.server.Serve(socket) }()
	return m, nil
}

// endpoint is where they are, "" where nowhere.
func (m *metrics) endpoint() string {
	if m == nil {
		return ""
	}
	return "http://" + m.socket.Addr().String() + "/metrics"
}

// close ends what is being answered with the time that it has.
func (m *metrics) close(ctx context.Context) error {
	if m == nil {
		return nil
	}
	err := m.server.Shutdown(ctx)
	if ended := <-m.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, m.reader.Close())
}
