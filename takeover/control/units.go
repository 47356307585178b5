// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// units starts and stops systemd units, over one connection that is made again when it breaks.
type units struct {
	address string // of the bus; empty: the system's

	mu   sync.Mutex
	conn *systemd.Conn
}

func (u *units) connect(ctx context.Context) (*systemd.Conn, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil && u.conn.Connected() {
		return u.conn, nil
	}
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
	var conn *systemd.Conn
	var err error
	if u.address == "" {
		// The context of a connection ends it: this one is to outlive the call.
		conn, err = systemd.NewSystemConnectionContext(context.WithoutCancel(ctx))
	} else {
		conn, err = systemd.NewConnection(func() (*dbus.Conn, error) { return dbus.Connect(u.address) })
	}
	if err != nil {
		return nil, fmt.Errorf("ask systemd: %w", err)
	}
	u.conn = conn
	return conn, nil
}

func (u *units) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
}

// settleEvery is how often a unit is looked at that is on its way after its job has ended.
const settleEvery = 50 * time.Millisecond

// act starts or stops a unit, and waits until it is.
func (u *units) act(ctx context.Context, action, unit string) error {
	conn, err := u.connect(ctx)
	if err != nil {
		return err
	}
	result := make(chan string, 1)
	job := conn.StartUnitContext
	want := "active"
	if action == "stop" {
		job, want = conn.StopUnitContext, "inactive"
	}
	if _, err := job(ctx, unit, "replace", result); err != nil {
		return err
	}
	select {
	case r := <-result:
		if r != "done" && r != "skipped" {
			return fmt.Errorf("the job ended as %s%s", r, u.detail(ctx, conn, unit))
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		state, err := property(ctx, conn, unit, "ActiveState")
		switch {
		case err != nil:
			return err
		case state == want, want == "inactive" && state == "failed":
			return nil
		case state == "failed", want == "active" && state == "inactive":
			return fmt.Errorf("the unit is %s%s", state, u.detail(ctx, conn, unit))
		}
		select {
		case <-time.After(settleEvery):
		case <-ctx.Done():
			return fmt.Errorf("the unit is still %s: %w", state, ctx.Err())
		}
	}
}

func property(ctx context.Context, conn *systemd.Conn, unit, name string) (string, error) {
	p, err := conn.GetUnitPropertyContext(ctx, unit, name)
	if err != nil {
		return "", err
	}
	s, ok := p.Value.Value().(string)
	if !ok {
		return "", fmt.Errorf("%s of unit %s is no text", name, unit)
	}
	return s, nil
}

// detail is what systemd says of a unit that did not do as it should.
func (u *units) detail(ctx context.Context, conn *systemd.Conn, unit string) string {
	sub, err := property(ctx, conn, unit, "SubState")
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%s; see systemctl status %s)", sub, unit)
}
