// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/conf/keepalived/convert"
	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status"
)

// sameFile is run by both programs. Its scripts do nothing.
const sameFile = `
global_defs {
  router_id lb1
  script_user root
  enable_script_security
}
vrrp_script good {
  script "/bin/true"
  interval 1
  weight 10
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 150
  version 3
  advert_int 0.2
  nopreempt
  garp_master_delay 1
  garp_master_refresh 60
  track_script {
    good
  }
  track_interface {
    eth0
  }
  virtual_ipaddress {
    10.99.0.100/24
    10.99.0.101/32
  }
  virtual_ipaddress_excluded {
    10.99.0.102/24
    fd00::5/64
  }
  notify_master "/bin/true m 'a b'"
  notify "/bin/true any"
}
vrrp_instance VI_2 {
  state MASTER
  interface eth0
  virtual_router_id 52
  priority 100
  advert_int 1
  preempt_delay 2
  authentication {
    auth_type PASS
    auth_pass secret
  }
  unicast_peer {
    10.99.0.2
  }
  virtual_ipaddress {
    10.99.0.110/24
  }
}
vrrp_instance VI_6 {
  interface eth0
  virtual_router_id 53
  priority 100
  advert_int 0.1
  virtual_ipaddress {
    fe80::5/64
    fd00::99
  }
}
`

// theSame runs the file until every instance is MASTER, and returns what the program says of it.
func theSame(t *testing.T, program string) (data, stats string, instances []map[string]any) {
	t.Helper()
	g := newStandInOf(t, program, "10.99.0.1/24")
	g.configure(sameFile)
	cmd := g.command("-n", "-l", "-G", "-P")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.until("at work", func() bool { // before it has its handlers, a signal kills keepalived
		log, err := os.ReadFile(cmd.Log)
		return err == nil && strings.Contains(string(log), "Startup complete")
	})
	masters := regexp.MustCompile(`(?s)(   State = MASTER\n.*){3}Status = GOOD`)
	data = g.asks(cmd.Pid(), unix.SIGUSR1, "/tmp/keepalived.data", masters)
	stats = g.asks(cmd.Pid(), unix.SIGUSR2, "/tmp/keepalived.stats", regexp.MustCompile(`(?s)VI_6.*Sent: \d+\n$`))
	text := g.asks(cmd.Pid(), 36, "/tmp/keepalived.json", regexp.MustCompile(`\]\n$`))
	if err := json.Unmarshal([]byte(text), &instances); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := cmd.Stop(20 * time.Second); err != nil {
		t.Errorf("%s: end: %v", program, err)
	}
	return data, stats, instances
}

// topology is the part about instances without what moves, what only one of them has, and secrets.
func topology(data string) []string {
	_, data, _ = strings.Cut(data, "------< VRRP Topology >------\n")
	data, _, _ = strings.Cut(data, "------< Interfaces >------")
	data = regexp.MustCompile(`(?m)(Last transition =|Read timeout =|Master down timer =|fd_in|Password =|Flags:).*$`).ReplaceAllString(data, "$1")
	return strings.Split(data, "\n")
}

func TestKeepalivedSaysTheSameAsKeepalived(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived")
	original, err := exec.LookPath("keepalived")
	if err != nil {
		t.Fatal(err)
	}
	type said struct {
		data, stats string
		instances   []map[string]any
	}
	var theirs, ours said
	theirs.data, theirs.stats, theirs.instances = theSame(t, original)
	ours.data, ours.stats, ours.instances = theSame(t, os.Args[0])
	if d := cmp.Diff(topology(theirs.data), topology(ours.data)); d != "" {
		t.Errorf("keepalived.data: -keepalived +ours\n%s", d)
	}
	for _, list := range [][]map[string]any{theirs.instances, ours.instances} {
		for _, v := range list {
			data, _ := v["data"].(map[string]any) //nolint:errcheck // compared below
			stats, _ := v["stats"].(map[string]any)
			for _, moving := range []string{"last_transition", "auth_data"} {
				if _, ok := data[moving]; ok {
					data[moving] = "…"
				}
			}
			delete(stats, "advert_sent")
			for k := range stats {
				if strings.HasPrefix(k, "auth_ext_") {
					delete(stats, k)
				}
			}
		}
	}
	if d := cmp.Diff(theirs.instances, ours.instances); d != "" {
		t.Errorf("keepalived.json: -keepalived +ours\n%s", d)
	}
	counted := regexp.MustCompile(`(?s)(Sent: )\d+|  Authentication Extension Errors:.*?(  Priority)`)
	plain := func(s string) []string { return strings.Split(counted.ReplaceAllString(s, "$1$2"), "\n") }
	if d := cmp.Diff(plain(theirs.stats), plain(ours.stats)); d != "" {
		t.Errorf("keepalived.stats: -keepalived +ours\n%s", d)
	}
}

// What the daemon tells becomes what keepalived says of it.
func TestStateIsToldInKeepalivedsTerms(t *testing.T) {
	t.Parallel()
	c := &keepalived.Config{
		Instances: []*keepalived.Instance{{Name: "a b"}, {Name: "B"}, {Name: "C"}, {Name: "D"}},
		SyncGroups: []*keepalived.SyncGroup{{Name: "G", Members: []keepalived.Value[string]{{V: "a b"}, {V: "C"}}},
			{Name: "H", Members: []keepalived.Value[string]{{V: "a b"}, {V: "B"}}}},
		Scripts: []*keepalived.Script{{Name: "s"}},
	}
	for _, v := range c.Instances {
		v.Priority.V, v.Version.V = 100, 3
	}
	k := keepalivedConf{model: c, result: convert.Result{Process: convert.Process{Names: map[string]string{"a-b": "a b"}}}}
	since := time.Unix(1, 0)
	now := status.Snapshot{Services: []status.Service{
		{Name: "a-b", State: "active", EffectivePriority: 120, Since: since, Statistics: status.Statistics{BecomeMaster: 3, ReleaseMaster: 2}},
		{Name: "B", State: "backup", EffectivePriority: 90, ActiveAddress: "10.0.0.9", Statistics: status.Statistics{BecomeMaster: 2, ReleaseMaster: 2, AdvertRcvd: 7},
			Checks: []status.Check{{Name: "s", OK: true}}},
		{Name: "C", State: "initialize"},
	}}
	s := keepalivedState(k, now, nil)
	type told struct {
		Name                string
		State               dump.State
		Effective, Faults   int
		Became, Released    uint64
		AddressesSet, Known bool
	}
	var got []told
	for _, i := range s.Instances {
		got = append(got, told{i.Name, i.State, i.EffectivePriority, i.Faults, i.Counters.BecameMaster, i.Counters.ReleasedMaster, i.AddressesSet, i.Master.IsValid()})
	}
	want := []told{{"a b", dump.Master, 120, 0, 3, 2, true, false}, {"B", dump.Backup, 90, 0, 2, 2, false, true}, {"C", dump.Fault, 100, 1, 0, 0, false, false},
		{"D", dump.Init, 100, 0, 0, 0, false, false}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !s.Instances[0].LastTransition.Equal(since) || s.Groups[0].State != dump.Fault || s.Groups[1].State != dump.Backup || !s.Scripts[0].Good {
		t.Errorf("%+v", s)
	}
}
