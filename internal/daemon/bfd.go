// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/bfd"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/internal/status"
)

// sessionRetry is when a session that could not be started is tried again.
const sessionRetry = 5 * time.Second

// sessions are the sessions of bidirectional forwarding detection that checks want: one for each path to a neighbour, whoever has a
// check on it. Packets are the speaker's business, on goroutines of its own; what comes here are the sessions that come up and go
// down, at once.
type sessions struct {
	speaker *bfd.Speaker
	known   map[string]*session // by path
	retry   *time.Timer         // nil: nothing to try again
}

// session is a session as its readers see it.
type session struct {
	config bfd.Config
	reader string // the check that has it first, for people
	id     uint32 // of the speaker's session: changes of an earlier one of the same path have another
	failed bool   // it could not be started
	result monitor.Result
}

func openSessions(o bfd.Options) *sessions {
	return &sessions{speaker: bfd.Open(o), known: map[string]*session{}}
}

// close ends all sessions; neighbours are told.
func (p *sessions) close() error {
	if p == nil {
		return nil
	}
	if p.retry != nil {
		p.retry.Stop()
	}
	return p.speaker.Close()
}

// sessionConfig is the session of a check, and its path, which is its name.
func sessionConfig(s *conf.Service, c conf.HealthCheck) (path string, config bfd.Config) {
	b := c.BFD
	neighbor, err := netip.ParseAddr(c.Target)
	if err != nil { // the file was checked; a session without neighbour is refused
		return c.Target, bfd.Config{}
	}
	if neighbor.Is6() && neighbor.IsLinkLocalUnicast() {
		neighbor = neighbor.WithZone(s.Interface)
	}
	config = bfd.Config{Neighbor: neighbor, Source: b.Source, MinRX: b.MinRX, MinTX: b.MinTX, IdleTX: b.IdleTX, Multiplier: b.Multiplier,
		Passive: b.Passive, TTL: b.TTL, MaxHops: b.MaxHops, Multihop: b.Multihop}
	path = neighbor.String()
	if b.Source.IsValid() {
		path += " from " + b.Source.String()
	}
	if b.Multihop {
		path += ", multihop"
	}
	return path, config
}

// watchSessions runs the sessions that checks want, and no others. One that is still wanted goes on, whatever was reloaded.
func (d *Daemon) watchSessions() {
	p := d.sessions
	wanted := map[string]*session{}
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		for _, c := range d.watched[s.Name] {
			if c.Kind != conf.CheckBFD {
				continue
			}
			if path, config := sessionConfig(s, c); wanted[path] == nil {
				wanted[path] = &session{config: config, reader: nameOf(c)}
			}
		}
	}
	for _, c := range d.cfg.Sessions {
		if path, config := sessionConfig(&conf.Service{}, c); wanted[path] == nil {
			wanted[path] = &session{config: config, reader: nameOf(c)}
		}
	}
	for path := range p.known {
		if wanted[path] == nil {
			p.speaker.Forget(path)
			delete(p.known, path)
		}
	}
	for path, w := range wanted {
		is := p.known[path]
		if is == nil {
			is = &session{result: monitor.Result{Detail: "bfd " + path + ": not up yet", Since: time.Now()}}
			p.known[path] = is
		}
		is.reader = w.reader
		if is.id == 0 || is.config != w.config {
			is.config = w.config
			d.startSession(path, is)
		}
	}
}

// startSession starts a session, or gives it other times. One that cannot be started is tried again: what holds the port may end.
func (d *Daemon) startSession(path string, is *session) {
	p := d.sessions
	err := p.speaker.Watch(path, is.config)
	if err == nil {
		if st, ok := p.speaker.Session(path); ok {
			is.id = st.Discriminator
		}
		if is.failed {
			is.failed, is.result.Detail = false, "bfd "+path+": not up yet"
			d.o.Log.Info("a bfd session is started after all", "session", path)
		}
		return
	}
	if !is.failed {
		is.failed = true
		d.o.Log.Error("a bfd session cannot be started, its checks fail; it is tried again", "session", path, "check", is.reader, "error", err)
	}
	is.result = monitor.Result{Detail: err.Error(), Since: is.result.Since}
	if p.retry == nil {
		p.retry = time.AfterFunc(sessionRetry, func() { d.post(d.retrySessions) })
	}
}

