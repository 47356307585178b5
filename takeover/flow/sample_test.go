// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A list with repetitions becomes one in which each connection is once, as it was last, and what the caller had before
// stays.
func TestSampleIndexKeepsTheLatestOfEachConnection(t *testing.T) {
	t.Parallel()
	flows := rapid.Custom(func(t *rapid.T) Flow {
		addr := func(label string) netip.AddrPort {
			host := rapid.IntRange(1, 3).Draw(t, label)
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(host)})
			if rapid.Bool().Draw(t, "ipv6") {
				a = netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(host)})
			}
			return netip.AddrPortFrom(a, uint16(rapid.IntRange(1, 30).Draw(t, "port")))
		}
		return Flow{Local: addr("local"), Remote: addr("remote"), Send: rapid.Uint32().Draw(t, "send")}
	})
	var index sampleIndex // one for all, as in use
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(flows, 0, 3).Draw(t, "before")
		added := rapid.SliceOfN(flows, 0, 2000).Draw(t, "added")
		type pair struct{ local, remote netip.AddrPort }
		want := map[pair]Flow{}
		index.reset()
		list := slices.Clone(before)
		for _, f := range added {
			want[pair{f.Local, f.Remote}] = f
			list = index.add(list, len(before), &f)
		}
		if !slices.Equal(list[:len(before)], before) {
			t.Fatal("what was before is another")
		}
		if len(list)-len(before) != len(want) {
			t.Fatalf("%d connections, want %d", len(list)-len(before), len(want))
		}
		for _, f := range list[len(before):] {
			if want[pair{f.Local, f.Remote}] != f {
				t.Fatalf("%v, want %v", f, want[pair{f.Local, f.Remote}])
			}
		}
	})
}

func TestSampleIndexGrows(t *testing.T) {
	t.Parallel()
	var index sampleIndex
	index.reset()
	var list []Flow
	const count = 70000
	for range 2 {
		for i := range count {
			a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			list = index.add(list, 0, &Flow{Local: netip.AddrPortFrom(a, 80), Remote: netip.AddrPortFrom(a, 1000)})
		}
	}
	if len(list) != count {
		t.Errorf("%d connections, want %d", len(list), count)
	}
}

func TestSampleAddressesAreNormal(t *testing.T) {
	t.Parallel()
	var a sampleAddresses
	addrs := []netip.Addr{
		netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.1"), {},
		netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::1%eth1"),
	}
	if !a.take(addrs) || a.take(addrs) {
		t.Error("a change is not seen, or seen where there is none")
	}
	want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")}
	if diff := cmp.Diff(want, a.list, sampleSame); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	addrs[0] = netip.MustParseAddr("192.0.2.9") // the caller's slice is the caller's
	if !a.take(addrs) || !a.set[addrs[0]] {
		t.Error("a change in place is not seen")
	}
	if !a.take(nil) || len(a.list) != 0 {
		t.Error("the end of all addresses is not seen")
	}
}

// diagBytes makes a netlink message with a struct inet_diag_msg.
func diagBytes(sequence uint32, flags uint16, family, state byte, local, remote netip.AddrPort) []byte {
	b := make([]byte, diagMessage)
	b[0], b[1] = family, state
	binary.BigEndian.PutUint16(b[4:], local.Port())
	binary.BigEndian.PutUint16(b[6:], remote.Port())
	copy(b[8:24], local.Addr().AsSlice())
	copy(b[24:40], remote.Addr().AsSlice())
	b = append(b, 5, 0, 8, 0, 0, 0, 0, 0) // an attribute of five bytes
	return diagWrap(diagByFamily, flags, sequence, b)
}

