// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Events waits for actions other than SendAdvert and returns all there are, in order. An action is published only after the adverts of
// the same round have left. After the loop has ended it returns what is left, then [ErrClosed].
func (l *Loop) Events(ctx context.Context) ([]vrrp.Action, error) { return l.events.collect(ctx) }

// Faults waits for news about adverts that do not leave, or leave again, and returns all there is, in order. What does
// not come right stays true after one fault is published; a destination that comes and goes is told of once a second at most.
func (l *Loop) Faults(ctx context.Context) ([]Fault, error) { return l.faults.collect(ctx) }

// Beat returns a count that moves, ten times a second at least (see [Loop.Rest]), for as long as the loop goes round and wakes in time. A loop that is
// stopped, starved or stuck does not beat.
func (l *Loop) Beat() uint64 { return l.meter.beats.Load() }

// Rest says for how long the loop may sleep when nothing is to be done: its beats are then that seldom. A tenth of a second is the least.
func (l *Loop) Rest(d time.Duration) { l.rest.Store(int64(d)) }

// Gather lets what arrives within the time be taken in one round, if the round before was so short a time ago: nothing is taken later
// than that. Zero takes everything at once.
func (l *Loop) Gather(d time.Duration) { l.gather.Store(int64(d)) }

// LastBeat returns when the count moved last.
func (l *Loop) LastBeat() vrrp.Time { return vrrp.Time(l.meter.lastBeat.Load()) }

// Steady reports whether the loop has gone round within the time, and what followed if it did not do so lately has been told: who was
// kept from running for longer does not know yet whether it is Active still.
func (l *Loop) Steady(within time.Duration) bool {
	now := Now()
	if now.Sub(vrrp.Time(l.meter.lastRound.Load())) > within {
		return false
	}
	return time.Duration(l.meter.lateBy.Load()) <= within || now.Sub(vrrp.Time(l.meter.lateAt.Load())) >= lateFollows
}

// Stats returns what the loop has done. It costs a system call for each port, and the loop nothing.
func (l *Loop) Stats() Stats {
	s := l.meter.read()
	s.KernelDrops, s.Ports = l.registry.drops()
	return s
}
