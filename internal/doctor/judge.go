// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Capabilities (capability.h).
const (
	capNetAdmin = 12
	capNetRaw   = 13
	capIPCLock  = 14
	capSysNice  = 23
	capSetUID   = 7
	capSetGID   = 6
)

// judge gathers findings.
type judge struct {
	q   *Question
	f   *Facts
	out []Finding
}

func (j *judge) add(l Level, topic, remedy, format string, args ...any) {
	j.out = append(j.out, Finding{Level: l, Topic: topic, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Judge returns what is found, the worst first within each topic.
func Judge(q *Question, f *Facts) []Finding {
	j := &judge{q: q, f: f}
	j.rights()
	j.kernel()
	for _, name := range j.interfaces() {
		j.link(name)
	}
	j.firewall()
	j.peers()
	j.programs()
	j.clock()
	j.timing()
	j.directories()
	return j.out
}

func (j *judge) has(capability int) bool { return j.f.Capabilities>>capability&1 != 0 }

func (j *judge) rights() {
	missing := []string{}
	for _, c := range []struct {
		bit    int
		name   string
		needed bool
	}{
		{capNetAdmin, "CAP_NET_ADMIN", true}, {capNetRaw, "CAP_NET_RAW", true},
		{capSysNice, "CAP_SYS_NICE", j.q.Realtime}, {capIPCLock, "CAP_IPC_LOCK", j.q.Realtime},
		{capSetUID, "CAP_SETUID", j.otherUsers()}, {capSetGID, "CAP_SETGID", j.otherUsers()},
	} {
		if c.needed && !j.has(c.bit) {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		j.add(Bad, "rights", "run it as root, or give the unit AmbientCapabilities="+strings.Join(missing, " "), "this process lacks %s, which the daemon needs", strings.Join(missing, ", "))
		return
	}
	j.add(OK, "rights", "", "every capability that this configuration needs is there")
}

func (j *judge) otherUsers() bool {
	return slices.ContainsFunc(j.q.Programs, func(p Program) bool { return p.User != "" })
}

// The first kernels that can do a thing.
const (
	markedAddresses = "5.18" // IFA_PROTO: whose address it is
	oldest          = "5.4"
)

func (j *judge) kernel() {
	switch {
	case older(j.f.Kernel, oldest):
		j.add(Warn, "kernel", "use a kernel from "+oldest+" on", "kernel %s is older than any that Regent was tried on", j.f.Kernel)
	case older(j.f.Kernel, markedAddresses):
		j.add(Note, "kernel", "", "kernel %s cannot mark addresses as Regent's (it takes %s): what a crash leaves is known from the state directory alone", j.f.Kernel, markedAddresses)
	default:
		j.add(OK, "kernel", "", "kernel %s", j.f.Kernel)
	}
	if j.f.NFTables != nil {
		level, why := Note, ""
		if slices.ContainsFunc(j.q.Services, func(s Service) bool { return s.Refuses }) {
			level, why = Bad, ": clients of inherited addresses are refused by the host's own means only, and reach what listens on all addresses"
		}
		j.add(level, "kernel", "load nf_tables (modprobe nf_tables), or let the container have it", "nftables cannot be used: %v%s", j.f.NFTables, why)
	} else {
		j.add(OK, "kernel", "", "nftables can be used")
	}
	if n, err := strconv.Atoi(j.f.Sysctls["net.ipv4.icmp_msgs_per_sec"]); err == nil && n < 1000 {
		j.add(Note, "kernel", "sysctl -w net.ipv4.icmp_msgs_per_sec=10000", "the kernel sends %d ICMP errors a second at most: of more refused datagrams nobody is told", n)
	}
	for _, o := range j.f.Others {
		j.add(Warn, "kernel", "stop it, or listen beside it: regent shadow", "%s runs here, too: two daemons with one VRID on one host disturb each other", o)
	}
}

// older compares kernel releases by their first two numbers.
func older(release, than string) bool {
	numbers := func(s string) (a, b int) {
		if n, _ := fmt.Sscanf(s, "%d.%d", &a, &b); n == 2 {
			return a, b
		}
		return 1 << 30, 0 // unknown is new
	}
	a, b := numbers(release)
	c, d := numbers(than)
	return a < c || a == c && b < d
}

func (j *judge) interfaces() []string {
	names := map[string]bool{}
	for _, s := range j.q.Services {
		names[s.Interface] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// link judges an interface with services.
func (j *judge) link(name string) {
	const topic = "interface"
	before := len(j.out)
	l, ok := j.f.Interfaces[name]
	if !ok {
		j.add(Bad, topic, "ip -br link shows which there are; the services start as soon as it appears", "%s does not exist", name)
		return
	}
	if !l.Up {
		j.add(Bad, topic, "ip link set "+name+" up; if it is up, look at the cable or the switch", "%s is down or has no carrier", name)
	}
	var v4, v6, group bool
	for _, s := range j.q.Services {
		if s.Interface == name {
			v4, v6, group = v4 || s.IPv4, v6 || s.IPv6, group || !s.Unicast
			if s.Source.IsValid() && !slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Addr() == s.Source }) {
				j.add(Bad, topic, "give the address to the interface, or remove source", "%s: service %q sends from %s, which is not on the interface", name, s.Name, s.Source)
			}
		}
	}
	has := func(f func(netip.Addr) bool) bool {
		return slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return f(p.Addr()) })
	}
	if v4 && !has(netip.Addr.Is4) {
		j.add(Bad, topic, "give it an IPv4 address of its own: adverts need a source", "%s has no IPv4 address of its own", name)
	}
	if v6 && j.f.Sysctls["net.ipv6.conf."+name+".disable_ipv6"] == "1" {
		j.add(Bad, topic, "sysctl -w net.ipv6.conf."+name+".disable_ipv6=0", "%s has IPv6 switched off", name)
	} else if v6 && !has(func(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }) {
		j.add(Bad, topic, "sysctl net.ipv6.conf."+name+".addr_gen_mode tells why it made none", "%s has no IPv6 link-local address: adverts need one as source", name)
	}
	if l.Tentative > 0 {
		j.add(Warn, topic, "wait for duplicate address detection; if it failed, another host has the address", "%s has %d addresses that are tentative", name, l.Tentative)
	}
	if group && !l.Multicast {
		j.add(Bad, topic, "ip link set "+name+" multicast on, or unicast_peers", "%s carries no multicast, by which adverts are sent", name)
	}
	if group && l.Snooping && !l.Querier {
		j.add(Warn, topic, "echo 1 >/sys/class/net/"+name+"/bridge/multicast_querier, or multicast_snooping 0 there", "%s is a bridge that forwards multicast to those who asked, and nobody asks: adverts may stop after minutes", name)
	}
	if l.Manager != "" {
		j.add(Note, topic, "let it leave foreign addresses alone (networkd: KeepConfiguration=yes or ManageForeignRoutes=no; NetworkManager: unmanaged)",
			"%s is configured by %s, too: addresses that it removes come back at once, but are missing for milliseconds", name, l.Manager)
	}
	if len(j.out) == before {
		j.add(OK, topic, "", "%s is up and has what adverts need", name)
	}
}

func (j *judge) firewall() {
	heard := j.heard()
	for _, chain := range j.f.Drops {
		if heard {
			j.add(OK, "firewall", "", "chain %s drops by default, but adverts are heard", chain)
			continue
		}
		j.add(Warn, "firewall", "let protocol 112 in: nft insert rule "+chain+" meta l4proto 112 accept", "chain %s drops what no rule accepts, and no advert was heard yet: is protocol 112 let in?", chain)
	}
}

// heard reports whether the running daemon has ever heard an advert.
func (j *judge) heard() bool {
	return j.q.Snapshot != nil && slices.ContainsFunc(j.q.Snapshot.Services, func(s serviceStatus) bool { return s.Counters.AdvertisementRcvd > 0 })
}

func (j *judge) programs() {
	before := len(j.out)
	for _, p := range j.q.Programs {
		if err := j.f.Programs[p]; err != nil {
			j.add(Bad, "programs", "", "%s: %v", p.For, err)
		}
	}
	if len(j.q.Programs) > 0 && len(j.out) == before {
		j.add(OK, "programs", "", "every program can be run by who is to run it")
	}
}

func (j *judge) clock() {
	if !j.f.Clock.Known {
		return
	}
	switch {
	case j.f.Clock.Synchronised:
		j.add(OK, "clock", "", "the clock is synchronised")
	case j.q.Timed:
		j.add(Bad, "clock", "run an NTP client (chrony, systemd-timesyncd)", "the clock is not synchronised: adverts carry the time, and peers whose clock differs discard them")
	default:
		j.add(Note, "clock", "run an NTP client (chrony, systemd-timesyncd)", "the clock is not synchronised: elections do not mind, but times in logs of several nodes do not agree")
	}
}

// shaky is the interval below which a busy node with ordinary scheduling may miss three adverts.
const shaky = 50 * time.Millisecond

func (j *judge) timing() {
	before := len(j.out)
	for _, s := range j.q.Services {
		if s.Interval > 0 && s.Interval < shaky && !j.q.Realtime {
			j.add(Warn, "timing", "set realtime = true, or a longer advert_interval", "service %q sends each %s by ordinary scheduling: a busy node loses its addresses", s.Name, s.Interval)
		}
	}
	if n := j.f.CPUs; n == 1 && j.q.Realtime {
		j.add(Note, "timing", "give the machine a second CPU", "there is one CPU: whatever else has real-time priority competes with adverts")
	}
	if j.q.Snapshot != nil && j.q.Snapshot.Global.KernelDrops > 0 {
		j.add(Warn, "timing", "look at what keeps the CPU busy; realtime = true helps", "the kernel dropped %d adverts before they could be read", j.q.Snapshot.Global.KernelDrops)
	}
	if len(j.out) == before {
		j.add(OK, "timing", "", "the intervals can be held")
	}
}

func (j *judge) directories() {
	for _, dir := range []string{j.q.StateDir, j.q.RunDir} {
		if err := j.f.Directories[dir]; err != nil {
			j.add(Bad, "directories", "make it, and give it to who runs the daemon", "%v", err)
		}
	}
}
