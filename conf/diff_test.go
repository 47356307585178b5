// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads a configuration that must be good.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, diags := referenceOptions.Parse("regent.toml", []byte(text))
	if diags.Err() != nil {
		t.Fatalf("in\n%s\n%s", text, diags)
	}
	return cfg
}

func TestDiffSaysWhatAReloadDoes(t *testing.T) {
	t.Parallel()
	const byHand = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.0.0.101/24"]
priority = 100
`
	const byPolicy = `
[nodes.db0]
[nodes.db1]
[nodes.db2]
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.0.0.101/24", "2001:db8::1/64"]
owner = "db2"
check = [{ tcp = "a:1" }]
`
	tests := []struct {
		name       string
		file       string
		old, new   string // what is replaced in the file
		kind       ChangeKind
		keys       []string
		alsoGlobal []string
	}{
		{"nothing", byHand, "", "", Unchanged, nil, nil},
		{"a comment", byHand, "eth0\"", "eth0\" # x", Unchanged, nil, nil},
		{"a default written out", byHand, "priority", "version = 3\npriority", Unchanged, nil, nil},
		{"priority", byHand, "= 100", "= 101", InPlace, []string{"priority"}, nil},
		{"interval", byHand, "priority", "advert_interval = \"1s\"\npriority", InPlace, []string{"advert_interval"}, nil},
		{"preempt", byHand, "priority", "preempt = false\npriority", InPlace, []string{"preempt"}, nil},
		{"addresses", byHand, "101/24", "102/24", InPlace, []string{"addresses"}, nil},
		{"garp", byHand, "priority", "garp.repeat = 1\npriority", InPlace, []string{"garp"}, nil},
		{"refuse", byHand, "priority", "refuse = true\npriority", InPlace, []string{"refuse"}, nil},
		{"interface", byHand, "eth0", "eth1", Restart, []string{"interface"}, nil},
		{"virtual router", byHand, "= 51", "= 52", Restart, []string{"virtual_router_id"}, nil},
		{"version", byHand, "priority", "version = 2\npriority", Restart, []string{"version", "advert_interval"}, nil},
		{"source", byHand, "priority", "source = \"10.0.0.1\"\npriority", Restart, []string{"source"}, nil},
		{"peers", byHand, "priority", "unicast_peers = [\"10.0.0.1\"]\npriority", Restart, []string{"unicast_peers"}, nil},
		{"group", byHand, "priority", "multicast_group = \"224.0.0.77\"\npriority", Restart, []string{"multicast_group"}, nil},
		{"the usual group written out", byHand, "priority", "multicast_group = \"224.0.0.18\"\npriority", Unchanged, nil, nil},
		{"TTL", byHand, "priority", "ttl = 64\npriority", InPlace, []string{"unicast"}, nil},
		{"old checksums", byHand, "priority", "unicast_checksum = \"old\"\npriority", InPlace, []string{"unicast"}, nil},
		{"virtual MAC", byHand, "priority", "vmac = true\npriority", Restart, []string{"vmac"}, nil},
		{"a second family", byHand, "101/24\"", "101/24\", \"2001:db8::1/64\"", Restart, []string{"families", "addresses", "link_local"}, nil},
		{"link-local", byPolicy, "owner", "link_local = \"none\"\nowner", InPlace, []string{"link_local"}, nil},
		{"virtual router and its link-local", byPolicy, "= 51", "= 52", Restart, []string{"virtual_router_id", "link_local"}, nil},
		{"owner", byPolicy, "owner = \"db2\"", "owner = \"db1\"", InPlace, []string{"owner"}, nil},
		{"standbys", byPolicy, "check", "standbys = [\"db0\"]\ncheck", InPlace, []string{"standbys"}, nil},
		{"a check", byPolicy, "a:1", "a:2", InPlace, []string{"check"}, nil},
		{"form", byHand, "priority = 100", "owner = \"db1\"", InPlace, []string{
			"on_fault", "priority", "preempt", "owner", "takeover", "serve_at", "failback", "failback_delay",
			"failure_threshold", "failure_window", "on_no_candidate",
		}, nil},
		{"a node before this one", byPolicy, "[nodes.db0]\n", "", Unchanged, nil, []string{"nodes"}},
		{"a node after this one", byPolicy, "[nodes.db0]", "[nodes.db9]\n[nodes.db0]", Unchanged, nil, []string{"nodes"}},
		{"interface of this node", byPolicy, "[nodes.db1]", "[nodes.db1]\ninterface = \"ens3\"", Restart, []string{"interface"}, []string{"nodes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.file, tt.old) {
				t.Fatalf("no %q in the file", tt.old)
			}
			c := Diff(parse(t, tt.file), parse(t, strings.Replace(tt.file, tt.old, tt.new, 1)))
			if len(c.Services) != 1 || c.Services[0].Kind != tt.kind {
				t.Fatalf("%+v, want one %s", c.Services, tt.kind)
			}
			if diff := cmp.Diff(tt.keys, c.Services[0].Keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			var global []string
			for _, g := range c.Global {
				global = append(global, g.Key)
			}
			if diff := cmp.Diff(tt.alsoGlobal, global); diff != "" {
				t.Errorf("global (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffListsRemovedServicesFirst(t *testing.T) {
	t.Parallel()
	service := func(name, vrid string) string {
		return "[[service]]\nname = \"" + name + "\"\ninterface = \"eth0\"\nvirtual_router_id = " + vrid + "\naddresses = [\"10.0.0." + vrid + "/24\"]\npriority = 100\n"
	}
	old := parse(t, service("a", "1")+service("b", "2")+service("c", "3"))
	now := parse(t, service("new-name", "5")+service("c", "3")+service("a", "4"))
	got := map[string]ChangeKind{}
	var order []string
	for _, c := range Diff(old, now).Services {
		got[c.Name] = c.Kind
		order = append(order, c.Name)
		if (c.Old == nil) != (c.Kind == Added) || (c.New == nil) != (c.Kind == Removed) {
			t.Errorf("%s %s: old %v, new %v", c.Name, c.Kind, c.Old != nil, c.New != nil)
		}
	}
	if diff := cmp.Diff([]string{"b", "new-name", "c", "a"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]ChangeKind{"b": Removed, "new-name": Added, "c": Unchanged, "a": Restart}, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	for _, c := range Diff(nil, now).Services {
		if c.Kind != Added {
			t.Errorf("%s is %s after nothing, want added", c.Name, c.Kind)
		}
	}
}

// TestDiffSeesEveryField changes each field of a service and of the configuration, one by one.
func TestDiffSeesEveryField(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[Service]().NumField() {
		name := reflect.TypeFor[Service]().Field(i).Name
		if name == "IPv4" || name == "IPv6" || name == "Raw" || name == "Name" {
			continue // derived from fields that are looked at; a new name is a new service
		}
		old := parse(t, Reference)
		now := parse(t, Reference)
		change(reflect.ValueOf(&now.Services[0]).Elem().Field(i))
		if c := Diff(old, now).Services[0]; c.Kind == Unchanged {
			t.Errorf("a change of Service.%s is not seen", name)
		}
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		name := reflect.TypeFor[Config]().Field(i).Name
		if name == "Services" {
			continue
		}
		old := parse(t, Reference)
		now := parse(t, Reference)
		change(reflect.ValueOf(now).Elem().Field(i))
		if c := Diff(old, now); len(c.Global) == 0 {
			t.Errorf("a change of Config.%s is not seen", name)
		}
		for _, g := range Diff(old, now).Global {
			if g.Restart != (g.Reason != "") {
				t.Errorf("%s: restart %v with reason %q", g.Key, g.Restart, g.Reason)
			}
		}
	}
}

// change gives a value another one.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8:
		v.SetUint(v.Uint() ^ 1)
	default: // also structs with unexported fields: an address, a secret
		switch zero := v.Interface().(type) {
		case netip.Addr:
			if !zero.IsValid() {
				v.Set(reflect.ValueOf(netip.IPv6LinkLocalAllNodes()))
				return
			}
		case map[netip.Addr]string:
			if zero == nil {
				v.Set(reflect.ValueOf(map[netip.Addr]string{netip.IPv6Unspecified(): "label x"}))
				return
			}
		}
		if v.IsZero() {
			panic("conf: nothing to take away from " + v.Type().String())
		}
		v.SetZero()
	}
}

func TestDiffKnowsAVirtualRouterUnderANewName(t *testing.T) {
	t.Parallel()
	service := func(name, more string) string {
		return "[[service]]\nname = \"" + name + "\"\ninterface = \"eth0\"\naddresses = [\"10.0.0.1/24\"]\n" + more + "\n"
	}
	byHand := "virtual_router_id = 5\npriority = 100"
	for name, tt := range map[string]struct {
		old, new string
		want     []ServiceChange // without the services
	}{
		"renamed":             {service("a", byHand), service("b", byHand), []ServiceChange{{Name: "b", Was: "a", Kind: InPlace, Keys: []string{"name"}}}},
		"renamed and changed": {service("a", byHand), service("b", byHand+"\npreempt = false"), []ServiceChange{{Name: "b", Was: "a", Kind: InPlace, Keys: []string{"name", "preempt"}}}},
		"another router": {service("a", byHand), service("b", strings.Replace(byHand, "5", "6", 1)), []ServiceChange{
			{Name: "a", Kind: Removed}, {Name: "b", Kind: Added}}},
		"with an owner": {service("a", "virtual_router_id = 5\nowner = \"db1\""), service("b", "virtual_router_id = 5\nowner = \"db1\""), []ServiceChange{
			{Name: "a", Kind: Removed}, {Name: "b", Kind: Added}}},
		"the old name goes on": {service("a", byHand), service("a", byHand) + strings.Replace(service("b", strings.Replace(byHand, "5", "6", 1)), "0.1/", "0.2/", 1), []ServiceChange{
			{Name: "a", Kind: Unchanged}, {Name: "b", Kind: Added}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Diff(parse(t, tt.old), parse(t, tt.new)).Services
			for i := range got {
				got[i].Old, got[i].New = nil, nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffSeesANewKeyOfTheCluster(t *testing.T) {
	t.Parallel()
	key := "AAECAwQFBgcICQoLDA0ODw=="
	o := Options{HostName: "db1", Secret: func(path string) ([]byte, error) {
		if strings.HasSuffix(path, "cluster.key") {
			return []byte(key), nil
		}
		return fakeSecrets(path)
	}}
	old, _ := o.Parse("f", []byte(Reference))
	key = "EBECAwQFBgcICQoLDA0ODw==\n" + key
	now, _ := o.Parse("f", []byte(Reference))
	want := []GlobalChange{{Key: "cluster.key_file"}}
	if diff := cmp.Diff(want, Diff(old, now).Global); diff != "" {
		t.Errorf("global (-want +got):\n%s", diff)
	}
}