func diagWrap(kind, flags uint16, sequence uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(diagHeader+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	return append(append(b, 0, 0, 0, 0), body...)
}

func TestDiagTakeReadsWhatTheKernelSays(t *testing.T) {
	t.Parallel()
	port := netip.MustParseAddrPort
	v4 := Flow{Local: port("192.0.2.1:443"), Remote: port("198.51.100.7:50000")}
	v6 := Flow{Local: port("[2001:db8::1]:443"), Remote: port("[2001:db8::9]:50001")}
	mapped := Flow{Local: port("192.0.2.1:443"), Remote: port("198.51.100.8:50002")}
	to6 := func(p netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16(p.Addr().As16()), p.Port())
	}
	m4 := diagBytes(7, 2, sampleIPv4, sampleEstablished, v4.Local, v4.Remote)
	m6 := diagBytes(7, 2, sampleIPv6, sampleCloseWait, v6.Local, v6.Remote)
	mMapped := diagBytes(7, 2, sampleIPv6, sampleLastAck, to6(mapped.Local), to6(mapped.Remote))
	done := diagWrap(diagDone, 2, 7, []byte{0, 0, 0, 0})
	number := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	only := map[netip.Addr]bool{v4.Local.Addr(): true}
	for _, test := range []struct {
		name   string
		parts  [][]byte
		wanted map[netip.Addr]bool
		want   []Flow
		batch  diagBatch
	}{
		{"nothing", nil, nil, nil, diagBatch{}},
		{"all kinds", [][]byte{m4, m6, mMapped}, nil, []Flow{v4, v6, mapped}, diagBatch{}},
		{"one twice", [][]byte{m4, m6, m4}, nil, []Flow{v4, v6}, diagBatch{}},
		{"some addresses", [][]byte{m4, m6, mMapped}, only, []Flow{v4, mapped}, diagBatch{}},
		{"the end", [][]byte{m4, done, m6}, nil, []Flow{v4}, diagBatch{done: true}},
		{"of another dump", [][]byte{diagBytes(6, 2, sampleIPv4, sampleEstablished, v4.Local, v4.Remote), m6}, nil, []Flow{v6}, diagBatch{}},
		{"the end of another dump", [][]byte{diagWrap(diagDone, 2, 6, number(0)), m6}, nil, []Flow{v6}, diagBatch{}},
		{"interrupted", [][]byte{diagBytes(7, 0x12, sampleIPv4, 1, v4.Local, v4.Remote), done}, nil, []Flow{v4},
			diagBatch{done: true, interrupted: true}},
		{"ended by an error", [][]byte{m4, diagWrap(diagDone, 2, 7, number(-int32(syscall.EINTR)))}, nil, []Flow{v4},
			diagBatch{done: true, err: syscall.EINTR}},
		{"refused", [][]byte{diagWrap(diagError, 0, 7, number(-int32(syscall.ENOENT)))}, nil, nil,
			diagBatch{done: true, err: syscall.ENOENT}},
		{"TIME_WAIT", [][]byte{diagBytes(7, 2, sampleIPv4, 6, v4.Local, v4.Remote), m6}, nil, []Flow{v6}, diagBatch{}},
		{"cut off", [][]byte{m4, m6[:60]}, nil, []Flow{v4}, diagBatch{err: errDiagShort}},
		{"too short a message", [][]byte{diagWrap(diagByFamily, 2, 7, make([]byte, 68)), m4}, nil, []Flow{v4}, diagBatch{err: errDiagShort}},
		{"no number", [][]byte{diagWrap(diagDone, 2, 7, nil)}, nil, nil, diagBatch{done: true, err: errDiagShort}},
	} {
		var index sampleIndex
		index.reset()
		list, batch := diagTake(slices.Concat(test.parts...), 7, test.wanted, &index, nil, 0)
		if diff := cmp.Diff(test.want, list, sampleSame); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if batch.done != test.batch.done || batch.interrupted != test.batch.interrupted || !errors.Is(batch.err, test.batch.err) {
			t.Errorf("%s: %+v, want %+v", test.name, batch, test.batch)
		}
	}
}

