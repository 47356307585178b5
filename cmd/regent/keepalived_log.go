// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived/convert"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/keepalived/logsink"
)

// defaultKeepalivedLog is where -g writes.
const defaultKeepalivedLog = "/tmp/keepalived.log"

// suffix is what tells several daemons on one machine apart: [_NAMESPACE][_INSTANCE].
func (k *keepalivedProcess) suffix(p convert.Process) string {
	s := ""
	for _, part := range []string{k.namespace(p), p.Instance} {
		if part != "" {
			s += "_" + part
		}
	}
	return s
}

// namespace is the network namespace to run in, "" for the one at hand.
func (k *keepalivedProcess) namespace(p convert.Process) string {
	return cmp.Or(k.flags.Namespace, p.Namespace)
}

// openLog opens the log where the flags say, under the name of a process: "" is the parent, "_vrrp" the worker. A log that
// cannot be opened is told and left out: the addresses matter more.
func (k *keepalivedProcess) openLog(process string, p convert.Process, alerts conf.Alerts) (*logging, error) {
	var sinks []logsink.Sink
	if !k.flags.NoSyslog {
		sinks = append(sinks, logsink.NewSyslog("Keepalived"+process+k.suffix(p), k.flags.Facility))
	}
	if k.flags.Console {
		sinks = append(sinks, logsink.NewConsole(k.stderr))
	}
	if k.flags.ToFile {
		path := k.stage.abs(cmp.Or(k.flags.LogFile, defaultKeepalivedLog))
		ext := filepath.Ext(path)
		f, err := logsink.OpenFile(strings.TrimSuffix(path, ext) + process + k.suffix(p) + ext)
		if err != nil {
			fmt.Fprintln(k.stderr, err)
		} else {
			sinks = append(sinks, f)
		}
	}
	level := slog.LevelInfo
	if k.flags.Detail > 1 {
		level = slog.LevelDebug
	}
	lines := event.KeepalivedLines
	if k.flags.Detail > 0 {
		lines = event.KeepalivedDetail
	}
	h := logsink.New(level, lines, sinks...)
	q := event.NewQueue(h)
	alert, err := event.NewSinks(q, alertSinks(alerts))
	if err != nil {
		q.Close()
		h.Close() //nolint:errcheck // the other error matters
		return nil, err
	}
	return &logging{slog.New(alert), alert, func() {
		alert.Close()
		q.Close()
		h.Close() //nolint:errcheck // nothing is left to say it to
	}}, nil
}
