// SPDX-License-Identifier: Apache-2.0

package draw

import "fmt"

// instance writes a vrrp_instance.
func (w *writer) instance(i int) {
	six := w.version == 3 && w.some(3)
	device := w.pick(w.interfaces...)
	vrid := w.vrid(device, six)
	lines := []string{"interface " + device, fmt.Sprintf("virtual_router_id %d", vrid)}
	if w.some(2) {
		lines = append(lines, "state "+w.pick("BACKUP", "MASTER"))
	}
	lines = append(lines, fmt.Sprintf("priority %d", 1+w.from(254)), "advert_int "+w.interval())
	for _, l := range []string{
		w.pick("nopreempt", "preempt_delay "+w.pick("5", "300")), "garp_master_delay " + w.pick("1", "20"), "garp_master_repeat 4", "dont_track_primary",
		"garp_lower_prio_repeat " + w.pick("0", "3"), "lower_prio_no_advert " + w.pick("true", "false"), "higher_prio_send_advert true", "down_timer_adverts 4",
		w.pick(`notify "/bin/true -n"`, "notify_master /bin/true root", "notify_fault '/bin/true'"), "notify_stop /bin/true",
	} {
		if w.some(4) {
			lines = append(lines, l)
		}
	}
	if w.version == 2 && w.some(2) {
		lines = append(lines, "authentication {\n  auth_type PASS\n  auth_pass "+w.pick("secret", `"two word"`, "toolongforit")+"\n }")
	}
	if !six && w.some(4) {
		n := 1 + w.from(200)
		lines = append(lines, "unicast_src_ip "+w.own(device), fmt.Sprintf("unicast_peer {\n  10.77.0.%d\n  10.77.1.%d\n }", n, n))
	}
	if len(w.scripts) > 0 && w.some(2) {
		lines = append(lines, "track_script {\n  "+w.pick(w.scripts...)+w.pick("", " weight 3")+"\n }")
	}
	if len(w.interfaces) > 1 && w.some(3) {
		lines = append(lines, "track_interface { "+w.pick(w.interfaces...)+w.pick("", " weight -5")+" }")
	}
	lines = append(lines, w.addresses("virtual_ipaddress", six, device, 1+w.from(4)))
	if w.some(3) {
		lines = append(lines, w.addresses("virtual_ipaddress_excluded", w.version == 3 && w.some(2), device, 1+w.from(3)))
	}
	// The order of keywords is free.
	for n := len(lines) - 1; n > 0; n-- {
		if m := w.from(n + 1); w.some(2) {
			lines[n], lines[m] = lines[m], lines[n]
		}
	}
	w.block(fmt.Sprintf("vrrp_instance VI_%d", i), lines...)
}

// vrid is one that the interface has not yet for the family.
func (w *writer) vrid(device string, six bool) int {
	for n := 1 + w.from(255); ; n = n%255 + 1 {
		key := fmt.Sprint(device, six, n)
		if !w.vrids[key] {
			w.vrids[key] = true
			return n
		}
	}
}

func (w *writer) interval() string {
	switch {
	case w.speed && w.some(3):
		return "$SPEED"
	case w.version == 3 && w.some(2):
		return w.pick("0.1", "0.25", "1.5", "3.01")
	}
	return w.pick("1", "2", "5")
}

// own is the address of the machine on an interface.
func (w *writer) own(device string) string {
	for i, name := range w.interfaces {
		if name == device {
			return Own(i)
		}
	}
	return Own(0)
}

// Own is the address that the machine is to have on its i-th interface, without its length, which is 24.
func Own(i int) string { return fmt.Sprintf("10.%d.0.1", 60+i) }

// addresses writes a block of addresses that are nowhere else in the file.
func (w *writer) addresses(block string, six bool, device string, n int) string {
	text := block + " {\n"
	for range n {
		w.hosts++
		address := fmt.Sprintf("10.80.%d.%d", w.hosts/250, 1+w.hosts%250) + w.pick("", "/32", "/24", "/16")
		if six {
			address = fmt.Sprintf("fd80::%x", w.hosts) + w.pick("", "/128", "/64")
		}
		if w.some(3) {
			address += " dev " + w.pick(device, w.pick(w.interfaces...))
		}
		if !six {
			address += w.pick("", "", " label "+device+":v", " brd +", " scope link", " scope host")
		}
		text += "  " + address + "\n"
	}
	return text + " }"
}
