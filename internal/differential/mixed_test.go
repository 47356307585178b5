// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Four pairs of keepalived and the program under test, each side higher in two of them, 50 faults each.
func TestMixedPairsElectTheRightOne(t *testing.T) {
	second := underTest(t)
	for i, order := range [][2]Program{{Keepalived(), second}, {second, Keepalived()}, {Keepalived(), second}, {second, Keepalived()}} {
		t.Run(fmt.Sprintf("%s over %s %d", order[0].Name, order[1].Name, i), func(t *testing.T) {
			t.Parallel()
			trouble(t, order, 50, uint64(i))
		})
	}
}

// fault of a mixed pair, and how it is undone.
type fault struct {
	name     string
	do, undo func(h *Host) error
}

// faults are all but the change of a priority.
func faults(s *site) []fault {
	stopped := func(sig unix.Signal) func(h *Host) error {
		return func(h *Host) error { return all(h.Name(), sig)(s.ctx, s.hosts) }
	}
	return []fault{
		{name: "power lost", do: (*Host).Die, undo: func(h *Host) error { return h.Start(s.ctx) }},
		{name: "terminated", do: func(h *Host) error { return h.cmd.Stop(15 * time.Second) }, undo: func(h *Host) error { return h.Start(s.ctx) }},
		{name: "stopped", do: stopped(unix.SIGSTOP), undo: stopped(unix.SIGCONT)},
		{name: "link down", do: func(h *Host) error { return h.Port("eth0").LinkDown() }, undo: func(h *Host) error { return h.Port("eth0").LinkUp() }},
		{name: "cut off", do: func(h *Host) error { return h.Port("eth0").Cut() }, undo: func(h *Host) error { return h.Port("eth0").Heal() }},
	}
}

// trouble plays faults on a pair and judges after each, and after the end of each.
func trouble(t *testing.T, order [2]Program, number int, seed uint64) {
	s := newSite(t, globals+"track_file load {\n file /run/load\n weight 1\n}\n"+router("VI_1", "track_file { load }"), order[0], order[1])
	wire, err := s.lab.Capture("adverts", "proto 112")
	s.must(err)
	priorities := map[string]int{"a": 150, "b": 100}
	for _, name := range []string{"a", "b"} {
		s.must(s.hosts[name].Start(s.ctx))
	}
	random := rand.New(rand.NewPCG(seed, 7))
	s.judge(wire, priorities, "", "start")
	for i := range number {
		if t.Failed() {
			return
		}
		name := string(rune('a' + random.IntN(2)))
		h := s.hosts[name]
		list := faults(s)
		pick := random.IntN(len(list) + 1)
		if pick == len(list) {
			// Even on a, odd on b: never equal, where the one who is there first stays.
			value := 2*random.IntN(40) - 40
			base := 150
			if name == "b" {
				value, base = value+1, 100
			}
			what := fmt.Sprintf("fault %d: priority of %s is %d", i, name, base+value)
			s.must(h.Rewrite("load", strconv.Itoa(value)+"\n"))
			priorities[name] = base + value
			s.judge(wire, priorities, "", what)
			continue
		}
		f := list[pick]
		what := fmt.Sprintf("fault %d: %s %s", i, name, f.name)
		s.must(f.do(h))
		s.judge(wire, priorities, name, what)
		s.must(f.undo(h))
		s.judge(wire, priorities, "", what+", undone")
		if reluctant(h) {
			s.must(h.cmd.Stop(15 * time.Second))
			s.must(h.Start(s.ctx))
			s.judge(wire, priorities, "", what+", undone, started again")
		}
	}
}

// reluctant tells whether a program said that it pre-empts nobody for a minute, as Regent does after it has died or hung.
func reluctant(h *Host) bool {
	return strings.Contains(strings.Join(h.current(), ""), "nobody is pre-empted for a minute")
}

// judge polls until the right node alone holds the address among those that take part, and alone advertises, for three
// adverts.
func (s *site) judge(wire *netlab.Capture, priorities map[string]int, gone, what string) {
	s.t.Helper()
	address := netip.MustParseAddr(pairAddress)
	right, now, since := "", "", time.Now()
	err := poll(s.ctx, 10*time.Second, func() bool {
		if was := right; s.right(priorities, gone) != was {
			right, since = s.right(priorities, gone), time.Now()
		}
		now = ""
		for _, name := range []string{"a", "b"} {
			if name != gone && s.hosts[name].Holds(address) {
				now += name
			}
		}
		if now == right {
			now += " holds"
			var others bool
			if others, now = s.others(wire, right, since); !others && time.Since(since) > 350*time.Millisecond {
				return true
			} else if !others {
				return false
			}
		}
		since = time.Now()
		return false
	})
	if err != nil {
		s.t.Errorf("%s: %v: %s is to own the address (priorities %v), but: %s", what, err, right, priorities, now)
		for name, h := range s.hosts {
			log := h.current()
			s.t.Logf("%s (%s) said:\n%s", name, h.program.Name, bytes.Join(last(log, 30), nil))
		}
	}
}

// right is the node that is to own the address.
func (s *site) right(priorities map[string]int, gone string) string {
	switch {
	case gone == "a":
		return "b"
	case gone == "b":
		return "a"
	case reluctant(s.hosts["a"]):
		return "b"
	case reluctant(s.hosts["b"]):
		return "a"
	case priorities["b"] > priorities["a"]:
		return "b"
	}
	return "a"
}

// others tells whether another node than the right one was heard since a time, or the right one was not.
func (s *site) others(wire *netlab.Capture, right string, since time.Time) (bool, string) {
	heard, wrong := 0, 0
	mac := s.hosts[right].Port("eth0").MAC()
	for _, f := range wire.Frames() {
		if f.Time.Before(since) {
			continue
		}
		if _, priority, ok := f.VRRP(); ok && priority > 0 {
			if bytes.Equal(f.SourceMAC(), mac) {
				heard++
			} else {
				wrong++
			}
		}
	}
	silent := heard == 0 && time.Since(since) > 350*time.Millisecond
	return wrong > 0 || silent, fmt.Sprintf("%d adverts of it, %d of the other in %v", heard, wrong, time.Since(since))
}

// last lines of a log.
func last(lines []string, n int) [][]byte {
	var list [][]byte
	for _, l := range lines[max(0, len(lines)-n):] {
		list = append(list, []byte(l))
	}
	return list
}
