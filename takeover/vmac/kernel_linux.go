// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Kernel makes, keeps and removes the interfaces of virtual routers. Its methods are for one goroutine, on a thread in the network
// namespace that [Open] was called in: settings are files below /proc/sys/net.
type Kernel struct {
	log   *slog.Logger
	route *netlink.Handle
	bases map[int]base // by index
	tamed map[int]Want // interfaces that have their settings, by index
	table *table
	said  map[string]bool // warnings that were given
}

// base is an interface below, and how it was before.
type base struct {
	name string
	was  mark
}

// Open opens the kernel's side, in the network namespace of the calling thread. It changes nothing.
func Open(log *slog.Logger) (*Kernel, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink for virtual MACs: %w", err)
	}
	k := &Kernel{log: log, route: h, bases: map[int]base{}, tamed: map[int]Want{}, said: map[string]bool{}}
	k.table = newTable(k.warn)
	return k, nil
}

// Set makes the interfaces be there and up that are wanted, and removes those that an earlier Set or an earlier run made and nobody
// wants any more. The answers are aligned with the wants; errs is nil if all are there. An interface that somebody deleted, set
// down or re-created is put right by the next Set.
func (k *Kernel) Set(wants []Want) (places []Place, errs []error) {
	places, errs = make([]Place, len(wants)), make([]error, len(wants))
	fail := func(err error) ([]Place, []error) {
		for i := range errs {
			errs[i] = err
		}
		return places, errs
	}
	links, err := k.links()
	if err != nil {
		return fail(err)
	}
	p := makePlan(links, wants)
	for _, l := range p.remove {
		k.learn(l, links)
		if err := k.remove(l); err != nil {
			k.log.Warn("the interface of a virtual MAC that nobody wants cannot be removed", "interface", l.name, "error", err)
		}
	}
	k.settle(p, links)
	made := make([]Place, len(p.decisions))
	for i := range p.decisions {
		v := &p.decisions[i]
		if v.err != nil {
			continue
		}
		if made[i], err = k.carryOut(v); err != nil {
			v.err = fmt.Errorf("virtual MAC %s on %s: %w", v.want.MAC, v.want.Base, hint(err))
		}
	}
	bad := false
	for i, at := range p.of {
		places[i], errs[i] = made[at], p.decisions[at].err
		bad = bad || errs[i] != nil
	}
	k.table.places(k.bases, made, adverts(wants, places))
	if !bad {
		errs = nil
	}
	return places, errs
}

// adverts are the elements for the adverts of routers that have an interface.
func adverts(wants []Want, places []Place) map[element]string {
	out := map[element]string{}
	for i, w := range wants {
		if p := places[i]; w.Adverts && p.Index != 0 {
			out[element{advertsOf(p.Base, w.Six), string([]byte{w.VRID})}] = string(p.MAC[:])
		}
	}
	return out
}

func hint(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w (needs CAP_NET_ADMIN)", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w (needs the kernel's module macvlan)", err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w (the interface below has that MAC already, or belongs to a bridge or bond)", err)
	}
	return err
}

// Show says which interfaces answer for which addresses, by index; all others are mute. It is quick, and called before addresses
// come and after they have gone.
func (k *Kernel) Show(answering map[int][]netip.Addr) { k.table.show(answering) }

// Close ends the work. With remove, interfaces and table go, and the bases get their settings back; without, all stays for the next run.
func (k *Kernel) Close(remove bool) error {
	var errs []error
	if remove {
		if _, failed := k.Set(nil); failed != nil {
			errs = append(errs, failed...)
		}
	}
	errs = append(errs, k.table.close(remove))
	k.route.Close()
	return errors.Join(errs...)
}

// links reads what is there.
func (k *Kernel) links() ([]link, error) {
	var list []netlink.Link
	var err error = netlink.ErrDumpInterrupted
	for tries := 0; tries < 5 && errors.Is(err, netlink.ErrDumpInterrupted); tries++ {
		list, err = k.route.LinkList()
	}
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) { // that which was interrupted is looked at again when it tells of its changes
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	out := make([]link, 0, len(list))
	for _, l := range list {
		a := l.Attrs()
		one := link{index: a.Index, base: a.ParentIndex, master: a.MasterIndex, name: a.Name, kind: l.Type(), alias: a.Alias, up: a.Flags&net.FlagUp != 0}
		if a.NetNsID >= 0 && one.kind != macvlan {
			one.base = 0
		}
		if len(a.HardwareAddr) == len(one.mac) {
			one.mac = MAC(a.HardwareAddr)
		}
		out = append(out, one)
	}
	return out, nil
}

// learn takes from the mark of an interface what its base was like before.
func (k *Kernel) learn(l link, links []link) {
	m, ok := parseMark(l.alias)
	if _, known := k.bases[l.base]; !ok || known {
		return
	}
	for _, b := range links {
		if b.index == l.base {
			k.bases[l.base] = base{b.name, m}
		}
	}
}

