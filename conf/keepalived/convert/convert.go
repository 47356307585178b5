// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// Options is what a conversion depends on beside the file. The zero value is good.
type Options struct {
	// ScriptUser runs scripts where the file names nobody: "keepalived_script" on a machine that has this user. Empty: the
	// daemon's own user does.
	ScriptUser string

	// Route and Rule judge lines in iproute2's words, routes without an interface of their own; nil: all are good. Bad ones
	// are left out, as keepalived does with names that the machine does not have and with what its kernel refuses.
	Route, Rule func(line string) error

	// InterfaceOf names the interface that has an address, for a unicast instance that has only a source; empty if none
	// has. Nil: such an instance is an error.
	InterfaceOf func(netip.Addr) string
}

// Result is a configuration in Regent's language.
type Result struct {
	TOML    []byte
	Places  []keepalived.Place // of line i+1 of TOML; the zero Place where nothing in the file is behind a line
	Process Process
}

// Place returns where a line of the text comes from: the place of the line itself, or of the nearest one above it. Lines
// count from 1.
func (r Result) Place(line int) keepalived.Place {
	for i := min(line, len(r.Places)) - 1; i >= 0; i-- {
		if r.Places[i].IsSet() {
			return r.Places[i]
		}
	}
	return keepalived.Place{}
}

// Problems returns what package conf says of the text, at the places that its lines come from.
func (r Result) Problems(said conf.Diagnostics) keepalived.Problems {
	var out keepalived.Problems
	for _, d := range said {
		if at := r.Place(d.Line); at.IsSet() {
			d.File, d.Line, d.Column = at.File, at.Line, at.Column
		}
		out = append(out, keepalived.Problem{Diagnostic: d, Kind: keepalived.Note})
	}
	return out
}

// Convert returns the configuration that does in Regent what c does in keepalived, and what cannot be the same. The text
// is TOML in any case; it should be used only if neither the problems here nor those of [keepalived.Parse] refuse it.
func Convert(c *keepalived.Config, o Options) (Result, keepalived.Problems) {
	v := &converter{Options: o, cfg: c, services: map[string]string{}, groups: map[string]string{}}
	v.process = processOf(c)
	v.name()
	v.heading()
	v.top()
	v.notifications()
	v.mail()
	for _, i := range c.Instances {
		v.service(i)
	}
	for _, g := range c.SyncGroups {
		v.group(g)
	}
	v.delays()
	v.sessions()
	v.elsewhere()
	v.process.Names = v.renamed()
	return Result{TOML: []byte(v.b.String()), Places: v.places, Process: v.process}, v.problems.Sorted(c.Files)
}

// converter writes the text.
type converter struct {
	Options
	writer
	cfg      *keepalived.Config
	process  Process
	problems keepalived.Problems
	services map[string]string // names of services by those of instances
	groups   map[string]string
}

// tell says what is not the same: note is advice, warn is for what somebody may miss, refuse for what would change who
// has an address.
func (v *converter) tell(at keepalived.Place, kind keepalived.Kind, severity conf.Severity, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if at.Via != "" {
		text += " (" + at.Via + ")"
	}
	if !at.IsSet() {
		at = keepalived.Place{File: cmp.Or(append(slices.Clone(v.cfg.Files), "keepalived.conf")...), Line: 1, Column: 1}
	}
	v.problems = append(v.problems, keepalived.Problem{
		Diagnostic: conf.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, Severity: severity, Text: text}, Kind: kind})
}

func (v *converter) note(at keepalived.Place, format string, args ...any) {
	v.tell(at, keepalived.Note, conf.Warning, format, args...)
}

func (v *converter) warn(at keepalived.Place, format string, args ...any) {
	v.tell(at, keepalived.Unable, conf.Warning, format, args...)
}

func (v *converter) refuse(at keepalived.Place, format string, args ...any) {
	v.tell(at, keepalived.Unable, conf.Error, format, args...)
}

// name gives each instance and group a name that Regent allows. A name that is not the file's own is nobody else's, be it
// of an instance or of a group.
func (v *converter) name() {
	taken := map[string]bool{}
	for _, i := range v.cfg.Instances {
		taken[i.Name] = true
	}
	for _, g := range v.cfg.SyncGroups {
		taken[g.Name] = true
	}
	for _, i := range v.cfg.Instances {
		v.services[i.Name] = v.rename("vrrp_instance", i.Name, i.At, taken)
	}
	for _, g := range v.cfg.SyncGroups {
		v.groups[g.Name] = v.rename("vrrp_sync_group", g.Name, g.At, taken)
	}
}

// maxName is the length that names may have.
const maxName = 63

func (v *converter) rename(kind, name string, at keepalived.Place, taken map[string]bool) string {
	good := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, name)
	good = cmp.Or(good[:min(len(good), maxName)], "unnamed")
	if good == name {
		return name
	}
	stem := good
	for n := 2; taken[good]; n++ {
		end := fmt.Sprintf("-%d", n)
		good = stem[:min(len(stem), maxName-len(end))] + end
	}
	taken[good] = true
	v.note(at, "%s %q is called %q: a name has 1 to 63 letters, digits, dots, dashes and underscores", kind, name, good)
	return good
}

// renamed returns the names that are not those of the file.
func (v *converter) renamed() map[string]string {
	out := map[string]string{}
	for _, names := range []map[string]string{v.services, v.groups} {
		for old, name := range names {
			if old != name {
				out[name] = old
			}
		}
	}
	return out
}
