// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is here reads the dumps of keepalived as exporters do, and knows nothing of how Regent writes them. It is strict: a field or a line
// that it does not know is an error, as is one of another type, or in another order.

// jsonKeys are the keys of an instance's data in their order, with their types: n a number, i a whole one, s a text, b a boolean, l texts;
// in brackets what may be missing.
var jsonKeys = strings.Fields(`iname:s dont_track_primary:i skip_check_adv_addr:i strict_mode:i vmac_ifname:s [ifp_ifname:s] master_priority:i last_transition:n
	garp_delay:i garp_refresh:i garp_rep:i garp_refresh_rep:i garp_lower_prio_delay:i garp_lower_prio_rep:i lower_prio_no_advert:i higher_prio_send_advert:i vrid:i
	base_priority:i effective_priority:i vipset:b promote_secondaries:b adver_int:n master_adver_int:n accept:i nopreempt:b preempt_delay:n state:i wantstate:i
	version:i smtp_alert:b notify_deleted:b [script_backup:s] [script_master:s] [script_fault:s] [script_stop:s] [script_deleted:s] [script:s]
	[script_master_rx_lower_pri:s] [vips:l] [evips:l] [vroutes:l] [vrules:l] [track_ifp:l] [track_script:l] [track_process:l] [auth_type:i] [auth_data:s]`)

var statKeys = strings.Fields(`advert_rcvd:i advert_sent:i become_master:i release_master:i packet_len_err:i advert_interval_err:i ip_ttl_err:i invalid_type_rcvd:i
	addr_list_err:i invalid_authtype:i authtype_mismatch:i auth_failure:i [auth_ext_missing:i] [auth_ext_malformed:i] [auth_ext_unknown_key:i]
	[auth_ext_invalid_hmac:i] [auth_ext_stale:i] [auth_ext_replay:i] pri_zero_rcvd:i pri_zero_sent:i`)

// readObject reads an object with given keys.
func readObject(d *json.Decoder, keys []string) (map[string]any, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("want an object, got %v %w", t, err)
	}
	out := map[string]any{}
	at := 0
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		for ; at < len(keys) && strings.Trim(strings.SplitN(keys[at], ":", 2)[0], "[]") != key; at++ {
			if keys[at][0] != '[' {
				return nil, fmt.Errorf("%q comes where %s should", key, keys[at])
			}
		}
		if at == len(keys) {
			return nil, fmt.Errorf("%q is unknown, or not in its place", key)
		}
		kind := strings.Trim(keys[at][strings.Index(keys[at], ":")+1:], "]")
		at++
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		var value any
		switch kind {
		case "s":
			value = new(string)
		case "b":
			value = new(bool)
		case "i":
			value = new(int64)
		case "n":
			value = new(float64)
		case "l":
			value = new([]string)
		}
		if err := json.Unmarshal(raw, value); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out[key] = value
	}
	for ; at < len(keys); at++ {
		if keys[at][0] != '[' {
			return nil, fmt.Errorf("%s is missing", keys[at])
		}
	}
	_, err := d.Token()
	return out, err
}

// exported is what exporters take from an instance.
type exported struct {
	name, device, state string
	vrid                int64
	became, released    int64
	received, sent      int64
	addresses           []string
}

// readJSON reads the first layout.
func readJSON(text string) (list []exported, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("want a list, got %v %w", t, err)
	}
	for d.More() {
		var one struct{ Data, Stats json.RawMessage }
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		data, err := readObject(json.NewDecoder(bytes.NewReader(one.Data)), jsonKeys)
		if err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		stats, err := readObject(json.NewDecoder(bytes.NewReader(one.Stats)), statKeys)
		if err != nil {
			return nil, fmt.Errorf("stats: %w", err)
		}
		state, ok := map[int64]string{0: "INIT", 1: "BACKUP", 2: "MASTER", 3: "FAULT"}[*data["state"].(*int64)]
		if !ok {
			return nil, fmt.Errorf("state %d", *data["state"].(*int64))
		}
		e := exported{name: *data["iname"].(*string), state: state, vrid: *data["vrid"].(*int64), became: *stats["become_master"].(*int64),
			released: *stats["release_master"].(*int64), received: *stats["advert_rcvd"].(*int64), sent: *stats["advert_sent"].(*int64)}
		if s, ok := data["ifp_ifname"].(*string); ok {
			e.device = *s
		}
		for _, key := range []string{"vips", "evips"} {
			if l, ok := data[key].(*[]string); ok {
				e.addresses = append(e.addresses, *l...)
			}
		}
		if at := *data["last_transition"].(*float64); at < 1e9 || at > float64(time.Now().Unix())+1 {
			return nil, fmt.Errorf("last_transition %f is no time since 1970", at)
		}
		list = append(list, e)
	}
	if t, err := d.Token(); err != nil || t != json.Delim(']') {
		return nil, fmt.Errorf("want the end of the list, got %v %w", t, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something comes after the list: %w", err)
	}
	return list, nil
}