// settle quietens the bases that are used, and gives those that are not their settings back.
func (k *Kernel) settle(p plan, links []link) {
	used := map[int]string{}
	for _, v := range p.decisions {
		if v.err == nil {
			used[v.base.index] = v.base.name
			if v.adopt != nil {
				k.learn(*v.adopt, links)
			}
		}
	}
	there := map[int]string{}
	for _, l := range links {
		there[l.index] = l.name
	}
	for index, b := range k.bases {
		if used[index] != "" {
			continue
		}
		delete(k.bases, index)
		if name := there[index]; name != "" {
			k.write(b.was, name)
		}
	}
	for index, name := range used {
		b, known := k.bases[index]
		now := mark{k.read(name, "arp_ignore"), k.read(name, "arp_announce")}
		if !known {
			b.was = now
		}
		b.name = name
		k.bases[index] = b
		if want := quiet(now); want != now {
			k.write(want, name)
		}
	}
}

// write sets the ARP settings of an interface; those that are not known stay.
func (k *Kernel) write(m mark, name string) {
	for key, value := range map[string]int{"arp_ignore": m.ignore, "arp_announce": m.announce} {
		if value >= 0 {
			k.setting("ipv4", name, key, value, "hosts may learn the wrong MAC for a virtual address")
		}
	}
}

// carryOut makes or adopts one interface.
func (k *Kernel) carryOut(v *decision) (Place, error) {
	w := &v.want
	alias := k.bases[v.base.index].was.String()
	if v.adopt == nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex, attrs.HardwareAddr = v.name, v.base.index, w.MAC[:]
		if err := k.route.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
			return Place{}, fmt.Errorf("make interface %s: %w", v.name, err)
		}
		made, err := k.route.LinkByName(v.name)
		if err != nil {
			return Place{}, fmt.Errorf("find interface %s: %w", v.name, err)
		}
		v.adopt = &link{index: made.Attrs().Index, name: v.name, base: v.base.index, mac: w.MAC}
		k.log.Info("made an interface for a virtual MAC", "interface", v.name, "mac", w.MAC.String(), "base", v.want.Base)
	}
	l := v.adopt
	at := handleOf(*l)
	if !l.ours() {
		if err := k.clear(at); err != nil {
			return Place{}, err
		}
		if err := k.route.LinkSetMacvlanMode(at, netlink.MACVLAN_MODE_BRIDGE); err != nil {
			return Place{}, fmt.Errorf("set the mode of %s: %w", l.name, err)
		}
	}
	if l.alias != alias {
		if err := k.route.LinkSetAlias(at, alias); err != nil {
			return Place{}, fmt.Errorf("mark interface %s: %w", l.name, err)
		}
	}
	if v.base.master != l.master && k.isVRF(v.base.master) {
		if err := k.route.LinkSetMasterByIndex(at, v.base.master); err != nil {
			return Place{}, fmt.Errorf("put interface %s into the VRF of %s: %w", l.name, w.Base, err)
		}
	}
	if !l.up || k.tamed[l.index] != *w {
		k.tame(l.name, *w)
		k.tamed[l.index] = *w
	}
	if !l.up {
		if err := k.route.LinkSetUp(at); err != nil {
			return Place{}, fmt.Errorf("set interface %s up: %w", l.name, err)
		}
	}
	return Place{Index: l.index, Name: l.name, MAC: w.MAC, Base: v.base.index}, nil
}

// handleOf names an interface to the netlink library.
func handleOf(l link) *netlink.Macvlan {
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name, attrs.ParentIndex = l.index, l.name, l.base
	return &netlink.Macvlan{LinkAttrs: attrs}
}

// clear removes the addresses of an interface that is adopted: those who put them there are gone.
func (k *Kernel) clear(at netlink.Link) error {
	list, err := k.route.AddrList(at, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("list the addresses of %s: %w", at.Attrs().Name, err)
	}
	for _, a := range list {
		if err := k.route.AddrDel(at, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove %s from %s: %w", a.IPNet, at.Attrs().Name, err)
		}
	}
	return nil
}

// isVRF reports whether an interface is a VRF.
func (k *Kernel) isVRF(index int) bool {
	if index == 0 {
		return false
	}
	l, err := k.route.LinkByIndex(index)
	return err == nil && l.Type() == "vrf"
}

// remove deletes an interface. That it is gone already is no error.
func (k *Kernel) remove(l link) error {
	delete(k.tamed, l.index)
	err := k.route.LinkDel(handleOf(l))
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err == nil {
		k.log.Info("removed the interface of a virtual MAC", "interface", l.name, "mac", l.mac.String())
	}
	return err
}

// warn says something once.
func (k *Kernel) warn(text string, args ...any) {
	if key := text + fmt.Sprint(args...); !k.said[key] {
		k.said[key] = true
		k.log.Warn(text, args...)
	}
}

// interfacePath is the place of a setting. Names of interfaces have no slash.
func interfacePath(family, name, key string) string {
	return "/proc/sys/net/" + family + "/conf/" + strings.ReplaceAll(name, "/", "_") + "/" + key
}
