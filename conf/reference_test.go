// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

var referenceOptions = Options{HostName: "db1", Secret: fakeSecrets}

func TestReferenceParsesClean(t *testing.T) {
	t.Parallel()
	cfg, diags := referenceOptions.Parse("reference.toml", []byte(Reference))
	if len(diags) > 0 {
		t.Fatalf("diagnostics:\n%s", diags)
	}
	if len(cfg.Services) != 3 || cfg.Cluster.Etcd == nil || cfg.Policy.Overload == nil {
		t.Errorf("not everything was read: %+v", cfg)
	}
}

// TestReferenceHasEveryKey holds the reference against the raw structs, the one list of known keys.
func TestReferenceHasEveryKey(t *testing.T) {
	t.Parallel()
	var values map[string]any
	if _, err := toml.Decode(Reference, &values); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var known []string
	collect(reflect.TypeFor[rawConfig](), "", &known)
	note(values, "", seen)
	for _, key := range known {
		if key == "service.hmac.key.key" && strings.Contains(Reference, `key = "…"`) {
			continue
		}
		if strings.HasSuffix(key, ".password") { // in words only: nobody should copy it
			if !strings.Contains(Reference, `password = "…"`) {
				t.Error("password is not mentioned")
			}
			continue
		}
		if strings.HasPrefix(key, "sync_group.check.") || strings.HasPrefix(key, "sync_group.notify.") {
			continue // they share the raw structs of a service's
		}
		mark, overload := strings.CutPrefix(key, "policy.overload.")
		if overload && (strings.HasSuffix(mark, ".command") && mark != "exec.command" || strings.HasSuffix(mark, ".path") && mark != "file.path") {
			continue // all measures share a raw struct; these two keys are refused in the others
		}
		if !seen[key] {
			t.Errorf("%s is not in the reference", key)
		}
	}
	for _, key := range []string{"service.virtual_router_id", "nodes.*.capacity", "service.respond.*.retry_after", "policy.overload.load.high"} {
		if !slices.Contains(known, key) {
			t.Errorf("the walk over the raw structs lost %s", key)
		}
	}
}

// collect lists the keys of a raw struct: tables with a dot, names that the operator chooses as *.
func collect(typ reflect.Type, prefix string, out *[]string) {
	for i, key := range keysOf(typ) {
		*out = append(*out, prefix+key)
		field := typ.Field(i).Type
		v, ok := field.FieldByName("V")
		if !ok {
			continue
		}
		inner, star := v.Type, ""
		for inner.Kind() == reflect.Slice {
			inner = inner.Elem()
			if e, ok := inner.FieldByName("V"); ok && inner.Kind() == reflect.Struct {
				if _, chosen := inner.FieldByName("name"); chosen {
					star = "*."
				} else if _, chosen := inner.FieldByName("port"); chosen {
					star = "*."
				}
				inner = e.Type
			}
		}
		if inner.Kind() == reflect.Struct && strings.HasPrefix(inner.Name(), "raw") {
			collect(inner, prefix+key+"."+star, out)
		}
	}
}

// note marks the keys that a document has, in the form of collect.
func note(data any, prefix string, seen map[string]bool) {
	switch data := data.(type) {
	case map[string]any:
		for name, value := range data {
			if prefix == "nodes." || prefix == "service.respond." {
				name = "*"
			}
			seen[prefix+name] = true
			note(value, prefix+name+".", seen)
		}
	case []map[string]any:
		for _, e := range data {
			note(e, prefix, seen)
		}
	}
}

// stated is a key of the reference with what its comment says.
type stated struct {
	key, comment, header string
	base                 string // a document with the table, to which the key can be added
}

func (s stated) field(name string) string {
	m := regexp.MustCompile(`(?:^|[ \n])` + name + `: (.*?)(?:\.?\n|\. |\.$|$)`).FindStringSubmatch(s.comment)
	if m == nil {
		return ""
	}
	return m[1]
}