// retrySessions tries sessions again that could not be started.
func (d *Daemon) retrySessions() {
	d.sessions.retry = nil
	if d.stopping {
		return
	}
	for path, is := range d.sessions.known {
		if is.failed {
			d.startSession(path, is)
			d.spreadSession(path, is)
		}
	}
}

// sessionChanged takes in that a session came up or went down. That the neighbour ended it on purpose is no failure of the path: its
// readers go on as they are, as keepalived's do.
func (d *Daemon) sessionChanged(c bfd.Change) {
	is := d.sessions.known[c.Name]
	if is == nil || is.id != c.Discriminator {
		return // of a configuration before this one
	}
	if c.Administrative && !c.Up {
		is.result.Detail = fmt.Sprintf("bfd %s: ended by the neighbor, which is no failure", c.Name)
		d.o.Log.Info("a bfd session was ended by its neighbor; its checks stay as they are", "session", c.Name, "check", is.reader)
		d.spreadSession(c.Name, is)
		return
	}
	was := is.result.OK
	is.result = monitor.Result{OK: c.Up, Since: c.Since, Detail: "bfd " + c.Name + ": up"}
	if !c.Up {
		is.result.Detail = fmt.Sprintf("bfd %s: down: %s", c.Name, c.Diagnostic)
	}
	remote := bfd.NoDiagnostic
	if st, ok := d.sessions.speaker.Session(c.Name); ok {
		remote = st.RemoteDiagnostic
	}
	if was != c.Up {
		id, word := event.SessionUp, "up"
		if !c.Up {
			id, word = event.SessionDown, "down"
		}
		d.report.Report(id, fmt.Sprintf("bfd session %s is %s", c.Name, word), "check", is.reader, "session", c.Name, "diagnostic", c.Diagnostic.String(),
			"remote_diagnostic", remote.String())
	}
	d.spreadSession(c.Name, is)
}

// spreadSession tells a session's result to the services that have a check on it.
func (d *Daemon) spreadSession(path string, is *session) {
	var told []*conf.Service
	for i := range d.cfg.Services {
		s := &d.cfg.Services[i]
		for j, c := range d.watched[s.Name] {
			if c.Kind != conf.CheckBFD {
				continue
			}
			if of, _ := sessionConfig(s, c); of != path {
				continue
			}
			was := d.results[s.Name][j]
			r := is.result
			r.Service, r.Index = s.Name, j
			d.results[s.Name][j] = &r
			d.turnedCheck(s, was, &r)
			if !slices.Contains(told, s) {
				told = append(told, s)
			}
		}
	}
	for _, s := range told {
		d.judgeChecks(s)
	}
}

// sessionResult is what is known of the session of a check.
func (d *Daemon) sessionResult(s *conf.Service, index int, c conf.HealthCheck) *monitor.Result {
	path, _ := sessionConfig(s, c)
	is := d.sessions.known[path]
	if is == nil {
		return nil
	}
	r := is.result
	r.Service, r.Index = s.Name, index
	return &r
}

// sessionStatus is the status of all sessions.
func (d *Daemon) sessionStatus() []status.Session {
	out := []status.Session{}
	for path, is := range d.sessions.known {
		v := status.Session{Path: path, Neighbor: is.config.Neighbor.String(), Multihop: is.config.Multihop, Counts: is.result.OK,
			State: bfd.Down.String(), RemoteState: bfd.Down.String(), Diagnostic: bfd.NoDiagnostic.String(),
			RemoteDiagnostic: bfd.NoDiagnostic.String(), Since: is.result.Since, Discarded: map[string]uint64{}}
		if is.config.Source.IsValid() {
			v.Source = is.config.Source.String()
		}
		if is.failed {
			v.Error = is.result.Detail
		}
		if st, ok := d.sessions.speaker.Session(path); ok {
			v.State, v.Diagnostic, v.RemoteState, v.RemoteDiagnostic = st.State.String(), st.Diagnostic.String(), st.RemoteState.String(), st.RemoteDiagnostic.String()
			v.Discriminator, v.RemoteDiscriminator = st.Discriminator, st.RemoteDiscriminator
			v.Since, v.Interval, v.DetectionTime = st.Since, st.Interval.Seconds(), st.DetectionTime.Seconds()
			v.Downs, v.Sent, v.Received, v.SendErrors = st.Downs, st.Sent, st.Received, st.Failed
			for why, n := range st.Discarded {
				v.Discarded[why.String()] = n
			}
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b status.Session) int { return strings.Compare(a.Path, b.Path) })
	return out
}
