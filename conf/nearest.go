// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unknownKey says what to do about a key that its table does not have, and which of the table's keys it stands for.
func unknownKey(name string, known []string) (text, meant string) {
	text = fmt.Sprintf("unknown key %q", name)
	if ours, advice := foreign(name); ours != "" && slices.Contains(known, ours) {
		return fmt.Sprintf("%s: %s", text, cmp.Or(advice, fmt.Sprintf("here it is called %q", ours))), ours
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("%s: did you mean %q?", text, near), near
	}
	if home := homeOf(name); home != "" {
		return fmt.Sprintf("%s: it belongs in %s", text, home), ""
	}
	return text + ": remove it, or see the reference for the keys of this table", ""
}

// nearest returns the candidate that is most like the word, empty when none is like it.
func nearest(word string, candidates []string) string {
	best, least := "", min(len(word)/3+1, 4)
	for _, c := range candidates {
		if strings.EqualFold(strings.ReplaceAll(word, "-", "_"), c) {
			return c
		}
		if n := edits(word, c); n <= least && (best == "" || n < edits(word, best)) {
			best = c
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func edits(a, b string) int {
	r, s := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(r) > 100 || len(s) > 100 {
		return 100
	}
	var before, last []int
	row := make([]int, len(s)+1)
	for j := range row {
		row[j] = j
	}
	for i := range r {
		before, last, row = last, row, make([]int, len(s)+1)
		row[0] = i + 1
		for j := range s {
			cost := 1
			if r[i] == s[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && r[i] == s[j-1] && r[i-1] == s[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(s)]
}

// foreign translates words that operators bring along from other VRRP daemons: our key, and advice where the name alone
// does not say it.
func foreign(name string) (ours, advice string) {
	switch strings.ToLower(name) {
	case "vrid", "vr_id", "router_id":
		return "virtual_router_id", ""
	case "vip", "vips", "ip", "virtual_ipaddress", "virtual_address", "virtual_addresses":
		return "addresses", ""
	case "advert_int", "advertisement_interval":
		return "advert_interval", ""
	case "unicast_src_ip", "mcast_src_ip":
		return "source", ""
	case "unicast_peer":
		return "unicast_peers", ""
	case "use_vmac":
		return "vmac", ""
	case "vrrp_version":
		return "version", ""
	case "nopreempt":
		return "preempt", "write preempt = false"
	case "state":
		return "priority", "remove it; priority alone decides which node is Active"
	case "auth_type", "auth_pass":
		return "authentication", `write authentication = { type = "PASS", password_file = "/path" }`
	case "track_script", "track_interface", "track_process", "track_file":
		return "check", "write a [[service.check]] table"
	case "garp_master_repeat", "garp_master_delay", "garp_master_refresh":
		return "garp", "write garp = { repeat = 5, delay = \"5s\", refresh = \"0s\" }"
	}
	return "", ""
}

// homes are the tables of the file, as a diagnostic names them.
func homes() []struct {
	header string
	table  any
} {
	return []struct {
		header string
		table  any
	}{
		{"the top of the file, before the first table", rawConfig{}},
		{"[[service]]", rawService{}},
		{"[[service.check]]", rawCheck{}},
		{"[service.control]", rawControl{}},
		{"[cluster]", rawCluster{}},
		{"[nodes.NAME]", rawNode{}},
		{"[policy]", rawPolicy{}},
		{"[log]", rawLog{}},
		{"[status]", rawStatus{}},
		{"[alerts]", rawAlerts{}},
		{"garp = { … }", rawGARP{}},
		{"authentication = { … }", rawAuth{}},
	}
}

// homeOf returns the table that has the key, empty when none has.
func homeOf(name string) string {
	for _, h := range homes() {
		if slices.Contains(keysOf(reflect.TypeOf(h.table)), name) {
			return h.header
		}
	}
	return ""
}