// stateds reads the reference as a person does: a comment, then the key it is about.
func stateds(t *testing.T) []stated {
	t.Helper()
	const service = "[[service]]\nname = \"x\"\ninterface = \"eth0\"\nvirtual_router_id = 1\naddresses = [\"10.0.0.1/24\", \"2001:db8::1/64\"]\n"
	const byHand = service + "priority = 100\n"
	const nodes = "\n[nodes.db1]\naddress = \"10.0.0.1\"\n"
	var out []stated
	var comment []string
	header, services := "", 0
	for line := range strings.Lines(Reference) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "# ---"):
			comment = nil
		case strings.HasPrefix(line, "#"):
			comment = append(comment, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case strings.HasPrefix(line, "["):
			header, comment = strings.Trim(line, "[]"), nil
			if line == "[[service]]" {
				services++
			}
		case line == "":
		default:
			key, _, _ := strings.Cut(line, " = ")
			if comment == nil {
				continue // shown again, said before
			}
			policy := service + "owner = \"db1\"\n"
			base := map[string]string{
				"":                                "KEY\n" + byHand,
				"cluster":                         byHand + nodes + "[cluster]\nname = \"c\"\nkey_file = \"a.key\"\nKEY\n",
				"cluster.etcd":                    byHand + nodes + "[cluster]\nname = \"c\"\nkey_file = \"a.key\"\narbiter = \"etcd\"\n[cluster.etcd]\nendpoints = [\"http://e\"]\nKEY\n",
				"alerts.smtp":                     byHand + "[alerts.smtp]\nserver = \"a:1\"\nfrom = \"a\"\nto = [\"b\"]\nKEY\n",
				"policy.overload":                 byHand + "[policy.overload]\nload = { high = 2 }\nKEY\n",
				"service":                         policy + "KEY\n",
				"service.check":                   policy + "[[service.check]]\nhttp = \"http://a\"\nKEY\n",
				"service.check, process":          policy + "[[service.check]]\nprocess = \"p\"\nKEY\n",
				"service.check, bfd":              policy + "[[service.check]]\nbfd = \"10.0.0.2\"\nKEY\n",
				"service.hmac":                    policy + "[service.hmac]\nactive_key = 1\nKEY\n[[service.hmac.key]]\nid = 1\nkey_file = \"orders.key\"\n",
				"service.hmac.key":                policy + "[service.hmac]\nactive_key = 9\n[[service.hmac.key]]\nkey_file = \"orders.key\"\nKEY\n[[service.hmac.key]]\nid = 9\nkey_file = \"orders.key\"\n",
				"service, first, ttl":             policy + "min_ttl = 0\nKEY\n",
				"sync_group":                      byHand + "[[sync_group]]\nname = \"g\"\nservices = [\"x\"]\nKEY\n",
				"interface":                       byHand + "[[interface]]\nname = \"eth9\"\nKEY\n",
				"bfd":                             byHand + "[[bfd]]\nneighbor = \"10.0.0.2\"\nKEY\n",
				"mail":                            byHand + "[mail]\nserver = \"a:1\"\nfrom = \"a\"\nto = [\"b\"]\nKEY\n",
				"service.notify":                  policy + "[service.notify]\nactive = [\"/a\"]\nKEY\n",
				"service, third, vmac":            byHand + "vmac = true\nKEY\n",
				"service.control":                 policy + "[service.control]\nunit = \"a.service\"\nKEY\n",
				`service.respond."tcp/80"`:        policy + "[service.respond.\"tcp/80\"]\nanswer = \"http\"\nKEY\n",
				`service.respond."tcp/7000"`:      policy + "[service.respond.\"tcp/80\"]\nanswer = \"literal\"\nsend = \"x\"\nKEY\n",
				`service.respond."tcp/3306"`:      policy + "[service.respond.\"tcp/80\"]\nanswer = \"mysql\"\nKEY\n",
				`service.respond."tcp/7001"`:      policy + "[service.respond.\"tcp/80\"]\nanswer = \"literal\"\nKEY\n",
				`service.respond."tcp/7002".step`: policy + "[service.respond.\"tcp/80\"]\nanswer = \"literal\"\n[[service.respond.\"tcp/80\".step]]\nmatch = \"m\"\nsend = \"x\"\nKEY\n",
				"service, second":                 byHand + "KEY\n",
				"service.check, second":           byHand + "[[service.check]]\nprocess = \"p\"\nKEY\n",
				"nodes.db1":                       byHand + "[nodes.db1]\nKEY\n",
				"service, second, priority":       service + "KEY\n",
				"service, first, virtual":         strings.Replace(policy, "virtual_router_id = 1\n", "KEY\n", 1),
				"service, first, fail back in":    policy + "failback = \"delay\"\nKEY\n",
			}
			where := header
			if services > 1 && (header == "service" || header == "service.check") {
				where += ", second"
			}
			switch key {
			case "arguments", "match", "full_command", "quorum", "quorum_max", "fork_delay", "terminate_delay":
				where = "service.check, process"
			case "source", "min_rx", "min_tx", "idle_tx", "multiplier", "passive", "max_hops", "multihop", "ttl":
				if header == "service.check" {
					where = "service.check, bfd"
				}
			case "vmac_transmit_base":
				where = "service, third, vmac"
			case "max_ttl":
				where = "service, first, ttl"
			case "priority":
				where = "service, second, priority"
			case "virtual_router_id":
				where = "service, first, virtual"
			case "failback_delay":
				where = "service, first, fail back in"
			}
			b, ok := base[where]
			if !ok {
				b = byHand + "[" + where + "]\nKEY\n"
			}
			out = append(out, stated{key, strings.Join(comment, "\n"), header, b})
			comment = nil
		}
	}
	return out
}

