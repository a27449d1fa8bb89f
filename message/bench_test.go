package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func BenchmarkOpen(b *testing.B) {
	o := hubOpener()
	frame := sealed(b, hostContainer(b), hour(), node())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Open(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenBare(b *testing.B) {
	o := hubOpener()
	frame := hostContainer(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Open(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenListener(b *testing.B) {
	o := hubOpener()
	frame := receiptFrame(b, session(b, hub()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.OpenListener(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	container := hostContainer(b)
	b.ReportAllocs()
	for b.Loop() {
		sealed(b, container, hour(), node())
	}
}

func BenchmarkSessionSeal(b *testing.B) {
	k := session(b, hub())
	b.ReportAllocs()
	for b.Loop() {
		receiptFrame(b, k)
	}
}

func BenchmarkCheckJSON(b *testing.B) {
	list := `{"packages":[` + strings.Repeat(`{"name":"libc6","version":"2.36-9+deb12u4","size":12988},`, 100) + `{}]}`
	for _, text := range []string{hostContent, list} {
		b.Run(fmt.Sprint(len(text)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := CheckJSON([]byte(text), DefaultLimits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func session(tb testing.TB, h host) *SessionKey {
	tb.Helper()
	k, err := NewSessionKey(h.pair, noon, 48*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func receiptFrame(tb testing.TB, k *SessionKey) []byte {
	tb.Helper()
	frame, err := k.Seal(encoded(tb, Receipt{Status: Stored}.Container("m1")), hour())
	if err != nil {
		tb.Fatal(err)
	}
	return frame
}
