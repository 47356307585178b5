// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const oneService = "[[service]]\nname = \"orders\"\ninterface = \"eth0\"\nvirtual_router_id = 51\naddresses = [\"10.0.0.101/24\"]\npriority = 100\n"

func TestNodeKnowsItself(t *testing.T) {
	t.Parallel()
	const nodes = "[nodes.db1]\ninterface = \"ens3\"\n[nodes.db2]\n"
	tests := []struct {
		name, file string
		o          Options
		node       string
		iface      string
		diags      string
	}{
		{"by host name up to its dot", nodes, Options{HostName: "db2.example.org"}, "db2", "eth0", ""},
		{"with an interface of its own", nodes, Options{HostName: "db1"}, "db1", "ens3", ""},
		{"by file", "node = \"db1\"\n" + nodes, Options{HostName: "db2"}, "db1", "ens3", ""},
		{"by flag, which wins", "node = \"db1\"\n" + nodes, Options{Node: "db2", HostName: "x"}, "db2", "eth0", ""},
		{"without a list any name does", "", Options{HostName: "x"}, "x", "eth0", ""},
		{"flag names a stranger", nodes, Options{Node: "db3"}, "", "", `f:1:1: error: node "db3", from the command line, is not in [nodes] (db1, db2): add it there, or name one of these`},
		{"flag is not a name", nodes, Options{Node: "a b"}, "", "", `f:1:1: error: the node's name "a b", from the command line: want 1 to 63 letters, digits, dots, dashes and underscores`},
		{"host has no usable name", "", Options{HostName: "(none)"}, "", "", `f:1:1: error: the host's name "(none)" cannot name a node: give node = "…"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := tt.o.Parse("f", []byte(tt.file+oneService))
			if got := strings.TrimSuffix(diags.String(), "\n"); got != tt.diags {
				t.Fatalf("diagnostics %q, want %q", got, tt.diags)
			}
			if tt.diags != "" {
				return
			}
			if cfg.Node != tt.node || cfg.Services[0].Interface != tt.iface {
				t.Errorf("node %q on %q, want %q on %q", cfg.Node, cfg.Services[0].Interface, tt.node, tt.iface)
			}
		})
	}
}

func TestCheckTellsUnreadableFromRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct {
		name, path string
		exit       int
		want       string
	}{
		{"good", write("good", oneService), ExitOK, "0 errors, 0 warnings\n"},
		{"warning", write("empty", ""), ExitOK, "empty:1:1: warning: no [[service]]: there is nothing to do\n0 errors, 1 warning\n"},
		{"refused", write("bad", oneService+"x = 1\ny = 2\n"), ExitRefused, "bad:7:1: error: service \"orders\": unknown key \"x\": remove it, or see the reference for the keys of this table\n" +
			"bad:8:1: error: service \"orders\": unknown key \"y\": remove it, or see the reference for the keys of this table\n2 errors, 0 warnings\n"},
		{"absent", filepath.Join(dir, "none"), ExitFailed, "none:1:1: error: open: no such file or directory\n1 error, 0 warnings\n"},
		{"directory", dir, ExitFailed, filepath.Base(dir) + ":1:1: error: is a directory: name a file in it\n1 error, 0 warnings\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diags, exit := Check(tt.path, Options{HostName: "x"})
			var out bytes.Buffer
			if err := diags.Write(&out); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(out.String(), filepath.Dir(tt.path)+"/", "")
			if exit != tt.exit || got != tt.want {
				t.Errorf("exit %d:\n%s\nwant %d:\n%s", exit, got, tt.exit, tt.want)
			}
		})
	}
}

func TestDiagnosticsAsJSON(t *testing.T) {
	t.Parallel()
	for _, ds := range []Diagnostics{nil, {{"f", 3, 7, Error, `a "b" <c>`}, {"f", 4, 1, Warning, "d"}}} {
		var out bytes.Buffer
		if err := ds.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Version, Errors, Warnings int
			OK                        bool
			Diagnostics               []struct {
				File, Severity, Text string
				Line, Column         int
			}
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		if got.Version != 1 || got.OK != (ds == nil) || got.Errors != ds.Errors() || got.Warnings != ds.Warnings() || got.Diagnostics == nil {
			t.Errorf("wrong summary:\n%s", out.String())
		}
		for i, d := range got.Diagnostics {
			if diff := cmp.Diff(ds[i].String(), fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Line, d.Column, d.Severity, d.Text)); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestErrorsAreDiagnostics(t *testing.T) {
	t.Parallel()
	_, diags := Options{HostName: "x"}.Parse("f", []byte(oneService+"x = 1\n"))
	d, ok := errors.AsType[Diagnostic](diags.Err())
	if !ok || d.Line != 7 || d.Severity != Error {
		t.Errorf("err is %v", diags.Err())
	}
}

func TestKeepalivedIsRecognised(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"bang", "! Configuration File for keepalived\n", true},
		{"block", "global_defs {\n}\n", true},
		{"named block", "# x\n\nvrrp_instance VI_1 {\n  state MASTER\n}\n", true},
		{"quoted name", "vrrp_script \"chk nginx\" {\n", true},
		{"two names", "virtual_server 10.0.0.1 80 {\n", true},
		{"brace on the next line", "vrrp_sync_group G1 # x\n\n{\n", true},
		{"brace after the name at once", "global_defs{\n", true},
		{"include", "include /etc/keepalived/conf.d/*.conf\n", true},
		{"definition", "$IFACE=eth0\nvrrp_instance V {\n", true},
		{"condition", "@node1 instance x\n", true},
		{"byte order mark", "\ufeffglobal_defs {\n", true},
		{"empty", "", false},
		{"comments only", "# nothing\n", false},
		{"table", "# x\n[log]\n", false},
		{"array of tables", "[[service]]\n", false},
		{"key", "node = \"db1\"\n", false},
		{"dotted key", "log . \"level\" = 'info'\n", false},
		{"inline table", "log = {\n", false},
		{"broken key", "node \"db1\"\n", false},
		{"broken key, then a table", "node db1\n[log]\n", false},
		{"binary", "\x7fELF\x00{", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := IsKeepalived([]byte(tt.text)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	for _, path := range files(t, goodFiles) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if IsKeepalived(data) {
			t.Errorf("%s is taken for a keepalived.conf", path)
		}
	}
}

func TestNearestKey(t *testing.T) {
	t.Parallel()
	known := []string{"addresses", "interface", "priority", "preempt", "preempt_delay", "ports", "owner"}
	for _, tt := range []struct{ word, want string }{
		{"adress", "addresses"}, {"Interface", "interface"}, {"iterface", "interface"}, {"prioirty", "priority"}, {"preempt-delay", "preempt_delay"},
		{"port", "ports"}, {"ower", "owner"}, {"colour", ""}, {"", ""}, {"x", ""}, {strings.Repeat("a", 5000), ""},
	} {
		if got := nearest(tt.word, known); got != tt.want {
			t.Errorf("nearest to %q is %q, want %q", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "xbc", 1}, {"kitten", "sitting", 3}} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("edits(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestThousandsOfServices: a large file is read in a moment.
func TestThousandsOfServices(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	const n = 4000
	for i := range n {
		fmt.Fprintf(&b, "[[service]]\nname = \"s%d\"\ninterface = \"eth%d\"\nvirtual_router_id = %d\naddresses = [\"10.%d.%d.7/24\", \"2001:db8:%x::7/64\"]\npriority = 100\n", i, i/255, i%255+1, i/250, i%250, i)
	}
	cfg, diags := Options{HostName: "x"}.Parse("f", []byte(b.String()))
	if len(diags) > 0 || len(cfg.Services) != n {
		t.Fatalf("diagnostics:\n%s", diags)
	}
}
