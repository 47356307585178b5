// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/notify"
)

// unusable says why a script of the file cannot be run on this machine, in keepalived's words; "" if it can.
func unusable(c *keepalived.Config, s *keepalived.Script) string {
	if len(s.Script.V.Args) == 0 {
		return "" // it reads a file
	}
	as, err := scriptUser(c, s.Script.V.User)
	if err != nil {
		return "" // the file itself is wrong, which is said elsewhere
	}
	path, err := notify.Find(s.Script.V.Args[0])
	if err == nil {
		err = notify.Inspect(path, as)
	}
	switch {
	case err == nil, errors.Is(err, notify.ErrUntrusted) && !c.Global.ScriptSecurity.V:
		return ""
	case errors.Is(err, notify.ErrUntrusted):
		return "due to insecure"
	}
	return "since not found/accessible"
}

// dropUnusable takes scripts out of the file that cannot be run on this machine, as keepalived does: nothing tracks them, and nothing
// is in fault because of them.
func dropUnusable(c *keepalived.Config) keepalived.Problems {
	var out keepalived.Problems
	gone := map[string]bool{}
	c.Scripts = slices.DeleteFunc(slices.Clone(c.Scripts), func(s *keepalived.Script) bool {
		why := unusable(c, s)
		if why == "" {
			return false
		}
		gone[s.Name] = true
		out = append(out, disabling(s, why))
		return true
	})
	for _, s := range c.Scripts { // another one of the name can be run
		delete(gone, s.Name)
	}
	keep := func(t *keepalived.Tracks) {
		t.Scripts = slices.DeleteFunc(t.Scripts, func(t keepalived.Track) bool { return gone[t.Name] })
	}
	for _, i := range c.Instances {
		keep(&i.Tracks)
	}
	for _, g := range c.SyncGroups {
		keep(&g.Tracks)
	}
	return out
}

// disabling says that a script is not tracked.
func disabling(s *keepalived.Script, why string) keepalived.Problem {
	return keepalived.Problem{Kind: keepalived.Note, Diagnostic: conf.Diagnostic{File: s.At.File, Line: s.At.Line, Column: s.At.Column,
		Severity: conf.Warning, Text: fmt.Sprintf("Disabling track script %s %s", s.Name, why)}}
}
