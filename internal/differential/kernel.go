// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// look is what a node is asked, as a shell script: each line prints one or more JSON values.
const look = `ip -d -j addr; ip -j -4 route show table all; ip -j -6 route show table all; ip -j -4 rule; ip -j -6 rule`

// hidden are fields of ip's JSON that are no part of what is compared: numbers of interfaces, who added something,
// counters and what the kernel counts down.
var hidden = map[string]bool{
	"protocol": true, "proto": true, "ifindex": true, "link_index": true, "expires": true, "cache": true,
	"valid_life_time": true, "preferred_life_time": true, "tentative": true,
	// "dynamic" only says that there is a lifetime.
	"dynamic": true,
}

// object is a value of ip's JSON.
type object map[string]any

// text writes an object with its keys in order.
func (o object) text() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if v := o[key]; !hidden[key] {
			words = append(words, word(key, v))
		}
	}
	return strings.Join(words, " ")
}

func word(key string, v any) string {
	switch v := v.(type) {
	case nil:
		return key
	case bool:
		if v {
			return key
		}
		return "!" + key
	case map[string]any:
		return key + " {" + object(v).text() + "}"
	case []any:
		var inner []string
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				inner = append(inner, "{"+object(m).text()+"}")
			} else {
				inner = append(inner, fmt.Sprint(e))
			}
		}
		return key + " [" + strings.Join(inner, " ") + "]"
	}
	return fmt.Sprintf("%s %v", key, v)
}

// device is an interface as `ip -d -j addr` prints it.
type device struct {
	Name  string   `json:"ifname"`
	Flags []string `json:"flags"`
	MAC   string   `json:"address"`
	Info  struct {
		Kind string `json:"info_kind"`
		Data object `json:"info_data"`
	} `json:"linkinfo"`
	Addresses []object `json:"addr_info"`
}

// kernelState is what `look` says, as an observation, and the addresses that are held.
func kernelState(text string) (Observation, []netip.Prefix, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var devices []device
	if err := d.Decode(&devices); err != nil {
		return nil, nil, fmt.Errorf("read addresses: %w", err)
	}
	o := Observation{}
	var held []netip.Prefix
	ownLinkLocal := map[string]bool{}
	for _, dev := range devices {
		for _, a := range dev.Addresses {
			if a["scope"] == "link" && dev.Info.Kind != "macvlan" {
				ownLinkLocal[fmt.Sprint(a["local"])] = true
			}
		}
	}
	for _, dev := range devices {
		// keepalived copies the link-local address of the interface below, to send IPv6 adverts from it.
		dev.Addresses = slices.DeleteFunc(dev.Addresses, func(a object) bool { return dev.Info.Kind == "macvlan" && ownLinkLocal[fmt.Sprint(a["local"])] })
		if alone := dev.alone(); len(alone) > 0 {
			o.add(Route, "subnets", alone...)
		}
		lines, prefixes := dev.lines()
		o.add(Kernel, "interface "+dev.Name, lines[0])
		o.add(Address, dev.Name, lines[1:]...)
		held = append(held, prefixes...)
	}
	for _, kind := range []Kind{Route, Route, Rule, Rule} {
		var list []object
		if err := d.Decode(&list); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("read %ss: %w", kind, err)
		}
		for _, entry := range list {
			o.add(kind, "", entry.text())
		}
	}
	for _, kind := range []Kind{Route, Rule} {
		slices.Sort(o[kind][""])
	}
	return o, held, nil
}

// alone takes the flag of addresses that bring no route of their subnet away from them, and returns those addresses: it says
// something about routes.
func (d device) alone() (lines []string) {
	for _, a := range d.Addresses {
		if _, flagged := a["noprefixroute"]; flagged {
			delete(a, "noprefixroute")
			lines = append(lines, fmt.Sprintf("%v/%v dev %s noprefixroute", a["local"], a["prefixlen"], d.Name))
		}
	}
	slices.Sort(lines)
	return lines
}

// lines are the interface and its addresses.
func (d device) lines() (lines []string, held []netip.Prefix) {
	first := d.Info.Kind
	if mode, ok := d.Info.Data["mode"]; ok {
		first += fmt.Sprintf(" %v", mode)
	}
	first += " " + d.MAC
	for _, flag := range []string{"UP", "LOWER_UP", "NOARP"} {
		if slices.Contains(d.Flags, flag) {
			first += " " + flag
		}
	}
	for _, a := range d.Addresses {
		lines = append(lines, a.text())
		local, _ := a["local"].(string)
		bits, _ := a["prefixlen"].(float64)
		if addr, err := netip.ParseAddr(local); err == nil {
			held = append(held, netip.PrefixFrom(addr, int(bits)))
		}
	}
	slices.Sort(lines)
	return append([]string{strings.TrimSpace(first)}, lines...), held
}