// TestReferenceStatesTheDefaults sets each key to the default that its comment states: nothing may change by that.
func TestReferenceStatesTheDefaults(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, s := range stateds(t) {
		t.Run(s.header+"/"+s.key, func(t *testing.T) {
			def := s.field("Default")
			if i := strings.Index(s.comment, "Default: "); i >= 0 && strings.HasPrefix(s.comment[i:], "Default: {") {
				def = s.comment[i+len("Default: "):]
			}
			required := strings.Contains(s.comment, "Required")
			oneOf := slices.Contains([]string{"tcp", "http", "exec", "process", "unit", "file", "interface", "readable", "number", "bfd", "start", "stop", "load", "psi_cpu", `"tcp/5432"`}, s.key)
			if def == "" && !required && !oneOf {
				t.Fatalf("neither default nor required:\n%s", s.comment)
			}
			if !regexp.MustCompile(`^("[^"]*"|\d+|true|false|\{.*\})$`).MatchString(def) {
				return // in words
			}
			tried++
			bare, diags := referenceOptions.Parse("f", []byte(strings.Replace(s.base, "KEY", "", 1)))
			if diags.Err() != nil {
				t.Fatalf("without the key:\n%s", diags)
			}
			set, diags := referenceOptions.Parse("f", []byte(strings.Replace(s.base, "KEY", s.key+" = "+def, 1)))
			if diags.Err() != nil {
				t.Fatalf("with %s = %s:\n%s", s.key, def, diags)
			}
			if diff := cmp.Diff(bare, set, equal); diff != "" {
				t.Errorf("%s = %s is not the default (-without +with):\n%s", s.key, def, diff)
			}
		})
	}
	if tried < 30 {
		t.Errorf("%d defaults were tried, want 30 at least: is the reference still read right?", tried)
	}
}

// TestReferenceStatesTheRanges sets each key to the ends of the range that its comment states, and beyond.
func TestReferenceStatesTheRanges(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, s := range stateds(t) {
		m := regexp.MustCompile(`Range(?: in version 3)?: (\S+) to ([^\s;,]*[^\s;,.])`).FindStringSubmatch(s.comment)
		if m == nil || s.key == "psi_cpu" || s.key == "status" && s.header == `service.respond."tcp/80"` { // which depend on other keys
			continue
		}
		t.Run(s.header+"/"+s.key, func(t *testing.T) {
			tried++
			below, least, most, above := around(t, m[1], m[2])
			for _, v := range []struct {
				value string
				good  bool
			}{{below, false}, {least, true}, {most, true}, {above, s.key == "priority"}} { // 255 is the owner's
				_, diags := referenceOptions.Parse("f", []byte(strings.Replace(s.base, "KEY", s.key+" = "+v.value, 1)))
				if good := diags.Err() == nil; good != v.good {
					t.Errorf("%s = %s: accepted %v, want %v\n%s", s.key, v.value, good, v.good, diags)
				}
			}
		})
	}
	if tried < 20 {
		t.Errorf("%d ranges were tried, want 20 at least: is the reference still read right?", tried)
	}
}

// around returns the ends of a range as TOML, and values just outside.
func around(t *testing.T, from, to string) (below, least, most, above string) {
	t.Helper()
	var lo, hi int
	if _, err := fmt.Sscanf(from+" "+to+" .", "%d %d .", &lo, &hi); err == nil {
		return fmt.Sprint(lo - 1), fmt.Sprint(lo), fmt.Sprint(hi), fmt.Sprint(hi + 1)
	}
	first, err := time.ParseDuration(from)
	if err != nil {
		t.Fatal(err)
	}
	last, err := time.ParseDuration(to)
	if err != nil {
		t.Fatal(err)
	}
	quote := func(d time.Duration) string { return fmt.Sprintf("%q", d) }
	return quote(first - 10*time.Millisecond), quote(first), quote(last), quote(last + 10*time.Millisecond)
}
