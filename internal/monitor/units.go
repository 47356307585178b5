// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"sync"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// units asks systemd about units, over one connection that is made again when it breaks.
type units struct {
	address string

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
		conn, err = systemd.NewSystemConnectionContext(ctx)
	} else {
		conn, err = systemd.NewConnection(func() (*dbus.Conn, error) { return dbus.Connect(u.address) })
	}
	u.conn = conn
	return conn, err
}

func (u *units) active(ctx context.Context, unit string) outcome {
	conn, err := u.connect(ctx)
	if err != nil {
		return bad("unit %s: ask systemd: %v", unit, err)
	}
	p, err := conn.GetUnitPropertyContext(ctx, unit, "ActiveState")
	if err != nil {
		return bad("unit %s: %v", unit, err)
	}
	state, _ := p.Value.Value().(string)
	if state != "active" {
		return bad("unit %s is %s", unit, state)
	}
	return good("unit %s is active", unit)
}

func (u *units) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
}
