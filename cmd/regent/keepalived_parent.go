// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf/keepalived/convert"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/keepalived/flags"
	"github.com/regent-ha/regent/internal/keepalived/pidfile"
	"github.com/regent-ha/regent/internal/supervisor"
	"github.com/regent-ha/regent/takeover"
)

// parent is keepalived's parent process: it checks the configuration, goes to the background, keeps the pid files and
// supervises the worker.
func (k *keepalivedProcess) parent(ctx context.Context) int {
	if noFile(k.flags.File) {
		fmt.Fprintf(k.stderr, "Unable to find configuration file %s\n", k.flags.File)
		return exitKeepalivedNoFile
	}
	read := readKeepalived(k.flags.File, k.options())
	several := len(read.model.Files) > 1
	if read.config == nil {
		if err := writeProblems(k.stderr, read.problems, several); err != nil {
			return exitFailed
		}
		return exitKeepalivedConfig
	}
	if len(read.model.Instances) == 0 && len(read.model.LVS) > 0 {
		fmt.Fprintf(k.stderr, "%s has virtual servers only, and Regent is no load balancer: they stay with keepalived's own program, as keepalived -C\n", k.flags.File)
		return exitKeepalivedConfig
	}
	process := read.result.Process
	if name := k.namespace(process); name != k.stage.Net {
		k.stage.Net = name
		fmt.Fprintln(k.stderr, enterNamespace(name, k.stage)) // it returns with an error only
		return exitFailed
	}
	if k.stage.Role != roleDaemon && !k.flags.Foreground {
		return k.daemonise()
	}
	nameProcess()
	log, err := k.openLog("", process, read.config.Alerts)
	if err != nil {
		fmt.Fprintln(k.stderr, err)
		return exitFailed
	}
	defer log.close()
	for _, line := range []string{
		"Starting " + flags.VersionLine + ", by Regent " + version, "Running on " + kernelRelease(),
		"Command line: '" + strings.Join(os.Args, "' '") + "'", "Configuration file " + k.flags.File,
	} {
		log.Info(line)
	}
	for _, p := range slices.Concat(read.problems, missingInterfaces(read.model), scriptProblems(read.model)) {
		log.Warn(problemText(p, several))
	}
	for flag, given := range map[string]bool{"-V: addresses do not outlive their daemon: they are removed at the end": k.flags.KeepVIPs,
		"-x: there is no SNMP; see the metrics of Regent": k.flags.SNMP || k.flags.SNMPSocket != ""} {
		if given {
			log.Warn(flag)
		}
	}
	code := k.supervise(ctx, log, read)
	log.Info("Stopped " + flags.VersionLine)
	return code
}

// supervise holds the pid files while the worker runs.
func (k *keepalivedProcess) supervise(ctx context.Context, log *logging, read keepalivedConf) int {
	process, realtime := read.result.Process, read.config.Realtime
	paths := k.pidPaths(process)
	var files [2]*pidfile.File
	for i, path := range []string{paths.Parent, paths.Worker} {
		f, err := pidfile.Take(path)
		if errors.Is(err, pidfile.ErrRunning) {
			log.Info("daemon is already running", "pid_file", path)
			return exitDone
		}
		if err != nil {
			log.Error(err.Error())
			fmt.Fprintln(k.stderr, err)
			return exitFailed
		}
		defer func() {
			if err := f.Remove(); err != nil {
				log.Warn(err.Error())
			}
		}()
		files[i] = f
	}
	if err := files[0].Write(os.Getpid()); err != nil {
		log.Warn(err.Error())
	}
	kernel, err := takeover.Open(log.Logger)
	if err != nil {
		log.Error(err.Error())
		fmt.Fprintln(k.stderr, err)
		if errors.Is(err, unix.EPERM) {
			return 4
		}
		return exitFailed
	}
	defer kernel.Close() //nolint:errcheck // the process ends
	makeFiles(process.Files, log)
	told := k.background(process)

	signals := make(chan os.Signal, 4)
	wanted := []os.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT}
	if k.flags.IgnoreSIGINT {
		wanted = wanted[:2]
		signal.Ignore(unix.SIGINT)
	}
	signal.Notify(signals, wanted...)
	child := &keepalivedChild{log: log, file: files[1], stage: k.stage}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go child.forward(ctx, func() { k.dumpParent(log, read) })
	report := event.NewReporter(log.Logger, read.config.Node)
	o := supervisor.Options{
		Worker: append([]string{"/proc/self/exe"}, os.Args[1:]...), Log: log.Logger, Kernel: lastWillKernel(kernel, log.Logger), Signals: signals,
		Start: func(cmd *exec.Cmd) error { return child.start(cmd, realtime) },
		Died: func(text string, fields ...any) {
			report.Report(event.WorkerDied, text, fields...)
			if k.flags.DontRespawn {
				stop()
				return
			}
			log.Error(fmt.Sprintf("VRRP child process(%d) died: Respawning", child.pid()))
		},
		Watchdog: systemdWatchdog(log.Logger),
		Notify: func(state string) {
			if strings.HasPrefix(state, "READY=1") {
				child.isReady()
				told(exitDone)
				state = fmt.Sprintf("MAINPID=%d\n%s", os.Getpid(), state)
			}
			if _, err := daemon.SdNotify(false, state); err != nil {
				log.Debug("tell systemd", "error", err)
			}
		},
	}
	code := supervisor.Run(ctx, o)
	if code == exitConfig {
		code = exitKeepalivedConfig
	}
	told(code)
	return code
}

// pidPaths are the pid files of this daemon.
func (k *keepalivedProcess) pidPaths(p convert.Process) pidfile.Paths {
	return pidfile.Where{Dir: p.PIDDir, Instance: p.Instance, Namespace: k.namespace(p),
		Parent: k.stage.abs(k.flags.PIDFile), Worker: k.stage.abs(k.flags.VRRPPIDFile)}.Paths()
}

// makeFiles makes the files that track_file is to find at the start.
func makeFiles(files []convert.InitialFile, log *logging) {
	for _, f := range files {
		flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
		if f.Overwrite {
			flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC | unix.O_NOFOLLOW
		}
		file, err := os.OpenFile(f.Path, flag, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			_, err = file.WriteString(strconv.Itoa(f.Value) + "\n")
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			log.Warn("init_file", "error", err)
		}
	}
}

// nameProcess gives the process keepalived's name, by which ps, pgrep and killall know it.
func nameProcess() {
	os.WriteFile("/proc/self/comm", []byte(keepalivedName), 0) //nolint:errcheck // it is only a name
}
