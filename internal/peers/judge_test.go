// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// The made-up segment of the judge's tests: a (higher) and b with an advert each 100 ms, one address.
var (
	began = time.Unix(1_000_000, 0)
	vip   = netip.MustParseAddr("10.99.0.100")
	addrA = netip.MustParseAddr("10.99.0.1")
	addrB = netip.MustParseAddr("10.99.0.2")
)

// ms is a moment of the made-up run.
func ms(n int) time.Time { return began.Add(time.Duration(n) * time.Millisecond) }

// said is one advert as it should be.
func said(at int, source netip.Addr, priority int) netlab.Advert {
	return netlab.Advert{
		Time: ms(at), Source: source, TTL: 255, Version: 3, VRID: 51, Priority: priority,
		Interval: 100 * time.Millisecond, Checksum: netlab.ChecksumGood, Addresses: []netip.Addr{vip},
	}
}

// every is an advert each 100 ms in [from, to).
func every(from, to int, source netip.Addr, priority int) (list []netlab.Advert) {
	for at := from; at < to; at += 100 {
		list = append(list, said(at, source, priority))
	}
	return list
}

// held is a sample each 20 ms in [from, to).
func held(from, to int, nodes ...string) (list []Sample) {
	for at := from; at < to; at += 20 {
		s := Sample{At: ms(at), Held: map[string]int{}}
		for _, n := range nodes {
			s.Held[n] = 1
		}
		list = append(list, s)
	}
	return list
}

