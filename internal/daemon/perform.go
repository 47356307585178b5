// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"sync"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover/control"
)

// performer starts and stops services, one thing at a time for each. A stop ends a start that is under way.
type performer struct {
	control *control.Controller
	running sync.WaitGroup
	last    map[string]*job // by service; belongs to the actor
}

// job is a start or a stop.
type job struct {
	cancel context.CancelFunc
	start  bool
	done   chan struct{}
}

// start starts a service and tells how it went.
func (p *performer) start(ctx context.Context, service string, k *conf.Control, told func(error)) {
	p.run(ctx, service, true, func(ctx context.Context) error { return p.control.Start(ctx, service, settings(k)) }, told)
}

// stop stops a service and tells how it went.
func (p *performer) stop(ctx context.Context, service string, k *conf.Control, told func(error)) {
	p.run(ctx, service, false, func(ctx context.Context) error { return p.control.Stop(ctx, service, settings(k)) }, told)
}

func (p *performer) run(ctx context.Context, service string, start bool, do func(context.Context) error, told func(error)) {
	before := p.last[service]
	ctx, cancel := context.WithCancel(ctx)
	j := &job{cancel: cancel, start: start, done: make(chan struct{})}
	p.last[service] = j
	if before != nil && before.start && !start {
		before.cancel()
	}
	p.running.Go(func() {
		defer close(j.done)
		defer cancel()
		if before != nil {
			<-before.done
		}
		told(do(ctx))
	})
}

func settings(k *conf.Control) control.Control {
	return control.Control{Unit: k.Unit, Start: k.Start, Stop: k.Stop, StartTimeout: k.StartTimeout, StopTimeout: k.StopTimeout}
}
