// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

// unitDir is a directory of units as systemd would find them: unit, with drop-ins. The program is one that is there.
func unitDir(t *testing.T, unit string, dropIns ...string) string {
	t.Helper()
	dir := t.TempDir()
	b := read(t, "systemd", unit)
	b = regexp.MustCompile(`(?m)^ExecStart=/\S+`).ReplaceAll(b, []byte("ExecStart=/bin/true"))
	if err := os.WriteFile(filepath.Join(dir, unit), b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range dropIns {
		to := filepath.Join(dir, unit+".d", filepath.Base(d))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, read(t, "systemd", d), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// analyze asks systemd about a unit, and returns what it printed.
func analyze(t *testing.T, dir, unit string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("systemd-analyze", append(args, filepath.Join(dir, unit))...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":", "SYSTEMD_PAGER=", "LC_ALL=C.UTF-8")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// dropIns are the drop-ins of regent.service, by their paths below systemd/.
func dropIns(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("systemd/drop-ins/*.conf")
	if err != nil || len(all) == 0 {
		t.Fatalf("drop-ins: %v, %v", all, err)
	}
	for i := range all {
		all[i] = strings.TrimPrefix(all[i], "systemd/")
	}
	return all
}

// systemdVersion is the first number that systemd says of itself.
func systemdVersion(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSystemdFindsNothingWrongWithTheUnits(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "systemd-analyze")
	type row struct {
		unit string
		with []string
	}
	rows := []row{{"regent.service", nil}, {"keepalived.service", nil}, {"keepalived.service", []string{"keepalived/hardened.conf"}}}
	for _, d := range dropIns(t) {
		if strings.HasSuffix(d, "notify-reload.conf") && systemdVersion(t) < 253 {
			continue // the type that it is about
		}
		rows = append(rows, row{"regent.service", []string{d}})
	}
	for _, r := range rows {
		out, err := analyze(t, unitDir(t, r.unit, r.with...), r.unit, "verify", "--man=no")
		if err != nil || out != "" {
			t.Errorf("%s with %v: %v\n%s", r.unit, r.with, err, out)
		}
	}
}

// exposure is systemd's figure from 0 (safe) to 10.
func exposure(t *testing.T, unit string, dropIns ...string) float64 {
	t.Helper()
	out, err := analyze(t, unitDir(t, unit, dropIns...), unit, "security", "--offline=true")
	found := regexp.MustCompile(`exposure level for \S+: (\d+\.\d)`).FindStringSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUnitsAreExposedNoMoreThanTheyMustBe(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "systemd-analyze")
	for _, r := range []struct {
		unit string
		with []string
		most float64
	}{
		{"regent.service", nil, 2.5},
		{"regent.service", []string{"drop-ins/unprivileged.conf"}, 2.3},
		{"regent.service", []string{"drop-ins/unprivileged.conf", "drop-ins/realtime.conf"}, 2.4},
		{"regent.service", []string{"drop-ins/bpf.conf"}, 2.7},
		{"keepalived.service", []string{"keepalived/hardened.conf"}, 2.5},
	} {
		got := exposure(t, r.unit, r.with...)
		t.Logf("%s with %v: %.1f", r.unit, r.with, got)
		if got > r.most {
			t.Errorf("%s with %v: exposure %.1f, want at most %.1f", r.unit, r.with, got, r.most)
		}
	}
}

// A unit that asks for a watchdog and is not fed is killed again and again.
func TestWatchdogIsAskedForOnlyWhereItIsFed(t *testing.T) {
	t.Parallel()
	fed := bytes.Contains(read(t, "..", "internal", "supervisor", "supervisor_linux.go"), []byte("WATCHDOG=1"))
	for _, unit := range []string{"regent.service", "keepalived.service"} {
		if bytes.Contains(read(t, "systemd", unit), []byte("\nWatchdogSec=")) && !fed {
			t.Errorf("%s asks for a watchdog that the supervisor does not feed", unit)
		}
	}
}

func TestDropInsSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	page := read(t, "..", "docs", "install.md")
	for _, d := range append(dropIns(t), "keepalived/hardened.conf") {
		b := string(read(t, "systemd", d))
		if !strings.HasPrefix(b, "# SPDX-License-Identifier: Apache-2.0\n#\n# ") || !strings.Contains(b, "\n[Service]\n") {
			t.Errorf("%s does not begin with what it is for", d)
		}
		if name := filepath.Base(d); !bytes.Contains(page, []byte("`"+name+"`")) {
			t.Errorf("docs/install.md does not name %s", name)
		}
	}
}
