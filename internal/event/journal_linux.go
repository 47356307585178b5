// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// JournalSocket is where systemd-journald takes records.
	JournalSocket = "/run/systemd/journal/socket"
	// journalPatience is how long one record waits for a journal that takes none.
	journalPatience = time.Second
	// journalRest is how long such a journal is left alone then.
	journalRest = 10 * time.Second
	// nameLimit is the journal's for the name of a field.
	nameLimit = 64
)

// JournalOptions configures a [Journal].
type JournalOptions struct {
	Level    slog.Leveler // nil: info
	Socket   string       // empty: JournalSocket
	Fallback io.Writer    // takes as text what the journal does not take; nil: standard error
}

// Journal is a [slog.Handler] that speaks the journal's own protocol: each attribute is a field REGENT_NAME of its own,
// and an event has its MESSAGE_ID. A record that the journal does not take is written as text to the fallback.
type Journal struct {
	*journal
	scope scope
	text  slog.Handler // the fallback
}

type journal struct {
	level slog.Leveler
	to    *net.UnixAddr

	mu        sync.Mutex
	conn      *net.UnixConn // nil: none could be made
	restUntil time.Time     // until then the journal is left alone
}

// NewJournal opens the journal. With an error the handler is usable all the same: records go to the fallback until
// there is a journal, which each record finds out.
func NewJournal(o JournalOptions) (*Journal, error) {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	if o.Socket == "" {
		o.Socket = JournalSocket
	}
	if o.Fallback == nil {
		o.Fallback = os.Stderr
	}
	j := &Journal{
		journal: &journal{level: o.Level, to: &net.UnixAddr{Name: o.Socket, Net: "unixgram"}},
		text:    slog.NewTextHandler(o.Fallback, &slog.HandlerOptions{Level: o.Level}),
	}
	var err error
	if j.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"}); err != nil {
		return j, fmt.Errorf("journal: %w; records are written as text", err)
	}
	probe, err := net.DialUnix("unixgram", nil, j.to)
	if err != nil {
		return j, fmt.Errorf("journal: nothing listens on %s: %w; records are written as text until it does", o.Socket, errors.Unwrap(err))
	}
	return j, probe.Close()
}

// Close gives the socket back. Records that come later go to the fallback.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn == nil {
		return nil
	}
	err := j.conn.Close()
	j.conn = nil
	return err
}

// Enabled is slog.Handler's.
func (j *Journal) Enabled(_ context.Context, l slog.Level) bool { return l >= j.level.Level() }

// WithAttrs is slog.Handler's.
func (j *Journal) WithAttrs(as []slog.Attr) slog.Handler {
	return &Journal{j.journal, j.scope.with(as), j.text.WithAttrs(as)}
}

// WithGroup is slog.Handler's.
func (j *Journal) WithGroup(name string) slog.Handler {
	return &Journal{j.journal, j.scope.in(name), j.text.WithGroup(name)}
}

// Handle writes a record to the journal, else to the fallback.
func (j *Journal) Handle(ctx context.Context, r slog.Record) error {
	if err := j.send(datagram(r, j.scope.of(r))); err != nil {
		return j.text.Handle(ctx, r)
	}
	return nil
}

// send writes one datagram, or a sealed file of it if it is too large for one. The address is named each time: a journal
// that was started anew is found again.
func (j *journal) send(b []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	if j.conn == nil || now.Before(j.restUntil) {
		return errors.New("no journal")
	}
	if err := j.conn.SetWriteDeadline(now.Add(journalPatience)); err != nil {
		return err
	}
	_, _, err := j.conn.WriteMsgUnix(b, nil, j.to)
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		err = j.sendFile(b)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		j.restUntil = time.Now().Add(journalRest)
	}
	return err
}

func (j *journal) sendFile(b []byte) error {
	fd, err := unix.MemfdCreate("regent-record", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memory for a large record: %w", err)
	}
	f := os.NewFile(uintptr(fd), "regent-record")
	defer f.Close() //nolint:errcheck // memory
	if _, err := f.Write(b); err != nil {
		return err
	}
	const all = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, all); err != nil { // the journal takes none that may change under it
		return fmt.Errorf("seal a large record: %w", err)
	}
	_, _, err = j.conn.WriteMsgUnix(nil, unix.UnixRights(fd), j.to)
	return err
}

// datagram is a record in the journal's protocol.
func datagram(r slog.Record, fields []field) []byte {
	b := make([]byte, 0, 1024)
	b = appendField(b, "MESSAGE", r.Message)
	b = appendField(b, "PRIORITY", priority(r.Level))
	b = appendField(b, "SYSLOG_IDENTIFIER", "regent")
	b = appendField(b, "REGENT_TIME", r.Time.Format(time.RFC3339Nano)) // the journal's own time is that of its arrival
	for _, f := range fields {
		value := text(f.value)
		b = appendField(b, fieldName(f.name), value)
		if f.name != "event" {
			continue
		}
		if id, ok := parseID(value); ok {
			b = appendField(b, "MESSAGE_ID", id.MessageID())
		}
	}
	return b
}

// appendField writes one field; a value with a line break has its length before it.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	if !strings.Contains(value, "\n") {
		b = append(b, '=')
		return append(append(b, value...), '\n')
	}
	b = binary.LittleEndian.AppendUint64(append(b, '\n'), uint64(len(value)))
	return append(append(b, value...), '\n')
}

// fieldName is the journal's name of an attribute: capital letters, digits and underlines.
func fieldName(s string) string {
	name := []byte("REGENT_" + strings.ToUpper(s))
	for i, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	return string(name[:min(len(name), nameLimit)])
}

// priority is syslog's number of a level.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "3"
	case l >= slog.LevelWarn:
		return "4"
	case l >= slog.LevelInfo:
		return "6"
	}
	return "7"
}
