// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// jitter watches a healthy owner's adverts.
func (b *bench) jitter() error {
	for _, interval := range []time.Duration{100 * time.Millisecond, 10 * time.Millisecond} {
		for _, hogged := range []bool{false, true} {
			for _, realtime := range []bool{true, false} {
				situation := fmt.Sprintf("%s, %s, %s", interval, map[bool]string{false: "idle", true: "all processors hogged"}[hogged],
					map[bool]string{false: "without real-time", true: "real-time"}[realtime])
				if !strings.Contains(situation, b.only) {
					continue
				}
				for range min(b.rounds, 3) {
					for _, s := range b.subjects {
						b.say("%s: %s", situation, s.name)
						b.pending = b.pending[:0]
						if err := b.watch(s, situation, interval, hogged, realtime); err != nil {
							return fmt.Errorf("%s: %w", situation, err)
						}
						for _, s := range b.pending {
							b.out.add(s.of, s.value)
						}
					}
				}
			}
		}
	}
	return nil
}

// watch is one observation.
func (b *bench) watch(s subject, situation string, interval time.Duration, hogged, realtime bool) (err error) {
	st, err := b.newStage(s, interval, realtime, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := st.calm(); err != nil {
		return err
	}
	if hogged {
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		if err := hog(ctx); err != nil {
			return err
		}
	}
	wire, err := st.lab.Capture("jitter", "ip proto 112")
	if err != nil {
		return err
	}
	if err := b.wait(b.lasting); err != nil {
		return err
	}
	if _, err := wire.Stop(); err != nil {
		return err
	}
	gaps, changes := regularity(wire.Frames(), st.owner.Port("eth0").MAC().String())
	if len(gaps) == 0 {
		return errors.New("the owner sends no adverts")
	}
	slices.Sort(gaps)
	add := func(quantity string, unit Unit, v float64) { b.add(situation, quantity, unit, s.name, v) }
	add("time between adverts beyond the interval, 99th percentile", Milliseconds, max(0, ms(gaps[len(gaps)*99/100]-interval)))
	add("longest time between adverts, in intervals", Count, float64(gaps[len(gaps)-1])/float64(interval))
	add("changes of the Active in "+b.lasting.String(), Count, float64(changes))
	return nil
}

// regularity returns the times between the owner's adverts, and how often another node's adverts came between.
func regularity(frames []netlab.Frame, owner string) (gaps []time.Duration, changes int) {
	var last time.Time
	others := false
	for _, f := range frames {
		if _, _, ok := f.VRRP(); !ok {
			continue
		}
		if f.SourceMAC().String() != owner {
			if !others {
				changes++
			}
			others = true
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, f.Time.Sub(last))
		}
		last, others = f.Time, false
	}
	return gaps, changes
}

// hog keeps every processor busy with an ordinary process until the context ends.
func hog(ctx context.Context) error {
	for range runtime.NumCPU() {
		cmd := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if err := cmd.Start(); err != nil {
			return err
		}
		go cmd.Wait() //nolint:errcheck // it is killed
	}
	return nil
}
