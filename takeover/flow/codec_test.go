// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// messages are those by which a table is told to one peer.
func messages(t testing.TB, samples ...[]Flow) (list [][]byte) {
	t.Helper()
	table := &Table{}
	s, err := NewSource("db", 0x0102030405060708, table)
	if err != nil {
		t.Fatal(err)
	}
	s.SetPeers([]string{"n2"})
	for i, sample := range samples {
		now := time.Duration(i) * second
		table.Set(now, sample)
		s.Next(now, NewBudget(0, 1<<30), func(_ string, m []byte) bool {
			list = append(list, m)
			return true
		})
	}
	return list
}

func TestMessagesOnTheWire(t *testing.T) {
	t.Parallel()
	four := Flow{Local: netip.MustParseAddrPort("10.99.0.101:5432"), Remote: netip.MustParseAddrPort("10.0.0.7:40000"),
		Exact: true, Send: 0xa1a2a3a4, Receive: 0xb1b2b3b4}
	six := Flow{Local: netip.MustParseAddrPort("[fd99::101]:5432"), Remote: netip.MustParseAddrPort("[fd99::7]:40000")}
	got := messages(t, []Flow{four, six}, []Flow{four})
	got = append(got, (&ask{header{KindAsk, "db", 1}, 2, 3, 4}).encode())
	want := []string{
		"01 01 02 6462 0102030405060708 00000000 00000001 00000000 02000000 01" +
			" 0002 04 0a630065 06 fd990000000000000000000000000101" +
			" 0002 01 0000 1538 0a000007 9c40 a1a2a3a4 b1b2b3b4" +
			" 00 0001 1538 fd990000000000000000000000000007 9c40",
		"01 01 02 6462 0102030405060708 00000001 00000002 00000000 02000000 01" +
			" 0001 06 fd990000000000000000000000000101" +
			" 0001 02 0000 1538 fd990000000000000000000000000007 9c40",
		"01 02 02 6462 0000000000000001 00000002 00000003 00000004",
	}
	for i := range want {
		if got := hex.EncodeToString(got[i]); got != strings.ReplaceAll(want[i], " ", "") {
			t.Errorf("message %d:\n%s, want\n%s", i, got, want[i])
		}
		kind, service, err := Peek(got[i])
		if wantKind := []Kind{KindUpdate, KindUpdate, KindAsk}[i]; kind != wantKind || service != "db" || err != nil {
			t.Errorf("message %d: kind %d, service %q, %v", i, kind, service, err)
		}
	}
}

// Every message that is cut off, longer, or has a byte that cannot be, is refused.
func TestBadMessagesAreRefused(t *testing.T) {
	t.Parallel()
	good := messages(t, []Flow{client(0), client(1)})[0]
	base := 3 + 2 + 8
	locals := base + 17
	changes := locals + 2 + 5 + 17
	with := func(at int, b ...byte) []byte {
		m := slices.Clone(good)
		copy(m[at:], b)
		return m
	}
	bad := map[string][]byte{
		"version":                   with(0, 2),
		"kind":                      with(1, 3),
		"an ask":                    with(1, 2),
		"no name":                   with(2, 0),
		"name beyond the end":       with(2, 255),
		"target 0":                  with(base+4, 0, 0, 0, 0),
		"base after target":         with(base, 0, 0, 0, 9),
		"from after to":             with(base+8, 9),
		"not to the end, but last":  with(base+12, 0, 0, 0, 9),
		"last is 2":                 with(base+16, 2),
		"confirmation with changes": with(base, 0, 0, 0, 1),
		"more addresses":            with(locals, 0xff, 0xff),
		"fewer addresses":           with(locals, 0, 1),
		"family 5":                  with(locals+2, 5),
		"address is multicast":      with(locals+3, 224),
		"more changes":              with(changes, 0, 3),
		"fewer changes":             with(changes, 0, 1),
		"flags":                     with(changes+2, 3),
		"address not in the list":   with(changes+3, 0, 2),
		"local port 0":              with(changes+5, 0, 0),
		"remote is broadcast":       with(changes+7, 255, 255, 255, 255),
		"remote is local":           with(changes+7, 10, 99, 0, 101),
		"remote port 0":             with(changes+11, 0, 0),
		"longer":                    append(slices.Clone(good), 0),
		"too long":                  append(slices.Clone(good), make([]byte, MessageLimit)...),
	}
	for i := range good {
		bad["cut off at "+string(rune('A'+i))] = good[:i]
	}
	if _, err := decodeUpdate(good); err != nil {
		t.Fatal(err)
	}
	for what, m := range bad {
		if _, err := decodeUpdate(m); !errors.Is(err, errMessage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, a := range map[string]ask{
		"place without target":  {place: 1},
		"target not after base": {base: 2, target: 2},
		"place too far":         {target: 1, place: placeEnd},
	} {
		a.header = header{KindAsk, "db", 1}
		if _, err := decodeAsk(a.encode()); !errors.Is(err, errMessage) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzDecodeUpdate(f *testing.F) {
	for _, m := range messages(f, clients(4, 1), clients(3, 1), clients(3, 1)) {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := decodeUpdate(b)
		if err != nil {
			return
		}
		if again := u.encode(); !bytes.Equal(again, b) {
			t.Fatalf("decoded and encoded:\n%x, was\n%x", again, b)
		}
		seen := 0
		u.each(func(c *change) {
			seen++
			if !tellable(c.flow.Local, c.flow.Remote) || !slices.Contains(u.locals, c.flow.Local.Addr()) {
				t.Errorf("%+v", c)
			}
		})
		if seen != u.count {
			t.Errorf("%d changes, %d counted", seen, u.count)
		}
	})
}

func FuzzDecodeAsk(f *testing.F) {
	f.Add((&ask{header{KindAsk, "db", 1}, 2, 3, 4}).encode())
	f.Add((&ask{header{KindAsk, "orders", 9}, 0, 0, 0}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAsk(b)
		if err != nil {
			return
		}
		if diff := cmp.Diff(b, a.encode()); diff != "" {
			t.Fatalf("decoded and encoded (-want +got):\n%s", diff)
		}
	})
}

// FuzzMirror gives a Mirror whatever comes, between what is right.
func FuzzMirror(f *testing.F) {
	for _, m := range messages(f, clients(4, 1), clients(3, 1)) {
		f.Add(m, "n1")
		f.Add(m, "n9")
	}
	f.Fuzz(func(t *testing.T, b []byte, from string) {
		m := NewMirror(MirrorOptions{PerService: 8, Total: 8})
		m.Allow(map[string][]netip.Addr{"db": ours})
		for i, message := range append(messages(t, clients(4, 1), clients(3, 1)), b, b) {
			who := "n1"
			if i > 1 {
				who = from
			}
			if reply, err := m.Receive(second, who, message); err == nil && reply != nil {
				if _, err := decodeAsk(reply); err != nil {
					t.Errorf("asks %x: %v", reply, err)
				}
			}
		}
		flows := m.Flows("db")
		if flows.Len() > 8 || flows.Len() != m.Len() {
			t.Errorf("%d connections, %d counted, limit 8", flows.Len(), m.Len())
		}
		for f := range flows.All() {
			if !slices.Contains(ours, f.Local.Addr()) {
				t.Errorf("%v is not ours", f)
			}
		}
	})
}
