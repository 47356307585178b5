// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// keyOf names the socket that a session receives by.
func keyOf(c Config) listenKey { return listenKey{v4: c.Neighbor.Is4(), multihop: c.Multihop} }

// acquire opens a listening socket for its first session.
func (s *Speaker) acquire(key listenKey) error {
	l := s.listeners[key]
	if l == nil {
		var err error
		if l, err = listen(key); err != nil {
			return err
		}
		s.listeners[key] = l
		readable := func(fd uintptr) bool {
			for s.locked(func() bool { return s.drain(l, int(fd)) }) { //nolint:gosec // a descriptor
			}
			return false
		}
		s.ended.Go(func() {
			l.raw.Read(readable) //nolint:errcheck // it ends by the socket being closed
		})
	}
	l.uses++
	return nil
}

// locked calls f with the lock held.
func (s *Speaker) locked(f func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

// sweep closes listening sockets that no session has. Their goroutines may be waiting for the lock, and closing waits for them, so
// the lock must not be held.
func (s *Speaker) sweep() {
	var unused []*listener
	s.mu.Lock()
	for key, l := range s.listeners {
		if l.uses == 0 {
			unused = append(unused, l)
			delete(s.listeners, key)
		}
	}
	s.mu.Unlock()
	for _, l := range unused {
		l.file.Close() //nolint:errcheck // nothing is pending
	}
}

// batch is how many packets are taken before timers have a turn.
const batch = 64

// drain takes packets that wait in a socket, and reports whether there may be more. Taking and using one is a single step under
// the lock, so that a timer never finds a packet taken but not yet used.
func (s *Speaker) drain(l *listener, fd int) bool {
	for range batch {
		n, err := l.in.receive(fd)
		if err != nil {
			return false // nothing waits; other errors are not of this socket's kind
		}
		s.take(l.in.data[:n], l.in.origin(l.key.multihop))
	}
	return true
}

// take gives a packet to its session.
func (s *Speaker) take(data []byte, o origin) {
	p, discard := Parse(data)
	if discard != Taken {
		s.discarded[discard]++
		return
	}
	w, discard := s.table.find(p, o)
	if discard != Taken {
		s.discarded[discard]++
		return
	}
	out, discard := w.session.Receive(clock(), p, o.ttl, rand.Uint32())
	if discard != Taken {
		w.discarded[discard]++
		if discard == TooFar && !w.warned {
			w.warned = true
			s.journal.note(slog.LevelWarn, "bfd packets come from too far away: raise max_hops, or set ttl to the neighbor's",
				"session", w.name, "neighbor", w.cfg.Neighbor.String(), "ttl", o.ttl, "least", w.cfg.TTL-w.cfg.MaxHops)
		}
		return
	}
	w.received++
	s.act(w, out)
}

// fire is a session's timer.
func (s *Speaker) fire(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, leaving := s.leaving[w]; !leaving && s.byName[w.name] != w {
		return // stopped too late
	}
	w.due = Never
	if w.session.Silent(clock()) {
		// Was it the neighbour that was silent, or this process that was held up? Then packets wait.
		s.look(keyOf(w.cfg))
	}
	s.act(w, w.session.Tick(clock(), rand.Uint32()))
}

// look takes the packets that wait in a listening socket, up to what fits into one: who floods it does not stop the clock.
func (s *Speaker) look(key listenKey) {
	l := s.listeners[key]
	if l == nil {
		return
	}
	l.raw.Control(func(fd uintptr) { //nolint:errcheck // a closed socket has nothing
		for range 16 {
			if !s.drain(l, int(fd)) { //nolint:gosec // a descriptor
				return
			}
		}
	})
}

// act does what a session wants done.
func (s *Speaker) act(w *watch, out Output) {
	if out.Send {
		s.send(w, out.Packet)
	}
	if out.Changed {
		s.changed(w)
	}
	s.arm(w)
}

// send sends a session's packet. Failures are logged when they begin and when they end.
func (s *Speaker) send(w *watch, p Packet) {
	before := w.out.failing
	err := w.out.send(p)
	w.scope = w.out.scope
	switch {
	case err == nil:
		w.sent++
		if before != nil {
			s.journal.note(slog.LevelInfo, "bfd packets are sent again", "session", w.name)
		}
	case before == nil:
		s.journal.note(slog.LevelWarn, "cannot send bfd packets", "session", w.name, "neighbor", w.cfg.Neighbor.String(), "error", err)
	}
}

// changed tells of a new state.
func (s *Speaker) changed(w *watch) {
	state, why := w.session.State(), w.session.Diagnostic()
	up := state == Up
	if up == w.up {
		s.journal.note(slog.LevelDebug, "bfd session", "session", w.name, "state", state.String(), "diagnostic", why.String())
		return
	}
	w.up, w.since = up, time.Now()
	level := slog.LevelInfo
	if !up {
		level = slog.LevelWarn
		w.downs++
	}
	s.journal.note(level, "bfd session", "session", w.name, "state", state.String(), "diagnostic", why.String(),
		"neighbor", w.cfg.Neighbor.String())
	s.changes.put(Change{Name: w.name, Discriminator: w.session.local, Up: up, Diagnostic: why, Since: w.since, Administrative: w.session.remoteState == AdminDown})
}

// arm sets a session's timer. A deadline that has moved away, as each packet moves it, leaves the timer as it is: it then finds
// nothing to do, and is set again.
func (s *Speaker) arm(w *watch) {
	deadline := w.session.Deadline()
	switch {
	case deadline == Never && w.leaving:
		s.end(w)
	case deadline < w.due:
		w.due = deadline
		w.timer.Reset(deadline.Sub(clock()))
	}
}
