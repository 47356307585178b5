// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// decode reads the journal's protocol; a field that comes several times has several values.
func decode(b []byte) (map[string][]string, error) {
	out := map[string][]string{}
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil, errors.New("no end of line")
		}
		row := b[:end]
		b = b[end+1:]
		if name, value, ok := bytes.Cut(row, []byte("=")); ok {
			out[string(name)] = append(out[string(name)], string(value))
			continue
		}
		if len(b) < 8 {
			return nil, errors.New("no length")
		}
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		if uint64(len(b)) < n+1 || b[n] != '\n' {
			return nil, errors.New("no value")
		}
		out[string(row)] = append(out[string(row)], string(b[:n]))
		b = b[n+1:]
	}
	return out, nil
}

// listen is a journal of the test.
func listen(t *testing.T) (path string, conn *net.UnixConn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, conn
}

// receive takes one record, from a datagram or from the file that came with it.
func receive(t *testing.T, conn *net.UnixConn) map[string][]string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // the read would say so
	b, rights := make([]byte, 1<<20), make([]byte, 64)
	n, r, _, _, err := conn.ReadMsgUnix(b, rights)
	if err != nil {
		t.Fatal(err)
	}
	if b = b[:n]; n == 0 {
		b = sealed(t, rights[:r])
	}
	fields, err := decode(b)
	if err != nil {
		t.Fatalf("%v: %q", err, b)
	}
	return fields
}

func sealed(t *testing.T, rights []byte) []byte {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages: %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("files %v: %v", fds, err)
	}
	f := os.NewFile(uintptr(fds[0]), "record")
	defer f.Close()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || seals != unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL {
		t.Errorf("seals %#x: %v", seals, err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func journalTo(t *testing.T, o JournalOptions) *Journal {
	t.Helper()
	j, err := NewJournal(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestJournalGetsEveryAttributeAsAField(t *testing.T) {
	t.Parallel()
	path, conn := listen(t)
	var fallback bytes.Buffer
	log := slog.New(journalTo(t, JournalOptions{Socket: path, Fallback: &fallback}))
	NewReporter(log.With("service", "orders").WithGroup("g"), "db1").Report(AddressFailed, "two\nlines",
		"Some.odd-näme", 3, "error", errDown, "for", time.Second, "empty", "", strings.Repeat("x", 100), "long name")
	got := receive(t, conn)
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["REGENT_TIME"][0])); err != nil {
		t.Error(err)
	}
	delete(got, "REGENT_TIME")
	want := map[string][]string{
		"MESSAGE": {"two\nlines"}, "PRIORITY": {"3"}, "SYSLOG_IDENTIFIER": {"regent"}, "REGENT_SERVICE": {"orders"}, "REGENT_G_NODE": {"db1"},
		"REGENT_G_EVENT": {"RG1202"}, "REGENT_G_NAME": {"address_failed"}, "REGENT_G_ALERT": {"true"}, "REGENT_G_SOME_ODD_N__ME": {"3"},
		"REGENT_G_ERROR": {"the sink is down"}, "REGENT_G_FOR": {"1s"}, "REGENT_G_EMPTY": {""}, "REGENT_G_" + strings.Repeat("X", 55): {"long name"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	NewReporter(log, "db1").Report(Started, "an event that is not in a group")
	if got := receive(t, conn); len(got["MESSAGE_ID"]) != 1 || got["MESSAGE_ID"][0] != Started.MessageID() || got["PRIORITY"][0] != "6" {
		t.Errorf("record %v", got)
	}
	if fallback.Len() != 0 {
		t.Errorf("the fallback has %q", fallback.String())
	}
}

func TestJournalKeepsItsLevel(t *testing.T) {
	t.Parallel()
	path, conn := listen(t)
	log := slog.New(journalTo(t, JournalOptions{Socket: path, Level: slog.LevelDebug}))
	for _, c := range []struct {
		level slog.Level
		want  string
	}{{slog.LevelDebug, "7"}, {slog.LevelInfo, "6"}, {slog.LevelWarn, "4"}, {slog.LevelError, "3"}} {
		log.Log(t.Context(), c.level, "x")
		if got := receive(t, conn)["PRIORITY"][0]; got != c.want {
			t.Errorf("%s has the priority %s, want %s", c.level, got, c.want)
		}
	}
	if journalTo(t, JournalOptions{Socket: path}).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("debug is enabled by default")
	}
}

func TestLargeRecordsReachTheJournalAsAFile(t *testing.T) {
	t.Parallel()
	path, conn := listen(t)
	large := strings.Repeat("0123456789abcdef", 1<<16)
	slog.New(journalTo(t, JournalOptions{Socket: path})).Error("large", "data", large)
	if got := receive(t, conn)["REGENT_DATA"]; len(got) != 1 || got[0] != large {
		t.Error("the value is not what was sent")
	}
}

func TestWithoutAJournalRecordsAreWrittenAsText(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	var fallback bytes.Buffer
	j, err := NewJournal(JournalOptions{Socket: path, Fallback: &fallback})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "as text") {
		t.Errorf("error %v", err)
	}
	defer j.Close()
	log := slog.New(j).With("service", "orders").WithGroup("g")
	log.Info("first", "k", "v")
	if got := fallback.String(); !strings.Contains(got, `level=INFO msg=first service=orders g.k=v`) {
		t.Errorf("fallback %q", got)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("second")
	if got := receive(t, conn)["MESSAGE"]; len(got) != 1 || got[0] != "second" {
		t.Errorf("a journal that came later has %q", got)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	log.Info("third")
	if got := fallback.String(); strings.Contains(got, "second") || !strings.Contains(got, "third") {
		t.Errorf("fallback %q", got)
	}
}

func TestJournalThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	path, _ := listen(t) // nobody reads
	var fallback bytes.Buffer
	log := slog.New(journalTo(t, JournalOptions{Socket: path, Fallback: &fallback}))
	start := time.Now()
	n := 0
	for ; fallback.Len() == 0 && n < 100_000; n++ {
		log.Info("x")
	}
	for range 100 {
		log.Info("y")
	}
	if took := time.Since(start); took > 5*time.Second || strings.Count(fallback.String(), "msg=y") != 100 {
		t.Errorf("after %d records and %s the fallback has %d of 100", n, took, strings.Count(fallback.String(), "msg=y"))
	}
}

// Whatever a record holds, its fields arrive as they are and no value becomes a field.
func FuzzDatagram(f *testing.F) {
	for _, s := range []string{"", "plain", "a\nPRIORITY=0", "\n", "=", "a=b", "\x00\xff", "MESSAGE", "ä"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, message, name, value string) {
		r := slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, message, 0)
		r.Add("k", value, name, value)
		got, err := decode(datagram(r, scope{}.of(r)))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{"MESSAGE": {message}, "PRIORITY": {"6"}, "SYSLOG_IDENTIFIER": {"regent"}, "REGENT_K": {value}}
		want["REGENT_TIME"] = []string{r.Time.Format(time.RFC3339Nano)}
		key := fieldName(name)
		want[key] = append(want[key], value)
		if id, ok := parseID(value); ok && name == "event" {
			want["MESSAGE_ID"] = []string{id.MessageID()}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("record (-want +got):\n%s", diff)
		}
		for name := range got {
			if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || name[0] == '_' || len(name) > nameLimit {
				t.Fatalf("field name %q", name)
			}
		}
	})
}
