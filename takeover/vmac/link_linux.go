// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

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

// carryOut makes or adopts one interface. One that is made is down: it says nothing before the table has its name.
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
	if v.name != "" && v.name != l.name {
		if err := k.rename(l, v.name); err != nil {
			return Place{}, err
		}
	}
	if v.keeps != "" {
		k.warn("an interface keeps its name: the other one is taken", "interface", v.keeps, "name", w.names()[0])
	}
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
	return Place{Index: l.index, Name: l.name, MAC: w.MAC, Base: v.base.index}, nil
}

// rename gives an interface another name. Older kernels do that only while it is down, and it loses IPv6 addresses then, which whoever
// put them there has to put back.
func (k *Kernel) rename(l *link, name string) error {
	at := handleOf(*l)
	err := k.route.LinkSetName(at, name)
	if errors.Is(err, unix.EBUSY) {
		if err = k.route.LinkSetDown(at); err == nil {
			l.up = false
			err = k.route.LinkSetName(at, name)
		}
	}
	if err != nil {
		return fmt.Errorf("rename interface %s to %s: %w", l.name, name, err)
	}
	k.log.Info("renamed the interface of a virtual MAC", "interface", name, "was", l.name)
	l.name = name
	return nil
}

// raise sets an interface up.
func (k *Kernel) raise(l *link) error {
	if l.up {
		return nil
	}
	if err := k.route.LinkSetUp(handleOf(*l)); err != nil {
		return fmt.Errorf("set interface %s up: %w", l.name, err)
	}
	return nil
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
