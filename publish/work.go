package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/webhuis/cfengine-messages/hostkey"
	"github.com/webhuis/cfengine-messages/message"
	"github.com/webhuis/cfengine-messages/view"
)

const (
	// restShare is how many times as long as an answer took the rest after it is, so
	// that many answers take a quarter of one processor.
	restShare = 3
	// sendTime bounds the hand-over of a publication, which waits for no subscriber.
	sendTime = 5 * time.Second
	// overhead is what a publication has around its view's data, and more.
	overhead = 1 << 10
)

// run does one job after another, until Close.
func (p *Publisher) run(send Send) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for p.ctx.Err() == nil {
		p.look()
		j, ok := p.next()
		if !ok {
			select {
			case <-p.woken:
			case <-tick.C:
			case <-p.ctx.Done():
			}
			continue
		}
		began := time.Now()
		if err := p.publish(j, send); err != nil && p.ctx.Err() == nil {
			p.tell(j, err)
		}
		took := time.Since(began)
		p.mu.Lock()
		j.spent += took
		p.mu.Unlock()
		p.rest(restShare * took)
	}
}

func (p *Publisher) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
	}
}

// next finds the job whose turn it is: that of the view that took the least time, so
// that a slow one does not hold up the others.
func (p *Publisher) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.editions, func(a, b *edition) int { return cmp.Compare(a.spent, b.spent) })
	for _, e := range p.editions {
		if j, ok := e.next(p.wanted[e.view.Name]); ok {
			return j, true
		}
	}
	for _, e := range p.editions {
		e.spent = 0
	}
	p.idle = true
	return job{}, false
}

// publish tells a host what its view says, where it may know and does not yet. Who
// is not meant is passed over as if it had not subscribed, who is not trusted until
// it is.
func (p *Publisher) publish(j job, send Send) error {
	key, trusted := p.options.Keys(j.host)
	if !trusted {
		p.miss(j)
		return nil
	}
	if !j.view.For.Allows(j.host) {
		return nil
	}
	now := p.options.Now()
	data, err := p.ask(j)
	if err != nil {
		return err
	}
	is := digest(sha256.Sum256(data))
	was, at, err := p.memory.last(j.view.Name, j.host)
	if err != nil || is == was && p.heard(j.why, at) {
		return err
	}
	publication := message.Publication{View: message.View{Name: j.view.Name, Data: data}, For: j.host, MadeAt: now}
	frame, err := p.frame(publication, key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, sendTime)
	defer cancel()
	if err := send(ctx, publication.Topic(), frame); err != nil {
		return err
	}
	return p.memory.told(j.view.Name, j.host, is, now)
}

// heard tells whether a host need not be told once more what it was told then. What
// was told since our start went to who subscribed then, and who comes now is another.
func (p *Publisher) heard(why reason, at int64) bool {
	return why == changed || why == again && at < p.began.Unix()
}

// frame is a publication as only its host can read it.
func (p *Publisher) frame(publication message.Publication, key *hostkey.PublicKey) ([]byte, error) {
	c := publication.Container()
	if err := message.CheckJSON(c.Content, p.options.Limits); err != nil {
		return nil, fmt.Errorf("no listener of these limits would take it: %w", err)
	}
	envelope, err := p.options.Seal(c, publication.For)
	if err != nil {
		return nil, err
	}
	return message.Encrypt(envelope, key)
}

// ask gives what the view says to the host now. What is the same for all hosts is
// asked for once.
func (p *Publisher) ask(j job) (json.RawMessage, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	if j.view.PerHost() {
		return p.runner.Run(p.ctx, j.view.Name, j.host, nil)
	}
	p.mu.Lock()
	answer, changes := j.answer, j.changes
	p.mu.Unlock()
	if answer != nil {
		return answer, nil
	}
	answer, err := p.runner.Run(p.ctx, j.view.Name, j.host, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case j.changes != changes: // meanwhile: it is asked for once more
	case err != nil:
		j.giveUp() // it would be the same for all
	default:
		j.answer = answer
	}
	return answer, err
}

// open has the runner answer the newest views.
func (p *Publisher) open() error {
	p.mu.Lock()
	set := p.views
	p.mu.Unlock()
	if set == p.asked {
		return nil
	}
	var err error
	if p.runner != nil {
		err = p.runner.Close()
	}
	limits := view.Limits{Bytes: max(1, p.options.Limits.Size-overhead), Readers: 1}
	p.runner, p.asked = view.NewRunner(set, view.Options{Open: p.options.Open, Limits: limits}), set
	return err
}

// tell tells a view's trouble once an hour: it is mostly the same for every host.
func (p *Publisher) tell(j job, err error) {
	now := p.options.Now()
	if last, told := p.told[j.view.Name]; told && now.Sub(last) < tellAgain {
		return
	}
	p.told[j.view.Name] = now
	p.options.Log.Error("a view is not published, and hosts keep the one they have", "view", j.view.Name, "host", j.host, "error", err)
}
