// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// text parses and converts what stands in a file.
func text(s string) (*keepalived.Config, Result, keepalived.Problems) {
	files := fstest.MapFS{"k.conf": {Data: []byte(s)}}
	c, ps := keepalived.Parse("/k.conf", keepalived.Options{Files: files, ConfigID: "lb1", Host: "lb1"})
	r, more := Convert(c, options())
	return c, r, append(ps, more...).Sorted(c.Files)
}

// stage is a file with a hole for a line of a block. What examples of the table refer to is there, and each thing that can
// be tracked is, so that it is in the text.
func stage(k keepalived.Keyword, line string) (before, after string) {
	holes := map[string]string{
		"": "<>", "global_defs": "global_defs {\n <>\n}", "vrrp_script": "vrrp_script S2 {\n script /usr/bin/true\n <>\n}",
		"track_file": "track_file F2 {\n file /run/f\n <>\n}", "vrrp_track_process": "vrrp_track_process P2 {\n process p -x\n <>\n}",
		"bfd_instance": "bfd_instance B2 {\n neighbor_ip 192.0.2.9\n <>\n}", "vrrp_sync_group": "vrrp_sync_group G2 {\n group { VI_3 }\n <>\n}",
		"garp_group":     "garp_group {\n garp_interval 0.1\n gna_interval 0.2\n interface eth0\n <>\n}",
		"vrrp_instance":  "vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n virtual_ipaddress { 192.0.2.2 }\n <>\n}",
		"authentication": "vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n authentication {\n <>\n}\n}",
		"auth_hmac": "vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n auth_hmac {\n" +
			"key 9 0123456789abcdef0123456789abcdef\n active_key 9\n <>\n}\n}",
	}
	track := map[string]string{"vrrp_script": "track_script { S2 }", "track_file": "track_file { F2 }", "vrrp_track_process": "track_process { P2 }",
		"bfd_instance": "track_bfd { B2 }"}[k.Block]
	company := map[string]string{
		"notify_fifo_script": "notify_fifo /run/all.fifo", "vrrp_notify_fifo_script": "vrrp_notify_fifo /run/vrrp.fifo",
		"fifo_write_vrrp_states_on_reload": "vrrp_notify_fifo /run/vrrp.fifo", "startup_script_timeout": "startup_script /bin/s",
		"shutdown_script_timeout": "shutdown_script /bin/s", "unicast_ttl": "unicast_peer { 192.0.2.8 }", "check_unicast_src": "unicast_peer { 192.0.2.8 }",
		"vrrp_check_unicast_src": "}\nvrrp_instance U { interface eth8\n virtual_router_id 8\n unicast_peer { 192.0.2.8 }\n virtual_ipaddress { 10.0.0.8 }\n}\nglobal_defs {",
		"old_unicast_checksum":   "version 3\n unicast_peer { 192.0.2.8 }", "vmac_xmit_base": "use_vmac", "v3_checksum_as_v2": "version 3",
		"vrrp_mcast_group6":    "}\nvrrp_instance U { interface eth8\n virtual_router_id 8\n virtual_ipaddress { fe80::8 }\n}\nglobal_defs {",
		"owner_ignore_adverts": "priority 255", "accept": "strict_mode on\nversion 3", "preempt": "nopreempt", "auth_type": "auth_pass x", "auth_pass": "auth_type PASS",
		"vmac_prefix":                     "}\nvrrp_instance U { interface eth8\n virtual_router_id 8\n use_vmac\n virtual_ipaddress { 10.0.0.8 }\n}\nglobal_defs {",
		"vrrp_owner_ignore_adverts":       "}\nvrrp_instance U { interface eth8\n virtual_router_id 8\n priority 255\n virtual_ipaddress { 10.0.0.8 }\n}\nglobal_defs {",
		"vrrp_garp_master_refresh_repeat": "vrrp_garp_master_refresh 60", "garp_master_refresh_repeat": "garp_master_refresh 60",
		"default_interface": "}\nstatic_ipaddress { 10.9.0.7 }\nglobal_defs {", "sync_group_tracking_weight": "track_script { S3 weight 5 }",
		"hoplimit": "neighbor_ip fe80::9", "full_command": "param_match", "reload_repeat": "reload_time_file /x", "unicast_fault_no_peer": "",
		"smtp_connect_timeout": mailing, "smtp_helo_name": mailing, "no_email_faults": mailing, "router_id": mailing, "notification_email_from": mailing,
		"notification_email": "smtp_alert\nsmtp_server 192.0.2.1", "smtp_server": "smtp_alert\nnotification_email { a@b }", "smtp_alert": "", "smtp_alert_vrrp": quiet,
	}[k.Name]
	if k.Name == "v3_checksum_as_v2" && k.Block == "global_defs" {
		company = "vrrp_version 3"
	}
	if k.Block == "vrrp_sync_group" && strings.HasPrefix(k.Name, "track_") {
		company = "sync_group_tracking_weight"
	}
	if k.Name == "smtp_alert" {
		if company = ""; k.Block == "global_defs" {
			company = quiet
		}
	}
	hole := strings.ReplaceAll(holes[k.Block], "<>", company+"\n"+line)
	if strings.HasPrefix(k.Name, "interface") {
		hole = strings.Replace(hole, "interface eth0\n", "interface eth9\n", 1) // of a garp_group
	}
	mail := ""
	if k.Block != "global_defs" {
		mail = "global_defs {\n" + quiet + "\n}\n"
	}
	all := fmt.Sprintf(`%svrrp_instance VI_3 {
 interface eth3
 virtual_router_id 3
 virtual_ipaddress { 10.0.0.3 }
 notify /bin/x
 %s
}
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 1
 virtual_ipaddress { 10.0.0.1 }
 track_script { S3 }
}
vrrp_script S3 { script /usr/bin/true }
vrrp_script check { script /usr/bin/true }
track_file load { file /run/load }
vrrp_track_process web { process nginx }
bfd_instance gw { neighbor_ip 192.0.2.254 }
`, mail, track)
	return all, hole
}