func join[T any](lists ...[]T) (all []T) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func TestJudge(t *testing.T) {
	start := Stretch{
		Event: "start", From: ms(0), To: ms(1000), Active: "a", Interval: 100 * time.Millisecond,
		Window: 360 * time.Millisecond, Hold: 500 * time.Millisecond,
	}
	// The event at 1000: a is gone and b has to follow.
	gone := Stretch{
		Event: "gone", From: ms(1000), To: ms(2500), Active: "b", Interval: 100 * time.Millisecond,
		Window: 400 * time.Millisecond, Hold: 500 * time.Millisecond,
	}
	slow, released, split, quiet, healed := gone, gone, gone, gone, gone
	healed.Active = "a"
	slow.Silence = 300 * time.Millisecond
	released.Released = "a"
	split.Split = true
	quiet.Active, quiet.Window = "a", 0

	cold := every(340, 1000, addrA, 150)
	coldHeld := join(held(0, 340), held(340, 1000, "a"))
	tests := []struct {
		name      string
		adverts   []netlab.Advert
		samples   []Sample
		stretches []Stretch
		want      []string // parts of the faults, in order
		verdict   *Verdict // of the last stretch
	}{
		{
			name: "cold start", adverts: cold, samples: coldHeld, stretches: []Stretch{start},
			verdict: &Verdict{Event: "start", Active: "a", Advertiser: 340 * time.Millisecond,
				Holder: 320 * time.Millisecond},
		},
		{
			name: "nothing at all", samples: held(0, 1000), stretches: []Stretch{start},
			want: []string{"holds no adverts", "a is not heard as Active", "a holds 0 of 1"},
		},
		{
			name:    "the wrong one wins",
			adverts: every(340, 1000, addrB, 100), samples: held(0, 1000, "b"), stretches: []Stretch{start},
			want: []string{"a is not heard as Active", "a holds 0 of 1"},
		},
		{
			name:    "the loser speaks too long",
			adverts: join(every(340, 540, addrA, 150), every(540, 640, addrB, 100), every(640, 1000, addrA, 150)),
			samples: coldHeld, stretches: []Stretch{start},
			want: []string{"a advertises alone only after 540ms", "stood for 460ms only, want 500ms"},
		},
		{
			name: "two holders", adverts: cold, stretches: []Stretch{start},
			samples: join(held(0, 500, "a"), held(500, 600, "a", "b"), held(600, 1000, "a")),
			want:    []string{"until 580ms after the event: b holds 1 addresses as well as a"},
		},
		{
			name: "no holder for a moment", adverts: cold, stretches: []Stretch{start},
			samples: join(held(0, 500, "a"), held(500, 520), held(520, 1000, "a")),
			want:    []string{"until 500ms after the event: a holds 0 of 1"},
		},
		{
			name: "nobody watched", adverts: cold, samples: nil,
			stretches: []Stretch{{From: ms(0), To: ms(1500), Active: "a", Interval: time.Second, Window: time.Second}},
			want:      []string{"holders were not watched for 1.5s"},
		},
		{
			name:    "the winner falls silent",
			adverts: join(every(340, 640, addrA, 150), every(900, 1000, addrA, 150)),
			samples: coldHeld, stretches: []Stretch{start},
			want: []string{"a is silent for 360ms from"},
		},
		{
			name:    "the winner falls silent at the end",
			adverts: every(340, 540, addrA, 150),
			samples: coldHeld, stretches: []Stretch{start},
			want: []string{"a is silent for 560ms from"},
		},
		{
			name:      "takeover after priority 0",
			adverts:   join(cold, []netlab.Advert{said(1005, addrA, 0)}, every(1070, 2500, addrB, 100)),
			samples:   join(coldHeld, held(1000, 1080, "a"), held(1080, 2500, "b")),
			stretches: []Stretch{start, released},
			verdict: &Verdict{Event: "gone", Active: "b", Advertiser: 70 * time.Millisecond,
				Holder: 60 * time.Millisecond, Silence: 65 * time.Millisecond},
		},
		{
			name:      "takeover without a farewell",
			adverts:   join(cold, every(1300, 2500, addrB, 100)),
			samples:   join(coldHeld, held(1000, 1300, "a"), held(1300, 2500, "b")),
			stretches: []Stretch{start, released},
			want:      []string{"a says no farewell"},
		},
		{
			name:      "takeover too soon",
			adverts:   join(cold, every(1100, 2500, addrB, 100)),
			samples:   join(coldHeld, held(1000, 2500, "b")),
			stretches: []Stretch{start, slow},
			want:      []string{"b takes over 160ms after the last advert, want 300ms"},
		},
		{
			name:      "what a killed daemon leaves is recorded apart",
			adverts:   join(cold, every(1300, 2500, addrB, 100)),
			samples:   join(coldHeld, leave(held(1000, 1300), "a"), leave(held(1300, 2000, "b"), "a"), held(2000, 2500, "b")),
			stretches: []Stretch{start, slow},
			verdict: &Verdict{Event: "gone", Active: "b", Advertiser: 300 * time.Millisecond,
				Holder: 280 * time.Millisecond, Silence: 360 * time.Millisecond, Left: 980 * time.Millisecond},
		},
		{
			name:      "both halves of a split hold",
			adverts:   join(cold, every(1300, 2500, addrB, 100)),
			samples:   join(coldHeld, held(1000, 1300, "a"), held(1300, 2500, "a", "b")),
			stretches: []Stretch{start, split},
		},
		{
			name: "adverts cross when a split heals",
			adverts: join(every(340, 1000, addrB, 100), every(1040, 1041, addrA, 150), []netlab.Advert{said(1041, addrB, 100)},
				every(1140, 2500, addrA, 150)),
			samples:   join(held(0, 1000, "b"), held(1000, 1060, "a", "b"), held(1060, 2500, "a")),
			stretches: []Stretch{healed},
			verdict: &Verdict{Event: "gone", Active: "a", Advertiser: 41 * time.Millisecond,
				Holder: 40 * time.Millisecond, Silence: 100 * time.Millisecond},
		},
		{
			name:      "an incumbent stays",
			adverts:   join(cold, every(1040, 2500, addrA, 150)),
			samples:   join(coldHeld, held(1000, 2500, "a")),
			stretches: []Stretch{start, quiet},
			verdict:   &Verdict{Event: "gone", Active: "a"},
		},
		{
			name:      "an incumbent is disturbed",
			adverts:   join(cold, every(1040, 1100, addrA, 150), []netlab.Advert{said(1110, addrB, 100)}, every(1120, 2500, addrA, 150)),
			samples:   join(coldHeld, held(1000, 2500, "a")),
			stretches: []Stretch{start, quiet},
			want:      []string{"a advertises alone only after 110ms, want within 0s"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Run{
				VRID: 51, Version: 3, Addresses: []netip.Addr{vip},
				Nodes:   map[netip.Addr]string{addrA: "a", addrB: "b"},
				Adverts: tt.adverts, Samples: tt.samples, Stretches: tt.stretches,
			}
			faults, verdicts := r.Judge()
			for _, v := range verdicts {
				faults = append(faults, v.Faults...)
			}
			matchFaults(t, tt.want, faults)
			if tt.verdict != nil {
				if diff := cmp.Diff(*tt.verdict, verdicts[len(verdicts)-1]); diff != "" {
					t.Errorf("verdict (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// leave marks the node as killed with the address still there.
func leave(samples []Sample, node string) []Sample {
	for i := range samples {
		samples[i].Left = map[string]int{node: 1}
	}
	return samples
}

func matchFaults(t *testing.T, want, got []string) {
	t.Helper()
	for i, fault := range got {
		if i >= len(want) || !strings.Contains(fault, want[i]) {
			t.Errorf("fault %d: %s", i+1, fault)
		}
	}
	if len(got) < len(want) {
		t.Errorf("missing faults: %q", want[len(got):])
	}
}

func TestJudgeNamesMalformedAdverts(t *testing.T) {
	tests := []struct {
		name   string
		change func(a *netlab.Advert)
		want   string
	}{
		{"good", func(*netlab.Advert) {}, ""},
		{"checksum", func(a *netlab.Advert) { a.Checksum = netlab.ChecksumBad }, "finds the checksum bad"},
		{"ttl", func(a *netlab.Advert) { a.TTL = 64 }, "ttl 64, want 255"},
		{"source", func(a *netlab.Advert) { a.Source = vip }, "no node has this address"},
		{"version", func(a *netlab.Advert) { a.Version = 2 }, "version 2 of virtual router 51, want version 3 of 51"},
		{"virtual router", func(a *netlab.Advert) { a.VRID = 52 }, "version 3 of virtual router 52"},
		{"addresses", func(a *netlab.Advert) { a.Addresses = nil }, "addresses [], want [10.99.0.100]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := said(0, addrA, 150)
			tt.change(&a)
			r := Run{VRID: 51, Version: 3, Addresses: []netip.Addr{vip}, Nodes: map[netip.Addr]string{addrA: "a"}, Adverts: []netlab.Advert{a}}
			faults, _ := r.Judge()
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			matchFaults(t, want, faults)
		})
	}
}
