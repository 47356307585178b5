// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// scratch is the root directory of an image: the program, its configuration, and nothing else.
func scratch(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"usr/sbin", "etc/regent", "proc", "tmp", "run/regent", "var/lib/regent"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(root, "usr/sbin/regent"), "./cmd/regent")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	conf := read(t, "deb", "regent.toml.example")
	conf = bytes.ReplaceAll(conf, []byte(`format = "journal"`), []byte(`format = "text"`))
	if err := os.WriteFile(filepath.Join(root, "etc/regent/regent.toml"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// The image has no shell and no library: the program must do with a kernel and /proc, in a network namespace of its own.
func TestProgramRunsInAnImageWithNothingElse(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "unshare", "mount")
	root := scratch(t)
	program := filepath.Join(root, "usr/sbin/regent")
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read from
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has %s", p.Type)
		}
	}
	var out bytes.Buffer
	daemon := exec.Command("unshare", "--mount", "--net", "--propagation", "private", "sh", "-c",
		`mount -t proc proc "$1/proc" && exec chroot "$1" /usr/sbin/regent run --node db1`, "sh", root)
	daemon.Stdout, daemon.Stderr = &out, &out
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	var status []byte
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		health := exec.Command("chroot", root, "/usr/sbin/regent", "status", "--json") // as HEALTHCHECK does
		if status, err = health.Output(); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Errorf("no status: %v", err)
			break
		}
	}
	if !strings.Contains(string(status), `"orders"`) {
		t.Errorf("status %s", status)
	}
	daemon.Process.Signal(unix.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v\n%s", err, out.String())
		}
	case <-time.After(15 * time.Second):
		daemon.Process.Kill() //nolint:errcheck // it may have ended
		t.Errorf("it does not end:\n%s", out.String())
	}
}

func TestContainerfileNamesFilesThatExist(t *testing.T) {
	t.Parallel()
	text := string(read(t, "container", "Containerfile"))
	for _, path := range []string{"go.mod", "go.sum", "LICENSE", "cmd/regent", "packaging/sbom/gen"} {
		if !strings.Contains(text, path) {
			t.Errorf("the Containerfile does not use %s", path)
		}
		if _, err := os.Stat(filepath.Join("..", path)); err != nil {
			t.Error(err)
		}
	}
	goVersion := strings.Fields(string(read(t, "..", "go.mod")))
	for i, word := range goVersion {
		if word == "go" && !strings.Contains(text, "golang:"+strings.Join(strings.Split(goVersion[i+1], ".")[:2], ".")+" ") {
			t.Errorf("the Containerfile builds with another Go than go.mod's %s", goVersion[i+1])
		}
	}
}

// ansible-playbook judges the playbook where it is installed; that it names what the packages have is judged everywhere.
func TestPlaybookUsesWhatThePackagesHave(t *testing.T) {
	t.Parallel()
	text := string(read(t, "ansible", "regent.yml"))
	for _, path := range []string{"/usr/share/doc/regent/examples/systemd", "/etc/regent/regent.toml", "regent check", "regent drain", "regent undrain", "regent doctor"} {
		if !strings.Contains(text, path) {
			t.Errorf("the playbook does not use %s", path)
		}
	}
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Log("ansible-playbook is not installed; apt-get install ansible-core")
		return
	}
	cmd := exec.Command("ansible-playbook", "--syntax-check", "-i", "ansible/inventory.example.yml", "ansible/regent.yml")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
