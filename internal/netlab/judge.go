// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Checksum is tshark's verdict on an advertisement.
type Checksum string

// The verdicts. Version 3 over IPv4 is computed with or without a
// pseudo-header; tshark is asked about both.
const (
	ChecksumGood    Checksum = "good"    // version 2, IPv6, or version 3 over IPv4 with pseudo-header
	ChecksumRFC9568 Checksum = "rfc9568" // version 3 over IPv4, good without pseudo-header
	ChecksumBad     Checksum = "bad"
	ChecksumUnknown Checksum = "unknown" // tshark did not judge (a truncated message, for example)
)

// Advert is an advertisement as tshark decodes it.
type Advert struct {
	Time        time.Time
	SourceMAC   string
	Source      netip.Addr
	Destination netip.Addr
	TTL         int
	Version     int
	VRID        int
	Priority    int
	Interval    time.Duration
	Addresses   []netip.Addr
	Checksum    Checksum
}

// Announcement is a gratuitous ARP or an unsolicited neighbour advertisement.
type Announcement struct {
	Time      time.Time
	SourceMAC string
	Address   netip.Addr
	// Target is the hardware address that is announced.
	Target string
	// Reply tells an ARP reply from a request; false for neighbour advertisements.
	Reply bool
	// Router and Override are flags of neighbour advertisements.
	Router, Override bool
}

// Adverts returns the advertisements of a capture in their order. Packets which another
// packet quotes (in an ICMP error) are left out.
func Adverts(ctx context.Context, path string) ([]Advert, error) {
	const filter = "vrrp && !icmp && !icmpv6"
	records, err := Tshark(ctx, path, filter, "frame.time_epoch", "eth.src", "ip.src", "ip.dst", "ip.ttl",
		"ipv6.src", "ipv6.dst", "ipv6.hlim", "vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.adver_int",
		"vrrp.short_adver_int", "vrrp.ip_addr", "vrrp.ipv6_addr", "vrrp.checksum.status")
	if err != nil {
		return nil, err
	}
	adverts := make([]Advert, len(records))
	doubted := false
	for i, r := range records {
		if adverts[i], err = parseAdvert(r); err != nil {
			return nil, fmt.Errorf("%s: advertisement %d: %w", path, i+1, err)
		}
		doubted = doubted || adverts[i].Checksum == ChecksumBad
	}
	if !doubted {
		return adverts, nil
	}
	again, err := tshark(ctx, path, filter, []string{"-o", "vrrp.v3_checksum_as_in_v2:TRUE"}, "vrrp.checksum.status")
	if err != nil || len(again) != len(adverts) {
		return nil, errors.Join(fmt.Errorf("%s: second reading differs", path), err)
	}
	for i := range adverts {
		a := &adverts[i]
		plain := parseChecksum(again[i]["vrrp.checksum.status"]) == ChecksumGood
		if a.Checksum == ChecksumBad && a.Version == 3 && a.Source.Is4() && plain {
			a.Checksum = ChecksumRFC9568
		}
	}
	return adverts, nil
}

func parseAdvert(r map[string]string) (Advert, error) {
	var p parser
	a := Advert{
		Time: p.time(r["frame.time_epoch"]), SourceMAC: r["eth.src"],
		Version: p.number(r["vrrp.version"]), VRID: p.number(r["vrrp.virt_rtr_id"]),
		Priority: p.number(r["vrrp.prio"]), Checksum: parseChecksum(r["vrrp.checksum.status"]),
	}
	if r["ip.src"] != "" {
		a.Source, a.Destination, a.TTL = p.addr(r["ip.src"]), p.addr(r["ip.dst"]), p.number(r["ip.ttl"])
	} else {
		a.Source, a.Destination, a.TTL = p.addr(r["ipv6.src"]), p.addr(r["ipv6.dst"]), p.number(r["ipv6.hlim"])
	}
	if seconds := r["vrrp.adver_int"]; seconds != "" {
		a.Interval = time.Duration(p.number(seconds)) * time.Second
	} else if centiseconds := r["vrrp.short_adver_int"]; centiseconds != "" {
		a.Interval = time.Duration(p.number(centiseconds)) * 10 * time.Millisecond
	}
	for _, list := range []string{r["vrrp.ip_addr"], r["vrrp.ipv6_addr"]} {
		if list == "" {
			continue
		}
		for text := range strings.SplitSeq(list, occurrenceSeparator) {
			a.Addresses = append(a.Addresses, p.addr(text))
		}
	}
	return a, p.err
}

// parseChecksum reads tshark's number (4.0) or word (later).
func parseChecksum(text string) Checksum {
	switch strings.ToLower(text) {
	case "1", "good":
		return ChecksumGood
	case "0", "bad":
		return ChecksumBad
	}
	return ChecksumUnknown
}

// Announcements returns the gratuitous ARPs and unsolicited neighbour
// advertisements of a capture in their order.
func Announcements(ctx context.Context, path string) ([]Announcement, error) {
	const filter = "(arp && (arp.isgratuitous == 1 || arp.isannouncement == 1) && arp.src.proto_ipv4 != 0.0.0.0)" +
		" || (icmpv6.type == 136 && icmpv6.nd.na.flag.s == 0)"
	records, err := Tshark(ctx, path, filter, "frame.time_epoch", "eth.src", "arp.opcode", "arp.src.proto_ipv4",
		"arp.src.hw_mac", "icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.o")
	if err != nil {
		return nil, err
	}
	list := make([]Announcement, len(records))
	for i, r := range records {
		var p parser
		a := Announcement{Time: p.time(r["frame.time_epoch"]), SourceMAC: r["eth.src"]}
		if r["arp.opcode"] != "" {
			a.Address, a.Target, a.Reply = p.addr(r["arp.src.proto_ipv4"]), r["arp.src.hw_mac"], r["arp.opcode"] == "2"
		} else {
			a.Address, a.Target = p.addr(r["icmpv6.nd.na.target_address"]), r["icmpv6.opt.linkaddr"]
			a.Router, a.Override = flag(r["icmpv6.nd.na.flag.r"]), flag(r["icmpv6.nd.na.flag.o"])
		}
		if p.err != nil {
			return nil, fmt.Errorf("%s: announcement %d: %w", path, i+1, p.err)
		}
		list[i] = a
	}
	return list, nil
}

// flag reads tshark's booleans, 1 or True.
func flag(text string) bool { return text == "1" || strings.EqualFold(text, "true") }

// parser remembers the first error.
type parser struct{ err error }

func (p *parser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parser) number(text string) int {
	if text == "" {
		return 0 // a message that ends before this field
	}
	n, err := strconv.ParseInt(text, 0, 64)
	p.keep(err)
	return int(n)
}

func (p *parser) addr(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	p.keep(err)
	return a
}

// time reads seconds with nine decimals since 1970.
func (p *parser) time(text string) time.Time {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	p.keep(err)
	nanoseconds, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	p.keep(err)
	return time.Unix(seconds, nanoseconds)
}
