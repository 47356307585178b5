// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds a configuration file: thousands of services take a few MiB.
const maxFile = 16 << 20

// Defaults of the directories.
const (
	DefaultStateDir = "/var/lib/regent"
	DefaultRunDir   = "/run/regent"
)

// Options are what a caller knows beside the file. The zero value is right for this host.
type Options struct {
	Node     string // this node's name, from a flag; wins over the file's
	HostName string // where neither gives a name; empty: the kernel's
	// Secret reads a file named by password_file or key_file; nil: [ReadSecret].
	Secret func(path string) ([]byte, error)
	// Template judges the template of a literal answer; nil: all are good.
	Template func(text string) error
	// Alerts judges where alerts go; nil: all is good.
	Alerts func(Alerts) error
	// Address, Rule and Route judge lines in iproute2's words, an address without its options left out; nil: all are good. dev
	// is the interface of a route that names none, "" if there is no such one.
	Address, Rule func(line string) error
	Route         func(line, dev string) error
}

// Load reads a configuration file. The configuration is nil if a diagnostic is an error.
func Load(path string) (*Config, Diagnostics) { return Options{}.Load(path) }

// Parse reads a configuration; name stands for the file in diagnostics, and relative paths of secrets start at its
// directory. The configuration is nil if a diagnostic is an error.
func Parse(name string, data []byte) (*Config, Diagnostics) { return Options{}.Parse(name, data) }

// Load is [Load] with options.
func (o Options) Load(path string) (*Config, Diagnostics) {
	cfg, diags, err := o.load(path)
	if err != nil {
		return nil, Diagnostics{{File: path, Line: 1, Column: 1, Severity: Error, Text: err.Error()}}
	}
	return cfg, diags
}

// load is Load that tells a file that could not be read, by err, from one that was read and refused.
func (o Options) load(path string) (*Config, Diagnostics, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open: %w", reasonOf(err))
	}
	defer f.Close() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("stat: %w", reasonOf(err))
	}
	if info.IsDir() {
		return nil, nil, errors.New("is a directory: name a file in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read: %w", reasonOf(err))
	}
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("larger than %d MiB: is it a configuration?", maxFile>>20)
	}
	cfg, diags := o.parse(path, data, info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0)
	return cfg, diags, nil
}

// reasonOf strips operation and path, which the diagnostic names itself.
func reasonOf(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Parse is [Parse] with options.
func (o Options) Parse(name string, data []byte) (*Config, Diagnostics) {
	return o.parse(name, data, false)
}

func (o Options) parse(name string, data []byte, readable bool) (*Config, Diagnostics) {
	d := &decoder{file: name, lines: newLines(data), options: o}
	if IsKeepalived(data) {
		d.add(Error, 0, "this is a keepalived.conf, which is not read yet: write the services as TOML, one [[service]] for each vrrp_instance")
		return nil, d.diags
	}
	var values map[string]any
	if _, err := toml.Decode(string(data), &values); err != nil {
		d.syntax(err)
		return nil, d.diags
	}
	var raw rawConfig
	root := scope{d: d}
	fill(root, &raw, values, scan(data))
	cfg := resolve(root, &raw, readable)
	d.diags = d.diags.sorted()
	if d.diags.Errors() > 0 {
		return nil, d.diags
	}
	return cfg, d.diags
}

// syntax reports what the TOML library says about a file that is not TOML.
func (d *decoder) syntax(err error) {
	var e toml.ParseError
	if !errors.As(err, &e) {
		d.add(Error, 0, "not TOML: "+err.Error())
		return
	}
	off := e.Position.Start
	if bytes.HasPrefix(d.lines.src, []byte("\xef\xbb\xbf")) {
		off += 3 // the library counts from behind the mark
	}
	if line := e.Position.Line; line >= 1 && line <= len(d.lines.starts) {
		if at, _ := d.lines.at(off); at != line { // trust the line: it is what the library prints itself
			off = d.lines.starts[line-1]
		}
	}
	message := strings.TrimSuffix(e.Message, ".")
	if first, rest, ok := strings.Cut(message, " "); ok && first == strings.ToUpper(first[:1])+first[1:] && strings.ToUpper(first) != first {
		message = strings.ToLower(first[:1]) + first[1:] + " " + rest
	}
	d.add(Error, off, "not TOML: "+message)
}

// path returns where a relative path of the file leads: it starts at the file's directory.
func (d *decoder) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(d.file), p)
}

// host returns the first label of the host's name.
func (o Options) host() string {
	name := o.HostName
	if name == "" {
		name, _ = os.Hostname() // no name: the file has to give one
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}
