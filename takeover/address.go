// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"net/netip"
)

// Protocol is the mark (IFA_PROTO) of addresses that were installed here: 112, the number of VRRP.
const Protocol = 112

// Address is an address with its prefix length on a link. It is comparable; its zero value is no address.
type Address struct {
	Prefix netip.Prefix // not masked: 10.0.0.101/24
	Link   int          // interface index
}

// String returns, for example, "10.0.0.101/24 on link 2".
func (a Address) String() string { return fmt.Sprintf("%s on link %d", a.Prefix, a.Link) }

// Errors that callers decide on. They come wrapped, with the address; use errors.Is.
var (
	// ErrForeign: the address is there already, and somebody else put it there. It was left as it is: it answers, but
	// it has no lease, and it must not be deleted on giving back.
	ErrForeign = errors.New("address belongs to somebody else on this host")
	// ErrGone: an address whose lease was to be renewed is not there any more. It was not put back.
	ErrGone = errors.New("address is gone")
	// ErrUnsupported: the kernel was built without what is asked for.
	ErrUnsupported = errors.New("not supported by this kernel")
)

// Record is an address as a daemon writes it to its state file: by the name of the interface, since an index means
// nothing after a restart of the host.
type Record struct {
	Prefix    netip.Prefix `json:"prefix"`
	Interface string       `json:"interface"`
	Leased    bool         `json:"leased"` // installed with a lease
}

// Recorded returns those recorded addresses that are still present: what an earlier run left on a kernel that shows no
// marks. An address that was recorded as leased and is permanent now was installed again by somebody else, and one
// that carries the mark of another program belongs to that: both are left out.
func Recorded(links []LinkState, records []Record) []Address {
	type key struct {
		prefix netip.Prefix
		name   string
	}
	leased := make(map[key]bool, len(records))
	for _, r := range records {
		leased[key{r.Prefix, r.Interface}] = r.Leased
	}
	var left []Address
	for _, l := range links {
		for _, a := range l.Addrs {
			wasLeased, ok := leased[key{a.Prefix, l.Name}]
			if !ok || wasLeased && a.Permanent || a.Proto != 0 && a.Proto != Protocol {
				continue
			}
			left = append(left, Address{a.Prefix, l.Index})
		}
	}
	return left
}

// Marked returns the addresses that carry the mark of this package.
func Marked(links []LinkState) []Address {
	var left []Address
	for _, l := range links {
		for _, a := range l.Addrs {
			if a.Proto == Protocol {
				left = append(left, Address{a.Prefix, l.Index})
			}
		}
	}
	return left
}
