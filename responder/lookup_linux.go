// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// skLookup refuses by a program that the kernel asks for the socket of each new connection and datagram (BPF, sk_lookup). It
// says "none" for what is refused, and the kernel answers as for a port that nobody listens on, whoever listens.
type skLookup struct {
	p       *pins
	have    []element
	serving map[netip.Addr]time.Time
	why     error // nftables cannot be used
	taken   string
}

// lookupLimit is how many elements each of its maps may have.
const lookupLimit = 1 << 16

// Values and keys of the maps. Addresses are in 16 octets, IPv4 mapped.
type (
	lookupAddress [16]byte
	lookupPort    struct {
		Address  lookupAddress
		Protocol uint32
		Port     uint32
	}
	lookupCount struct{ TCP, Other uint64 }
)

// openLookup attaches the program, or adopts what an earlier process left attached.
func openLookup(o Options, why error) (*skLookup, error) {
	l := &skLookup{why: why, serving: map[netip.Addr]time.Time{}}
	p, adopted, err := openPins(o.Table)
	if err != nil {
		return nil, err
	}
	l.p, l.taken = p, "new"
	if adopted {
		l.taken = "adopted"
		err = l.load(o.KeepServing)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return l, nil
}

// load reads what is refused, and what is served or, if that is not to be kept, empties it.
func (l *skLookup) load(keepServing bool) error {
	var address lookupAddress
	var count lookupCount
	for i := l.p.refused.Iterate(); i.Next(&address, &count); {
		a := netip.AddrFrom16(address).Unmap()
		for _, r := range []role{roleAddress, roleReset, roleUnreach} {
			l.have = append(l.have, element{set: setID{r, a.Is6()}, addr: a})
		}
	}
	var port lookupPort
	for i := l.p.ports.Iterate(); i.Next(&port, &count); {
		a := netip.AddrFrom16(port.Address).Unmap()
		l.have = append(l.have, element{set: setID{roleAddress, a.Is6()}, addr: a},
			element{setID{rolePort, a.Is6()}, a, Port{uint8(port.Protocol), uint16(port.Port)}}) //nolint:gosec // as they were put there
	}
	slices.SortFunc(l.have, element.compare)
	l.have = slices.Compact(l.have)
	if !keepServing {
		return emptyServed(l.p.served)
	}
	var until uint64
	for i := l.p.served.Iterate(); i.Next(&address, &until); {
		end := time.Time{}
		if until != 0 {
			end = time.Now().Add(time.Duration(until - bootTime())) //nolint:gosec // less than centuries
		}
		l.serving[netip.AddrFrom16(address).Unmap()] = end
	}
	return nil
}

// emptyServed makes everything refused again.
func emptyServed(served *ebpf.Map) error {
	var keys []lookupAddress
	var key lookupAddress
	var until uint64
	i := served.Iterate()
	for i.Next(&key, &until) {
		keys = append(keys, key)
	}
	errs := []error{i.Err()}
	for _, k := range keys {
		if err := served.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// bootTime is the clock of the program.
func bootTime() uint64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0 // it never fails
	}
	return uint64(t.Nano()) //nolint:gosec // since boot
}

func (l *skLookup) describe() (name, detail string) {
	how := "survives this process"
	if l.p.dir == "" {
		how = "ends with this process (no bpf filesystem: " + l.p.unpinned + ")"
	}
	return "sk_lookup", fmt.Sprintf("%s; %s; other protocols than TCP and UDP are the kernel's; ports with words of their own are reset; nftables is not used: %v", l.taken, how, l.why)
}

func (l *skLookup) refuse(want []element) error {
	add, remove := diff(l.have, want)
	var errs []error
	for _, e := range add {
		var err error
		switch e.set.role {
		case roleReset: // with roleUnreach, which every whole address has too
			err = l.p.refused.Update(lookupAddress(e.addr.As16()), lookupCount{}, ebpf.UpdateNoExist)
		case rolePort:
			err = l.p.ports.Update(lookupPort{e.addr.As16(), uint32(e.port.Proto), uint32(e.port.Number)}, lookupCount{}, ebpf.UpdateNoExist)
		default: // the program needs no gate, and knows no speaker
		}
		if errors.Is(err, unix.E2BIG) {
			err = fmt.Errorf("more than %d addresses or ports", lookupLimit)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
			errs = append(errs, fmt.Errorf("refuse %v: %w", e.addr, err))
		}
	}
	for _, e := range remove {
		var err error
		switch e.set.role {
		case roleReset:
			err = l.p.refused.Delete(lookupAddress(e.addr.As16()))
		case rolePort:
			err = l.p.ports.Delete(lookupPort{e.addr.As16(), uint32(e.port.Proto), uint32(e.port.Number)})
		default:
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("refuse %v no more: %w", e.addr, err))
		}
	}
	l.have = want
	return errors.Join(errs...)
}

func (l *skLookup) serve(addrs []netip.Addr, ttl time.Duration) error {
	until, end := uint64(0), time.Time{}
	if ttl > 0 {
		until, end = bootTime()+uint64(ttl), time.Now().Add(ttl)
	}
	var errs []error
	for _, a := range addrs {
		if err := l.p.served.Update(lookupAddress(a.As16()), until, ebpf.UpdateAny); err != nil {
			errs = append(errs, fmt.Errorf("serve %v: %w", a, err))
		}
		l.serving[a] = end
	}
	return errors.Join(errs...)
}

func (l *skLookup) withdraw(addrs []netip.Addr) error {
	var errs []error
	for _, a := range addrs {
		if err := l.p.served.Delete(lookupAddress(a.As16())); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("serve %v no more: %w", a, err))
		}
		delete(l.serving, a)
	}
	return errors.Join(errs...)
}

func (l *skLookup) counters() (map[netip.Addr]Count, error) {
	all := map[netip.Addr]Count{}
	var address lookupAddress
	var port lookupPort
	var n lookupCount
	add := func(a lookupAddress) {
		c := all[netip.AddrFrom16(a).Unmap()]
		c.Resets += n.TCP
		c.Unreachables += n.Other
		all[netip.AddrFrom16(a).Unmap()] = c
	}
	i := l.p.refused.Iterate()
	for i.Next(&address, &n) {
		add(address)
	}
	j := l.p.ports.Iterate()
	for j.Next(&port, &n) {
		add(port.Address)
	}
	return all, errors.Join(i.Err(), j.Err())
}

func (l *skLookup) hints() <-chan struct{} { return nil }

func (l *skLookup) attend() ([]Event, time.Duration) { return nil, 0 }

func (l *skLookup) close(remove bool) error {
	if remove {
		return errors.Join(l.p.remove(), l.p.close())
	}
	return errors.Join(emptyServed(l.p.served), l.p.close())
}
