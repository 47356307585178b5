// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// standIn is a node in which this program stands in keepalived's place, with a /run, /tmp and /var/lib of its own.
type standIn struct {
	t *testing.T
	*netlab.Node
	root string // its files, seen from here
	pid  int    // of what holds its namespaces
}

// standInProgram is where the program is in a standIn.
const standInProgram = "/run/sbin/keepalived"

func newStandIn(t *testing.T, prefixes ...string) *standIn {
	return newStandInOf(t, os.Args[0], prefixes...)
}

func newStandInOf(t *testing.T, program string, prefixes ...string) *standIn {
	t.Helper()
	netlab.Require(t, "unshare", "nsenter", "ip")
	lab := netlab.Test(t)
	n, err := lab.Node("a", prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	holder := n.Command(context.Background(), "unshare", "-m", "sh", "-ec", `
		mount -t tmpfs none /run; mkdir -p /run/sbin /run/netns; touch /run/sbin/keepalived
		mount --bind "$PROGRAM" /run/sbin/keepalived
		mount -t tmpfs none /var/lib; mount -t tmpfs none /tmp
		touch /run/there; exec sleep 600`)
	holder.Env = append(os.Environ(), "PROGRAM="+program)
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	g := &standIn{t: t, Node: n, root: fmt.Sprintf("/proc/%d/root", holder.Pid()), pid: holder.Pid()}
	t.Cleanup(func() {
		if pid := g.readPID("/run/keepalived.pid"); pid > 0 {
			unix.Kill(pid, unix.SIGKILL)                        //nolint:errcheck // it has ended, mostly
			unix.Kill(g.readPID("/run/vrrp.pid"), unix.SIGKILL) //nolint:errcheck // as above
		}
		holder.Kill()
	})
	g.until("there", func() bool { return g.has("/run/there") })
	return g
}

// configure writes the configuration.
func (g *standIn) configure(text string) {
	g.t.Helper()
	if err := os.WriteFile(g.root+"/run/keepalived.conf", []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// command is keepalived in the node.
func (g *standIn) command(args ...string) *netlab.Cmd {
	all := append([]string{"-m", "-t", strconv.Itoa(g.pid), "--", standInProgram, "-f", "/run/keepalived.conf"}, args...)
	cmd := g.Command(context.Background(), "nsenter", all...)
	cmd.Env = append(os.Environ(), asRegent+"=1")
	return cmd
}

// runs runs keepalived to its end.
func (g *standIn) runs(args ...string) (code int, said string) {
	g.t.Helper()
	out, err := g.command(args...).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		g.t.Fatalf("%v: %s", err, out)
	}
	if ended != nil {
		code = ended.ExitCode()
	}
	return code, string(out)
}

func (g *standIn) has(path string) bool {
	_, err := os.Lstat(g.root + path)
	return err == nil
}

func (g *standIn) read(path string) string {
	b, err := os.ReadFile(g.root + path)
	if err != nil {
		return ""
	}
	return string(b)
}

func (g *standIn) readPID(path string) int {
	pid, err := strconv.Atoi(strings.TrimSpace(g.read(path)))
	if err != nil {
		return 0
	}
	return pid
}

func (g *standIn) signal(pid int, s unix.Signal) {
	g.t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		g.t.Fatalf("signal %d to %d: %v", s, pid, err)
	}
}

// asks sends a signal until a file says something.
func (g *standIn) asks(pid int, s unix.Signal, path string, want *regexp.Regexp) string {
	g.t.Helper()
	if err := os.Remove(g.root + path); err != nil && !errors.Is(err, os.ErrNotExist) {
		g.t.Fatal(err)
	}
	next := time.Now()
	g.until(fmt.Sprintf("%s with %s", path, want), func() bool {
		if time.Now().After(next) {
			next = time.Now().Add(500 * time.Millisecond)
			g.signal(pid, s)
		}
		return want.MatchString(g.read(path))
	})
	return g.read(path)
}

func (g *standIn) until(what string, ok func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) { // polls another process
		if time.Now().After(deadline) {
			g.t.Fatalf("not %s within 20 s; log:\n%s%s", what, g.read("/tmp/keepalived.log"), g.read("/tmp/keepalived_vrrp.log"))
		}
	}
}

