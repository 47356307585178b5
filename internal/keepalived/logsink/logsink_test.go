// SPDX-License-Identifier: Apache-2.0

package logsink_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/keepalived/logsink"
)

// same makes the message the line, and a field another.
func same(message string, fields map[string]string) []string {
	lines := []string{message}
	if f, ok := fields["more"]; ok {
		lines = append(lines, f)
	}
	return lines
}

// syslogd is a socket that somebody reads, until stop.
func syslogd(t *testing.T, path, network string) (read func() string, stop func()) {
	t.Helper()
	buf := make([]byte, 4096)
	if network == "unixgram" {
		c, err := net.ListenUnixgram(network, &net.UnixAddr{Name: path, Net: network})
		if err != nil {
			t.Fatal(err)
		}
		return func() string {
			c.SetReadDeadline(time.Now().Add(5 * time.Second)) //nolint:errcheck // it is open
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			return string(buf[:n])
		}, func() { c.Close() }
	}
	l, err := net.Listen(network, path)
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}, func() { l.Close() }
}

func TestSyslogGetsIdentPidAndPriority(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	read, stop := syslogd(t, path, "unixgram")
	defer stop()
	h := logsink.New(slog.LevelDebug, same, logsink.NewSyslogAt(path, "Keepalived_vrrp", 3))
	log := slog.New(h).With("more", "second\nline")
	for level, want := range map[slog.Level]int{slog.LevelDebug: 31, slog.LevelInfo: 30, slog.LevelWarn: 28, slog.LevelError: 27} {
		log.Log(t.Context(), level, "(VI_1) Entering MASTER STATE")
		pattern := fmt.Sprintf(`^<%d>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d Keepalived_vrrp\[%d\]: `, want, os.Getpid())
		if got := read(); !regexp.MustCompile(pattern + regexp.QuoteMeta("(VI_1) Entering MASTER STATE") + "$").MatchString(got) {
			t.Errorf("%q does not match %s", got, pattern)
		}
		if got := read(); !strings.HasSuffix(got, ": second line") {
			t.Errorf("a line end got through: %q", got)
		}
	}
	log.Info(strings.Repeat("x", 5000))
	if got := read(); len(got) != 2048 {
		t.Errorf("%d bytes, want 2048", len(got))
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestSyslogIsFoundAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	s := logsink.NewSyslogAt(path, "a", 16)
	line := func() error { return s.Line(time.Unix(0, 0).UTC(), slog.LevelInfo, "text") }
	if err := line(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nobody there: %v", err)
	}
	want := fmt.Sprintf("<134>Jan  1 00:00:00 a[%d]: text", os.Getpid())
	for range 2 {
		read, stop := syslogd(t, path, "unixgram")
		if err := line(); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		stop()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	read, stop := syslogd(t, path, "unix")
	defer stop()
	if err := line(); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != want+"\x00" {
		t.Errorf("by a stream: %q, want %q", got, want)
	}
}

func TestConsoleWritesTheDateFirst(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := logsink.NewConsole(&b)
	if err := c.Line(time.Date(2026, 11, 23, 2, 58, 51, 0, time.UTC), slog.LevelInfo, "Startup complete"); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "Mon Nov 23 02:58:51 2026: Startup complete\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFileIsAppendedToAndNoLinkFollowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keepalived.log")
	for range 2 {
		f, err := logsink.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h := logsink.New(slog.LevelInfo, same, f)
		slog.New(h).Info("hello")
		slog.New(h).Debug("not this")
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), ": hello\n") != 2 || strings.Contains(string(b), "not this") {
		t.Errorf("%q %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	if err := os.Symlink(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if _, err := logsink.OpenFile(path + "2"); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("error %v", err)
	}
}

// One sink that fails keeps no line from the others.
func TestOtherSinksGetTheLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := logsink.New(slog.LevelInfo, same, logsink.NewSyslogAt(filepath.Join(t.TempDir(), "none"), "a", 3), logsink.NewConsole(&b))
	if err := h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, "text", 0)); err == nil {
		t.Error("no error")
	}
	if !strings.HasSuffix(b.String(), ": text\n") {
		t.Errorf("%q", b.String())
	}
	if logsink.New(slog.LevelInfo, same).Enabled(t.Context(), slog.LevelError) {
		t.Error("a log to nowhere asks for records")
	}
}
