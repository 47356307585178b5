// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// JSON writes what signal 36 asks for. Version 1 is an array with an object for each instance; version 2 is an object that
// has the array as "vrrp", and tracked processes as "track_process".
func JSON(w io.Writer, s Snapshot, version int) error {
	var o object
	o.open("", '[')
	if version == 2 {
		o = object{}
		o.open("", '{')
		o.open("vrrp", '[')
	}
	for i := range s.Instances {
		o.open("", '{')
		o.data(&s.Instances[i])
		o.counters(&s.Instances[i].Counters)
		o.close('}')
	}
	o.close(']')
	if version == 2 {
		if len(s.Processes) > 0 {
			o.processes(s.Processes)
		}
		o.close('}')
	}
	if o.err != nil {
		return o.err
	}
	o.b.WriteByte('\n')
	_, err := w.Write(o.b.Bytes())
	return err
}

// object writes JSON whose keys keep their order.
type object struct {
	b     bytes.Buffer
	comma bool
	err   error
}

func (o *object) key(name string) {
	if o.comma {
		o.b.WriteByte(',')
	}
	o.comma = true
	if name != "" {
		fmt.Fprintf(&o.b, "%q:", name) // names are plain words
	}
}

func (o *object) open(name string, bracket byte) {
	o.key(name)
	o.b.WriteByte(bracket)
	o.comma = false
}

func (o *object) close(bracket byte) {
	o.b.WriteByte(bracket)
	o.comma = true
}

func (o *object) text(name, s string) {
	o.key(name)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		o.err = err
	}
	// keepalived's library escapes slashes too.
	o.b.WriteString(strings.ReplaceAll(strings.TrimSpace(b.String()), "/", `\/`))
}

func (o *object) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.open(name, '[')
	for _, s := range list {
		o.text("", s)
	}
	o.close(']')
}

func (o *object) number(name string, n uint64) {
	o.key(name)
	o.b.WriteString(strconv.FormatUint(n, 10))
}

func (o *object) integer(name string, n int) {
	o.key(name)
	o.b.WriteString(strconv.Itoa(n))
}

func (o *object) flag(name string, b bool) {
	o.key(name)
	o.b.WriteString(strconv.FormatBool(b))
}

func (o *object) bit(name string, b bool) {
	n := 0
	if b {
		n = 1
	}
	o.integer(name, n)
}

func (o *object) seconds(name string, d time.Duration) {
	o.key(name)
	o.b.WriteString(number(d.Seconds()))
}

// number is a number with the decimals it needs, but none beyond microseconds.
func number(f float64) string {
	s := strings.TrimRight(strconv.FormatFloat(f, 'f', 6, 64), "0")
	return strings.TrimSuffix(s, ".")
}

func (o *object) command(name string, c *Command) {
	if c != nil {
		o.text(name, Quote(c.Args))
	}
}

