// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/regent-ha/regent/internal/peers"
)

// manyAddresses are in one virtual router: one is advertised, the others are not, since they do not fit an advert.
const manyAddresses = 1000

// addresses has an heir take a thousand addresses over.
func (b *bench) addresses() error {
	const interval = 100 * time.Millisecond
	situation := fmt.Sprintf("%d addresses, %s", manyAddresses, interval)
	if !strings.Contains(situation, b.only) {
		return nil
	}
	for range min(b.rounds, 10) {
		for _, s := range b.subjects {
			b.say("%s: %s", situation, s.name)
			if err := b.steady(func() error { return b.inherit(s, situation, interval) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrival is an address that came into the heir's kernel.
type arrival struct {
	address netip.Addr
	at      time.Time
}

func (b *bench) inherit(s subject, situation string, interval time.Duration) (err error) {
	st, err := b.newStage(s, interval, false, func(r *peers.Router) {
		for i := range manyAddresses - 1 {
			r.Excluded = append(r.Excluded, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, byte(10 + i/250), byte(i%250 + 1)}), 32))
		}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if err := st.calm(); err != nil {
		return err
	}
	if err := b.wait(6 * time.Second); err != nil { // the second round of announcements
		return err
	}
	updates, done := make(chan netlink.AddrUpdate, 4*manyAddresses), make(chan struct{})
	if err := st.heir.Do(func() error { return netlink.AddrSubscribe(updates, done) }); err != nil {
		return err
	}
	var mu sync.Mutex
	var arrivals []arrival
	go func() {
		seen := map[netip.Addr]bool{}
		for u := range updates {
			ip, ok := netip.AddrFromSlice(u.LinkAddress.IP)
			if a := ip.Unmap(); ok && u.NewAddr && !seen[a] { // the renewal of a lease is told as well
				seen[a] = true
				mu.Lock()
				arrivals = append(arrivals, arrival{a, time.Now()})
				mu.Unlock()
			}
		}
	}()
	defer close(done)
	wire, err := st.lab.Capture("addresses", "ip proto 112 or arp")
	if err != nil {
		return err
	}
	if err := b.wait(3 * interval); err != nil {
		return err
	}
	if err := st.owner.Cut(); err != nil {
		return err
	}
	err = peers.Await(b.ctx, 20*time.Second, "the heir holds all addresses", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(arrivals) >= manyAddresses
	})
	if err == nil {
		err = b.wait(time.Second)
	}
	if _, stopped := wire.Stop(); errors.Join(err, stopped) != nil {
		return errors.Join(err, stopped)
	}
	heirMAC := st.heir.Port("eth0").MAC().String()
	due, first, ok := theory(wire.Frames(), st.owner.Port("eth0").MAC().String(), heirMAC, st.routers[1])
	if !ok {
		return errDisturbed
	}
	announced := map[netip.Addr]time.Time{}
	var second time.Time
	for _, f := range wire.Frames() {
		if f.SourceMAC().String() != heirMAC {
			continue
		}
		if _, _, advert := f.VRRP(); advert {
			if f.Time.After(first) && second.IsZero() {
				second = f.Time
			}
		} else if f.EtherType() == 0x0806 && len(f.Data) >= 42 {
			a := netip.AddrFrom4([4]byte(f.Data[38:42]))
			if _, again := announced[a]; !again && f.Announces(a) {
				announced[a] = f.Time
			}
		}
	}
	var added, ready []time.Duration
	mu.Lock()
	for _, a := range arrivals {
		added = append(added, a.at.Sub(due))
		if at, ok := announced[a.address]; ok {
			ready = append(ready, max(at.Sub(due), a.at.Sub(due)))
		}
	}
	mu.Unlock()
	if len(ready) < manyAddresses {
		return fmt.Errorf("%s: %d of %d addresses were announced", s.name, len(ready), manyAddresses)
	}
	slices.Sort(added)
	slices.Sort(ready)
	add := func(quantity string, d time.Duration) { b.add(situation, quantity, Milliseconds, s.name, ms(d)) }
	add("added, the last", added[len(added)-1])
	add("added and announced, the first", ready[0])
	add("added and announced, the median", ready[len(ready)/2])
	add("added and announced, the last", ready[len(ready)-1])
	if !second.IsZero() {
		add("the next advert is late by", max(0, second.Sub(first)-interval))
	}
	return nil
}
