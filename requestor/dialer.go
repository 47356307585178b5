// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// DefaultTimeout bounds the silence of one address where [Dialer.Timeout] does not.
const DefaultTimeout = 2 * time.Second

// Dialer connects to the first of several addresses that answers. The zero
// value dials what it is asked for. A Dialer may be used by many goroutines at once; its
// fields must not be changed after the first use.
type Dialer struct {
	// Addresses of the service in the order of preference, as "host:port", or as
	// "host" for the port that is asked for. They serve every dial for which Names has no entry.
	Addresses []string
	// Names maps what is asked for, "host:port" or "host", to its addresses, so
	// that one Dialer serves several services.
	Names map[string][]string
	// Timeout bounds the silence of one address; 0 means [DefaultTimeout]. A deadline of the
	// context is shared among the addresses that are left, so that each gets its turn.
	Timeout time.Duration
	// Stagger, if positive, tries the next address when one has not answered for
	// so long, and takes whichever answers first. 0 tries one after the other.
	Stagger time.Duration
	// ReturnAfter, if positive, tries the addresses in their listed order again when
	// another than the first has been in use for so long. 0 stays with an
	// address as long as it answers.
	ReturnAfter time.Duration
	// Tries is how many times Exchange sends its request to an address within
	// Timeout; 0 means 2.
	Tries int
	// Dial makes one connection. Absent: net.Dialer. It must heed its context.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Trace, if set, is told of each attempt as it ends, also of the one that
	// answers; not of those that another one's answer made superfluous. It may be called by
	// several goroutines at once.
	Trace func(Attempt)

	mu     sync.Mutex
	chosen map[string]choice // by what was asked for
}

// choice is the address to start with.
type choice struct {
	address string
	since   time.Time
	avoid   bool // to end with, rather
}

// DialContext connects to the first address that answers. The address names
// the service: an entry of Names, or else its port for the Addresses that have none.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, at, err := race(ctx, d, network, address, func(ctx context.Context, candidate string) (net.Conn, error) {
		return d.dial(ctx, network, candidate)
	}, func(c net.Conn) { c.Close() }) //nolint:errcheck // superfluous and unused
	if err != nil {
		return nil, err
	}
	d.remember(address, at)
	return conn, nil
}

// Avoid tells that a connection was of no use although the address had
// accepted it: the next dial for what was asked tries the other addresses first.
func (d *Dialer) Avoid(asked string, conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	remote := conn.RemoteAddr().String()
	for _, candidate := range d.listed(asked) {
		if candidate == remote {
			d.choose(asked, choice{address: candidate, since: time.Now(), avoid: true})
			return
		}
	}
}

// dial makes one connection.
func (d *Dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Dial != nil {
		return d.Dial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// remember keeps the address that answered.
func (d *Dialer) remember(asked, address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, ok := d.chosen[asked]; ok && !old.avoid && old.address == address {
		return // in use since then
	}
	d.choose(asked, choice{address: address, since: time.Now()})
}

func (d *Dialer) choose(asked string, c choice) {
	if d.chosen == nil {
		d.chosen = make(map[string]choice)
	}
	d.chosen[asked] = c
}

// candidates returns the addresses in the order in which to try them.
func (d *Dialer) candidates(asked string) []string {
	list := d.listed(asked)
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.chosen[asked]
	if !ok {
		return list
	}
	if d.ReturnAfter > 0 && time.Since(c.since) >= d.ReturnAfter {
		// If the first does not answer, the clock starts anew.
		delete(d.chosen, asked)
		return list
	}
	return arrange(list, c)
}

// arrange moves the chosen address to the front, or the one to avoid to the end.
func arrange(list []string, c choice) []string {
	i := slices.Index(list, c.address)
	if i < 0 {
		return list
	}
	rest := slices.Delete(slices.Clone(list), i, i+1)
	if c.avoid {
		return append(rest, c.address)
	}
	return append([]string{c.address}, rest...)
}

// listed returns the addresses for what is asked, with ports, in the listed order.
func (d *Dialer) listed(asked string) []string {
	host, port, err := net.SplitHostPort(asked)
	list, ok := d.Names[asked]
	if !ok && err == nil {
		list, ok = d.Names[host]
	}
	if !ok {
		list = d.Addresses
	}
	if len(list) == 0 {
		return []string{asked}
	}
	full := make([]string, len(list))
	for i, a := range list {
		full[i] = withPort(a, port)
	}
	return full
}

// withPort adds the port to an address that has none.
func withPort(address, port string) string {
	if _, _, err := net.SplitHostPort(address); err == nil || port == "" {
		return address
	}
	if n := len(address); n > 2 && address[0] == '[' && address[n-1] == ']' {
		address = address[1 : n-1]
	}
	return net.JoinHostPort(address, port)
}
