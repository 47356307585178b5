// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLeaseIsRoundedUpToSeconds(t *testing.T) {
	for lease, want := range map[time.Duration]uint32{
		-1: forever, 0: forever, 1: 1, time.Second: 1, time.Second + 1: 2, 5500 * time.Millisecond: 6,
		1<<63 - 1: forever - 1,
	} {
		if got := leaseSeconds(lease); got != want {
			t.Errorf("lease %s is %d s, want %d", lease, got, want)
		}
	}
}

func TestAddressMessageIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ipv4")
		if rapid.Bool().Draw(t, "v6") {
			b = rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ipv6")
		}
		addr, _ := netip.AddrFromSlice(b)
		a := Address{netip.PrefixFrom(addr, rapid.IntRange(0, addr.BitLen()).Draw(t, "bits")), rapid.IntRange(1, 1<<30).Draw(t, "link")}
		index, got, ok, err := parseAddress(addressMessage(a, Attributes{}, life{seconds: 5}, true))
		want := InterfaceAddr{Prefix: a.Prefix, Proto: Protocol}
		if err != nil || !ok || index != a.Link || got != want {
			t.Fatalf("read back %+v on %d, ok %v, error %v; want %+v on %d", got, index, ok, err, want, a.Link)
		}
	})
}

func TestOtherFamiliesAreIgnored(t *testing.T) {
	link := make([]byte, lengthIfInfoMsg)
	link[0] = 7 // AF_BRIDGE: RTM_DELLINK of a port that leaves its bridge
	link[4] = 1
	if _, ok, err := parseLink(link); ok || err != nil {
		t.Errorf("link of AF_BRIDGE: ok %v, error %v", ok, err)
	}
	if _, _, ok, err := parseAddress([]byte{28, 0, 0, 0, 1, 0, 0, 0}); ok || err != nil {
		t.Errorf("address of AF_MPLS: ok %v, error %v", ok, err)
	}
}

func TestErrorsOfTheKernelAreReadWithTheirWords(t *testing.T) {
	errno := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	words := []byte{13, 0, nlmsgerrText, 0, 'n', 'o', ' ', 's', 'i', 'r', '!', '!', 0, 0, 0, 0}
	quoted := make([]byte, nlmsgHeader)
	whole := binary.NativeEndian.AppendUint32(nil, 20)
	whole = append(whole, make([]byte, 16)...)
	for _, c := range []struct {
		name  string
		flags uint16
		data  []byte
		want  string
	}{
		{"acknowledgement", 0, append(errno(0), quoted...), "<nil>"},
		{"number alone", 0, append(errno(-19), quoted...), "no such device"},
		{"with words", nlmsgTLVs | nlmsgCapped, slices.Concat(errno(-22), quoted, words), "invalid argument (no sir!!)"},
		{"with words behind the request", nlmsgTLVs, slices.Concat(errno(-22), whole, words), "invalid argument (no sir!!)"},
		{"cut off", nlmsgTLVs | nlmsgCapped, append(errno(-22), 1, 2, 3), "invalid argument"},
		{"odd length of the request", nlmsgTLVs, slices.Concat(errno(-22), slices.Repeat([]byte{255}, 16)), "invalid argument"},
		{"too short", 0, []byte{1}, errShort.Error()},
	} {
		got := "<nil>"
		if err := answerError(c.flags, c.data); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Whatever the kernel sends, nothing panics and what is taken for an address or a link is one.
func FuzzNotifications(f *testing.F) {
	message := func(kind uint16, data []byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(nlmsgHeader+len(data)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		return append(append(b, make([]byte, 10)...), data...)
	}
	f.Add(message(rtmNewAddr, addressMessage(Address{netip.MustParsePrefix("10.0.0.1/24"), 2}, Attributes{Label: "eth0:1"}, life{seconds: 5}, false)))
	f.Add(message(rtmDelAddr, addressMessage(Address{netip.MustParsePrefix("fd00::1/64"), 2}, Attributes{}, life{}, false)))
	f.Add(message(rtmNewLink, slices.Concat(
		[]byte{0, 0, 1, 0, 2, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0},
		[]byte{9, 0, iflaIfname, 0, 'e', 't', 'h', '0', 0, 0, 0, 0},
		[]byte{10, 0, iflaAddress, 0, 2, 0, 0, 0, 0, 1, 0, 0},
		[]byte{8, 0, iflaMTU, 0, 0xdc, 5, 0, 0},
	)))
	f.Add(message(nlmsgError, slices.Concat([]byte{0xea, 0xff, 0xff, 0xff}, make([]byte, 16), []byte{6, 0, 1, 0, 'x', 0})))
	f.Add(message(sockDiagByFamily, make([]byte, lengthDiagMsg)))
	f.Fuzz(func(t *testing.T, b []byte) {
		table := linkTable{}
		var d differences
		_ = eachMessage(b, func(kind, flags uint16, _ uint32, data []byte) {
			if l, ok, err := parseLink(data); ok && err == nil {
				if l.Index <= 0 {
					t.Errorf("link with index %d", l.Index)
				}
				table.link(l, &d)
			}
			if index, a, ok, err := parseAddress(data); ok && err == nil {
				if !a.Prefix.IsValid() || index <= 0 {
					t.Errorf("address %v on %d", a, index)
				}
				table.address(index, a, &d)
			}
			if s, err := parseSocket(data); err == nil && !s.local.IsValid() {
				t.Error("socket without an address")
			}
			_ = answerError(flags, data)
			_ = kind
		})
		_ = d.change()
	})
}
