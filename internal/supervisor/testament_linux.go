// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// keepFor is how much longer than its Active_Down_Interval an address is kept for an heir, or for the new worker.
const keepFor = 5 * time.Second

// bury carries out the last will of a worker that is dead: serving ends and the adverts leave before it returns, the
// rest goes on by itself.
func (s *supervisor) bury(w *worker) {
	if len(w.will) == 0 {
		return
	}
	// Releasing must not wait for a firewall that does not answer.
	lift, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	done := make(chan error, 1)
	go func() { defer cancel(); done <- s.Kernel.LiftServing(lift) }()
	ears, err := listen(w.will)
	if err != nil {
		s.Log.Error("last will: heirs cannot be heard everywhere", "error", err)
	}
	select {
	case err := <-done:
		if err != nil {
			s.Log.Error("last will: lift serving", "error", err)
		}
	case <-time.After(lifted):
		s.Log.Error("last will: serving is not lifted yet, going on")
	}
	if err := ears.release(w.will); err != nil {
		s.Log.Error("last will: release", "error", err)
	}
	s.wills.add(&testament{log: s.Log, kernel: s.Kernel, ears: ears, open: w.will})
}

// testament is a will whose adverts have left: its addresses wait for an heir.
type testament struct {
	log    *slog.Logger
	kernel Kernel
	ears   *ears

	mu     sync.Mutex
	open   will
	advert vrrp.Advert // of the packet at hand
}

// run waits for the heirs, and removes what is left in the end.
func (t *testament) run() {
	var most time.Duration
	var all []Address
	t.mu.Lock()
	for _, e := range t.open {
		most = max(most, e.Down)
		all = append(all, e.Addresses...)
	}
	t.mu.Unlock()
	if err := t.kernel.Keep(all, most+keepFor); err != nil {
		t.log.Warn("last will: addresses end with the leases they have", "error", err)
	}
	t.ears.hear(time.Now().Add(2*most+keepFor), t.heard)
	t.ears.close()
	t.mu.Lock()
	rest := t.open
	t.open = nil
	t.mu.Unlock()
	for id, e := range rest {
		delete(rest, id)
		t.remove(e, rest, "nobody inherited it")
	}
}

// heard is told of a packet; it reports whether there is nothing more to wait for.
func (t *testament) heard(p *vrrp.Packet, wall time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, e := range t.open {
		if e.inherits(p, &t.advert, wall) {
			delete(t.open, id)
			t.remove(e, t.open, fmt.Sprintf("%s inherited it", p.Source))
		}
	}
	return len(t.open) == 0
}

// remove carries out what an entry says: routes and rules go before the addresses, but for those that another open entry
// has, too. The caller has taken the entry from the open ones.
func (t *testament) remove(e *Entry, open will, why string) {
	routes, rules := e.alone(open)
	if t.kernel.Unroute != nil && len(routes)+len(rules) > 0 {
		if err := t.kernel.Unroute(routes, rules); err != nil {
			t.log.Error("last will: remove routes", "service", e.Name, "error", err)
		}
	}
	if err := t.kernel.Remove(e.Addresses); err != nil {
		t.log.Error("last will: remove addresses", "service", e.Name, "error", err)
		return
	}
	t.log.Info("last will: addresses removed", "service", e.Name, "family", e.Family.String(), "reason", why)
}

// testaments are those still being carried out.
type testaments struct {
	mu   sync.Mutex
	open []*testament
	wait sync.WaitGroup
}

func (ts *testaments) add(t *testament) {
	ts.mu.Lock()
	ts.open = append(ts.open, t)
	ts.mu.Unlock()
	ts.wait.Go(func() {
		t.run()
		ts.mu.Lock()
		defer ts.mu.Unlock()
		for i := range ts.open {
			if ts.open[i] == t {
				ts.open = append(ts.open[:i], ts.open[i+1:]...)
				break
			}
		}
	})
}

// relieve takes entries from the wills that the new worker has taken over: it is Active for them now.
func (ts *testaments) relieve(m message) {
	if m.Verb != verbPut {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.open {
		t.mu.Lock()
		for id, e := range t.open {
			if e.Index == m.Entry.Index && e.Family == m.Entry.Family && e.VRID == m.Entry.VRID {
				delete(t.open, id)
			}
		}
		if len(t.open) == 0 {
			t.ears.interrupt()
		}
		t.mu.Unlock()
	}
}

// finish waits for all, for the end of the supervisor.
func (ts *testaments) finish() {
	ts.mu.Lock()
	for _, t := range ts.open {
		t.ears.interrupt()
	}
	ts.mu.Unlock()
	ts.wait.Wait()
}

var errNoEars = errors.New("no interface of the will can be listened on")