func (o *object) data(v *Instance) {
	vmac, link := "", v.Interface
	if v.VMAC != nil {
		vmac, link = v.VMAC.Name, v.VMAC.Name
	}
	o.open("data", '{')
	o.text("iname", v.Name)
	o.bit("dont_track_primary", v.DontTrackPrimary)
	o.bit("skip_check_adv_addr", v.SkipCheckAdverts)
	o.bit("strict_mode", v.Strict)
	o.text("vmac_ifname", vmac)
	if link != "" {
		o.text("ifp_ifname", link)
	}
	o.integer("master_priority", v.MasterPriority)
	o.key("last_transition")
	o.b.WriteString(number(float64(v.LastTransition.UnixMicro()) / 1e6))
	o.integer("garp_delay", seconds(v.GARP.Delay))
	o.integer("garp_refresh", seconds(v.GARP.Refresh))
	o.integer("garp_rep", v.GARP.Repeat)
	o.integer("garp_refresh_rep", v.GARP.RefreshRepeat)
	o.integer("garp_lower_prio_delay", seconds(v.GARP.LowerPrioDelay))
	o.integer("garp_lower_prio_rep", v.GARP.LowerPrioRepeat)
	o.bit("lower_prio_no_advert", v.LowerPrioNoAdvert)
	o.bit("higher_prio_send_advert", v.HigherPrioSendAdvert)
	o.integer("vrid", v.VRID)
	o.integer("base_priority", v.Priority)
	o.integer("effective_priority", v.EffectivePriority)
	o.flag("vipset", v.AddressesSet)
	o.flag("promote_secondaries", v.PromoteSecondaries)
	o.seconds("adver_int", v.AdvertInterval)
	o.seconds("master_adver_int", v.MasterAdvertInterval)
	o.bit("accept", v.Accept)
	o.flag("nopreempt", v.NoPreempt)
	o.seconds("preempt_delay", v.PreemptDelay)
	o.integer("state", int(v.State))
	o.integer("wantstate", int(v.Wanted))
	o.integer("version", v.Version)
	o.flag("smtp_alert", v.Mail)
	o.flag("notify_deleted", v.NotifyDeleted)
	n := &v.Notify
	o.command("script_backup", n.Backup)
	o.command("script_master", n.Master)
	o.command("script_fault", n.Fault)
	o.command("script_stop", n.Stop)
	o.command("script_deleted", n.Deleted)
	o.command("script", n.Any)
	o.command("script_master_rx_lower_pri", n.LowerPriority)
	o.lists(v)
	switch {
	case v.HMAC:
		o.integer("auth_type", 0)
	case v.Version == 2 && v.Password:
		o.integer("auth_type", 1)
		o.text("auth_data", hidden)
	default:
		o.integer("auth_type", 0)
	}
	o.close('}')
}

// lists are the arrays of an instance, those that are not empty.
func (o *object) lists(v *Instance) {
	addresses := func(as []Address) (out []string) {
		for _, a := range as {
			out = append(out, a.String())
		}
		return out
	}
	items := func(is []Item) (out []string) {
		for _, i := range is {
			out = append(out, i.Text)
		}
		return out
	}
	names := func(ts []Track) (out []string) {
		for _, t := range ts {
			out = append(out, t.Name)
		}
		return out
	}
	commands := func(ts []Track) (out []string) {
		for _, t := range ts {
			if t.Command != nil {
				out = append(out, t.command())
			}
		}
		return out
	}
	o.texts("vips", addresses(v.Addresses))
	o.texts("evips", addresses(v.Excluded))
	o.texts("vroutes", items(v.Routes))
	o.texts("vrules", items(v.Rules))
	o.texts("track_ifp", names(v.TrackInterfaces))
	o.texts("track_script", commands(v.TrackScripts))
	o.texts("track_process", names(v.TrackProcesses))
}

func (o *object) counters(c *Counters) {
	o.open("stats", '{')
	names := strings.Fields(`advert_rcvd advert_sent become_master release_master
		packet_len_err ip_ttl_err invalid_type_rcvd advert_interval_err addr_list_err
		invalid_authtype authtype_mismatch auth_failure
		auth_ext_missing auth_ext_malformed auth_ext_unknown_key auth_ext_invalid_hmac auth_ext_stale auth_ext_replay
		pri_zero_rcvd pri_zero_sent`)
	values := c.fields()
	put := func(i int) { o.number(names[i], *values[i]) }
	for _, i := range []int{0, 1, 2, 3, 4, 7, 5, 6} { // the interval stands before the TTL here
		put(i)
	}
	for i := 8; i < len(names); i++ {
		put(i)
	}
	o.close('}')
}

func (o *object) processes(ps []Process) {
	o.open("track_process", '[')
	for i := range ps {
		t := &ps[i]
		o.open("", '{')
		o.text("process", t.Command)
		if t.Parameters != "" {
			o.text("parameters", t.Parameters)
		}
		if t.Match != "" {
			o.text("param_match", t.Match)
		}
		o.integer("min_processes", t.Min)
		o.integer("max_processes", t.Max)
		o.integer("current_processes", t.Current)
		o.flag("have_quorum", t.Quorum)
		o.integer("weight", t.Weight)
		o.seconds("terminate_delay", t.TerminateDelay)
		o.seconds("fork_delay", t.ForkDelay)
		o.flag("fork_delay_timer_running", t.ForkTimerRunning)
		o.flag("terminate_delay_timer_running", t.TerminateTimerRuns)
		o.flag("full_command", t.FullCommand)
		o.close('}')
	}
	o.close(']')
}
