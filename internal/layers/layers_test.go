// SPDX-License-Identifier: Apache-2.0

package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/regent-ha/regent/"

// allowed says which packages of this module each package may import outside of its tests. One that is not listed may
// import none.
var allowed = map[string][]string{
	"bench":                   {"internal/netlab", "internal/peers"},
	"cmd/regent":              {"*"},
	"conf/keepalived":         {"conf"},
	"conf/keepalived/convert": {"conf", "conf/keepalived"},
	"internal/chaos":          {"internal/netlab", "internal/peers"},
	"internal/clients":        {"internal/netlab"},
	"internal/daemon":         {"conf", "vrrp", "vrrp/transport", "takeover", "policy", "policy/agent", "responder", "responder/answer", "responder/speaker", "takeover/control", "takeover/filter", "takeover/flow", "takeover/route", "takeover/tickle", "takeover/vmac", "internal/event", "internal/status", "internal/status/metrics", "internal/status/web", "internal/supervisor", "internal/monitor", "internal/bfd", "internal/cluster", "internal/arbiter", "internal/notify", "internal/shadow"},
	"internal/differential":   {"internal/netlab"},
	"internal/demo":           {"internal/netlab", "internal/picture"},
	"internal/peers":          {"internal/netlab", "internal/probe", "requestor"},
	"internal/probe":          {"requestor"},
	"internal/event":          {"internal/output"},
	"internal/monitor":        {"internal/output"},
	"internal/notify":         {"internal/output"},
	"internal/status/metrics": {"internal/status"},
	"internal/status/web":     {"internal/event", "internal/status"},
	"internal/doctor":         {"internal/status", "takeover"},
	"internal/shadow":         {"vrrp"},
	"internal/supervisor":     {"vrrp"},
	"packaging/alerts":        {"internal/event"},
	"packaging/alerts/gen":    {"packaging/alerts"},
	"packaging/sbom/gen":      {"packaging/sbom"},
	"policy/agent":            {"policy"},
	"responder":               {"internal/tablewatch"},
	"responder/speaker":       {"responder/answer"},
	"takeover/control":        {"internal/output"},
	"takeover/filter":         {"internal/tablewatch"},
	"takeover/tickle":         {"takeover/flow"},
	"takeover/vmac":           {"internal/tablewatch"},
	"vrrp/transport":          {"vrrp"},
	"vrrp/vrrpsim":            {"vrrp"},
}

// pure packages decide: no clock to read, socket, log or random number is within their reach.
var pure = map[string][]string{
	"policy":       acting,
	"policy/agent": acting,
	"vrrp":         acting,
}

var acting = []string{"net", "os", "syscall", "log", "log/slog", "math/rand", "math/rand/v2", "golang.org/x/sys/unix", "sync", "context"}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			target, ours := strings.CutPrefix(i, module)
			if !ours {
				continue
			}
			if rule := allowed[name]; !slices.Contains(rule, target) && !slices.Contains(rule, "*") {
				t.Errorf("%s imports %s, which its place in the tree does not allow", name, target)
			}
		}
	}
}

func TestPurePackagesReachNothing(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		forbidden, ok := pure[name]
		if !ok {
			continue
		}
		seen++
		for _, i := range p.Imports {
			if slices.Contains(forbidden, i) {
				t.Errorf("%s imports %s: it decides, it does not act", name, i)
			}
		}
	}
	if seen != len(pure) {
		t.Errorf("%d of %d pure packages found", seen, len(pure))
	}
}

// Kernel calls stand in files that say so.
func TestKernelCallsStandInLinuxFiles(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "cmd/") || !slices.Contains(p.Imports, "golang.org/x/sys/unix") {
			continue
		}
		out, err := exec.Command("go", "list", "-f", "{{.Dir}}", p.ImportPath).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.GoFiles {
			src, err := exec.Command("grep", "-l", `"golang.org/x/sys/unix"`, path.Join(strings.TrimSpace(string(out)), f)).Output()
			if err == nil && len(src) > 0 && !strings.HasSuffix(f, "_linux.go") {
				t.Errorf("%s/%s calls the kernel: name it *_linux.go", name, f)
			}
		}
	}
}
