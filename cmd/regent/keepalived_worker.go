// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived/convert"
	worker "github.com/regent-ha/regent/internal/daemon"
	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/keepalived/pidfile"
	"github.com/regent-ha/regent/internal/status"
	"github.com/regent-ha/regent/internal/supervisor"
)

// worker is keepalived's VRRP process.
func (k *keepalivedProcess) worker(ctx context.Context) int {
	nameProcess()
	parent, err := supervisor.Connect()
	if err != nil {
		fmt.Fprintf(k.stderr, "line to the supervisor: %v\n", err)
		return exitFailed
	}
	file := &keepalivedFile{path: k.flags.File, options: k.options()}
	cfg, diags := file.load()
	file.apply()
	if cfg == nil {
		fmt.Fprint(k.stderr, diags)
		return exitConfig // the parent makes it keepalived's code
	}
	process := file.inForce().result.Process
	log, err := k.openLog("_vrrp", process, cfg.Alerts)
	if err != nil {
		fmt.Fprintln(k.stderr, err)
		return exitFailed
	}
	defer log.close()
	state, run := k.keepalivedDirs(process, cfg)
	d := &keepalivedDumper{log: log, file: file, suffix: k.suffix(process), socket: filepath.Join(run, worker.SocketName)}
	if k.flags.DumpConfig {
		d.logAll()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go d.listen(ctx, ready())
	err = work(ctx, log, worker.Options{Config: cfg, Load: file.load, Parent: parent, StateDir: state, RunDir: run,
		Reloaded: func(*conf.Config) { file.apply() }})
	if err != nil {
		log.Error(err.Error())
		return exitFailed
	}
	return exitDone
}

// keepalivedDirs are Regent's directories. Daemons that keepalived would tell apart by the names of their pid files have
// directories of their own.
func (k *keepalivedProcess) keepalivedDirs(p convert.Process, cfg *conf.Config) (state, run string) {
	name := strings.TrimPrefix(k.suffix(p), "_")
	plain := pidfile.Where{}.Paths().Parent
	if pid := k.stage.abs(k.flags.PIDFile); name == "" && pid != "" && pid != plain {
		name = strings.ReplaceAll(strings.Trim(pid, "/"), "/", "-")
	}
	var d dirs
	state, run = d.stateDir(""), d.runDir("")
	if state == defaultStateDir {
		state = cmp.Or(cfg.StateDir, filepath.Join(state, name))
	}
	if run == defaultRunDir {
		run = cmp.Or(cfg.RunDir, filepath.Join(run, name))
	}
	return state, run
}

// logAll logs the state of nothing having happened yet, as -d asks.
func (d *keepalivedDumper) logAll() {
	var b bytes.Buffer
	if err := dump.Data(&b, d.snapshot(status.Snapshot{})); err != nil {
		d.log.Warn(err.Error())
	}
	for line := range strings.Lines(b.String()) {
		d.log.Info(strings.TrimSuffix(line, "\n"))
	}
}

// dumpParent writes what USR1 asks the parent for.
func (k *keepalivedProcess) dumpParent(log *logging, read keepalivedConf) {
	log.Info(fmt.Sprintf("Printing parent data for process(%d) on signal", os.Getpid()))
	name := "keepalived_parent"
	if read.result.Process.DumpWithInstance {
		name += instanceSuffix(k.suffix(read.result.Process))
	}
	if err := writeParent(filepath.Join(dumpDir, name+".data"), read); err != nil {
		log.Warn(err.Error())
	}
}
