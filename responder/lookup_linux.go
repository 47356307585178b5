// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
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
	p        *pins
	have     []element
	why      error // nftables cannot be used
	taken    string
	interval time.Duration // between two looks whether all is in force
	failing  bool          // the last attempt to restore failed
}

// lookupName is the mechanism's name.
const lookupName = "sk_lookup"

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
func openLookup(ctx context.Context, o Options, why error) (*skLookup, error) {
	p, taken, err := openPins(ctx, o.Table)
	if err != nil {
		return nil, err
	}
	l := &skLookup{p: p, why: why, taken: taken, interval: o.CheckInterval}
	err = l.read()
	if err == nil && !o.KeepServing {
		err = emptyServed(p.served, func(uint64) bool { return true })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the maps for sk_lookup: %w", err), p.close())
	}
	return l, nil
}

// read reads what is refused.
func (l *skLookup) read() error {
	l.have = nil
	var address lookupAddress
	var count lookupCount
	i := l.p.refused.Iterate()
	for i.Next(&address, &count) {
		a := netip.AddrFrom16(address).Unmap()
		for _, r := range []role{roleAddress, roleReset, roleUnreach} {
			l.have = append(l.have, element{set: setID{r, a.Is6()}, addr: a})
		}
	}
	var port lookupPort
	j := l.p.ports.Iterate()
	for j.Next(&port, &count) {
		a := netip.AddrFrom16(port.Address).Unmap()
		l.have = append(l.have, element{set: setID{roleAddress, a.Is6()}, addr: a},
			element{setID{rolePort, a.Is6()}, a, Port{uint8(port.Protocol), uint16(port.Port)}}) //nolint:gosec // as they were put there
	}
	slices.SortFunc(l.have, element.compare)
	l.have = slices.Compact(l.have)
	return errors.Join(i.Err(), j.Err())
}

// emptyServed refuses again what is served until a time that is chosen.
func emptyServed(served *ebpf.Map, chosen func(until uint64) bool) error {
	var keys []lookupAddress
	var key lookupAddress
	var until uint64
	i := served.Iterate()
	for i.Next(&key, &until) {
		if chosen(until) {
			keys = append(keys, key)
		}
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
	how := "ends with this process (" + l.p.unpinned + ")"
	if l.p.home != nil {
		how = "survives this process in " + l.p.home.dir + l.p.mounted
	}
	return lookupName, fmt.Sprintf("%s; %s; other protocols than TCP and UDP are the kernel's; ports with words of their own are reset; nftables is not used: %v", l.taken, how, l.why)
}

// refuse adds before it removes: what goes from whole to ports, or back, is refused throughout. If it fails, at least what
// was refused still is, and the next call does what is left.
func (l *skLookup) refuse(want []element) error {
	add, remove := diff(l.have, want)
	for _, e := range add {
		if err := l.add(e); err != nil {
			return errors.Join(err, l.read())
		}
	}
	for _, e := range remove {
		if err := l.drop(e); err != nil {
			return errors.Join(err, l.read())
		}
	}
	l.have = want
	return l.p.renew()
}

// add adds an element to its map. The program needs no gate, and knows no speaker.
func (l *skLookup) add(e element) (err error) {
	switch e.set.role {
	case roleReset: // with roleUnreach, which every whole address has too
		err = l.p.refused.Update(lookupAddress(e.addr.As16()), lookupCount{}, ebpf.UpdateNoExist)
	case rolePort:
		err = l.p.ports.Update(portKey(e), lookupCount{}, ebpf.UpdateNoExist)
	default:
	}
	switch {
	case err == nil, errors.Is(err, ebpf.ErrKeyExist):
		return nil
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("refuse %v: no room for more than %d addresses and as many ports", e.addr, lookupLimit)
	}
	return fmt.Errorf("refuse %v: %w", e.addr, err)
}

// drop is the inverse of add.
func (l *skLookup) drop(e element) (err error) {
	switch e.set.role {
	case roleReset:
		err = l.p.refused.Delete(lookupAddress(e.addr.As16()))
	case rolePort:
		err = l.p.ports.Delete(portKey(e))
	default:
	}
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("refuse %v no more: %w", e.addr, err)
	}
	return nil
}

func portKey(e element) lookupPort {
	return lookupPort{e.addr.As16(), uint32(e.port.Proto), uint32(e.port.Number)}
}

func (l *skLookup) serve(addrs []netip.Addr, ttl time.Duration) error {
	until := uint64(0)
	if ttl > 0 {
		until = bootTime() + uint64(ttl)
	}
	var errs []error
	for _, a := range addrs {
		if err := l.p.served.Update(lookupAddress(a.As16()), until, ebpf.UpdateAny); err != nil {
			errs = append(errs, fmt.Errorf("serve %v: %w", a, err))
		}
	}
	return errors.Join(errs...)
}

func (l *skLookup) withdraw(addrs []netip.Addr) error {
	var errs []error
	for _, a := range addrs {
		if err := l.p.served.Delete(lookupAddress(a.As16())); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("serve %v no more: %w", a, err))
		}
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

// hints are none, but attend is called from time to time.
func (l *skLookup) hints() <-chan struct{} { return make(chan struct{}) }

// attend forgets what was served for a time, which the program no longer heeds, and restores what somebody let go of.
func (l *skLookup) attend() ([]Event, time.Duration) {
	now := bootTime()
	// An element that stays costs room, nothing else: the next look removes it.
	_ = emptyServed(l.p.served, func(until uint64) bool { return until != 0 && until <= now })
	first := !l.failing
	why, err := l.p.restore()
	l.failing = err != nil
	switch {
	case err != nil && first:
		return []Event{{Kind: RestoreFailed, Text: fmt.Sprintf("sk_lookup was changed by somebody else (%s) and could not be restored", why), Err: err}}, l.interval
	case err == nil && why != "":
		return []Event{{Kind: Restored, Text: fmt.Sprintf("sk_lookup was changed by somebody else (%s); it was restored", why)}}, l.interval
	}
	return nil, l.interval
}

func (l *skLookup) close(remove bool) error {
	if remove {
		return errors.Join(l.p.remove(), l.p.close())
	}
	return errors.Join(emptyServed(l.p.served, func(uint64) bool { return true }), l.p.close())
}
