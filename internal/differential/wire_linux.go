// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// captureFilter takes adverts (also inside of AH) and what announces addresses.
const captureFilter = "proto 112 or ip6 proto 112 or proto 51 or arp or (icmp6 and ip6[40] == 136)"

// wireFields are what tshark is asked for each frame.
var wireFields = []string{
	"frame.time_epoch", "eth.src", "eth.dst", "ip.src", "ip.dst", "ip.ttl", "ipv6.src", "ipv6.dst", "ipv6.hlim",
	"vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.adver_int", "vrrp.short_adver_int", "vrrp.ip_addr",
	"vrrp.ipv6_addr", "vrrp.auth_type", "vrrp.auth_string", "vrrp.checksum.status", "ah.spi",
	"arp.opcode", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.src.hw_mac", "arp.dst.hw_mac",
	"icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o",
}

// sight is a frame: when it was seen, what it is about and what it says.
type sight struct {
	at       time.Time
	about    string
	text     string
	announce bool
	last     bool          // an advert of priority 0
	interval time.Duration // that an advert tells
}

// sights reads a capture.
func sights(ctx context.Context, path string) ([]sight, error) {
	records, err := netlab.Tshark(ctx, path, "(vrrp && !icmp && !icmpv6) || arp || icmpv6.type == 136", wireFields...)
	if err != nil {
		return nil, err
	}
	var list []sight
	for _, r := range records {
		var seconds, nanos int64
		if _, err := fmt.Sscanf(r["frame.time_epoch"], "%d.%09d", &seconds, &nanos); err != nil {
			return nil, fmt.Errorf("time of a frame %q: %w", r["frame.time_epoch"], err)
		}
		s := sight{at: time.Unix(seconds, nanos)}
		switch {
		case r["vrrp.version"] != "":
			s.interval, s.last = interval(r), r["vrrp.prio"] == "0"
			s.about = fmt.Sprintf("%s%s VRID %s", r["ip.src"], r["ipv6.src"], r["vrrp.virt_rtr_id"])
			s.text = named(r, "eth.src", "eth.dst", "ip.dst", "ip.ttl", "ipv6.dst", "ipv6.hlim", "vrrp.version", "vrrp.prio",
				"vrrp.adver_int", "vrrp.short_adver_int", "vrrp.ip_addr", "vrrp.ipv6_addr", "vrrp.auth_type", "vrrp.auth_string", "vrrp.checksum.status", "ah.spi")
		case r["arp.opcode"] != "":
			// A kernel that holds the address answers an announcement of it, to the announcer alone.
			if r["arp.src.proto_ipv4"] != r["arp.dst.proto_ipv4"] || r["eth.dst"] != "ff:ff:ff:ff:ff:ff" {
				continue
			}
			s.announce, s.about = true, "announcements"
			s.text = named(r, "arp.src.proto_ipv4", "eth.src", "eth.dst", "arp.opcode", "arp.src.hw_mac", "arp.dst.hw_mac")
		default:
			if yes(r["icmpv6.nd.na.flag.s"]) {
				continue
			}
			s.announce, s.about = true, "announcements"
			s.text = named(r, "icmpv6.nd.na.target_address", "eth.src", "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.opt.linkaddr", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.o")
		}
		list = append(list, s)
	}
	return list, nil
}

func yes(text string) bool { return text == "1" || strings.EqualFold(text, "true") }

// named writes the fields that are there.
func named(r map[string]string, fields ...string) string {
	var words []string
	for _, f := range fields {
		if r[f] != "" {
			words = append(words, f[strings.LastIndex(f, ".")+1:]+" "+r[f])
		}
	}
	return strings.Join(words, " ")
}

// interval that an advert tells.
func interval(r map[string]string) time.Duration {
	if n, err := strconv.Atoi(r["vrrp.short_adver_int"]); err == nil {
		return time.Duration(n) * 10 * time.Millisecond
	}
	n, err := strconv.Atoi(r["vrrp.adver_int"])
	if err != nil {
		return time.Second
	}
	return time.Duration(n) * time.Second
}

// seen puts the sights of a span of time into an observation: adverts of each sender in their order, each time they
// differ from the one before (last is what each sender said so far), and whether it still sends at the end;
// announcements as a set.
func seen(list []sight, from, to time.Time, counted bool, last map[string]string) Observation {
	o := Observation{}
	announced := map[string]int{}
	latest := map[string]sight{}
	for _, s := range list {
		if s.at.Before(from) || !s.at.Before(to) {
			continue
		}
		if s.announce {
			announced[s.text]++
			continue
		}
		latest[s.about] = s
		if last[s.about] != s.text {
			o.add(Wire, s.about, s.text)
			last[s.about] = s.text
		}
	}
	for about, s := range latest {
		if !s.last && to.Sub(s.at) < s.interval*3/2 {
			o.add(Wire, about, "goes on sending")
		}
	}
	for text, n := range announced {
		if counted {
			text = fmt.Sprintf("%s, %d times", text, n)
		}
		o.add(Wire, "announcements", text)
	}
	slices.Sort(o[Wire]["announcements"])
	return o
}
