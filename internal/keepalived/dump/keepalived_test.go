// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// config has an instance in every state and of every shape.
const config = `
global_defs {
  router_id lb1
  script_user root
  enable_script_security
  notification_email { ops@example.org }
  smtp_server 127.0.0.1
  vrrp_notify_fifo /tmp/fifo
}
vrrp_script good {
  script "/bin/true"
  interval 2
  weight -10
}
vrrp_script bad {
  script "/bin/false x"
  interval 1
  timeout 3
  fall 2
  rise 3
  init_fail
}
track_file tf {
  file /tmp/tf
  weight 1
}
vrrp_track_process tp {
  process nothing-runs-by-this-name
  weight 5
}
vrrp_sync_group G {
  group {
    VI_1
  }
  notify_master "/bin/true g"
  smtp_alert
}
vrrp_instance VI_1 {
  state MASTER
  interface eth0
  virtual_router_id 51
  priority 150
  version 3
  advert_int 0.2
  track_interface {
    eth1
  }
  virtual_ipaddress {
    10.9.0.100/24
    10.9.0.101/32 dev eth1 label eth1:1 scope link
  }
  virtual_ipaddress_excluded {
    10.9.0.200/24 brd 10.9.0.255
    fd00::5/64
    fd00::6
  }
  virtual_routes {
    10.77.0.0/24 via 10.9.0.9 dev eth0 metric 5 table 100
  }
  notify_master "/bin/echo m"
  notify_backup "/bin/echo b"
  notify_fault "/bin/echo f"
  notify_stop "/bin/echo s"
  notify_deleted "/bin/echo d"
  notify_master_rx_lower_pri "/bin/echo l"
  notify "/bin/echo any"
  notify_priority_changes
}
vrrp_instance VI_B {
  interface eth0
  virtual_router_id 52
  priority 99
  version 3
  advert_int 0.2
  nopreempt
  mcast_src_ip 10.9.0.1
  vrrp_skip_check_adv_addr
  skip_check_adv_addr
  higher_prio_send_advert
  lower_prio_no_advert
  virtual_ipaddress {
    10.9.0.110/24
  }
}
vrrp_instance VI_F {
  interface eth0
  virtual_router_id 53
  priority 100
  dont_track_primary
  promote_secondaries
  garp_master_delay 2
  garp_master_repeat 3
  garp_master_refresh 60
  garp_lower_prio_delay 0
  garp_lower_prio_repeat 1
  down_timer_adverts 5
  authentication {
    auth_type PASS
    auth_pass secret
  }
  track_script {
    bad
  }
  virtual_ipaddress {
    10.9.0.120/24
  }
}
vrrp_instance VI_U {
  interface eth1
  virtual_router_id 54
  priority 120
  unicast_src_ip 10.10.0.1
  unicast_peer {
    10.10.0.2
    10.10.0.3 min_ttl 250 max_ttl 254
  }
  unicast_ttl 200
  check_unicast_src
  smtp_alert
  preempt_delay 5
  track_script {
    good weight 4
  }
  track_file {
    tf weight 2
  }
  track_process {
    tp
  }
  virtual_ipaddress {
    10.10.0.100/24
  }
}
`

const other = `
vrrp_instance VI_B {
  interface eth0
  virtual_router_id 52
  priority 200
  version 3
  advert_int 0.2
  virtual_ipaddress {
    10.9.0.110/24
  }
}
`

// start starts keepalived in a node with a /tmp and a /run of its own.
func start(t *testing.T, n *netlab.Node, config string) (files string, daemon *netlab.Cmd) {
	t.Helper()
	cmd := n.Command(context.Background(), "unshare", "-m", "sh", "-ec", `
		mount -t tmpfs none /tmp; mount -t tmpfs none /run
		printf %s "$CONFIG" > /run/keepalived.conf; echo 3 > /tmp/tf
		exec keepalived -n -l -D -G -P -f /run/keepalived.conf`)
	cmd.Env = append(os.Environ(), "CONFIG="+config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Stop(10 * time.Second); err != nil {
			t.Logf("keepalived: %v", err)
		}
	})
	// Before it has its handlers, a signal kills it.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // polls another process
		log, err := os.ReadFile(cmd.Log)
		if err == nil && bytes.Contains(log, []byte("Startup complete")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("keepalived does not start: %v\n%s", err, log)
		}
	}
	return fmt.Sprintf("/proc/%d/root/tmp/", cmd.Pid()), cmd
}

