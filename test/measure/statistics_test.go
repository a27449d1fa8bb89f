package main

import "testing"

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		figures []float64
		want    spread
	}{
		{nil, spread{}},
		{[]float64{7}, spread{Median: 7, Min: 7, Max: 7, P95: 7, N: 1}},
		{[]float64{3, 1}, spread{Median: 2, Min: 1, Max: 3, P95: 3, N: 2}},
		{[]float64{3, 1, 2}, spread{Median: 2, Min: 1, Max: 3, P95: 3, N: 3}},
		{upTo(100), spread{Median: 50.5, Min: 1, Max: 100, P95: 95, N: 100}},
	} {
		if got := spreadOf(c.figures); got != c.want {
			t.Errorf("spread of %v: %+v, expected %+v", c.figures, got, c.want)
		}
	}
}

func upTo(n int) []float64 {
	var all []float64
	for i := n; i > 0; i-- {
		all = append(all, float64(i))
	}
	return all
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct{ q, want float64 }{{0, 1}, {0.25, 1}, {0.26, 2}, {0.5, 2}, {0.75, 3}, {0.99, 4}, {1, 4}} {
		if got := quantile([]float64{1, 2, 3, 4}, c.q); got != c.want {
			t.Errorf("quantile %v of 1 2 3 4: %v, expected %v", c.q, got, c.want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("quantile of nothing: %v, expected 0", got)
	}
}

func TestAddedIsTakenRoundByRound(t *testing.T) {
	base := agentRuns{cpu: []float64{10, 30}, wall: []float64{20, 60}}
	with := agentRuns{cpu: []float64{13, 33}, wall: []float64{25, 65}}
	added := with.minus(base).figures()
	if added.CPU.Min != 3 || added.CPU.Max != 3 || added.Wall.Median != 5 {
		t.Errorf("3 and 5 ms more in each round, found %+v", added)
	}
}
