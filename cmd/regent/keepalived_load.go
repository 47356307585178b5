// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/conf/keepalived/convert"
)

// defaultScriptUser runs scripts where the file names nobody, on a machine that has this user.
const defaultScriptUser = "keepalived_script"

// keepalivedConf is a keepalived.conf that was read on this machine.
type keepalivedConf struct {
	model    *keepalived.Config
	result   convert.Result
	config   *conf.Config // nil: refused
	problems keepalived.Problems
}

// readKeepalived reads a keepalived.conf and converts it. What of o is empty is this machine's. The problems are all there
// are: those of reading, of converting, and what the text is told by Regent's own judgement, at the places of the file that
// they come from.
func readKeepalived(path string, o keepalived.Options) keepalivedConf {
	return readKeepalivedWith(path, o, func(*keepalived.Config) keepalived.Problems { return nil })
}

// readToRun is readKeepalived for a daemon: without what cannot be run here.
func readToRun(path string, o keepalived.Options) keepalivedConf {
	return readKeepalivedWith(path, o, dropUnusable)
}

func readKeepalivedWith(path string, o keepalived.Options, drop func(*keepalived.Config) keepalived.Problems) keepalivedConf {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	short, _, _ := strings.Cut(host, ".")
	o.Host = cmp.Or(o.Host, host)
	o.ConfigID = cmp.Or(o.ConfigID, short)
	if o.Dir == "" {
		if o.Dir, err = os.Getwd(); err != nil {
			o.Dir = "/"
		}
	}
	if o.Files == nil {
		o.Files = os.DirFS("/")
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	c, problems := keepalived.Parse(path, o)
	problems = append(problems, drop(c)...)
	to := convert.Options{InterfaceOf: interfaceOf, Rule: checkRule,
		Route: func(line string) error { return checkRoute(line, "") }}
	if _, err := user.Lookup(defaultScriptUser); err == nil {
		to.ScriptUser = defaultScriptUser
	}
	result, more := convert.Convert(c, to)
	problems = append(problems, more...)
	k := keepalivedConf{model: c, result: result}
	if problems.Err() == nil {
		var diags conf.Diagnostics
		k.config, diags = confOptions("").Parse(path, result.TOML)
		problems = append(problems, result.Problems(diags)...)
	}
	k.problems = problems.Sorted(c.Files)
	return k
}

// keepalivedFile is a keepalived.conf that a daemon runs: what is in force and what was read last.
type keepalivedFile struct {
	path    string
	options keepalived.Options

	mu           sync.Mutex
	read, forced keepalivedConf
}

// load reads the file.
func (f *keepalivedFile) load() (*conf.Config, conf.Diagnostics) {
	k := readToRun(f.path, f.options)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = k
	return k.config, k.problems.Diagnostics()
}

// apply puts what was read last in force.
func (f *keepalivedFile) apply() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forced = f.read
}

// inForce is what the daemon runs.
func (f *keepalivedFile) inForce() keepalivedConf {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forced
}

// loadConfig reads a configuration file in either language. To keepalived's, a node is what lines that begin with @ are for.
func loadConfig(path string, o conf.Options) (*conf.Config, conf.Diagnostics) {
	if !isKeepalived(path) {
		return o.Load(path)
	}
	k := readToRun(path, keepalived.Options{ConfigID: o.Node})
	return k.config, k.problems.Diagnostics()
}

// checkConfig is conf.Check for either language.
func checkConfig(path string, o conf.Options) (conf.Diagnostics, int) {
	if _, err := os.Stat(path); err != nil || !isKeepalived(path) {
		return conf.Check(path, o)
	}
	config, diags := loadConfig(path, o)
	if config == nil {
		return diags, exitConfig
	}
	return diags, exitDone
}

// isKeepalived tells whether a file is a keepalived.conf: by its name, or by the first word that is no comment.
func isKeepalived(path string) bool {
	switch filepath.Ext(path) {
	case ".conf":
		return true
	case ".toml":
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false // whoever reads it says why
	}
	defer f.Close() //nolint:errcheck // only read from
	return speaksKeepalived(f)
}

// speaksKeepalived looks at the beginning of a file.
func speaksKeepalived(r io.Reader) bool {
	known := map[string]bool{}
	for _, k := range keepalived.Keywords() {
		known[k.Name] = true
	}
	s := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '!' || line[0] == '@' || line[0] == '$':
			return true // no TOML begins so
		}
		word := line
		if i := strings.IndexAny(line, " \t{#!="); i >= 0 {
			word = line[:i]
		}
		rest := strings.TrimSpace(line[len(word):])
		return (known[word] || strings.HasPrefix(word, "include")) && !strings.HasPrefix(rest, "=")
	}
	return false
}
