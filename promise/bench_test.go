package promise

import (
	"context"
	"io"
	"strings"
	"testing"
)

// BenchmarkServe is the conversation about one promise: validate and evaluate.
func BenchmarkServe(b *testing.B) {
	for _, bench := range []struct{ name, value string }{
		{"small", oldWire("x2gvdt0001")},
		{"4MiB", oldWire(strings.Repeat("x", 4<<20))},
		{"4MiB bytewise", newWire(strings.Repeat("é", 2<<20))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			attributes := `"do":"repair","say":"Sent host","comment":"who we are","handle":"h","ifelapsed":"0","value":` + bench.value
			promise := ask(opValidate, attributes) + ask(opEvaluate, attributes)
			s := Server{Name: "m", Version: "1", Type: brief{}}
			b.SetBytes(int64(len(promise)))
			b.ReportAllocs()
			conversation := io.MultiReader(strings.NewReader(greeting), &repeated{text: promise, left: b.N})
			b.ResetTimer()
			if err := s.Serve(b.Context(), conversation, io.Discard); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// brief answers as script does, without measuring what it got.
type brief struct{ script }

func (brief) Evaluate(_ context.Context, p Promise) Outcome {
	say, _ := p.Text("say", "")
	return Repaired(say).WithClasses("message_x_sent")
}

// repeated yields a text several times.
type repeated struct {
	text string
	at   int
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.left = 0, r.left-1
	}
	return n, nil
}
