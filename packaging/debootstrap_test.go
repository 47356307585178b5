// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// TestProofPackageInACleanDebian installs the package in a Debian that debootstrap has just made, runs the daemon there without systemd,
// and purges it: nothing is left.
func TestProofPackageInACleanDebian(t *testing.T) {
	if os.Getenv("REGENT_PROOF") == "" {
		t.Skip("a long test: REGENT_PROOF=1, or make proof")
	}
	netlab.Require(t, "dpkg", "debootstrap", "unshare", "chroot")
	dist, root := t.TempDir(), filepath.Join(t.TempDir(), "root")
	build(t, dist, release, "")
	run(t, "debootstrap", "--variant=minbase", "--include=iproute2,nftables", "bookworm", root)
	run(t, "cp", pkg(dist, "regent", debian), filepath.Join(root, "regent.deb"))
	before := files(t, root)
	run(t, "chroot", root, "dpkg", "-i", "/regent.deb")
	run(t, "chroot", root, "regent", "check", "/etc/regent/regent.toml.example")

	// An interface that leads nowhere is enough to become active on.
	conf := "[[service]]\nname = \"orders\"\ninterface = \"eth0\"\nvirtual_router_id = 51\naddresses = [\"10.0.0.101/24\"]\npriority = 100\nadvert_interval = \"100ms\"\n"
	if err := os.WriteFile(filepath.Join(root, "etc/regent/regent.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "unshare", "-n", "-m", "chroot", root, "sh", "-ec", `
		mount -t proc proc /proc; ip link set lo up
		ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up; ip addr add 10.0.0.11/24 dev eth0
		regent run & pid=$!
		for n in $(seq 100); do regent status 2>/dev/null | grep -q 'orders .*active' && break; sleep 0.1; done
		regent status; ip -br addr show eth0; regent doctor || true
		kill $pid; wait $pid
		ip -br addr show eth0`).CombinedOutput()
	if text := string(out); err != nil || !strings.Contains(text, "orders") || strings.Count(text, "10.0.0.101/24") != 1 {
		t.Errorf("%v\n%s", err, out)
	}

	if err := os.Remove(filepath.Join(root, "etc/regent/regent.toml")); err != nil {
		t.Error(err)
	}
	run(t, "chroot", root, "dpkg", "--purge", "regent")
	if diff := cmp.Diff(before, files(t, root)); diff != "" {
		t.Errorf("after it was purged (-before +after):\n%s", diff)
	}
}

// files are the names of all files below a root, but for what dpkg and the system themselves write.
func files(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "/proc" || name == "/dev" || name == "/sys"):
			return filepath.SkipDir
		case strings.HasPrefix(name, "/var/lib/dpkg/") || strings.HasPrefix(name, "/var/log/") || strings.HasSuffix(name, "-") || strings.HasPrefix(name, "/var/cache/"):
			return nil
		}
		out = append(out, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
