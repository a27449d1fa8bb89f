package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// signedFigures are what trust costs a listener: signed messages against the
// same unsigned ones, and CURVE, over connections that stay and over new ones.
type signedFigures struct {
	Clients int           `json:"clients"`
	Bare    serverFigures `json:"unsigned"`
	Signed  serverFigures `json:"signed"`
	Curve   serverFigures `json:"signed_over_curve"`

	Rate   int           `json:"connections_per_s"` // of what follows
	Kept   serverFigures `json:"kept_connection"`
	New    serverFigures `json:"new_connection_each"`
	NewKey serverFigures `json:"new_curve_connection_each"`

	Verify float64     `json:"verify_cpu_us"` // the signature alone, which is part of open
	Parts  partFigures `json:"parts"`

	SignedToBare  float64 `json:"signed_to_unsigned_rate"`
	CurveToSigned float64 `json:"curve_to_signed_rate"`
	Shares        shares  `json:"shares_of_signed_cpu"`
}

// shares are of the listener's processor time for a signed message over CURVE.
type shares struct {
	Verify   float64 `json:"verify"`
	Open     float64 `json:"rest_of_open"`
	Validate float64 `json:"validate"`
	Curve    float64 `json:"curve"` // beside a sealed receipt in the clear, which costs the seal
	Rest     float64 `json:"rest"`
}

const (
	signedClients = 256
	newPerSecond  = 300 // what 90,000 nodes do in 5 minutes
)

func (s *stage) measureSigned(ctx context.Context) (f signedFigures, err error) {
	signed, err := s.signed(ctx)
	if err != nil {
		return f, err
	}
	unsigned, err := bare(len(signed.frames))
	if err != nil {
		return f, err
	}
	cells, err := s.signedCells(signed, unsigned)
	if err != nil {
		return f, err
	}
	runs, err := s.rounds(ctx, "signed and unsigned", s.LoadRounds, cells)
	if err != nil {
		return f, err
	}
	f.Clients, f.Rate = signedClients, newPerSecond
	for i, to := range []*serverFigures{&f.Bare, &f.Signed, &f.Curve, &f.Kept, &f.New, &f.NewKey} {
		*to = serverFiguresOf(runs[i])
	}
	if f.Parts, err = s.measureParts(signed); err != nil {
		return f, err
	}
	f.Verify, err = s.measureVerify(signed)
	f.compare()
	return f, err
}

func (s *stage) signedCells(signed, unsigned envelopes) ([]cell, error) {
	frames, err := s.writeFrames("signed", signed.frames)
	if err != nil {
		return nil, err
	}
	bares, err := s.writeFrames("unsigned", unsigned.frames)
	if err != nil {
		return nil, err
	}
	crowd := cheap{frames: frames, connections: signedClients, window: signedClients, warm: signedClients, lasts: s.lasts}
	bareCrowd, kept, each := crowd, crowd, crowd
	bareCrowd.frames = bares
	kept.rate, each.rate, each.swarm, each.warm = newPerSecond, newPerSecond, true, 0
	const curve = "any"
	return []cell{
		{cheap: bareCrowd, envelopes: unsigned},
		{cheap: crowd, envelopes: signed},
		{cheap: crowd, envelopes: signed, serving: serving{curve: curve}},
		{cheap: kept, envelopes: signed},
		{cheap: each, envelopes: signed},
		{cheap: each, envelopes: signed, serving: serving{curve: curve}},
	}, nil
}

// measureVerify gives the processor time of a signature's check.
func (s *stage) measureVerify(e envelopes) (float64, error) {
	e = e.first(min(len(e.frames), partsOf))
	return each(len(e.frames), func(i int) error {
		signature, err := signatureOf(e.frames[i])
		if err != nil {
			return err
		}
		return s.pairs[i%len(s.pairs)].Public().VerifyPS256(e.frames[i][:bytes.LastIndexByte(e.frames[i], '.')], signature)
	})
}

func (f *signedFigures) compare() {
	f.SignedToBare, f.CurveToSigned = f.Signed.Rate.Median/f.Bare.Rate.Median, f.Curve.Rate.Median/f.Signed.Rate.Median
	all := f.Curve.CPU.Median
	f.Shares = shares{
		Verify: f.Verify / all, Open: (f.Parts.Open - f.Verify) / all, Validate: f.Parts.Validate / all,
		Curve: (all - f.Signed.CPU.Median + f.Parts.Seal) / all, // its receipts go without a seal
	}
	f.Shares.Rest = 1 - f.Shares.Verify - f.Shares.Open - f.Shares.Validate - f.Shares.Curve
}

func (f signedFigures) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n10. What trust costs a listener: %d messages under way over as many connections, %d rounds\n\n", f.Clients, f.Signed.Rate.N)
	columns(b, "", "messages/s", "CPU µs", "p50 µs", "p99 µs", "load's CPU µs")
	for _, line := range []struct {
		name string
		of   serverFigures
	}{
		{"unsigned", f.Bare},
		{"signed", f.Signed},
		{"signed, over CURVE", f.Curve},
	} {
		line.of.write(b, line.name)
	}
	row(b, "signed / unsigned, messages/s", ratio(f.SignedToBare), "")
	row(b, "CURVE / plain, messages/s", ratio(f.CurveToSigned), "")
	fmt.Fprintf(b, "   Of the listener's %.1f CPU µs over CURVE: signature %.0f %%, rest of opening %.0f %%, validating %.0f %%, CURVE %.0f %%, the rest %.0f %%.\n\n",
		f.Curve.CPU.Median, 100*f.Shares.Verify, 100*f.Shares.Open, 100*f.Shares.Validate, 100*f.Shares.Curve, 100*f.Shares.Rest)
	columns(b, fmt.Sprintf("%d messages a second", f.Rate), "messages/s", "CPU µs", "p50 µs", "p99 µs", "load's CPU µs")
	f.Kept.write(b, "over connections that are kept")
	f.New.write(b, "each over a new connection")
	f.NewKey.write(b, "each over a new one with CURVE")
	fmt.Fprintf(b, "   A new connection costs the listener %.0f CPU µs, with CURVE %.0f.\n",
		f.New.CPU.Median-f.Kept.CPU.Median, f.NewKey.CPU.Median-f.Kept.CPU.Median)
}

// write is a line of a table of loads.
func (s serverFigures) write(b *strings.Builder, name string) {
	columns(b, name, s.Rate.text(0), s.CPU.text(1), fmt.Sprintf("%.0f", s.P50.Median), fmt.Sprintf("%.0f", s.P99.Median), fmt.Sprintf("%.1f", s.Load.Median))
}
