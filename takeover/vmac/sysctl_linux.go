// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// tame gives the interface of a virtual MAC its settings, before it is set up: it has no address of its own, and says nothing
// of its own accord.
func (k *Kernel) tame(name string, w Want) {
	const arp = "hosts may learn the wrong MAC for a virtual address"
	k.setting("ipv4", name, "arp_ignore", 1, arp)
	k.setting("ipv4", name, "arp_announce", 2, arp)
	const unheard = "packets to virtual addresses may be dropped"
	k.setting("ipv4", name, "rp_filter", loose, unheard)
	k.setting("ipv4", name, "promote_secondaries", 1, "removing an address may remove others of its subnet")
	const noise = "the interface of a virtual MAC may get addresses of its own"
	for _, s := range []struct {
		key   string
		value int
	}{
		{"addr_gen_mode", 1}, // none
		{"accept_ra", 0}, {"autoconf", 0}, {"use_tempaddr", 0}, {"router_solicitations", 0},
		{"accept_dad", 0}, {"dad_transmits", 0},
	} {
		k.setting("ipv6", name, s.key, s.value, noise)
	}
	off := 1
	if w.IPv6 {
		off = 0
	}
	k.setting("ipv6", name, "disable_ipv6", off, noise)
}

// loose is the rp_filter of the interface, also where the whole host has none: the larger of the two counts, and strict, which may come
// later, would drop what comes in here, since the way back is by the base.
const loose = 2

// setting writes a setting that is not so already. What cannot be set is told with what may come of it.
func (k *Kernel) setting(family, name, key string, value int, consequence string) {
	path := interfacePath(family, name, key)
	want := strconv.Itoa(value)
	now, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && family == "ipv6" {
		return // a kernel without IPv6
	}
	if err == nil && strings.TrimSpace(string(now)) == want {
		return
	}
	if err == nil {
		err = os.WriteFile(path, []byte(want), 0o644)
	}
	if err != nil {
		k.warn("a setting cannot be changed: "+consequence, "setting", path, "value", value, "error", err)
	}
}

// markOf reads the ARP settings of an interface.
func (k *Kernel) markOf(name string) mark {
	return mark{k.read(name, "arp_ignore"), k.read(name, "arp_announce")}
}

// read returns an IPv4 setting; -1 if it cannot be read.
func (k *Kernel) read(name, key string) int {
	b, err := os.ReadFile(interfacePath("ipv4", name, key))
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}