func FuzzDiagTake(f *testing.F) {
	a, b := netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("198.51.100.7:50000")
	f.Add(diagBytes(1, 2, sampleIPv4, sampleEstablished, a, b))
	f.Add(append(diagBytes(1, 2, sampleIPv6, sampleCloseWait, a, b), diagWrap(diagDone, 2, 1, make([]byte, 4))...))
	f.Add(diagWrap(diagError, 0, 1, []byte{0xff, 0xff, 0xff, 0xff}))
	f.Fuzz(func(t *testing.T, in []byte) {
		var index sampleIndex
		index.reset()
		list, _ := diagTake(in, 1, nil, &index, nil, 0)
		if len(list) > len(in)/(diagHeader+diagMessage) {
			t.Errorf("%d connections out of %d bytes", len(list), len(in))
		}
		sampleSound(t, list, false)
	})
}

// iterBytes makes a record as the program writes it.
func iterBytes(f Flow, state uint32) []byte {
	local, remote := f.Local.Addr().As16(), f.Remote.Addr().As16()
	b := append(local[:], remote[:]...)
	b = binary.NativeEndian.AppendUint16(b, f.Local.Port())
	b = binary.BigEndian.AppendUint16(b, f.Remote.Port())
	b = binary.NativeEndian.AppendUint32(b, f.Send)
	b = binary.NativeEndian.AppendUint32(b, f.Receive)
	return binary.NativeEndian.AppendUint32(b, state)
}

func TestIterTakeReadsRecords(t *testing.T) {
	t.Parallel()
	port := netip.MustParseAddrPort
	v4 := Flow{port("192.0.2.1:443"), port("198.51.100.7:50000"), true, 0xfffffffe, 1}
	v6 := Flow{port("[2001:db8::1]:443"), port("[2001:db8::9]:50001"), true, 3, 4}
	in := slices.Concat(iterBytes(v4, sampleEstablished), iterBytes(v6, sampleClosing), iterBytes(v4, sampleEstablished)[:20])
	var index sampleIndex
	index.reset()
	list, rest, err := iterTake(in, &index, nil, 0)
	if diff := cmp.Diff([]Flow{v4, v6}, list, sampleSame); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if len(rest) != 20 {
		t.Errorf("%d bytes remain, want 20", len(rest))
	}
	if _, _, err := iterTake(iterBytes(v4, 6), &index, nil, 0); !errors.Is(err, errIterRecord) {
		t.Errorf("TIME_WAIT: %v", err)
	}
	if _, _, err := iterTake(iterBytes(v4, 33), &index, nil, 0); !errors.Is(err, errIterRecord) {
		t.Errorf("state 33: %v", err)
	}
}

func FuzzIterTake(f *testing.F) {
	flow := Flow{Local: netip.MustParseAddrPort("192.0.2.1:443"), Remote: netip.MustParseAddrPort("[2001:db8::9]:50001")}
	f.Add(iterBytes(flow, sampleEstablished))
	f.Add(append(iterBytes(flow, sampleCloseWait), 1, 2, 3))
	f.Fuzz(func(t *testing.T, in []byte) {
		var index sampleIndex
		index.reset()
		list, rest, err := iterTake(in, &index, nil, 0)
		if err == nil && len(rest) != len(in)%iterRecord {
			t.Errorf("%d bytes of %d remain", len(rest), len(in))
		}
		sampleSound(t, list, true)
	})
}

// sampleSound checks what [Flow] promises.
func sampleSound(t *testing.T, list []Flow, exact bool) {
	t.Helper()
	seen := map[[2]netip.AddrPort]bool{}
	for _, f := range list {
		for _, a := range []netip.Addr{f.Local.Addr(), f.Remote.Addr()} {
			if !a.IsValid() || a.Is4In6() || a.Zone() != "" {
				t.Errorf("address %s", a)
			}
		}
		if f.Exact != exact {
			t.Errorf("exact: %v", f.Exact)
		}
		pair := [2]netip.AddrPort{f.Local, f.Remote}
		if seen[pair] {
			t.Errorf("%v twice", f)
		}
		seen[pair] = true
	}
}
