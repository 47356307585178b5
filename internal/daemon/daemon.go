// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/arbiter"
	"github.com/regent-ha/regent/internal/cluster"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/monitor"
	"github.com/regent-ha/regent/internal/status"
	"github.com/regent-ha/regent/internal/supervisor"
	"github.com/regent-ha/regent/policy/agent"
	"github.com/regent-ha/regent/responder"
	"github.com/regent-ha/regent/responder/speaker"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/tickle"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// Options is what a worker is started with.
type Options struct {
	Config   *conf.Config
	Load     func() (*conf.Config, conf.Diagnostics) // reads the file again, for a reload
	Reload   <-chan os.Signal                        // asks for a reload
	StateDir string
	RunDir   string
	Log      *slog.Logger
	Parent   *supervisor.Client // nil: none
	Reloaded func(*conf.Config) // is told of a new configuration that is in force; nil: nobody
}

// Daemon is the worker. Its fields belong to the actor's goroutine.
type Daemon struct {
	o       Options
	cfg     *conf.Config
	report  *event.Reporter
	virtual virtualMACs
	history *event.History

	loop      *transport.Loop
	kernel    *takeover.Kernel
	watch     *takeover.Watcher
	announce  *takeover.Announcer
	respond   *responder.Responder
	speaker   *speaker.Speaker // nil: not to be had
	census    *census          // nil: no channel
	tickler   *tickle.Sender   // nil: no census, or not to be had
	messenger *messenger
	window    window
	moved     bool // what is performed here may have changed
	recorder  *recorder
	paths     paths
	closed    closed
	static    statics
	still     bool // the static items have gone, too

	routers []*router
	byID    map[vrrp.ID]*router
	lastID  vrrp.ID
	grouped map[vrrp.ID]bool // in sync groups
	links   map[string]takeover.LinkState
	blocked map[vrrp.ID]string      // why a router cannot start, as last reported
	restore map[string]func() error // sysctls, by interface; and those of ICMP
	started time.Time

	mind        *agent.Agent
	wishes      []agent.Action        // of the agent, used again
	alarm       *time.Timer           // of the agent
	preferences map[string]preference // by service
	shown       map[string]duty       // of services by hand, as last reported
	doubts      agent.Doubts
	store       *store
	checks      *monitor.Monitor
	sessions    *sessions
	watched     map[string][]conf.HealthCheck // by service: its own checks, and those of its group
	results     map[string][]*monitor.Result  // by service and check; nil until the first
	channel     *cluster.Cluster              // nil: none
	refused     cluster.Stats                 // as last reported
	nonsense    uint64                        // messages with the right key that make no sense
	performer   *performer
	controls    map[string]*conf.Control // of services that were started
	lessor      arbiter.Arbiter
	measuring   context.CancelFunc // ends the measuring of load
	stopBy      time.Time          // services that are not stopped by then are left

	life      context.Context // of the parts; longer than that of the actor
	posts     chan func()
	requests  chan func()
	refusals  chan responder.Event
	steady    map[string]*steady // interfaces whose changes must last
	stopping  bool
	reloading bool // the configuration is being changed
}

// Run runs the worker until ctx ends, then gives every address back in order and returns. A second signal is the
// caller's matter.
func Run(ctx context.Context, o Options) error {
	d := &Daemon{
		o: o, cfg: o.Config, report: event.NewReporter(o.Log, o.Config.Node),
		byID: map[vrrp.ID]*router{}, links: map[string]takeover.LinkState{}, steady: map[string]*steady{}, blocked: map[vrrp.ID]string{},
		restore: map[string]func() error{}, started: time.Now(), requests: make(chan func()), posts: make(chan func(), 256),
		preferences: map[string]preference{}, watched: map[string][]conf.HealthCheck{}, results: map[string][]*monitor.Result{}, controls: map[string]*conf.Control{}, shown: map[string]duty{}, refusals: make(chan responder.Event, 64),
	}
	d.history = event.NewHistory(historySize)
	d.report.Keep(d.history)
	return d.run(ctx)
}