const (
	quiet   = "smtp_server 192.0.2.1\nnotification_email { a@b }"
	mailing = "smtp_alert\n" + quiet
)

// Each keyword that the table calls supported changes the text or what is of the process, or is told about: none is
// dropped in silence. The few whose example is what it is without them are named.
func TestNoSupportedKeywordIsDropped(t *testing.T) {
	t.Parallel()
	same := map[string]string{
		"global_defs include_check": "it governs the reading", "global_defs random_seed": "it governs the reading",
		"vrrp_instance unicast_fault_no_peer": "it has a meaning without peers only, where the conversion refuses",
		"bfd_instance vrrp":                   "it is the default",
		" global_defs":                        "its example names the host",
		" vrrp_track_file":                    "nothing tracks it",
		"auth_hmac active_key":                "there is one already",
	}
	examples := map[string]string{ // where the table's is the default
		"vrrp_garp_master_delay": "7", "vrrp_garp_master_repeat": "3", "garp_master_delay": "7", "garp_master_repeat": "3",
		"vrrp_garp_lower_prio_delay": "9", "garp_lower_prio_delay": "9", "vrrp_down_timer_adverts": "4", "down_timer_adverts": "4",
		"vrrp_mcast_group4": "224.0.0.19", "vrrp_mcast_group6": "ff02::13", "vmac_prefix": "v", "smtp_connect_timeout": "9",
		"startup_script_timeout": "20", "shutdown_script_timeout": "20", "advert_int": "3", "state": "MASTER", "child_wait_time": "9",
		"multiplier": "3", "idle_tx": "2000", "ttl": "64", "hoplimit": "63", "max_hops": "2", "quorum": "2", "anti_replay": "monotonic",
		"mode": "permissive", "priority": "99", "router_id": "lb2",
	}
	for _, k := range keepalived.Keywords() {
		if k.Support != keepalived.Supported {
			continue
		}
		name := k.Block + " " + k.Name
		if e := examples[k.Name]; e != "" {
			k.Example = k.Name + " " + e
		}
		around, with := stage(k, k.Example)
		_, without := stage(k, "")
		_, r, ps := text(around + with + "\n")
		_, plain, _ := text(around + without + "\n")
		if string(r.TOML) != string(plain.TOML) || !reflect.DeepEqual(r.Process, plain.Process) {
			continue
		}
		first := strings.Count(around, "\n")
		if slices.ContainsFunc(ps, func(p keepalived.Problem) bool {
			return p.Line > first && strings.Contains(p.Text, strings.Fields(k.Example)[0])
		}) {
			continue
		}
		if same[name] == "" {
			t.Errorf("%q is dropped: %s\n%s", name, k.Example, ps.Diagnostics())
		}
		delete(same, name)
	}
	for name := range same {
		t.Errorf("%q is no exception", name)
	}
}

