// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// A client with many questions is told of each that is refused, not of one a second.
func TestEachOfManyRefusedDatagramsIsAnswered(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	const key4, key6 = "net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"
	must(t, b.SetSysctl(key4, "1000"))
	must(t, b.SetSysctl(key6, "1000"))
	k := kernel(t, b)
	const questions = 30
	few4, few6 := refusals(t, a, "10.99.0.2:9", questions), refusals(t, a, "[fd99::2]:9", questions)
	var restore func() error
	must(t, b.Do(func() (err error) { restore, err = k.HastenErrors(); return err }))
	for target, few := range map[string]int{"10.99.0.2:9": few4, "[fd99::2]:9": few6} {
		if got := refusals(t, a, target, questions); got < questions-1 || few > questions/2 {
			t.Errorf("%s: %d of %d questions were answered, want all; %d before", target, got, questions, few)
		}
	}
	must(t, restore())
	for _, key := range []string{key4, key6} {
		if v, err := b.Sysctl(key); v != "1000" || err != nil {
			t.Errorf("%s after restore: %s, %v", key, v, err)
		}
	}
	must(t, b.SetSysctl(key4, "0"))
	must(t, b.Do(func() (err error) { restore, err = k.HastenErrors(); return err }))
	if v, err := b.Sysctl(key4); v != "0" || err != nil {
		t.Errorf("a host that has no limit got one: %s, %v", v, err)
	}
	must(t, restore())
}

// refusals asks at a port where nobody listens, each time from a new socket, and counts the errors.
func refusals(t *testing.T, n *netlab.Node, target string, questions int) int {
	t.Helper()
	refused := 0
	for range questions {
		var c net.Conn
		must(t, n.Do(func() (err error) {
			c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(target)))
			return err
		}))
		_, err := c.Write([]byte("?"))
		must(t, err)
		must(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, unix.ECONNREFUSED) {
			refused++
			time.Sleep(15 * time.Millisecond) // the pace of a client, and of the limit
		}
		must(t, c.Close())
	}
	return refused
}