func (d *Daemon) run(ctx context.Context) (err error) {
	// The parts outlive ctx: they are needed for the orderly stop.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	defer parts.Wait()
	defer end()

	d.life = life
	if err := d.open(life); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, d.close())
		d.around("what is run after the stop", d.cfg.Notify.Stop, d.cfg.Notify.StopTimeout)
	}()
	d.around("what is run before the start", d.cfg.Notify.Start, d.cfg.Notify.StartTimeout)
	parts.Go(func() { d.followChecks(life) })
	parts.Go(func() { d.followLeases(life) })
	if d.channel != nil {
		d.openCensus(life, &parts)
		parts.Go(func() { d.hear(life) })
	}

	fatal := make(chan error, 2)
	parts.Go(func() {
		if err := d.loop.Run(life); err != nil && life.Err() == nil {
			fatal <- fmt.Errorf("protocol loop: %w", err)
		}
	})
	actions, faults := make(chan []vrrp.Action), make(chan []transport.Fault)
	parts.Go(func() { pump(life, d.loop.Faults, faults) })
	ctx, orphaned := context.WithCancel(ctx)
	defer orphaned()
	parts.Go(func() { d.o.Parent.Run(life, d.loop.Beat, orphaned) })
	control, err := d.listen(life, &parts)
	if err != nil {
		return err
	}
	defer control.Close()
	d.openWindow()
	defer d.closeWindow()

	if err := d.begin(); err != nil {
		return err
	}
	d.beginTold()
	parts.Go(func() { pump(life, d.loop.Events, actions) })
	leases := time.NewTicker(leaseTick)
	defer leases.Stop()
	done := ctx.Done()
	for {
		select {
		case err := <-fatal:
			return err
		case acts := <-actions:
			d.handle(acts)
		case change := <-d.watch.Changes():
			d.linksChanged(change)
		case c := <-d.sessions.speaker.Changes():
			d.sessionChanged(c)
		case ev := <-d.refusals:
			d.refusalEvent(ev)
		case gone := <-d.paths.removed:
			d.pathsRemoved(gone)
		case fs := <-faults:
			d.sendFaults(fs)
		case f := <-d.requests:
			f()
		case <-d.o.Reload:
			d.reload()
		case f := <-d.posts:
			f()
		case <-d.alarm.C:
		case <-leases.C:
			d.renew()
			d.foreign()
		case <-done:
			done = nil
			d.beginStop()
		}
		d.think()
		if d.moved {
			d.moved = false
			d.lines()
			d.recount()
		}
		if d.stopping && !d.answering() && (!d.mind.Busy() || time.Now().After(d.stopBy)) {
			d.endStatic()
			d.farewell()
			return nil
		}
	}
}

// pump carries what a part of the loop collects to the actor.
func pump[T any](ctx context.Context, collect func(context.Context) ([]T, error), to chan<- []T) {
	for {
		batch, err := collect(ctx)
		if err != nil {
			return
		}
		select {
		case to <- batch:
		case <-ctx.Done():
			return
		}
	}
}

// post hands the actor something that happened in another goroutine.
func (d *Daemon) post(f func()) {
	select {
	case d.posts <- f:
	case <-d.life.Done():
	}
}

// ask runs f in the actor and waits for it.
func (d *Daemon) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case d.requests <- func() { f(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Snapshot fetches the status through the actor.
func (d *Daemon) snapshotFor(ctx context.Context) (s status.Snapshot, err error) {
	err = d.ask(ctx, func() { s = d.snapshot() })
	return s, err
}

// loopHealthy is how old the loop's heartbeat may be for leases to be renewed.
const loopHealthy = time.Second

// leaseTick is how often leases are renewed: half of the shortest. Each renewal of an address wakes every rtnetlink
// listener of the host, so it is no more often than needed.
const leaseTick = 2500 * time.Millisecond

// loopLate reports whether the loop has not gone round of late.
func (d *Daemon) loopLate() bool { return transport.Now().Sub(d.loop.LastBeat()) > loopHealthy }
