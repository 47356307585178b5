// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options of a speaker.
type Options struct {
	Logger *slog.Logger // absent: no log
}

// errClosed is what a closed speaker says.
var errClosed = errors.New("bfd: speaker is closed")

// Speaker runs sessions: it owns their sockets and timers. Its methods may be called concurrently.
type Speaker struct {
	changes *queue
	journal *journal
	stop    chan struct{} // closed to end the goroutines of changes and journal
	ended   sync.WaitGroup

	calls sync.Mutex // makes Watch, Forget and Close one after the other; taken before mu

	mu        sync.Mutex // held only for what does not wait
	closed    bool
	byName    map[string]*watch
	table     *table
	leaving   map[*watch]struct{}
	quiet     chan struct{} // closed when the speaker is closed and nobody is leaving
	listeners map[listenKey]*listener
	discarded [discards]uint64 // packets of no session
}

// Open returns a speaker without sessions. It opens no socket: [Speaker.Watch] does, in the network namespace of its caller's
// thread.
func Open(o Options) *Speaker {
	s := &Speaker{
		changes: newQueue(), journal: newJournal(o.Logger), stop: make(chan struct{}),
		byName: map[string]*watch{}, table: newTable(), leaving: map[*watch]struct{}{}, quiet: make(chan struct{}),
		listeners: map[listenKey]*listener{},
	}
	s.ended.Go(func() { s.changes.run(s.stop) })
	s.ended.Go(func() { s.journal.run(s.stop) })
	return s
}

// Changes tells each session that came up, or was up and is not. A session begins as one that is not up, and that is not told. Who
// reads slowly misses pairs of ups and downs of a session, never its last change. The channel is closed by [Speaker.Close].
func (s *Speaker) Changes() <-chan Change { return s.changes.out }

// Watch starts a session, or gives a running one of that name another config: without interrupting it if neighbour, source and
// multihop are the same, else as a new one.
func (s *Speaker) Watch(name string, c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("bfd session %s: %w", name, err)
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	defer s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watch(name, c.complete())
}

func (s *Speaker) watch(name string, c Config) error {
	if s.closed {
		return errClosed
	}
	if old := s.byName[name]; old != nil {
		if old.cfg.samePath(c) {
			return s.change(old, c)
		}
		s.forget(old)
	}
	if err := s.start(name, c); err != nil {
		return fmt.Errorf("bfd session %s: %w", name, err)
	}
	return nil
}

// change gives a running session another config.
func (s *Speaker) change(w *watch, c Config) error {
	if c.TTL != w.cfg.TTL {
		if err := w.out.setTTL(c.TTL); err != nil {
			return fmt.Errorf("bfd session %s: %w", w.name, err)
		}
	}
	w.cfg, w.warned = c, false
	w.session.Change(clock(), c, rand.Uint32())
	s.arm(w)
	return nil
}

// start starts a session.
func (s *Speaker) start(name string, c Config) error {
	w := &watch{name: name, cfg: c, since: time.Now(), due: Never}
	w.session = NewSession(clock(), c, s.discriminator())
	if err := s.table.add(w); err != nil {
		return err
	}
	var err error
	if w.out, err = openSender(c); err == nil {
		w.scope = w.out.scope
		if err = s.acquire(keyOf(c)); err != nil {
			w.out.close()
		}
	}
	if err != nil {
		s.table.remove(w)
		return err
	}
	for o := range s.leaving {
		if o.cfg.Neighbor == c.Neighbor {
			s.end(o) // its AdminDown would be taken for this one's
		}
	}
	s.byName[name] = w
	w.timer = time.AfterFunc(time.Hour, func() { s.fire(w) }) // s.mu is held: w is whole before it fires
	s.arm(w)
	s.journal.note(slog.LevelDebug, "bfd session started", "session", name, "neighbor", c.Neighbor.String())
	return nil
}

// discriminator is one that no session has, and that nobody can guess.
func (s *Speaker) discriminator() uint32 {
	for {
		if d := rand.Uint32(); d != 0 && s.table.watches[d] == nil {
			return d
		}
	}
}

// Forget ends a session; one that there is not is forgotten already. The neighbour is told AdminDown, which is not a failure
// of the path. A change that was being read may still come.
func (s *Speaker) Forget(name string) {
	s.calls.Lock()
	defer s.calls.Unlock()
	defer s.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.byName[name]; w != nil {
		s.forget(w)
	}
}

// forget takes a session out and lets it take its leave.
func (s *Speaker) forget(w *watch) {
	delete(s.byName, w.name)
	s.table.remove(w)
	s.changes.drop(w.name)
	w.leaving = true
	s.leaving[w] = struct{}{}
	if out := w.session.Disable(clock()); out.Send {
		s.send(w, out.Packet)
	}
	s.listeners[keyOf(w.cfg)].uses--
	s.arm(w)
}

// end takes away what is left of a session that was forgotten.
func (s *Speaker) end(w *watch) {
	w.timer.Stop()
	w.out.close()
	delete(s.leaving, w)
	s.hush()
}

// hush notes whether all is said.
func (s *Speaker) hush() {
	if s.closed && len(s.leaving) == 0 {
		select {
		case <-s.quiet:
		default:
			close(s.quiet)
		}
	}
}

// Status of all sessions.
func (s *Speaker) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Discarded: tally(s.discarded)}
	for _, w := range slices.SortedFunc(maps.Values(s.byName), func(a, b *watch) int { return strings.Compare(a.name, b.name) }) {
		st.Sessions = append(st.Sessions, w.status())
	}
	return st
}

// Session returns the status of one session, false if there is none of that name.
func (s *Speaker) Session(name string) (SessionStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byName[name]
	if w == nil {
		return SessionStatus{}, false
	}
	return w.status(), true
}

// Close ends all sessions and tells the neighbours AdminDown, for which it takes up to a quarter of a second.
func (s *Speaker) Close() error {
	s.calls.Lock()
	defer s.calls.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, w := range s.byName {
		s.forget(w)
	}
	s.hush()
	s.mu.Unlock()
	s.sweep()
	<-s.quiet
	close(s.stop)
	s.ended.Wait()
	return nil
}
