// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"encoding/binary"
	"testing"

	"github.com/regent-ha/regent/vrrp"
)

func TestMembershipIsFoundInTheKernelsTables(t *testing.T) {
	// As Linux 6.18 prints them on a little-endian machine.
	const igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n" +
		"1\tlo        :     1      V3\n" +
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n" +
		"12\teth0      :     2      V3\n" +
		"\t\t\t\t120000E0     1 0:00000000\t\t0\n" +
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n" +
		"2\teth1      :     1      V3\n" +
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	const igmp6 = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n" +
		"12   eth0            ff020000000000000000000000000012     1 00000004 0\n" +
		"12   eth0            ff020000000000000000000000000001     1 0000000C 0\n" +
		"2    eth1            ff020000000000000000000000000001     1 0000000C 0\n"
	for index, want := range map[int]bool{1: false, 2: false, 12: true, 120: false} {
		if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
			if got := memberIPv4(igmp, index, vrrp.IPv4.Group()); got != want {
				t.Errorf("IPv4, interface %d: member %v, want %v", index, got, want)
			}
		}
		if got := memberIPv6(igmp6, index, vrrp.IPv6.Group()); got != want {
			t.Errorf("IPv6, interface %d: member %v, want %v", index, got, want)
		}
	}
	if memberIPv4("", 1, vrrp.IPv4.Group()) || memberIPv6("", 1, vrrp.IPv6.Group()) {
		t.Error("membership found in an empty table")
	}
}
