// SPDX-License-Identifier: Apache-2.0

package logsink

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Severities of syslog (RFC 5424 section 6.2.1).
const (
	severityError   = 3
	severityWarning = 4
	severityInfo    = 6
	severityDebug   = 7
)

// maxLine is how much of a line one datagram takes: what every syslogd reads (RFC 5426 section 3.2).
const maxLine = 2048

// patience is how long a syslogd that does not read is waited for.
const patience = time.Second

// Syslog writes to the local syslog in the way of RFC 3164: `<30>Nov 23 02:58:51 Keepalived_vrrp[123]: text`.
type Syslog struct {
	ident    string
	facility int
	pid      int
	path     string

	mu   sync.Mutex
	conn net.Conn
}

// NewSyslog returns a sink for the local syslogd, with an ident and one of its facilities (daemon is 3). Nothing is opened
// before the first line, for syslogd may be started later.
func NewSyslog(ident string, facility int) *Syslog { return NewSyslogAt("/dev/log", ident, facility) }

// NewSyslogAt is [NewSyslog] with the path of the socket.
func NewSyslogAt(path, ident string, facility int) *Syslog {
	return &Syslog{ident: ident, facility: facility, pid: os.Getpid(), path: path}
}

// Line implements [Sink].
func (s *Syslog) Line(at time.Time, level slog.Level, text string) error {
	line := format(s.facility, severity(level), at, s.ident, s.pid, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		if err := s.send(line); err == nil {
			return nil
		}
		s.conn.Close() //nolint:errcheck // syslogd has been started again
		s.conn = nil
	}
	conn, err := s.dial()
	if err != nil {
		return err
	}
	s.conn = conn
	return s.send(line)
}

// dial connects as syslog(3) does: mostly by datagrams, with some by a stream.
func (s *Syslog) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("unixgram", s.path, patience)
	if err != nil {
		if stream, err2 := net.DialTimeout("unix", s.path, patience); err2 == nil {
			return stream, nil
		}
		return nil, fmt.Errorf("syslog: %w", err)
	}
	return conn, nil
}

func (s *Syslog) send(line []byte) error {
	if s.conn.RemoteAddr().Network() == "unix" {
		line = append(line, 0) // what ends a line of a stream
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	if _, err := s.conn.Write(line); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

// Close implements [Sink].
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// format is one message (RFC 3164 section 4.1, without the host name, as local ones are).
func format(facility, severity int, at time.Time, ident string, pid int, text string) []byte {
	line := fmt.Appendf(nil, "<%d>%s %s[%d]: %s", facility<<3|severity, at.Format(time.Stamp), ident, pid, text)
	return line[:min(len(line), maxLine)]
}

func severity(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return severityError
	case l >= slog.LevelWarn:
		return severityWarning
	case l >= slog.LevelInfo:
		return severityInfo
	}
	return severityDebug
}
