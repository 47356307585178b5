// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crashVariable makes [TestMain] a process that opens a lab and waits to be killed.
const crashVariable = "NETLAB_TEST_CRASH"

func TestMain(m *testing.M) {
	if os.Getenv(crashVariable) != "" {
		fmt.Println(holdLab())
		return
	}
	os.Exit(Main(m))
}

// holdLab starts a process in a lab, prints its pid and waits for it.
func holdLab() error {
	lab, err := Open(Options{})
	if err != nil {
		return err
	}
	n, err := lab.Node("a", "10.99.0.1/24")
	if err != nil {
		return err
	}
	c, err := n.Start(context.Background(), "sleep", "1000")
	if err != nil {
		return err
	}
	os.RemoveAll(lab.Dir()) // nobody else will
	fmt.Println("pid", c.Pid())
	return c.Wait()
}

func TestProcessesDieWithTheLabsOwner(t *testing.T) {
	t.Parallel()
	Require(t)
	owner := exec.Command("/proc/self/exe")
	owner.Env = append(os.Environ(), crashVariable+"=1")
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			pid, err = strconv.Atoi(text)
			must(t, err)
		}
	}
	if pid == 0 {
		t.Fatal("the inner run started nothing")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, owner.Process.Kill())
	io.Copy(io.Discard, out)
	owner.Wait()
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 10_000); n != 1 || err != nil {
		t.Errorf("process %d lives on: %v", pid, err)
	}
}

// TestLabsOpenWithoutRoot runs another test of this package as an ordinary user.
func TestLabsOpenWithoutRoot(t *testing.T) {
	t.Parallel()
	Require(t)
	if os.Geteuid() != 0 || os.Getenv(reexecVariable) != "" {
		t.Skip("this run is without root itself")
	}
	// A binary that everybody may start, in a place where everybody may look.
	dir, err := os.MkdirTemp("", "netlab-user")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	binary := filepath.Join(dir, "netlab.test")
	must(t, os.WriteFile(binary, self, 0o755))

	cmd := exec.Command(binary, "-test.run", "^(TestNodesReachEachOtherAtOnce|TestCutKeepsTheCarrierAndLinkDownTakesIt)$", "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), RequireVariable + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(string(out), "operation not permitted") && os.Getenv(RequireVariable) != "1" {
		t.Skipf("this machine does not let users make namespaces: %s", out)
	}
	if err != nil || strings.Count(string(out), "--- PASS") != 2 {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

func TestReexecFailsRatherThanRepeats(t *testing.T) {
	if err := available("no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a program that is not there: %v", err)
	}
	code, ran, err := Reexec()
	if ran || code != 0 || err != nil {
		t.Errorf("where a lab can be opened: %d, %v, %v", code, ran, err)
	}
}

func TestFilesAreKeptAndSocketsAreNot(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "lab")
	must(t, os.MkdirAll(filepath.Join(from, "state"), 0o755))
	must(t, os.WriteFile(filepath.Join(from, "state", "x.json"), []byte("{}"), 0o600))
	l, err := net.Listen("unix", filepath.Join(from, "regent.sock"))
	must(t, err)
	defer l.Close()
	must(t, copyFiles(to, from))
	if text, err := os.ReadFile(filepath.Join(to, "state", "x.json")); err != nil || string(text) != "{}" {
		t.Errorf("file: %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(to, "regent.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket: %v", err)
	}
	if got := tail("1\n2\n3\n4\n", 2); got != "… 2 lines …\n3\n4" {
		t.Errorf("tail %q", got)
	}
}

// TestSnoopingBridgeKeepsMulticastFromStrangers is the reason why snooping is an option: IPv6
// advertisements reach only those who have reported the group.
func TestSnoopingBridgeKeepsMulticastFromStrangers(t *testing.T) {
	t.Parallel()
	lab := Test(t)
	w, err := lab.Network("snooping", NetworkOptions{Snooping: true, Querier: true})
	must(t, err)
	var nodes []*Node
	for i, name := range []string{"a", "b"} {
		n, err := lab.Island(name)
		must(t, err)
		must(t, second(n.Attach(w, "eth0", "10.97.0."+strconv.Itoa(i+1)+"/24")))
		nodes = append(nodes, n)
	}
	v6 := frameOf(t, toGroup6, ip6ToGroup, v3IPv6)
	delivered := func() bool {
		c, err := nodes[1].Capture("eth0", "b", "")
		must(t, err)
		inject(t, nodes[0], v6)
		must(t, second(c.Stop()))
		return count(c, 0x86dd) > 0
	}
	// The bridge floods until its own queries have begun.
	limit := time.Now().Add(20 * time.Second)
	for delivered() {
		if time.Now().After(limit) {
			t.Fatal("strangers get the advertisement for 20 s")
		}
		pause(50 * time.Millisecond)
	}
	group, err := nodes[1].joinGroup("ff02::12")
	must(t, err)
	defer group.Close()
	eventually(t, "a member gets the advertisement", delivered)
}