// statsLines are the lines of an instance in keepalived.stats: sections, and what they count.
var statsLines = []string{
	"  Advertisements:", "    Received", "    Sent", "  Became master", "  Released master", "  Packet Errors:", "    Length", "    TTL", "    Invalid Type",
	"    Advertisement Interval", "    Address List", "  Authentication Errors:", "    Invalid Type", "    Type Mismatch", "    Failure",
	"  Authentication Extension Errors:", "    Missing", "    Malformed", "    Unknown Key", "    Invalid HMAC", "    Stale", "    Replay",
	"  Priority Zero:", "    Received", "    Sent",
}

func readStats(text string) (list []exported, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 {
		name, ok := strings.CutPrefix(lines[0], "VRRP Instance: ")
		if !ok || len(lines) <= len(statsLines) {
			return nil, fmt.Errorf("%q with %d lines is no instance", lines[0], len(lines))
		}
		e := exported{name: name}
		for i, want := range statsLines {
			line := lines[1+i]
			if strings.HasSuffix(want, ":") {
				if line != want {
					return nil, fmt.Errorf("%q, want %q", line, want)
				}
				continue
			}
			what, number, _ := strings.Cut(line, ": ")
			n, err := strconv.ParseInt(number, 10, 64)
			if what != want || err != nil {
				return nil, fmt.Errorf("%q, want %q with a number: %w", line, want, err)
			}
			switch i {
			case 1:
				e.received = n
			case 2:
				e.sent = n
			case 3:
				e.became = n
			case 4:
				e.released = n
			}
		}
		list, lines = append(list, e), lines[1+len(statsLines):]
	}
	return list, nil
}

// readData reads what exporters look for in keepalived.data.
func readData(text string) (list []exported, scripts map[string]string, err error) {
	_, topology, ok := strings.Cut(text, "------< VRRP Topology >------\n")
	if !ok {
		return nil, nil, fmt.Errorf("no topology")
	}
	scripts = map[string]string{}
	section := "topology"
	script, listed := "", false
	for line := range strings.Lines(topology) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "------< ") {
			section = strings.Trim(line, "-<> ")
			continue
		}
		key, value, pair := strings.Cut(strings.TrimSpace(line), " = ")
		switch section {
		case "topology":
			if pair && key == "VRRP Instance" {
				list = append(list, exported{name: value})
				continue
			}
			if len(list) == 0 {
				return nil, nil, fmt.Errorf("%q before the first instance", line)
			}
			e := &list[len(list)-1]
			switch {
			case listed && strings.HasPrefix(line, "     "):
				e.addresses = append(e.addresses, strings.TrimSpace(line))
				continue
			case pair && key == "State":
				e.state = value
			case pair && key == "Interface":
				e.device = value
			case pair && key == "Virtual Router ID":
				if e.vrid, err = strconv.ParseInt(value, 10, 64); err != nil {
					return nil, nil, err
				}
			}
			listed = regexp.MustCompile(`^   Virtual IP( \(\d+\)| Excluded ):$`).MatchString(line)
		case "VRRP Scripts":
			switch {
			case pair && key == "VRRP Script":
				script = value
			case pair && key == "Status":
				scripts[script] = value
			}
		}
	}
	return list, scripts, nil
}

// What exporters read from the dumps is there, in its forms, and the three agree.
func TestExportersReadTheDumps(t *testing.T) {
	t.Parallel()
	g := newStandIn(t, "10.99.0.1/24")
	g.configure(sameFile)
	cmd := g.command("-n", "-l", "-G", "-P")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	masters := regexp.MustCompile(`(?s)(   State = MASTER\n.*){3}Status = GOOD`)
	g.until("at work", func() bool { return g.readPID("/run/keepalived.pid") > 0 })
	data, scripts, err := readData(g.asks(cmd.Pid(), unix.SIGUSR1, "/tmp/keepalived.data", masters))
	if err != nil {
		t.Fatalf("keepalived.data: %v", err)
	}
	stats, err := readStats(g.asks(cmd.Pid(), unix.SIGUSR2, "/tmp/keepalived.stats", regexp.MustCompile(`(?s)VI_6.*Sent: \d+\n$`)))
	if err != nil {
		t.Fatalf("keepalived.stats: %v", err)
	}
	list, err := readJSON(g.asks(cmd.Pid(), 36, "/tmp/keepalived.json", regexp.MustCompile(`\]\n$`)))
	if err != nil {
		t.Fatalf("keepalived.json: %v", err)
	}
	if len(list) != 3 || len(data) != 3 || len(stats) != 3 || scripts["good"] != "GOOD" {
		t.Fatalf("%d, %d and %d instances, scripts %v", len(data), len(stats), len(list), scripts)
	}
	for i, e := range list {
		d, s := data[i], stats[i]
		if e.name != d.name || e.name != s.name || e.state != "MASTER" || d.state != e.state || e.vrid != d.vrid || e.device != d.device || e.became != 1 || s.became != 1 ||
			e.released != 0 || e.sent < s.sent || s.sent == 0 {
			t.Errorf("they differ:\n%+v\n%+v\n%+v", e, d, s)
		}
		if fmt.Sprint(e.addresses) != fmt.Sprint(d.addresses) || len(e.addresses) == 0 {
			t.Errorf("%s: addresses %q and %q", e.name, e.addresses, d.addresses)
		}
	}
	g.signal(cmd.Pid(), unix.SIGTERM)
	g.until("the end", func() bool { return ended(cmd.Pid()) })
}
