// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/notify"
)

// stopPatience is how long programs that are told of the stop may take.
const stopPatience = time.Second

// messenger tells programs of changes of state.
type messenger struct {
	run    *notify.Notifier
	pipes  []*pipe
	told   map[string]notify.State
	groups map[string]notify.State
	heard  map[string]int          // priorities, as readers of the FIFO know them
	judged map[string]error        // programs by user and path, so that each is reported once
	users  map[string]*notify.User // by name
	poster *notify.Poster          // nil: nothing is mailed
	mails  conf.Mail               // as the poster knows it
}

// pipe is a FIFO as it was opened.
type pipe struct {
	conf.FIFO
	fifo   *notify.FIFO   // nil: it could not be opened
	reader *notify.Reader // nil: none
}

// openNotify makes ready to tell programs what the configuration wants.
func (d *Daemon) openNotify() {
	d.messenger = &messenger{run: notify.New(notify.Options{Logger: d.o.Log}), told: map[string]notify.State{}, groups: map[string]notify.State{}, heard: map[string]int{}}
	d.reloadNotify()
}

// reloadNotify takes in another configuration.
func (d *Daemon) reloadNotify() {
	m := d.messenger
	m.judged, m.users = map[string]error{}, map[string]*notify.User{}
	for i := range d.cfg.Services { // what cannot be run is told now, not when it is needed
		d.judgePrograms(d.cfg.Services[i].Name, d.cfg.Services[i].Notify)
	}
	for i := range d.cfg.SyncGroups {
		d.judgePrograms(d.cfg.SyncGroups[i].Name, d.cfg.SyncGroups[i].Notify)
	}
	d.reloadMail()
	want := slices.Clone(d.cfg.Notify.FIFOs)
	for i := range want {
		want[i].User = cmp.Or(want[i].User, d.cfg.Notify.User)
	}
	same := func(p *pipe, f conf.FIFO) bool { return reflect.DeepEqual(p.FIFO, f) }
	m.pipes = slices.DeleteFunc(m.pipes, func(p *pipe) bool {
		stays := slices.ContainsFunc(want, func(f conf.FIFO) bool { return same(p, f) })
		if !stays {
			p.close(d)
		}
		return !stays
	})
	for _, f := range want {
		if !slices.ContainsFunc(m.pipes, func(p *pipe) bool { return same(p, f) }) {
			m.pipes = append(m.pipes, d.openPipe(f))
		}
	}
}

// openPipe opens a FIFO and starts its reader.
func (d *Daemon) openPipe(f conf.FIFO) *pipe {
	p := &pipe{FIFO: f}
	owner, err := d.lookUp(f.User)
	if err == nil {
		p.fifo, err = notify.OpenFIFO(f.Path, owner)
	}
	if err != nil {
		d.report.Report(event.NotifyRefused, fmt.Sprintf("nobody hears of changes of state by FIFO: %v", err))
		return p
	}
	if len(f.Script) == 0 {
		return p
	}
	if c, ok := d.program("the FIFO's reader", append(f.Script[:len(f.Script):len(f.Script)], f.Path), f.User); ok {
		p.reader = notify.Start(c, d.o.Log)
	}
	return p
}

// close ends a FIFO and its reader.
func (p *pipe) close(d *Daemon) {
	if p.reader != nil {
		p.reader.Close()
	}
	if p.fifo == nil {
		return
	}
	if err := p.fifo.Close(); err != nil {
		d.o.Log.Warn("the FIFO for changes of state does not close", "error", err)
	}
}

// write tells the readers of all FIFOs.
func (m *messenger) write(c notify.Change) {
	for _, p := range m.pipes {
		if p.fifo != nil {
			p.fifo.Write(c)
		}
	}
}

// closeNotify lets programs end.
func (d *Daemon) closeNotify() error {
	if d.messenger == nil {
		return nil
	}
	if err := d.messenger.run.Close(stopPatience); err != nil {
		d.o.Log.Warn("programs that are told of changes of state", "error", err)
	}
	for _, p := range d.messenger.pipes {
		p.close(d)
	}
	if d.messenger.poster != nil {
		d.messenger.poster.Close(stopPatience)
	}
	return nil
}

