package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestFramesAsTheLoadReadsThem(t *testing.T) {
	s := &stage{dir: t.TempDir()}
	file, err := s.writeFrames("frames", [][]byte{[]byte("one"), nil, []byte("three")})
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, frame := range []string{"one", "", "three"} {
		want = append(binary.NativeEndian.AppendUint32(want, uint32(len(frame))), frame...)
	}
	if got, err := os.ReadFile(file); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, expected %q", got, err, want)
	}
}

// answer is one as the load writes it.
func answer(i int, took float64, text string) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(i))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(text)))
	return append(binary.NativeEndian.AppendUint64(b, math.Float64bits(took)), text...)
}

func TestAnswersOfALoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answers")
	text := slices.Concat(answer(2, 30, "c"), answer(0, 99, "a"), answer(3, 20, ""))
	for data, want := range map[string]bool{string(text): true, string(text[:len(text)-1]): false, string(answer(4, 1, "e")): false} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		var r loadRun
		err := r.readAnswers(file, 4, 1)
		if (err == nil) != want {
			t.Errorf("%q: %v", data, err)
		}
		if want && (r.has != 2 || !slices.Equal(r.latencies, []float64{20, 30}) || string(r.answers[0]) != "a" || r.answers[1] != nil) {
			t.Errorf("answers 0, 2 and 3 of which 0 is of the warm-up: %+v", r)
		}
	}
}

func TestWordsOfALoad(t *testing.T) {
	c := cheap{frames: "f", connections: 16, window: 256, rate: 0.5, lasts: 1500 * time.Millisecond, warm: 7}
	if got := c.words("tcp://e", "a"); !slices.Equal(got, []string{"crowd", "tcp://e", "f", "16", "256", "0.5", "1.5", "7", "a"}) {
		t.Errorf("crowd: %q", got)
	}
	c.swarm = true
	if got := c.words("tcp://e", "a"); !slices.Equal(got, []string{"swarm", "tcp://e", "f", "256", "0.5", "1.5", "a"}) {
		t.Errorf("swarm: %q", got)
	}
}