// ask has keepalived write a file until it says what it should.
func ask(t *testing.T, daemon *netlab.Cmd, signal unix.Signal, path string, ready func(string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) { // polls another process
		if err := daemon.Signal(signal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the file is written in place: polls it
		b, err := os.ReadFile(path)
		if err == nil && ready(string(b)) {
			return string(b)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never said what it should: %v\n%s", path, err, b)
		}
	}
}

// scene is keepalived with the configuration above, all at rest, and what Regent would know of the same.
func scene(t *testing.T) (files string, daemon *netlab.Cmd, s dump.Snapshot) {
	t.Helper()
	netlab.Require(t, "keepalived", "unshare")
	lab := netlab.Test(t)
	a, err := lab.Node("a", "10.9.0.1/24")
	if err != nil {
		t.Fatal(err)
	}
	b, err := lab.Node("b", "10.9.0.2/24")
	if err != nil {
		t.Fatal(err)
	}
	second, err := lab.Network("second", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Attach(second, "eth1", "10.10.0.1/24"); err != nil {
		t.Fatal(err)
	}
	start(t, b, other)
	files, daemon = start(t, a, config)
	return files, daemon, snapshot()
}

func addrs(texts ...string) []dump.Address {
	var out []dump.Address
	for _, t := range texts {
		out = append(out, dump.Address{Prefix: netip.MustParsePrefix(t), Device: "eth0"})
	}
	return out
}

func snapshot() dump.Snapshot {
	echo := func(word string) *dump.Command { return &dump.Command{Args: []string{"/usr/bin/echo", word}} }
	garp := dump.GARP{Delay: 5 * time.Second, Repeat: 5, RefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5}
	ip := netip.MustParseAddr
	plain := func(name string, vrid, priority int) dump.Instance {
		return dump.Instance{Name: name, VRID: vrid, Priority: priority, EffectivePriority: priority, TotalPriority: priority, Version: 2,
			Interface: "eth0", Source: ip("10.9.0.1"), Multicast: ip("224.0.0.18"), GARP: garp, DownTimerAdverts: 3, Accept: true,
			AdvertInterval: time.Second, MasterAdvertInterval: time.Second}
	}
	master, backup, fault, unicast := plain("VI_1", 51, 150), plain("VI_B", 52, 99), plain("VI_F", 53, 100), plain("VI_U", 54, 120)

	master.Version, master.State, master.Wanted, master.SyncGroup = 3, dump.Master, dump.Master, "G"
	master.AdvertInterval, master.MasterAdvertInterval = 200*time.Millisecond, 200*time.Millisecond
	master.Addresses, master.AddressesSet = addrs("10.9.0.100/24", "10.9.0.101/32"), true
	master.Addresses[1].Device, master.Addresses[1].Label, master.Addresses[1].Scope = "eth1", "eth1:1", "link"
	master.Excluded = addrs("10.9.0.200/24", "fd00::5/64", "fd00::6/128")
	master.Excluded[0].Broadcast, master.Excluded[2].Lifetime = ip("10.9.0.255"), "0"
	for _, list := range [][]dump.Address{master.Addresses, master.Excluded} {
		for i := range list {
			list[i].Set = true
		}
	}
	master.Routes = []dump.Item{{Text: "prepend 10.77.0.0/24 via inet 10.9.0.9 dev eth0 table 100 proto 18 metric 5", Set: true}}
	master.TrackInterfaces = []dump.Track{{Name: "eth1"}}
	master.Notify = dump.Notify{Master: echo("m"), Backup: echo("b"), Fault: echo("f"), Stop: echo("s"), Deleted: echo("d"), LowerPriority: echo("l"), Any: echo("any")}
	master.NotifyDeleted, master.PriorityChanges = true, true
	master.Counters.BecameMaster = 1

	backup.Version, backup.State, backup.Wanted = 3, dump.Backup, dump.Backup
	backup.AdvertInterval, backup.MasterAdvertInterval = 200*time.Millisecond, 200*time.Millisecond
	backup.Master, backup.MasterPriority = ip("10.9.0.2"), 200
	backup.NoPreempt, backup.SourceConfigured, backup.SkipCheckAdverts, backup.HigherPrioSendAdvert, backup.LowerPrioNoAdvert = true, true, true, true, true
	backup.Addresses = addrs("10.9.0.110/24")

	fault.State, fault.Wanted, fault.Faults = dump.Fault, dump.Fault, 1
	fault.DontTrackPrimary, fault.PromoteSecondaries, fault.Password, fault.DownTimerAdverts = true, true, true, 5
	fault.GARP = dump.GARP{Delay: 2 * time.Second, Repeat: 3, Refresh: time.Minute, RefreshRepeat: 1, LowerPrioRepeat: 1}
	fault.TrackScripts = []dump.Track{{Name: "bad", Command: []string{"/usr/bin/false", "x"}}}
	fault.Addresses = addrs("10.9.0.120/24")

	unicast.State, unicast.Wanted, unicast.Interface, unicast.Source, unicast.SourceConfigured = dump.Master, dump.Master, "eth1", ip("10.10.0.1"), true
	unicast.Multicast = netip.Addr{}
	unicast.Unicast = &dump.Unicast{TTL: 200, CheckSource: true, Peers: []dump.Peer{{Address: ip("10.10.0.2"), MaxTTL: 255}, {Address: ip("10.10.0.3"), MinTTL: 250, MaxTTL: 254}}}
	unicast.EffectivePriority, unicast.TotalPriority = 130, 130
	unicast.Mail, unicast.PreemptDelay = true, 5*time.Second
	unicast.TrackScripts = []dump.Track{{Name: "good", Weight: 4, Command: []string{"/usr/bin/true"}}}
	unicast.TrackFiles, unicast.TrackProcesses = []dump.Track{{Name: "tf", Weight: 2}}, []dump.Track{{Name: "tp", Weight: 5}}
	unicast.Addresses, unicast.AddressesSet = addrs("10.10.0.100/24"), true
	unicast.Addresses[0].Device, unicast.Addresses[0].Set = "eth1", true
	unicast.Counters.BecameMaster = 1

	return dump.Snapshot{
		Global: dump.Global{RouterID: "lb1", Mail: &dump.Mail{Server: "127.0.0.1", Port: 25, Timeout: 30 * time.Second, To: []string{"ops@example.org"}},
			DefaultInterface: "eth0", VRRPFIFO: "/tmp/fifo, uid:gid 0:0", Group4: ip("224.0.0.18"), Group6: ip("ff02::12"), GARP: garp, DownTimerAdverts: 3, Version: 2,
			ScriptSecurity: true, Umask: 0o177},
		Instances: []dump.Instance{master, backup, fault, unicast},
		Groups:    []dump.Group{{Name: "G", State: dump.Master, Members: []string{"VI_1"}, Mail: true, Notify: dump.Notify{Master: &dump.Command{Args: []string{"/usr/bin/true", "g"}}}}},
		Scripts: []dump.Script{
			{Name: "good", Command: dump.Command{Args: []string{"/usr/bin/true"}}, Interval: 2 * time.Second, Weight: -10, Rise: 1, Fall: 1, Result: 1, Good: true,
				Tracking: []dump.Track{{Name: "VI_U", Weight: 4}}},
			{Name: "bad", Command: dump.Command{Args: []string{"/usr/bin/false", "x"}}, Interval: time.Second, Timeout: 3 * time.Second, Rise: 3, Fall: 2,
				Tracking: []dump.Track{{Name: "VI_F"}}},
		},
		Files:     []dump.File{{Name: "tf", Path: "/tmp/tf", Status: 3, Weight: 1, Tracking: []dump.Track{{Name: "VI_U", Weight: 2}}}},
		Processes: []dump.Process{{Name: "tp", Command: "nothing-runs-by-this-name", Min: 1, Weight: 5, Tracking: []dump.Track{{Name: "VI_U", Weight: 5}}}},
	}
}

func render(t *testing.T, f func(io.Writer, dump.Snapshot) error, s dump.Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// atRest tells whether every instance is in the state that it ends in.
func atRest(data string) bool {
	var states []string
	for _, m := range regexp.MustCompile(`\n   State = ([A-Z]+)\n`).FindAllStringSubmatch(data, -1) {
		states = append(states, m[1])
	}
	return strings.Join(states, " ") == "MASTER BACKUP FAULT MASTER" && strings.Contains(data, "Master router")
}

// What differs: times, numbers of descriptors, the password, and, of the global part, what is the load balancer's, SNMP's, or a
// matter of how keepalived was built.
var (
	moving  = regexp.MustCompile(`(?m)(Last transition =|Read timeout =|Master down timer =|fd_in|Password =).*$`)
	foreign = regexp.MustCompile(`(?mi)^ .*(ipvs|checker|lvs|bfd|snmp|dbus|nftables|libnftnl|_rcv_bufs|auto priority|rs_init|rx_bufs|realtime limit|secondary VMAC|HELO|notification from|(VRRP|Global) notify fifo script).*\n`)
	flags   = regexp.MustCompile(`(?m)^   Flags: none$`)
)

func comparable(data string) []string {
	data, _, _ = strings.Cut(data, "------< Interfaces >------")
	global, rest, _ := strings.Cut(data, "------< VRRP Topology >------")
	data = foreign.ReplaceAllString(global, "") + rest
	data = moving.ReplaceAllString(data, "$1")
	return strings.Split(flags.ReplaceAllString(data, "   Flags:"), "\n")
}

func TestFilesAreWhatKeepalivedWrites(t *testing.T) {
	t.Parallel()
	files, daemon, s := scene(t)
	theirs := ask(t, daemon, unix.SIGUSR1, files+"keepalived.data", atRest)
	if d := cmp.Diff(comparable(theirs), comparable(render(t, dump.Data, s))); d != "" {
		t.Errorf("keepalived.data: -keepalived +ours\n%s", d)
	}

	theirs = ask(t, daemon, unix.SIGUSR2, files+"keepalived.stats", func(s string) bool { return strings.Contains(s, "VI_U") })
	counted := regexp.MustCompile(`(Received|Sent): \d+`)
	if d := cmp.Diff(strings.Split(counted.ReplaceAllString(theirs, "$1"), "\n"),
		strings.Split(counted.ReplaceAllString(newer.ReplaceAllString(render(t, dump.Stats, s), "$1"), "$1"), "\n")); d != "" {
		t.Errorf("keepalived.stats: -keepalived +ours\n%s", d)
	}

	theirs = ask(t, daemon, 36, files+"keepalived.json", json1)
	ours := render(t, func(w io.Writer, s dump.Snapshot) error { return dump.JSON(w, s, 1) }, s)
	varying := regexp.MustCompile(`"(last_transition|advert_rcvd|advert_sent|auth_data)":("[^"]*"|-?[0-9.]+)`)
	split := func(s string) []string {
		return strings.SplitAfter(varying.ReplaceAllString(newerKeys.ReplaceAllString(s, ""), `"$1":`), ",")
	}
	if d := cmp.Diff(split(theirs), split(ours)); d != "" {
		t.Errorf("keepalived.json: -keepalived +ours\n%s", d)
	}
}

// What 2.4 has and the keepalived here has not.
var (
	newer     = regexp.MustCompile(`(?s)  Authentication Extension Errors:.*?(  Priority Zero)`)
	newerKeys = regexp.MustCompile(`"(auth_ext_\w+":\d+|track_process":\[[^\]]*\]),`)
)

func json1(s string) bool { return json.Valid([]byte(s)) }