// reloadMail takes in where changes of state are mailed to.
func (d *Daemon) reloadMail() {
	m, is := d.messenger, conf.Mail{}
	if d.cfg.Mail != nil {
		is = *d.cfg.Mail
	}
	if reflect.DeepEqual(is, m.mails) {
		return
	}
	if m.poster != nil {
		go m.poster.Close(is.Timeout) // what waits is sent the old way
	}
	m.mails, m.poster = is, nil
	if is.Server != "" {
		m.poster = notify.NewPoster(notify.Mail{Server: is.Server, From: is.From, To: is.To, RouterID: is.RouterID, Helo: is.Helo, Timeout: is.Timeout, Faults: is.Faults}, d.o.Log)
	}
}

// judgePrograms reports the programs of a service or group that cannot be run.
func (d *Daemon) judgePrograms(of string, p *conf.Programs) {
	if p == nil {
		return
	}
	for key := range programKeys {
		words, user := programOf(p, key)
		d.program(of, words, user)
	}
}

// programOf is a program by its key in the file, and who runs it; "" leaves that to [notify].
func programOf(p *conf.Programs, key string) (words []string, user string) {
	user = p.User
	if u := p.Users[key]; u != "" {
		user = u
	}
	return programKeys[key](p), user
}

// programKeys are the programs by their keys in the file.
var programKeys = map[string]func(*conf.Programs) []string{
	"active":         func(p *conf.Programs) []string { return p.Active },
	"backup":         func(p *conf.Programs) []string { return p.Backup },
	"fault":          func(p *conf.Programs) []string { return p.Fault },
	"stop":           func(p *conf.Programs) []string { return p.Stop },
	"any":            func(p *conf.Programs) []string { return p.Any },
	"deleted":        func(p *conf.Programs) []string { return p.Deleted },
	"lower_priority": func(p *conf.Programs) []string { return p.LowerPriority },
}

// program is a command as it may be run; false if there is none, or it must not.
func (d *Daemon) program(of string, words []string, user string) (notify.Command, bool) {
	if len(words) == 0 {
		return notify.Command{}, false
	}
	if user == "" {
		user = d.cfg.Notify.User
	}
	key := user + " " + words[0]
	before, known := d.messenger.judged[key]
	u, err := d.lookUp(user)
	path := words[0]
	if err == nil {
		path, err = notify.Find(words[0])
	}
	if err == nil {
		err = notify.Inspect(path, u)
	}
	insecure := d.cfg.Notify.Insecure && errors.Is(err, notify.ErrUntrusted)
	d.messenger.judged[key] = err
	if err != nil && (!known || before == nil) {
		text := fmt.Sprintf("%s: not told of changes of state: %v", of, err)
		if insecure {
			text = fmt.Sprintf("%s: %v; it is run all the same, as script_security is off", of, err)
		}
		d.report.Report(event.NotifyRefused, text, "service", of)
	}
	if err != nil && !insecure {
		return notify.Command{}, false
	}
	return notify.Command{Args: append([]string{path}, words[1:]...), User: u}, true
}

// lookUp finds a user; nil is the daemon's own.
func (d *Daemon) lookUp(name string) (*notify.User, error) {
	if u, ok := d.messenger.users[name]; ok {
		return u, nil
	}
	u, err := notify.LookUp(name)
	if err == nil {
		d.messenger.users[name] = u
	}
	return u, err
}

// around runs a program before everything or after everything, and waits for it.
func (d *Daemon) around(what string, words []string, limit time.Duration) {
	c, ok := d.program(what, words, "")
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if out, err := notify.RunOnce(ctx, c); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it took longer than %s", limit)
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, out)
		}
		d.o.Log.Warn(what+" failed", "program", c.Args[0], "error", err)
	}
}
