// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/policy"
)

// fileDigest names the terms that a service has by the file.
func fileDigest(s *policy.Service) string {
	sum := sha256.Sum256([]byte(string(s.Takeover) + "\n" + strings.Join(s.Standbys, "\n")))
	return hex.EncodeToString(sum[:8])
}

// ownTerms publishes those of this node's file for the services it owns, if the terms in force build upon others.
func (a *Agent) ownTerms() {
	for _, s := range a.services {
		if s.conf.Owner != a.o.Node {
			continue
		}
		digest := fileDigest(s.conf)
		if s.terms != nil && s.terms.File == digest {
			continue
		}
		a.setTerms(s, policy.Terms{Takeover: s.conf.Takeover, Standbys: s.conf.Standbys, File: digest}, s.terms != nil, "the owner's file")
	}
}

func (a *Agent) setTerms(s *service, t policy.Terms, report bool, by string) {
	t.Epoch, t.Node, t.Standbys = 1, a.o.Node, slices.Clone(t.Standbys)
	if s.terms != nil {
		t.Epoch = s.terms.Epoch + 1
	}
	s.terms, a.unsaved, a.dirty = &t, true, true
	if report {
		a.tell(Note{Topic: TermsChanged, Service: s.conf.Name, Reason: words(&t) + ", set by " + by})
	}
}

func words(t *policy.Terms) string {
	if len(t.Standbys) == 0 {
		return fmt.Sprintf("takeover %s, no standbys", t.Takeover)
	}
	return fmt.Sprintf("takeover %s, standbys %s", t.Takeover, strings.Join(t.Standbys, ", "))
}

// takeTerms takes in the terms that another node knows.
func (a *Agent) takeTerms(s *service, t *policy.Terms) {
	if t == nil || policy.NewerTerms(s.terms, t) == s.terms {
		return
	}
	c := *t
	c.Standbys = slices.Clone(t.Standbys)
	if s.terms != nil && words(s.terms) != words(&c) || s.terms == nil && (c.Takeover != s.conf.Takeover || !slices.Equal(c.Standbys, s.conf.Standbys)) {
		a.tell(Note{Topic: TermsChanged, Service: s.conf.Name, Node: t.Node, Reason: words(&c) + ", set on " + t.Node})
	}
	s.terms, a.unsaved, a.dirty = &c, true, true
}

// SetTerms is an operator's command: it changes the takeover setting or the standbys of a service, on whatever node it is
// given. An empty takeover and nil standbys stay as they are. [Agent.Acknowledged] tells who has heard of it.
func (a *Agent) SetTerms(now time.Duration, name string, takeover policy.Takeover, standbys []string) (policy.Terms, error) {
	s := a.service(name)
	if s == nil {
		return policy.Terms{}, fmt.Errorf("%q is not a service with an owner", name)
	}
	for _, n := range standbys {
		switch {
		case a.o.Cluster.Node(n) < 0:
			return policy.Terms{}, fmt.Errorf("service %q: %q is not in [nodes]", name, n)
		case n == s.conf.Owner:
			return policy.Terms{}, fmt.Errorf("service %q: %q is its owner and cannot be its standby", name, n)
		}
	}
	a.now = now
	t := policy.Terms{Takeover: s.conf.Takeover, Standbys: s.conf.Standbys, File: fileDigest(s.conf)}
	if s.terms != nil {
		t = *s.terms
	}
	if takeover != "" {
		t.Takeover = takeover
	}
	if standbys != nil {
		t.Standbys = standbys
	}
	a.setTerms(s, t, true, "an operator")
	return *s.terms, nil
}

// Acknowledged says which nodes have the terms of an epoch, or later ones, on their disks. Those asked are the owner and
// all standbys of the service, old and new, as far as they are in the cluster. Absent are those that are not alive.
func (a *Agent) Acknowledged(name string, epoch uint64) (have, missing, absent []string) {
	s := a.service(name)
	if s == nil {
		return nil, nil, nil
	}
	ask := append([]string{a.o.Node, s.conf.Owner}, s.conf.Standbys...)
	if s.terms != nil {
		ask = append(ask, s.terms.Standbys...)
	}
	slices.Sort(ask)
	for _, n := range slices.Compact(ask) {
		i := a.o.Cluster.Node(n)
		if i < 0 {
			continue
		}
		if i == a.me {
			if t, ok := a.durable[name]; ok && t.Epoch >= epoch {
				have = append(have, n)
			} else {
				missing = append(missing, n)
			}
			continue
		}
		st := a.view.Sights[i].Record.Standing(name)
		switch {
		case a.view.Sights[i].Presence == policy.Alive && st != nil && st.Terms != nil && st.Terms.Epoch >= epoch:
			have = append(have, n)
		case a.view.Sights[i].Presence == policy.Alive:
			missing = append(missing, n)
		default:
			absent = append(absent, n)
		}
	}
	return have, missing, absent
}

// save asks for what must survive this process to be written.
func (a *Agent) save() {
	if !a.unsaved {
		return
	}
	a.unsaved = false
	a.number++
	v := Saved{Drained: a.drained, Terms: map[string]policy.Terms{}, Marks: map[string]policy.Mark{}}
	for _, s := range a.services {
		if s.terms != nil {
			v.Terms[s.conf.Name] = *s.terms
		}
		if s.mark != nil {
			v.Marks[s.conf.Name] = *s.mark
		}
		if s.started {
			v.Performing = append(v.Performing, s.conf.Name)
		}
	}
	a.pending[a.number] = v.Terms
	a.do(Action{Kind: Save, Saved: v, Number: a.number})
}

// Durable takes in that what a Save held is on the disk, or that it could not be written: then it is not acknowledged to
// anybody.
func (a *Agent) Durable(now time.Duration, number uint64, ok bool) {
	a.now = now
	if t := a.pending[number]; t != nil && ok {
		a.durable = maps.Clone(t)
		a.dirty = true
	}
	maps.DeleteFunc(a.pending, func(n uint64, _ map[string]policy.Terms) bool { return n <= number })
}
