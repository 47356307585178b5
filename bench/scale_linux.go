// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/peers"
)

// scale runs many virtual routers in one process.
func (b *bench) scale() error {
	type load struct {
		size     int
		interval time.Duration
	}
	var loads []load
	for _, n := range b.sizes {
		loads = append(loads, load{n, time.Second})
		if n == perSegment {
			loads = append(loads, load{n, 10 * time.Millisecond})
		}
	}
	for _, l := range loads {
		situation := fmt.Sprintf("%d at %s", l.size, l.interval)
		if !strings.Contains(situation, b.only) {
			continue
		}
		for _, s := range b.subjects {
			b.say("%s: %s", situation, s.name)
			c, err := b.newCrowd(s, l.size, l.interval)
			if err != nil {
				return err
			}
			if err := errors.Join(c.measure(situation), c.close()); err != nil {
				return err
			}
		}
		if l.interval == time.Second {
			b.say("%s: bare loop", situation)
			if err := b.bareLoop(situation, l.size, l.interval); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure plays the story of one crowd.
func (c *crowd) measure(situation string) error {
	b := c.b
	b.pending = b.pending[:0]
	defer func() {
		for _, s := range b.pending {
			b.out.add(s.of, s.value)
		}
	}()
	add := func(quantity string, unit Unit, v float64) { b.add(situation, quantity, unit, c.subject.name, v) }
	began := time.Now()
	if err := c.start(); err != nil {
		return err
	}
	held, unsettled := c.until(0, c.size, 30*time.Second)
	if unsettled == nil {
		add("start: until all addresses are held, beyond an Active_Down_Interval", Milliseconds,
			ms(held.Sub(began)-c.routers[0][0].DownInterval(c.interval)))
		unsettled = c.settle()
	}
	if err := errors.Join(c.usage(add), c.flaps(add)); err != nil {
		return err
	}
	if unsettled != nil {
		b.say("%s: %v", c.subject.name, unsettled)
		add("runs in which the nodes never came to rest", Count, 1)
		return b.ctx.Err()
	}
	if err := c.takeover(add); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if err := c.reload(add); err != nil {
		return err
	}
	ended := time.Now()
	if err := c.daemons[0].Term(); err != nil {
		return err
	}
	held, err := c.until(1, c.size, time.Minute)
	if err != nil {
		return err
	}
	add("SIGTERM: until the heir holds all addresses, beyond a Skew_Time", Milliseconds,
		ms(held.Sub(ended)-c.routers[1][0].Skew(c.interval)))
	return peers.Await(b.ctx, 20*time.Second, c.subject.name+" ends", func() bool { return len(c.daemons[0].Pids()) == 0 })
}

// usage measures both daemons while nothing happens.
func (c *crowd) usage(add func(string, Unit, float64)) error {
	cpu, err := c.busy(c.b.lasting)
	if err != nil {
		return err
	}
	perMinute := float64(time.Minute) / float64(c.b.lasting)
	adverts := float64(c.size) * float64(time.Minute) / float64(c.interval)
	for n, who := range []string{"Active", "Backup"} {
		add("processor time a minute, "+who, Seconds, cpu[n].Seconds()*perMinute)
		u, err := peers.UsageOf(c.daemons[n].Pids())
		if err != nil {
			return err
		}
		add("memory of all processes (PSS), "+who, Mebibytes, float64(u.Proportional)/(1<<20))
	}
	add("processor time an advert sent", Microseconds, cpu[0].Seconds()*perMinute/adverts*1e6)
	return nil
}

// busy is the processor time that both daemons use meanwhile.
func (c *crowd) busy(d time.Duration) (out [2]time.Duration, err error) {
	var before [2]peers.Usage
	for n := range before {
		if before[n], err = peers.UsageOf(c.daemons[n].Pids()); err != nil {
			return out, err
		}
	}
	if err := c.b.wait(d); err != nil {
		return out, err
	}
	for n := range before {
		after, err := peers.UsageOf(c.daemons[n].Pids())
		if err != nil {
			return out, err
		}
		out[n] = after.CPU - before[n].CPU
	}
	return out, nil
}

// flaps counts adverts of the heir while the owner is well.
func (c *crowd) flaps(add func(string, Unit, float64)) error {
	frames, err := c.capture("calm", func() error { return c.b.wait(min(c.b.lasting, 20*time.Second)) })
	if err != nil {
		return err
	}
	count := 0
	for w := range frames {
		heir, active := c.mac(1, w), map[uint8]bool{}
		for _, f := range frames[w] {
			if vrid, _, ok := f.VRRP(); ok {
				if heirs := f.SourceMAC().String() == heir; heirs != active[vrid] {
					active[vrid] = heirs
					count++
				}
			}
		}
	}
	add("changes of the Active while nothing happens", Count, float64(count))
	return nil
}

// takeover cuts the owner off all segments: how late the heir's adverts and announcements are.
func (c *crowd) takeover(add func(string, Unit, float64)) error {
	down := c.routers[1][0].DownInterval(c.interval)
	frames, err := c.capture("cut", func() error {
		if err := c.b.wait(2 * c.interval); err != nil {
			return err
		}
		if err := c.ports(0, (*netlab.Port).Cut); err != nil {
			return err
		}
		if _, err := c.until(1, c.size, down+30*time.Second); err != nil {
			return err
		}
		return c.b.wait(c.interval + 200*time.Millisecond)
	})
	if err := errors.Join(err, c.ports(0, (*netlab.Port).Heal)); err != nil {
		return err
	}
	var late []time.Duration
	var announced time.Duration
	for w := range frames {
		heir := c.mac(1, w)
		last, first := map[uint8]time.Time{}, map[uint8]time.Time{}
		told := map[uint8]bool{}
		for _, f := range frames[w] {
			byHeir := f.SourceMAC().String() == heir
			if vrid, _, ok := f.VRRP(); ok {
				if !byHeir {
					last[vrid] = f.Time
				} else if first[vrid].IsZero() {
					first[vrid] = f.Time
					late = append(late, f.Time.Sub(last[vrid].Add(down)))
				}
				continue
			}
			if !byHeir || len(f.Data) < 42 || f.EtherType() != 0x0806 {
				continue
			}
			if vrid := f.Data[41]; !told[vrid] && !last[vrid].IsZero() && f.Announces(c.address(w, vrid)) {
				told[vrid] = true
				announced = max(announced, f.Time.Sub(last[vrid].Add(down)))
			}
		}
	}
	if len(late) != c.size {
		return fmt.Errorf("%s: the heir took %d of %d virtual routers over", c.subject.name, len(late), c.size)
	}
	slices.Sort(late)
	add("takeover of all: first advert after the moment that the protocol sets, median", Milliseconds, ms(late[len(late)/2]))
	add("takeover of all: the last one's first advert", Milliseconds, ms(late[len(late)-1]))
	add("takeover of all: the last one's first announcement", Milliseconds, ms(announced))
	return nil
}

// reload makes the Active read the same file again.
func (c *crowd) reload(add func(string, Unit, float64)) error {
	const lasts = 3 * time.Second
	idle, err := c.busy(lasts)
	if err != nil {
		return err
	}
	var busy [2]time.Duration
	frames, err := c.capture("reload", func() error {
		if err := c.b.wait(2 * c.interval); err != nil {
			return err
		}
		if err := c.daemons[0].Reload(c.b.ctx, c.routers[0]...); err != nil {
			return err
		}
		var err error
		busy, err = c.busy(lasts)
		return err
	})
	if err != nil {
		return err
	}
	var longest time.Duration
	for w := range frames {
		last := map[uint8]time.Time{}
		for _, f := range frames[w] {
			if vrid, _, ok := f.VRRP(); ok {
				if before, heard := last[vrid]; heard {
					longest = max(longest, f.Time.Sub(before))
				}
				last[vrid] = f.Time
			}
		}
	}
	add("reload: processor time", Milliseconds, ms(busy[0]-idle[0]))
	add("reload: longest time between two adverts of one", Milliseconds, ms(longest))
	return nil
}
