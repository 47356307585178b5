// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"fmt"
	"net"
	"strings"
)

// MAC is an Ethernet address.
type MAC [6]byte

// String returns the address as "00:00:5e:00:01:33".
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// RFC is the virtual MAC of a virtual router (RFC 9568 section 7.3).
func RFC(vrid uint8, ipv6 bool) MAC {
	if ipv6 {
		return MAC{0, 0, 0x5e, 0, 2, vrid}
	}
	return MAC{0, 0, 0x5e, 0, 1, vrid}
}

// Parse reads "00:00:5e:00:01:33". Anything but a unicast address of six octets is an error.
func Parse(text string) (m MAC, err error) {
	a, err := net.ParseMAC(text)
	if err != nil || len(a) != len(m) || a[0]&1 != 0 || MAC(a) == m {
		return m, fmt.Errorf("%q is no unicast Ethernet address: want six pairs of hexadecimal digits", text)
	}
	return MAC(a), nil
}

// nameLimit is the length of an interface's name (IFNAMSIZ without the final zero).
const nameLimit = 15

// names are the names that an interface may have, the preferred one first: the one that was asked for, or keepalived's vrrp.VRID, and
// where that is taken vrrp6.VRID for an IPv6 router, vrrp1.VRID and so on.
func (w Want) names() []string {
	if w.Name != "" {
		return []string{w.Name}
	}
	out := []string{fmt.Sprintf("vrrp.%d", w.VRID)}
	if w.Six {
		out = append(out, fmt.Sprintf("vrrp6.%d", w.VRID))
	}
	for n := 1; n < 100; n++ {
		if n != 6 { // that would be an IPv6 router's
			out = append(out, fmt.Sprintf("vrrp%d.%d", n, w.VRID))
		}
	}
	return out
}

// CheckName reports what is wrong with a name for an interface.
func CheckName(name string) error {
	if name == "" || len(name) > nameLimit || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r%") {
		return fmt.Errorf("%q is no name for an interface: at most %d characters, no slash, colon or space", name, nameLimit)
	}
	return nil
}
