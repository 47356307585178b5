// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/keepalived/flags"
)

// keepalivedName is the name under which this program is keepalived.
const keepalivedName = "keepalived"

// Exit codes of keepalived that are not Regent's.
const (
	exitKeepalivedConfig  = 2
	exitKeepalivedNoFile  = 6
	exitKeepalivedTestBad = 5
)

// words are the arguments of a process, with the verb that a link called keepalived stands for.
func words(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if filepath.Base(argv[0]) == keepalivedName {
		return append([]string{keepalivedName}, argv[1:]...)
	}
	return argv[1:]
}

func keepalivedCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keepalived [FLAG…]",
		Short: "be keepalived: its flags, signals and files, with its configuration",
		Long: `Runs a keepalived.conf as keepalived would: with its flags (see regent keepalived -h), signals, pid files, log
lines, dumps and exit codes. A link to this program that is called keepalived does the same.`,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			if code := beKeepalived(c.Context(), args, c.OutOrStdout(), c.ErrOrStderr()); code != exitDone {
				return exit{code: code}
			}
			return nil
		},
	}
}

// stage tells a process that keepalived started which one it is. It travels in the environment, so that the words of every
// process are those that the operator gave.
type stage struct {
	Role string `json:"role"` // "" the first, "daemon" in the background, "worker"
	Dir  string `json:"dir"`  // where relative names start
	Net  string `json:"net"`  // the network namespace that it is in already
}

const (
	stageVariable = "REGENT_KEEPALIVED"
	roleDaemon    = "daemon"
	roleWorker    = "worker"
)

// takeStage reads the stage and removes it: programs that this process starts are none.
func takeStage() (stage, error) {
	var s stage
	if text, ok := os.LookupEnv(stageVariable); ok {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return s, fmt.Errorf("%s in the environment makes no sense: %w (unset it)", stageVariable, err)
		}
		if err := os.Unsetenv(stageVariable); err != nil {
			return s, err
		}
	}
	if s.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return s, fmt.Errorf("find the working directory: %w", err)
		}
		s.Dir = dir
	}
	return s, nil
}

// environ is the environment of a process that this one starts as the next stage.
func (s stage) environ() ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return append(os.Environ(), stageVariable+"="+string(text)), nil
}

// abs is a path of the command line.
func (s stage) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir, path)
}

// beKeepalived is keepalived's main. It returns the exit code.
func beKeepalived(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := flags.Parse(args)
	for _, w := range o.Warnings {
		fmt.Fprintln(stderr, w)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	switch {
	case o.Action == flags.Version:
		fmt.Fprint(stderr, flags.VersionText(version, kernelRelease()))
		return exitDone
	case o.Action == flags.Help:
		fmt.Fprint(stderr, flags.HelpText(keepalivedName))
		return exitDone
	case o.Action == flags.Signum && o.Signal > 0:
		fmt.Fprintln(stdout, o.Signal)
		return exitDone
	case err != nil:
		return exitFailed
	case o.Action == flags.Genhash:
		fmt.Fprintln(stderr, "genhash belongs to the load balancer, which Regent does not have: use keepalived's own")
		return exitFailed
	}
	s, err := takeStage()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	k := &keepalivedProcess{flags: o, stage: s, stdout: stdout, stderr: stderr}
	k.flags.File = s.abs(o.File)
	switch {
	case o.Action == flags.Test:
		return k.test()
	case o.Checkers && !o.VRRP:
		fmt.Fprintln(stderr, "-C alone asks for the load balancer, which Regent does not have: use keepalived's own, as keepalived -C")
		return exitFailed
	case s.Role == roleWorker:
		return k.worker(ctx)
	}
	return k.parent(ctx)
}

// keepalivedProcess is one of keepalived's processes.
type keepalivedProcess struct {
	flags          flags.Options
	stage          stage
	stdout, stderr io.Writer
}

// kernelRelease is as `uname -srv` has it.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "an unknown kernel"
	}
	return fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]))
}
