// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// told is a service whose changes of state go to programs and to a FIFO.
const told = `
[notify]
fifo = "@DIR@/fifo"

[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "2001:db8:99::101/64"]
advert_interval = "100ms"
priority = 100
[service.notify]
active = ["@DIR@/note", "active"]
backup = ["@DIR@/note", "backup"]
fault = ["@DIR@/note", "fault"]
stop = ["@DIR@/note", "stop"]
any = ["@DIR@/note", "any"]

[[service]]
name = "parts"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.99.0.102/24"]
advert_interval = "100ms"
priority = 100
[service.notify]
active = ["@DIR@/unsafe"]
`

// Programs and readers hear of each state once, in order, when the address is there or gone.
func TestProgramsHearOfEachChangeInOrder(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	// Not below /tmp, where everybody may write.
	dir, err := os.MkdirTemp("/root", "regent-notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	notes := filepath.Join(dir, "notes")
	note := "#!/bin/sh\nvip=gone; ip -4 addr show dev eth0 | grep -q 10.99.0.101/ && vip=there\necho \"$@ $vip\" >>" + notes + "\n"
	err = errors.Join(os.WriteFile(filepath.Join(dir, "note"), []byte(note), 0o755), os.WriteFile(filepath.Join(dir, "unsafe"), []byte(note), 0o755),
		os.Chmod(filepath.Join(dir, "unsafe"), 0o777), unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(filepath.Join(dir, "fifo"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	var mu sync.Mutex
	var lines []string
	go func() {
		for s := bufio.NewScanner(pipe); s.Scan(); {
			mu.Lock()
			if strings.Contains(s.Text(), `"orders"`) {
				lines = append(lines, s.Text())
			}
			mu.Unlock()
		}
	}()
	db1.configure(strings.ReplaceAll(told, "@DIR@", dir))
	db1.start()
	noted := func() string {
		b, err := os.ReadFile(notes)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(b)
	}
	wait := func(what string) {
		t.Helper()
		db1.until(what, 10*time.Second, func() bool { return strings.Contains(noted(), what) })
	}
	wait("any INSTANCE orders MASTER 100 there")
	if _, err := db1.Run(t.Context(), "ip", "link", "set", "eth0", "down"); err != nil {
		t.Fatal(err)
	}
	wait("any INSTANCE orders FAULT 100")
	for _, args := range [][]string{{"link", "set", "eth0", "up"}, {"addr", "replace", "2001:db8:99::1/64", "dev", "eth0", "nodad"}} {
		if _, err := db1.Run(t.Context(), "ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	db1.until("active again", 10*time.Second, func() bool { return strings.Count(noted(), "any INSTANCE orders MASTER") == 2 })
	if err := db1.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	want := "backup gone\nany INSTANCE orders BACKUP 100 gone\nactive there\nany INSTANCE orders MASTER 100 there\n" +
		"fault gone\nany INSTANCE orders FAULT 100 gone\nbackup gone\nany INSTANCE orders BACKUP 100 gone\nactive there\nany INSTANCE orders MASTER 100 there\n" +
		"stop gone\nany INSTANCE orders STOP 100 gone\n"
	if got := noted(); got != want {
		t.Errorf("programs noted\n%swant\n%s", got, want)
	}
	states := []string{"BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"}
	db1.until("the last line at the FIFO", 5*time.Second, func() bool { mu.Lock(); defer mu.Unlock(); return len(lines) >= len(states) })
	mu.Lock()
	defer mu.Unlock()
	for i, s := range states {
		if want := `INSTANCE "orders" ` + s + " 100"; lines[i] != want {
			t.Errorf("line %d at the FIFO: %s, want %s", i, lines[i], want)
		}
	}
	if len(lines) != len(states) {
		t.Errorf("lines at the FIFO: %q", lines)
	}
	// A program that others may change is not run as root.
	if log := db1.log(); strings.Count(log, "event=RG1006") != 1 || !strings.Contains(log, "unsafe can be written by everybody") {
		t.Errorf("log: %s", log)
	}
}
