// SPDX-License-Identifier: Apache-2.0

package draw

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Source returns a number from 0 to n-1.
type Source func(n int) int

// Seeded draws by a generator of pseudo-random numbers.
func Seeded(seed uint64) Source { return rand.New(rand.NewPCG(seed, seed)).IntN }

// Bytes draws by given bytes, and 0 when they have ended: for fuzzing.
func Bytes(b []byte) Source {
	return func(n int) int {
		if len(b) == 0 || n <= 0 {
			return 0
		}
		got := int(b[0])
		b = b[1:]
		return got % n
	}
}

// File makes a keepalived.conf for a machine that has these interfaces, one at least.
func File(from Source, interfaces []string) string {
	w := &writer{from: from, interfaces: interfaces, vrids: map[string]bool{}}
	if w.some(2) {
		w.line("$SPEED=%d", 1+w.from(3))
		w.speed = true
	}
	w.globals()
	for i := range w.from(4) {
		w.script(i)
	}
	if w.some(3) {
		w.stranger()
	}
	n := 1 + w.from(6)
	for i := range n {
		w.instance(i)
	}
	if n > 2 && w.some(3) {
		w.group()
	}
	return w.b.String()
}

// writer is a file in progress.
type writer struct {
	from       Source
	b          strings.Builder
	interfaces []string
	indent     int

	version int // vrrp_version
	speed   bool
	scripts []string
	vrids   map[string]bool
	hosts   int // addresses so far
}

// some is true once in n times.
func (w *writer) some(n int) bool { return w.from(n) == n-1 }

func (w *writer) pick(list ...string) string { return list[w.from(len(list))] }

// line writes one with the liberties that lines take.
func (w *writer) line(format string, args ...any) {
	if w.some(12) {
		w.b.WriteString(w.pick("# a remark { with a brace\n", "! another }\n", "\n", "   \t\n"))
	}
	w.b.WriteString(strings.Repeat(w.pick("    ", "\t", " "), w.indent))
	text := fmt.Sprintf(format, args...)
	if w.some(6) {
		text = strings.ReplaceAll(text, " ", w.pick("  ", "\t", " \t "))
	}
	w.b.WriteString(text)
	if w.some(10) {
		w.b.WriteString(w.pick("   # why", " ! so", "\t#{"))
	}
	w.b.WriteByte('\n')
}

// block writes a block: on several lines, or on one.
func (w *writer) block(head string, lines ...string) {
	if len(lines) == 1 && w.some(3) {
		w.b.WriteString(strings.Repeat(" ", w.indent) + head + " { " + lines[0] + " }\n")
		return
	}
	w.line("%s {", head)
	w.indent++
	for _, l := range lines {
		w.line("%s", l)
	}
	w.indent--
	w.line("}")
}

func (w *writer) globals() {
	w.version = 2 + w.from(2)
	lines := []string{fmt.Sprintf("vrrp_version %d", w.version), "script_user root"}
	for _, l := range []string{
		"router_id " + w.pick("here", `"with a blank"`, "LVS_1"), "vrrp_garp_master_delay " + w.pick("0", "1", "7"), "vrrp_garp_master_repeat " + w.pick("1", "3"),
		"vrrp_garp_master_refresh " + w.pick("10", "60"), "vrrp_garp_interval " + w.pick("0.001", "0.5"), "vrrp_gna_interval 0.01",
		"vrrp_garp_lower_prio_repeat " + w.pick("0", "2"), "vrrp_higher_prio_send_advert true", "vrrp_lower_prio_no_advert true", "enable_script_security",
		"max_auto_priority 50", "dynamic_interfaces", "vrrp_skip_check_adv_addr",
	} {
		if w.some(3) {
			lines = append(lines, l)
		}
	}
	w.block("global_defs", lines...)
}

func (w *writer) script(i int) {
	name := fmt.Sprintf("chk_%d", i)
	lines := []string{"script " + w.pick("/bin/true", `"/bin/true -x"`, "'/bin/true'")}
	for _, l := range []string{"interval " + w.pick("1", "5", "60"), "timeout 3", "rise " + w.pick("1", "2"), "fall " + w.pick("1", "4"), "weight " + w.pick("-10", "0", "7"), "user root"} {
		if w.some(2) {
			lines = append(lines, l)
		}
	}
	w.block("vrrp_script "+name, lines...)
	w.scripts = append(w.scripts, name)
}

// stranger is a block that is nobody's business: its braces have to match all the same.
func (w *writer) stranger() {
	w.block("virtual_server 192.0.2.77 80", "delay_loop 6", "lb_algo rr", "real_server 192.0.2.78 80 {\n  weight 1\n  TCP_CHECK {\n   connect_timeout 3\n  }\n }")
}

// group puts the first two instances together.
func (w *writer) group() {
	w.block("vrrp_sync_group G", "group {\n  VI_0\n  "+w.pick("VI_1", "\tVI_1 ")+"\n }")
}
