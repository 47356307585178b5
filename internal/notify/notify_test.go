// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// logs is a log that can be read while it is written.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// notifier is one that writes to a log, and a program that writes its arguments to a file.
func notifier(t *testing.T, o Options) (n *Notifier, log *logs, program, file string) {
	t.Helper()
	log = &logs{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	n = New(o)
	t.Cleanup(func() { n.Close(10 * time.Second) }) //nolint:errcheck // most tests have closed it
	dir := t.TempDir()
	program, file = filepath.Join(dir, "program"), filepath.Join(dir, "said")
	script := "#!/bin/sh\n[ \"$2\" ] && sleep $2\necho \"$1\" >>" + file + "\n"
	syscall.ForkLock.RLock() // a child of a test beside this one would keep the file open for writing: text file busy
	err := os.WriteFile(program, []byte(script), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return n, log, program, file
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestWordsForScriptsAndReaders(t *testing.T) {
	t.Parallel()
	c := Change{Instance, "VI_1", Master, 150}
	if d := cmp.Diff([]string{"INSTANCE", "VI_1", "MASTER", "150"}, c.Arguments()); d != "" {
		t.Errorf("arguments (-want +got):\n%s", d)
	}
	for c, want := range map[Change]string{
		{Instance, "VI_1", Master, 150}: "INSTANCE \"VI_1\" MASTER 150\n", {Group, "G", Stop, 0}: "GROUP \"G\" STOP 0\n",
		{Instance, "a\"b\nc", Fault, 1}: "INSTANCE \"a b c\" FAULT 1\n",
	} {
		if got := c.Line(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Programs of a target run in the order asked for, however long each takes; those of another do not wait.
func TestProgramsOfATargetRunInOrder(t *testing.T) {
	t.Parallel()
	n, _, program, file := notifier(t, Options{})
	n.Run("a", Command{Args: []string{program, "first", "0.3"}})
	n.Run("a", Command{Args: []string{program, "second", "0.1"}})
	n.Run("a", Command{Args: []string{program, "third"}})
	n.Run("b", Command{Args: []string{program, "other"}})
	if err := n.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); got != "other\nfirst\nsecond\nthird\n" {
		t.Errorf("%q", got)
	}
	n.Run("a", Command{Args: []string{program, "late"}})
	if err := n.Close(time.Second); err != nil {
		t.Error(err)
	}
	if got := read(t, file); strings.Contains(got, "late") {
		t.Error("a program was run after the end")
	}
}

// A program that hangs does not hide the next state, and is ended with the daemon.
func TestProgramThatHangsIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	n, log, program, file := notifier(t, Options{Patience: 100 * time.Millisecond})
	n.Run("a", Command{Args: []string{program, "hangs", "60"}})
	n.Run("a", Command{Args: []string{program, "next"}})
	until(t, "the next one has run", func() bool { return read(t, file) == "next\n" })
	start := time.Now()
	if err := n.Close(200 * time.Millisecond); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if !strings.Contains(log.String(), "takes long") {
		t.Errorf("log: %s", log)
	}
}

// When too many wait, the latest states are those that are told.
func TestQueueKeepsTheLatest(t *testing.T) {
	t.Parallel()
	n, log, program, file := notifier(t, Options{Queue: 3})
	n.Run("a", Command{Args: []string{program, "0", "0.5"}})
	until(t, "the first one runs", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.running) == 1
	})
	for i := range 10 {
		n.Run("a", Command{Args: []string{program, fmt.Sprint(i + 1)}})
	}
	if err := n.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); got != "0\n8\n9\n10\n" {
		t.Errorf("%q", got)
	}
	if strings.Count(log.String(), "dropped") != 7 {
		t.Errorf("log: %s", log)
	}
}

func TestProgramsThatFailAreLoggedWithTheirWords(t *testing.T) {
	t.Parallel()
	n, log, _, _ := notifier(t, Options{})
	n.Run("a", Command{Args: []string{"/bin/sh", "-c", "echo no such disk; exit 3"}})
	n.Run("a", Command{Args: []string{"/no/such/program"}})
	n.Run("a", Command{})
	if err := n.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exit status 3", "no such disk", "/no/such/program"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log: %s", want, log)
		}
	}
}

func TestProgramsRunAloneAsTheirUser(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "/tmp")
	t.Setenv("REGENT_SECRET", "x")
	t.Setenv("KEPT", "yes")
	n, log, _, _ := notifier(t, Options{})
	c := Command{Args: []string{"/bin/sh", "-c", "echo $(id -u) $(id -g) $PWD ${LD_LIBRARY_PATH:-none} ${REGENT_SECRET:-none} $KEPT; exit 1"}}
	want := fmt.Sprintf("%d %d / none none yes", os.Getuid(), os.Getgid())
	if os.Getuid() == 0 {
		c.User = &User{UID: 65534, GID: 65534}
		want = "65534 65534 / none none yes"
	}
	n.Run("a", c)
	if err := n.Close(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), want+"\"") {
		t.Errorf("want %q, the log has %s", want, log)
	}
}

func TestFIFOHasALineForEachChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	f, err := OpenFIFO(path, &User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(Change{Instance, "a", Backup, 100}) // before anybody reads
	r, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f.Write(Change{Instance, "a", Master, 100})
	b := make([]byte, 1000)
	n, err := r.Read(b)
	if want := "INSTANCE \"a\" BACKUP 100\nINSTANCE \"a\" MASTER 100\n"; string(b[:n]) != want || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	for range 5000 { // nobody reads: it neither waits nor tears a line
		f.Write(Change{Instance, "a", Master, 100})
	}
	if f.Lost() == 0 {
		t.Error("nothing was lost in a full pipe")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.Write(Change{})
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestFIFOFollowsNoLinkAndTakesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), unix.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, filepath.Join(dir, "none", "fifo")} {
		if f, err := OpenFIFO(path, nil); err == nil {
			t.Errorf("%s was opened", path)
			f.Close()
		}
	}
	f, err := OpenFIFO(pipe, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(pipe); err != nil {
		t.Errorf("a pipe of somebody else was removed: %v", err)
	}
}

func TestProgramsThatOthersMayChangeAreNotRunAsRoot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make files of others")
	}
	dir, err := os.MkdirTemp("/root", "regent-inspect") // a way to it that nobody else may change
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string, mode os.FileMode, uid int) string {
		path := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755), os.Chown(path, uid, uid), os.Chmod(path, mode))
		return path
	}
	good := file("good", 0o755, 0)
	open := file("open/program", 0o755, 0)
	must(os.Chmod(filepath.Dir(open), 0o777))
	sticky := file("sticky/program", 0o755, 0)
	must(os.Chmod(filepath.Dir(sticky), os.ModeSticky|0o777))
	link, bad, loop := filepath.Join(dir, "link"), filepath.Join(dir, "bad"), filepath.Join(dir, "loop")
	must(os.Symlink("./good", link), os.Symlink(open, bad), os.Symlink(loop, loop))
	nobody := &User{UID: 65534, GID: 65534}
	for _, c := range []struct {
		path string
		user *User
		want string // in the error; "": none
	}{
		{good, nil, ""},
		{link, nil, ""},
		{sticky, nil, ""},
		{good, &User{UID: 65534, GID: 0}, ""},
		{file("others", 0o757, 0), nil, "can be written by everybody: chmod o-w"},
		{file("group", 0o775, 0), nil, ""}, // of group root
		{file("mine", 0o755, 65534), nil, "belongs to uid 65534"},
		{file("mine", 0o755, 65534), nobody, ""},
		{open, nil, "can be written by everybody"},
		{open, nobody, ""},
		{bad, nil, "can be written by everybody"},
		{file("open/root", 0o4755|os.ModeSetuid, 0), nobody, "runs as root"},
		{file("private", 0o700, 0), nobody, "uid 65534 gid 65534 may not execute it"},
		{file("text", 0o644, 0), nil, "may not execute it"},
		{dir, nil, "it is no file"},
		{loop, nil, "too many links"},
		{filepath.Join(dir, "none"), nil, "no such file"},
		{"relative", nil, "want the whole path"},
	} {
		err := Inspect(c.path, c.user)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %v: %v, want %q", strings.TrimPrefix(c.path, dir), c.user, err, c.want)
		}
	}
}

func TestUsersAreFoundByNameAndNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*User{
		"":             nil,
		"root":         {Groups: []uint32{0}},
		"root:daemon":  {GID: 1},
		"0:1":          {GID: 1},
		"nobody":       {UID: 65534, GID: 65534, Groups: []uint32{65534}},
		"nobody:root":  {UID: 65534},
		"65534:daemon": {UID: 65534, GID: 1},
	} {
		got, err := LookUp(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{"nobdy-at-all": "no such user", "root:no-such-group": "no group"} {
		if _, err := LookUp(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestReaderIsKeptRunningAndEndsWithTheDaemon(t *testing.T) {
	t.Parallel()
	_, logs, program, file := notifier(t, Options{})
	r := Start(Command{Args: []string{program, "once"}}, slog.New(slog.NewTextHandler(logs, nil)))
	until(t, "a second start", func() bool { return strings.Count(read(t, file), "once") >= 2 })
	r.Close()
	if !strings.Contains(logs.String(), "ended and is started again") {
		t.Errorf("nothing is said of its end: %s", logs)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	r = Start(Command{Args: []string{"/bin/sh", "-c", `echo $$ > "$0"; exec sleep 100`, pid}}, slog.New(slog.NewTextHandler(logs, nil)))
	until(t, "its pid", func() bool { return len(read(t, pid)) > 1 })
	r.Close()
	n, err := strconv.Atoi(strings.TrimSpace(read(t, pid)))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(n, 0); err == nil {
		t.Errorf("process %d runs on", n)
	}
}

func TestProgramsAreLookedForInThePath(t *testing.T) {
	t.Parallel()
	if path, err := Find("sh"); err != nil || !filepath.IsAbs(path) {
		t.Errorf("sh is %q, %v", path, err)
	}
	if path, err := Find("/no/such"); err != nil || path != "/no/such" {
		t.Errorf("a path is changed: %q, %v", path, err)
	}
	if _, err := Find("no-such-program-at-all"); err == nil {
		t.Error("what is nowhere is found")
	}
}
