// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// loss is a way to lose the owner and to get it back.
type loss struct {
	name string
	hit  func(*stage) error
	undo func(*stage) error
}

var losses = []loss{
	{"cut off", func(s *stage) error { return s.owner.Cut() }, func(s *stage) error { return s.owner.Heal() }},
	{"SIGTERM", func(s *stage) error { return s.daemons[0].Term() }, (*stage).restart},
	{"kill -9 of the working process", func(s *stage) error { return s.daemons[0].SignalWorker(unix.SIGKILL) }, (*stage).restart},
	{"kill -9 of all processes", func(s *stage) error { return s.daemons[0].Kill9() }, (*stage).restart},
	{"SIGSTOP of the working process", func(s *stage) error { return s.daemons[0].SignalWorker(unix.SIGSTOP) }, func(s *stage) error {
		if err := s.daemons[0].Kill9(); err != nil { // one that is stopped hears no SIGTERM
			return err
		}
		return s.restart()
	}},
}

// failover loses the owner in each way, at each interval, by turns for each program.
func (b *bench) failover() error {
	for _, interval := range b.intervals {
		for _, l := range losses {
			situation := fmt.Sprintf("%s, %s", l.name, interval)
			if !strings.Contains(situation, b.only) {
				continue
			}
			b.say("%s", situation)
			stages := make([]*stage, len(b.subjects))
			for i, s := range b.subjects {
				var err error
				if stages[i], err = b.newStage(s, interval, interval < 100*time.Millisecond, nil); err != nil {
					return err
				}
			}
			var err error
			for range b.rounds {
				for _, st := range stages {
					if err == nil {
						err = b.steady(func() error { return st.lose(l, situation) })
					}
				}
			}
			for _, st := range stages {
				err = errors.Join(err, st.close())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", situation, err)
			}
		}
	}
	return nil
}

// lose is one round.
func (st *stage) lose(l loss, situation string) error {
	if st.rounds++; st.rounds > 1 {
		if err := l.undo(st); err != nil {
			return err
		}
	}
	if err := st.calm(); err != nil {
		return err
	}
	wire, err := st.lab.Capture(fmt.Sprintf("loss%d", st.rounds), "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(st.b.ctx)
	defer cancel()
	var knocking sync.WaitGroup
	var knocked error
	knocking.Go(func() {
		knocked = peers.KeepConnecting(ctx, st.client, netip.AddrPortFrom(st.vip, 7000), time.Millisecond)
	})
	if err := st.b.wait(max(st.routers[0].Interval, 300*time.Millisecond)); err != nil {
		return err
	}
	hit := time.Now()
	if err := l.hit(st); err != nil {
		return err
	}
	heirMAC, ownerMAC := st.heir.Port("eth0").MAC().String(), st.owner.Port("eth0").MAC().String()
	limit := st.routers[1].DownInterval(st.routers[0].Interval) + 10*time.Second
	err = peers.Await(ctx, limit, "the heir answers the client", func() bool {
		frames := wire.Frames()
		_, ok := peers.FirstBy(peers.Probes(frames[max(0, len(frames)-2000):], clientAddress, st.vip), heirMAC, hit)
		return ok
	})
	if err == nil {
		err = st.b.wait(200 * time.Millisecond)
	}
	cancel()
	knocking.Wait()
	_, stopped := wire.Stop()
	if err := errors.Join(err, knocked, stopped); err != nil {
		return err
	}
	return st.record(wire.Frames(), situation, hit, ownerMAC, heirMAC)
}

// record reads the figures off the wire.
func (st *stage) record(frames []netlab.Frame, situation string, hit time.Time, ownerMAC, heirMAC string) error {
	probes := peers.Probes(frames, clientAddress, st.vip)
	first, ok := peers.FirstBy(probes, heirMAC, hit)
	if !ok {
		return errors.New("the heir never answers")
	}
	due, advert, ok := theory(frames, ownerMAC, heirMAC, st.routers[1])
	if !ok {
		return errDisturbed // the heir was Active before
	}
	silence, _ := peers.Silence(probes, 50*time.Millisecond)
	add := func(quantity string, d time.Duration) {
		st.b.add(situation, quantity, Milliseconds, st.subject.name, ms(d))
	}
	add("client's longest wait for an answer", silence)
	add("from the loss to the heir's first answer", first.Answered.Sub(hit))
	add("heir's first advert after the moment that the protocol sets", advert.Sub(due))
	return nil
}
