// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// test is keepalived -t: it writes what is wrong with the configuration, and its exit code says how bad it is.
func (k *keepalivedProcess) test() int {
	out := k.stderr
	if name := k.flags.TestLog; name != "" {
		f, err := os.OpenFile(k.stage.abs(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			fmt.Fprintf(k.stderr, "Unable to open config-test log file %v\n", err)
			return exitFailed
		}
		defer f.Close() //nolint:errcheck // it is closed below too
		w := bufio.NewWriter(f)
		defer w.Flush() //nolint:errcheck // as above
		out = w
	}
	read := readKeepalived(k.flags.File, k.options())
	problems := read.problems
	if k.namespace(read.result.Process) == k.stage.Net { // the interfaces of another namespace are not seen from here
		problems = append(problems, missingInterfaces(read.model)...)
	}
	problems = append(problems, scriptProblems(read.model)...)
	code := problems.TestStatus()
	if len(k.flags.Warnings) > 0 && code != exitKeepalivedConfig {
		code = exitKeepalivedTestBad
	}
	if err := writeProblems(out, problems, len(read.model.Files) > 1); err != nil {
		fmt.Fprintf(k.stderr, "write what is wrong: %v\n", err)
		return exitFailed
	}
	return code
}

// options are those of reading the configuration.
func (k *keepalivedProcess) options() keepalived.Options {
	return keepalived.Options{Dir: k.stage.Dir, ConfigID: k.flags.ConfigID, IncludeAll: k.flags.IncludeAll}
}

// writeProblems writes a line for each problem, as keepalived does.
func writeProblems(w io.Writer, ps keepalived.Problems, several bool) error {
	for _, p := range ps {
		if _, err := fmt.Fprintln(w, problemText(p, several)); err != nil {
			return err
		}
	}
	return nil
}

// problemText is `(Line N) text`, with the file's name if there are several.
func problemText(p keepalived.Problem, several bool) string {
	switch {
	case p.Line == 0 || p.Kind == keepalived.File && p.Line == 1 && p.Column <= 1 && !several:
		return p.Text
	case several:
		return fmt.Sprintf("(%s: Line %d) %s", p.File, p.Line, p.Text)
	}
	return fmt.Sprintf("(Line %d) %s", p.Line, p.Text)
}

// missingInterfaces says which interfaces this machine does not have. keepalived would not start without them, unless
// dynamic_interfaces is set; Regent waits for them.
func missingInterfaces(c *keepalived.Config) keepalived.Problems {
	if c.Global.DynamicInterfaces.V {
		return nil
	}
	var out keepalived.Problems
	say := func(at keepalived.Place, name, format string, args ...any) {
		link, err := net.InterfaceByName(name)
		if name == "" || err == nil && link.Flags&net.FlagLoopback == 0 {
			return
		}
		if err == nil {
			format, args = "interface %s is a loopback, which vrrp cannot use", []any{name}
		}
		out = append(out, keepalived.Problem{Kind: keepalived.Mistake, Diagnostic: conf.Diagnostic{File: at.File, Line: at.Line, Column: at.Column,
			Severity: conf.Warning, Text: fmt.Sprintf(format, args...)}})
	}
	vmacs := map[string]bool{}
	for _, name := range c.VMACNames() {
		vmacs[name] = true
	}
	for _, v := range c.Instances {
		for _, t := range v.Tracks.Interfaces {
			if !vmacs[t.Name] {
				say(t.At, t.Name, "(%s) tracked interface %s doesn't exist", v.Name, t.Name)
			}
		}
		say(v.Interface.At, v.Interface.V, "WARNING - interface %s for vrrp_instance %s doesn't exist", v.Interface.V, v.Name)
	}
	if len(out) > 0 {
		out = append(out, keepalived.Problem{Kind: keepalived.Mistake, Diagnostic: conf.Diagnostic{Severity: conf.Warning, Text: "Non-existent interface specified in configuration"}})
	}
	return out
}

// noFile tells whether the configuration file is not there at all.
func noFile(path string) bool {
	names, err := filepath.Glob(path) // keepalived takes a pattern
	if err == nil && len(names) > 0 {
		return false
	}
	_, err = os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
