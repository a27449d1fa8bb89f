package zmq

import (
	"sync"

	"github.com/pebbe/zmq4"
)

// answer is how one request ended.
type answer struct {
	route   route
	payload []byte
	send    bool  // false: ended without an answer
	size    int64 // of the request
}

// answers is the way from the handlers' goroutines to the one that has the listener's socket. The list is no longer
// than the number of open requests.
type answers struct {
	*waker

	mu      sync.Mutex
	waiting []answer
}

func newAnswers(zctx *zmq4.Context) (*answers, error) {
	w, err := newWaker(zctx)
	if err != nil {
		return nil, err
	}
	return &answers{waker: w}, nil
}

// put adds an answer; nobody takes it when Serve has ended.
func (a *answers) put(one answer) {
	a.mu.Lock()
	a.waiting = append(a.waiting, one)
	a.mu.Unlock()
	a.wake()
}

// take gives what has gathered since the last take. The next gathers in room, the list
// of a take before.
func (a *answers) take(room []answer) []answer {
	a.rest()
	a.mu.Lock()
	defer a.mu.Unlock()
	gathered := a.waiting
	a.waiting = room[:0]
	return gathered
}
