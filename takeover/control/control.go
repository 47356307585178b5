// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Control is how a service is started and stopped: by Unit, or by Start and Stop.
type Control struct {
	Unit         string
	Start, Stop  []string // command and arguments; a missing Stop does nothing
	StartTimeout time.Duration
	StopTimeout  time.Duration
}

// Controller starts and stops services. Its methods may be called from several goroutines, for different services.
type Controller struct {
	log   *slog.Logger
	units units
}

// Option changes a new Controller.
type Option func(*Controller)

// WithBus uses another D-Bus than the system's.
func WithBus(address string) Option { return func(c *Controller) { c.units.address = address } }

// New returns a controller.
func New(log *slog.Logger, options ...Option) *Controller {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Controller{log: log}
	for _, o := range options {
		o(c)
	}
	return c
}

// Start starts a service and returns when it is started, has failed, or StartTimeout has passed.
func (c *Controller) Start(ctx context.Context, service string, k Control) error {
	return c.act(ctx, service, "start", k.Unit, k.Start, k.StartTimeout)
}

// Stop stops a service and returns when it is stopped, has failed to, or StopTimeout has passed.
func (c *Controller) Stop(ctx context.Context, service string, k Control) error {
	return c.act(ctx, service, "stop", k.Unit, k.Stop, k.StopTimeout)
}

// Close gives back the connection to systemd.
func (c *Controller) Close() { c.units.close() }

func (c *Controller) act(ctx context.Context, service, action, unit string, command []string, timeout time.Duration) error {
	began := time.Now()
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	what := strings.Join(command, " ")
	switch {
	case unit != "":
		what = "unit " + unit
		err = c.units.act(limit, action, unit)
	case len(command) > 0:
		err = run(limit, service, action, command)
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = errors.New("given up")
		case errors.Is(limit.Err(), context.DeadlineExceeded):
			err = fmt.Errorf("not done within %s: %w", timeout, err)
		}
		return fmt.Errorf("%s %s with %s: %w", action, service, what, err)
	}
	c.log.Debug("service control", "service", service, "action", action, "with", what, "took", time.Since(began).Round(time.Millisecond).String())
	return nil
}
