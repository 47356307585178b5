// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/keepalived/flags"
	"github.com/regent-ha/regent/internal/status"
)

// dumpDir is where keepalived writes what signals ask for.
const dumpDir = "/tmp"

// keepalivedDumper writes the files that signals ask for.
type keepalivedDumper struct {
	log     *logging
	file    *keepalivedFile
	suffix  string // of the daemon, [_NAMESPACE][_INSTANCE]
	socket  string
	cleared map[string]dump.Counters // when the counters were cleared, by instance
}

// ready registers for the signals before the worker says that it is there.
func ready() chan os.Signal {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, dumpSignals()...)
	return signals
}

// listen writes files until ctx ends.
func (d *keepalivedDumper) listen(ctx context.Context, signals chan os.Signal) {
	defer signal.Stop(signals)
	for {
		select {
		case s := <-signals:
			if err := d.answer(ctx, s); err != nil {
				d.log.Warn(err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
}

// answer writes what one signal asks for.
func (d *keepalivedDumper) answer(ctx context.Context, s os.Signal) error {
	var now status.Snapshot
	if err := ask(ctx, d.socket, http.MethodGet, "/v1/status", nil, &now); err != nil {
		return err
	}
	snapshot := d.snapshot(now)
	p := d.file.inForce().result.Process
	what, kind, given := "VRRP data", "data", p.StateDump
	write := func(w io.Writer) error { return dump.Data(w, snapshot) }
	switch s {
	case unix.SIGUSR2, unix.Signal(flags.SignalStatsClear):
		what, kind, given = "VRRP stats", "stats", p.StatsDump
		write = func(w io.Writer) error { return dump.Stats(w, snapshot) }
	case unix.Signal(flags.SignalJSON):
		if len(snapshot.Instances) == 0 {
			return nil
		}
		what, kind, given = "VRRP as json", "json", p.JSONDump
		write = func(w io.Writer) error { return dump.JSON(w, snapshot, p.JSONVersion) }
	}
	if s == unix.Signal(flags.SignalStatsClear) {
		d.clear(snapshot)
		what = "and clearing " + what
	}
	d.log.Info(fmt.Sprintf("Printing %s for process(%d) on signal", what, os.Getpid()))
	name := "keepalived"
	if p.DumpWithInstance {
		name += instanceSuffix(d.suffix)
	}
	err := dump.Write(cmp.Or(given, filepath.Join(dumpDir, name+"."+kind)), write)
	if kind == "data" && len(snapshot.BFDs) > 0 {
		other := strings.Replace(name, "keepalived", "keepalived_bfd", 1)
		err = errors.Join(err, dump.Write(filepath.Join(dumpDir, other+".data"), func(w io.Writer) error { return dump.BFDs(w, snapshot) }))
	}
	return err
}

// instanceSuffix is how the name of a dump tells daemons apart: .[NAMESPACE_]INSTANCE.
func instanceSuffix(suffix string) string {
	if suffix == "" {
		return ""
	}
	return "." + strings.TrimPrefix(suffix, "_")
}

// clear begins the counters anew.
func (d *keepalivedDumper) clear(s dump.Snapshot) {
	next := maps.Clone(d.cleared)
	if next == nil {
		next = map[string]dump.Counters{}
	}
	for _, v := range s.Instances {
		next[v.Name] = next[v.Name].Add(v.Counters)
	}
	d.cleared = next
}

// snapshot is the state as keepalived knows it.
func (d *keepalivedDumper) snapshot(now status.Snapshot) dump.Snapshot {
	k := d.file.inForce()
	s := keepalivedState(k, now, links(k.model))
	for i := range s.Instances {
		v := &s.Instances[i]
		v.Counters = v.Counters.Sub(d.cleared[v.Name])
	}
	return s
}

// writeParent writes the parent's file.
func writeParent(path string, read keepalivedConf) error {
	g := keepalivedGlobal(read)
	return dump.Write(path, func(w io.Writer) error { return dump.Parent(w, g) })
}