// ended tells whether a process has ended.
func ended(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

const oneInstance = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  priority 150
  version 3
  advert_int 0.1
  virtual_ipaddress {
    10.99.0.100/24
  }
}
`

func TestKeepalivedGoesToTheBackgroundAndObeysSignals(t *testing.T) {
	t.Parallel()
	g := newStandIn(t, "10.99.0.1/24")
	g.configure(oneInstance)
	if code, said := g.runs("-D", "-G", "-g"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	parent, worker := g.readPID("/run/keepalived.pid"), g.readPID("/run/vrrp.pid")
	if parent == 0 || worker == 0 || parent == worker {
		t.Fatalf("pid files hold %d and %d when the first process has ended", parent, worker)
	}
	for _, pid := range []int{parent, worker} {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || string(comm) != "keepalived\n" {
			t.Errorf("process %d is called %q %v", pid, comm, err)
		}
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", parent)); err != nil || cwd != "/" {
		t.Errorf("works in %q %v, want /", cwd, err)
	}
	if session, err := unix.Getsid(parent); err != nil || session != parent {
		t.Errorf("session %d %v of process %d: want its own", session, err, parent)
	}
	if info, err := os.Stat(g.root + "/run/keepalived.pid"); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode of the pid file %v %v", info.Mode(), err)
	}

	// Its state, for each signal.
	g.asks(parent, unix.SIGUSR1, "/tmp/keepalived.data", regexp.MustCompile(`(?s) VRRP Instance = VI_1\n.*   State = MASTER\n.*     10\.99\.0\.100/24 dev eth0 scope global set\n`))
	g.until("the parent's data", func() bool {
		return strings.Contains(g.read("/tmp/keepalived_parent.data"), "------< Global definitions >------\n")
	})
	g.asks(parent, unix.SIGUSR2, "/tmp/keepalived.stats", regexp.MustCompile(`(?s)VRRP Instance: VI_1\n.*Sent: [1-9].*Became master: 1\n`))
	var list []struct {
		Data struct {
			Name  string `json:"iname"`
			State int    `json:"state"`
		} `json:"data"`
		Stats struct {
			Became int `json:"become_master"`
		} `json:"stats"`
	}
	text := g.asks(parent, 36, "/tmp/keepalived.json", regexp.MustCompile(`\]\n$`))
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if len(list) != 1 || list[0].Data.Name != "VI_1" || list[0].Data.State != 2 || list[0].Stats.Became != 1 {
		t.Errorf("JSON says %+v", list)
	}
	if info, err := os.Stat(g.root + "/tmp/keepalived.json"); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode of the JSON %v %v", info.Mode(), err)
	}
	// The worker takes them as well; counters begin anew.
	g.asks(worker, 63, "/tmp/keepalived.stats", regexp.MustCompile(`Became master: 1\n`))
	g.asks(worker, unix.SIGUSR2, "/tmp/keepalived.stats", regexp.MustCompile(`Became master: 0\n`))

	// A second one sees the first.
	if code, said := g.runs("-G", "-g/tmp/second.log"); code != 0 {
		t.Errorf("a second one: exit code %d: %s", code, said)
	}
	if log := g.read("/tmp/second.log"); !strings.Contains(log, ": daemon is already running\n") {
		t.Errorf("a second one says %q", log)
	}
	if now := g.readPID("/run/keepalived.pid"); now != parent {
		t.Errorf("pid file holds %d, was %d", now, parent)
	}

	// HUP reads the file again.
	g.configure(oneInstance + strings.NewReplacer("VI_1", "VI_2", "51", "52", ".100/", ".101/").Replace(oneInstance))
	g.signal(parent, unix.SIGHUP)
	g.asks(parent, unix.SIGUSR1, "/tmp/keepalived.data", regexp.MustCompile(`(?s) VRRP Instance = VI_2\n.*   State = MASTER\n`))

	g.signal(parent, unix.SIGTERM)
	g.until("the end", func() bool { return ended(parent) && ended(worker) })
	for _, path := range []string{"/run/keepalived.pid", "/run/vrrp.pid"} {
		if g.has(path) {
			t.Errorf("%s is left", path)
		}
	}
	log := g.read("/tmp/keepalived.log") + g.read("/tmp/keepalived_vrrp.log")
	for _, want := range []string{"Starting Keepalived v2.4.3", "Command line: '/run/sbin/keepalived' '-f'", "Configuration file /run/keepalived.conf",
		fmt.Sprintf("Starting VRRP child process, pid=%d", worker), "Startup complete", "(VI_1) Entering MASTER STATE", "Reload complete", "Stopping", "Stopped Keepalived v2.4.3"} {
		if !strings.Contains(log, ": "+want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}

func TestKeepalivedInTheForegroundReplacesItsWorker(t *testing.T) {
	t.Parallel()
	g := newStandIn(t, "10.99.0.1/24")
	g.configure("use_pid_dir\nglobal_defs {\n state_dump_file /run/state\n}\n" + oneInstance)
	cmd := g.command("--dont-fork", "--log-console", "--no-syslog", "--vrrp")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const file = "/run/keepalived/vrrp.pid"
	g.until("a worker", func() bool { return g.readPID(file) > 0 })
	first := g.readPID(file)
	if parent := g.readPID("/run/keepalived/keepalived.pid"); parent != cmd.Pid() {
		t.Errorf("pid file holds %d, want %d", parent, cmd.Pid())
	}
	g.asks(cmd.Pid(), unix.SIGUSR1, "/run/state", regexp.MustCompile(`   State = MASTER\n`))
	g.signal(first, unix.SIGKILL)
	g.until("another worker", func() bool { pid := g.readPID(file); return pid > 0 && pid != first })
	g.asks(cmd.Pid(), unix.SIGUSR1, "/run/state", regexp.MustCompile(`   State = (MASTER|BACKUP)\n`))
	if err := cmd.Stop(20 * time.Second); err != nil {
		t.Errorf("end: %v", err)
	}
	log, err := os.ReadFile(cmd.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("VRRP child process(%d) died: Respawning", first), "(VI_1) Entering MASTER STATE"} {
		if !regexp.MustCompile(`(?m)^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]\d [0-9:]{8} \d{4}: ` + regexp.QuoteMeta(want)).Match(log) {
			t.Errorf("the console does not say %q:\n%s", want, log)
		}
	}
	if entries, err := os.ReadDir(g.root + "/run/keepalived"); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// -R: nobody takes the dead worker's place.
func TestKeepalivedEndsWithItsWorkerIfTold(t *testing.T) {
	t.Parallel()
	g := newStandIn(t, "10.99.0.1/24")
	g.configure(oneInstance)
	if code, said := g.runs("-R", "-G", "-g"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	parent, worker := g.readPID("/run/keepalived.pid"), g.readPID("/run/vrrp.pid")
	g.signal(worker, unix.SIGKILL)
	g.until("the end", func() bool { return ended(parent) && !g.has("/run/keepalived.pid") && !g.has("/run/vrrp.pid") })
}

// A network namespace and a name of its own: pid files, ident and dumps tell it apart.
func TestKeepalivedEntersItsNetworkNamespace(t *testing.T) {
	t.Parallel()
	g := newStandIn(t, "10.99.0.1/24")
	g.configure("net_namespace inner\ninstance one\nglobal_defs {\n data_use_instance\n}\n" + oneInstance)
	if code, said := g.runs("-G", "-g"); code != exitFailed || !strings.Contains(said, "ip netns add inner") {
		t.Errorf("without its namespace: exit code %d: %s", code, said)
	}
	setup := g.Command(context.Background(), "nsenter", "-m", "-t", strconv.Itoa(g.pid), "--", "sh", "-ec", `
		ip netns add inner; ip -n inner link add eth0 type veth peer name peer0
		ip -n inner link set peer0 up; ip -n inner link set eth0 up; ip -n inner addr add 10.99.0.2/24 dev eth0`)
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code, said := g.runs("-G", "-g"); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	const dir = "/run/keepalived/inner/"
	parent, worker := g.readPID(dir+"keepalived_one.pid"), g.readPID(dir+"vrrp_one.pid")
	if parent == 0 || worker == 0 {
		t.Fatalf("pid files hold %d and %d", parent, worker)
	}
	defer unix.Kill(parent, unix.SIGKILL) //nolint:errcheck // it has ended, mostly
	outer, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", g.pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{parent, worker} {
		if inner, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err != nil || inner == outer {
			t.Errorf("process %d is in %s %v", pid, inner, err)
		}
	}
	g.asks(parent, unix.SIGUSR1, "/tmp/keepalived.inner_one.data", regexp.MustCompile(`(?s) Network namespace = inner\n.*   State = MASTER\n`))
	if !g.has("/tmp/keepalived_vrrp_inner_one.log") {
		t.Error("no log of its own")
	}
	g.signal(parent, unix.SIGTERM)
	g.until("the end", func() bool { return ended(parent) && ended(worker) })
	if left, err := filepath.Glob(g.root + dir + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