// Each value that a file sets shows in the result: with another value there, the text, what is of the process or what is
// told is another. Exceptions are those that keepalived or Regent has no use for, which the table of keywords says, and
// those that each instance has got from the whole file's.
func TestEachValueOfTheModelCounts(t *testing.T) {
	t.Parallel()
	handed := []string{"Global.Version", "Global.Group4", "Global.Group6", "Global.DefaultInterface", "Global.CheckUnicastSrc", "Global.Strict",
		"Global.GARP.", "Global.MinGARP", "Global.DownTimerAdverts", "Global.LowerPrioNoAdvert", "Global.OwnerIgnoreAdverts", "Global.V3ChecksumAsV2",
		"Global.Mail.Alert", "Global.Mail.VRRP", "Scripts[].Weight", "TrackFiles[].Weight", "TrackProcesses[].Weight", "BFDs[].Weight"} // to track lines
	unused := []string{"Daemon.LinkbeatPolling", "Daemon.NamespaceIPsets", "Daemon.NamespaceOfIPVS", "Daemon.TemporaryConfig", "Daemon.SavedConfig",
		"Daemon.ProcessNames", "Daemon.MaxAutoPriority", "Daemon.MinAutoDelay", "Daemon.RealtimeLimit", "Daemon.ReceiveBuffer", "Daemon.ReceiveMultiplier",
		"Daemon.CommandBuffer", "Daemon.MonitorBuffer", "Daemon.ProcessBuffer", "Global.Supplementary", "Global.SymlinkPaths", "Global.SkipCheckAdvAddr",
		"Global.HigherPrioSendAdvert", "Global.DynamicInterfaces", "Global.AllowIfChanges", "Global.DisableLocalIGMP", "Global.LogUnknownVRIDs",
		"Global.VMACAddrPrefix", "Global.NFTables", "Global.IPTables", "Linkbeats[]", "TrackGroups[]", "LVS[]", "BFDs[].VRRP",
		"Instances[].NoAddresses", "Instances[].Promote", "Instances[].FaultNoPeer", "Instances[].TrackSource", "Instances[].VRF", "Instances[].ReceiveBuffer",
		"Instances[].TimerExpiredBackup", "Instances[].State", "Instances[].SkipCheckAdvAddr", "Instances[].Strict", "Instances[].HigherPrioSendAdvert", "Instances[].Linkbeat",
		"Instances[].VMAC.Tell",
		"Instances[].VMACAddresses",                                                  // each address has got it
		"Instances[].OldChecksum", "Instances[].V3ChecksumAsV2", "Global.VMACPrefix", // of no use with IPv6, or beside a name: see the test above
	}
	seen := 0
	for name, dir := range inputs(t) {
		fresh := func() *keepalived.Config { return parse(dir, name) }
		base, said := Convert(fresh(), options())
		places := map[keepalived.Place]bool{}
		for _, p := range said {
			places[keepalived.Place{File: p.File, Line: p.Line, Column: p.Column}] = true
		}
		n := len(settings(fresh()))
		for i := range n {
			c := fresh()
			s := settings(c)[i]
			if slices.ContainsFunc(slices.Concat(handed, unused), func(p string) bool { return strings.HasPrefix(s.path, p) }) {
				continue
			}
			if name == "language/main.conf" && strings.HasPrefix(s.path, "Scripts[]") {
				continue // nothing tracks them, which the parser says
			}
			if mail := fresh().Global.Mail; strings.HasPrefix(s.path, "Global.Mail.") && (!mail.Server.IsSet() || len(mail.To) == 0) {
				continue // no mail is sent
			}
			seen++
			s.change()
			got, more := Convert(c, options())
			if string(got.TOML) != string(base.TOML) || !cmp.Equal(got.Process, base.Process) || len(more) != len(said) || places[s.at] {
				continue
			}
			t.Errorf("%s: %s, at %s, counts for nothing", name, s.path, s.at)
		}
	}
	if seen < 500 {
		t.Errorf("%d values, want some hundreds: is the walk whole?", seen)
	}
}

// setting is a value that a file sets.
type setting struct {
	path   string
	at     keepalived.Place
	change func()
}

// settings walks the model.
func settings(c *keepalived.Config) []setting {
	var out []setting
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(path+"[]", v.Index(i))
			}
		case reflect.Struct:
			if at := v.FieldByName("At"); v.NumField() == 2 && at.IsValid() && v.Type().Field(0).Name == "V" {
				if place := at.Interface().(keepalived.Place); place.IsSet() {
					if s, ok := v.Addr().Interface().(*keepalived.Value[keepalived.Command]); ok && len(s.V.Args) == 0 {
						return // </path instead, or notify_deleted alone
					}
					out = append(out, setting{path, place, func() {
						if strings.HasSuffix(path, ".Version") {
							v.Field(0).SetInt(5 - v.Field(0).Int())
							return
						}
						other(v.Field(0))
					}})
				}
				return
			}
			if v.Type() == reflect.TypeFor[netip.Addr]() || v.Type() == reflect.TypeFor[netip.Prefix]() {
				return
			}
			for i := range v.NumField() {
				walk(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

// other sets a value to another of its kind.
func other(v reflect.Value) {
	switch x := v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(x.Next()))
		return
	case conf.Password:
		v.Set(reflect.ValueOf(conf.NewPassword(x.Reveal() + "x")))
		return
	case keepalived.Command:
		v.Set(reflect.ValueOf(keepalived.Command{Args: append([]string{"/other"}, x.Args...), User: x.User}))
		return
	case keepalived.Weight:
		v.Set(reflect.ValueOf(keepalived.Weight{N: x.N + 1, Reverse: x.Reverse}))
		return
	case keepalived.User:
		v.Set(reflect.ValueOf(keepalived.User{Name: x.Name + "x", Group: x.Group}))
		return
	case time.Duration:
		v.SetInt(int64(x + time.Second))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Slice:
		v.Index(0).SetString(v.Index(0).String() + "x")
	default:
		panic(fmt.Sprintf("no other %s", v.Type()))
	}
}
