package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/webhuis/cfengine-messages/queue"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("cf_messaged_"+name, help, labels, nil)
}

// What metrics there are. A lag is in positions of the queue: messages, those of
// other schemas too.
var (
	metricMessages    = describe("messages_total", "Messages that were accepted since the start, by outcome: stored or duplicate.", "outcome")
	metricRefused     = describe("refused_total", "Messages that were refused since the start, by code.", "code")
	metricOver        = describe("over_limits_total", "Of the busy, those over per_sender or per_address, since the start.")
	metricUnburied    = describe("dead_letters_not_kept_total", "Refused messages that could not be kept as dead letters, since the start.")
	metricUnsent      = describe("receipts_unsent_total", "Receipts whose peer had gone or did not read, since the start.")
	metricWaiting     = describe("queue_waiting", "Messages that wait for their commit.")
	metricPosition    = describe("queue_position", "Position of the newest message in the queue.")
	metricQueued      = describe("queue_messages", "Messages that the queue holds.")
	metricLetters     = describe("dead_letters", "Dead letters that are kept.")
	metricLetterBytes = describe("dead_letter_bytes", "Bytes of the dead letters that are kept.")
	metricTruth       = describe("truth_position", "Position up to which the truth knows the queue.")
	metricTruthLag    = describe("truth_lag", "Messages in the queue that the truth does not know yet.")
	metricTruthUp     = describe("truth_up", "0 while something holds the truth up, else 1.")
	metricHandler     = describe("handler_position", "Position up to which a handler is done.", "schema", "handler")
	metricHandlerLag  = describe("handler_lag", "Messages in the queue that a handler has not looked at.", "schema", "handler")
	metricHandlerFail = describe("handler_failed_total", "Tries of a handler in vain, since the start.", "schema", "handler")
	metricHandlerUp   = describe("handler_up", "0 while something holds a handler up, else 1.", "schema", "handler")
	metricTrusted     = describe("trusted_keys", "Keys that are trusted.")
)

// counted collects them when they are asked for.
type counted struct {
	service *service
	reader  *queue.Reader
}

// Describe implements prometheus.Collector: the metrics are found by collecting.
func (c *counted) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *counted) Collect(to chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, float64(value), labels...)
	}
	counts := c.service.listener.Counts()
	say(metricMessages, prometheus.CounterValue, counts.Stored.Load(), "stored")
	say(metricMessages, prometheus.CounterValue, counts.Duplicate.Load(), "duplicate")
	for code, n := range counts.Refused() {
		say(metricRefused, prometheus.CounterValue, n, string(code))
	}
	say(metricOver, prometheus.CounterValue, counts.Over.Load())
	say(metricUnburied, prometheus.CounterValue, counts.Unburied.Load())
	var unsent int64
	for _, socket := range c.service.sockets {
		unsent += socket.Unsent()
	}
	say(metricUnsent, prometheus.CounterValue, unsent)
	say(metricTrusted, prometheus.GaugeValue, int64(len(c.service.trust.Keys())))
	say(metricWaiting, prometheus.GaugeValue, int64(c.service.queue.Stats().Waiting))
	c.positions(to, say)
}

// positions are those in the queue, and how far behind it everything else is.
// What is applied is read first: it can only be behind.
func (c *counted) positions(to chan<- prometheus.Metric, say func(*prometheus.Desc, prometheus.ValueType, int64, ...string)) {
	truth := c.service.truth.Status()
	ctx, cancel := context.WithTimeout(context.Background(), scrape)
	defer cancel()
	log, err := c.reader.Counts(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(metricPosition, err)
		return
	}
	say(metricPosition, prometheus.GaugeValue, log.Last)
	say(metricQueued, prometheus.GaugeValue, log.Messages)
	say(metricLetters, prometheus.GaugeValue, log.DeadLetters)
	say(metricLetterBytes, prometheus.GaugeValue, log.DeadLetterBytes)
	say(metricTruth, prometheus.GaugeValue, truth.Position)
	say(metricTruthLag, prometheus.GaugeValue, max(log.Last-truth.Position, 0))
	say(metricTruthUp, prometheus.GaugeValue, up(truth.Trouble))
	for schema, runners := range c.service.handlers.runners {
		for _, r := range runners {
			h := r.Status()
			say(metricHandler, prometheus.GaugeValue, h.Position, schema, h.Name)
			say(metricHandlerLag, prometheus.GaugeValue, max(log.Last-h.Position, 0), schema, h.Name)
			say(metricHandlerFail, prometheus.CounterValue, int64(h.Failed), schema, h.Name)
			say(metricHandlerUp, prometheus.GaugeValue, up(h.Trouble), schema, h.Name)
		}
	}
}

func up(trouble string) int64 {
	if trouble == "" {
		return 1
	}
	return 0
}
