// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/policy/agent"
)

const twoServices = `
[cluster]
name = "shop"
key_file = "KEY"
[nodes.db1]
address = "10.0.0.11"
capacity = 100
[nodes.db2]
address = "10.0.0.12"
[[service]]
name = "parts"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.0.0.102/24"]
owner = "db2"
standbys = ["db1"]
demand = 40
on_no_candidate = "silent"
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.0.0.101/24"]
owner = "db1"
standbys = ["db2"]
[service.control]
start = ["/bin/true"]
stop = ["/bin/true"]
[[service]]
name = "plain"
interface = "eth0"
virtual_router_id = 53
addresses = ["10.0.0.103/24"]
priority = 100
`

func parse(t *testing.T, node, text string) *conf.Config {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("MDEyMzQ1Njc4OWFiY2RlZg==\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "regent.toml")
	if err := os.WriteFile(file, []byte(strings.Replace(text, "KEY", key, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := conf.Options{Node: node}.Load(file)
	if cfg == nil {
		t.Fatal(diags)
	}
	return cfg
}

func TestPolicyKnowsTheServicesWithAnOwnerByName(t *testing.T) {
	t.Parallel()
	c := policyCluster(parse(t, "db1", twoServices))
	want := &policy.Cluster{Channel: true, Tolerate: 1,
		Nodes: []policy.Node{{Name: "db1", Capacity: 100}, {Name: "db2"}},
		Services: []policy.Service{
			{Name: "orders", Owner: "db1", Standbys: []string{"db2"}, Takeover: policy.Allow, ServeAt: policy.AtInherited, Failback: policy.FailbackAutomatic,
				FailbackDelay: time.Minute, FailureThreshold: 3, FailureWindow: 10 * time.Minute, Control: true},
			{Name: "parts", Owner: "db2", Standbys: []string{"db1"}, Takeover: policy.Allow, ServeAt: policy.AtInherited, Failback: policy.FailbackAutomatic,
				FailbackDelay: time.Minute, FailureThreshold: 3, FailureWindow: 10 * time.Minute, Demand: 40, Silent: true},
		}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Without [nodes] it is about those that services name.
	lone := policyCluster(parse(t, "db9", strings.NewReplacer("[cluster]\nname = \"shop\"\nkey_file = \"KEY\"\n", "", "[nodes.db1]\naddress = \"10.0.0.11\"\ncapacity = 100\n", "",
		"[nodes.db2]\naddress = \"10.0.0.12\"\n", "").Replace(twoServices)))
	if lone.Channel || len(lone.Nodes) != 3 || lone.Node("db9") < 0 {
		t.Errorf("%+v", lone)
	}
}

// Nodes whose files say the same agree, whatever is particular about a node; what lives with the owner is left out.
func TestDigestIsOfWhatIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	of := func(node, text string) string {
		cfg := parse(t, node, text)
		return digest(cfg, policyCluster(cfg))
	}
	base := of("db1", twoServices)
	for what, text := range map[string]string{
		"interface of a node": strings.Replace(twoServices, "capacity = 100", "capacity = 100\ninterface = \"eth9\"", 1),
		"standbys":            strings.Replace(twoServices, `standbys = ["db2"]`, `standbys = []`, 1),
		"path":                twoServices + "\n[[service.check]]\nbfd = \"10.0.0.12\"\n",
		"takeover":            strings.Replace(twoServices, `standbys = ["db2"]`, "standbys = [\"db2\"]\ntakeover = \"forbid\"", 1),
	} {
		if of("db2", text) != base {
			t.Errorf("another %s makes another digest", what)
		}
	}
	for what, text := range map[string]string{
		"capacity": strings.Replace(twoServices, "100", "90", 1),
		"demand":   strings.Replace(twoServices, "demand = 40", "demand = 41", 1),
		"address":  strings.Replace(twoServices, "10.0.0.103/24", "10.0.0.104/24", 1),
	} {
		if of("db1", text) == base {
			t.Errorf("another %s makes the same digest", what)
		}
	}
}

func TestStoreKeepsWhatWasSavedLastAndANewerIncarnation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var mu sync.Mutex
	var written []uint64
	note := func(n uint64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		written = append(written, n)
	}
	now := time.Unix(1000, 0)
	s, saved, err := openStore(dir, now, note)
	if err != nil || s.incarnation != 1000 || len(saved.Terms) != 0 {
		t.Fatalf("%d %+v %v", s.incarnation, saved, err)
	}
	for i := range 50 {
		s.save(uint64(i+1), agent.Saved{Drained: i == 49, Terms: map[string]policy.Terms{"orders": {Epoch: uint64(i + 1)}}})
	}
	s.close()
	if written[len(written)-1] != 50 {
		t.Errorf("written %v", written)
	}
	s, saved, err = openStore(dir, now.Add(-time.Hour), note) // the clock was set back
	if err != nil || s.incarnation != 1001 || !saved.Drained || saved.Terms["orders"].Epoch != 50 {
		t.Errorf("%d %+v %v", s.incarnation, saved, err)
	}
	s.close()
	info, err := os.Stat(filepath.Join(dir, storeName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestStoreThatCannotBeReadOrWrittenSaysSoAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, storeName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := openStore(dir, time.Unix(5, 0), func(uint64, error) {})
	if err == nil || !strings.Contains(err.Error(), storeName) {
		t.Errorf("%v", err)
	}
	s.close()
	failed := make(chan error, 1)
	s, _, err = openStore(filepath.Join("/proc", "nowhere"), time.Unix(5, 0), func(_ uint64, err error) { failed <- err })
	if err == nil {
		t.Error("no error")
	}
	s.save(1, agent.Saved{})
	if err := <-failed; err == nil || errors.Is(err, nil) {
		t.Errorf("%v", err)
	}
	s.close()
}

func TestChecksOfServicesByHandMakeTheirPreference(t *testing.T) {
	t.Parallel()
	s := &conf.Service{Raw: true, Priority: 100, Preempt: true}
	if p := byHand(s, nil); p.priority != 100 || p.preemptBelow != 255 || p.duty != dutyServe || !p.takes {
		t.Errorf("%+v", p)
	}
	fault := byHand(s, []policy.HandCheck{{Known: true, Detail: "no answer"}})
	if fault.priority != 1 || fault.duty != dutyRefuse || !strings.Contains(fault.why, "no answer") {
		t.Errorf("%+v", fault)
	}
}
