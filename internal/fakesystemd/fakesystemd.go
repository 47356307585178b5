// SPDX-License-Identifier: Apache-2.0

package fakesystemd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const (
	busName     = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
	manager     = busName + ".Manager"
	unitFace    = busName + ".Unit"
)

// Behaviour is what a unit does when it is started.
type Behaviour string

// The behaviours.
const (
	Good  Behaviour = "good"  // it becomes active
	Fails Behaviour = "fails" // its job ends as failed
	Hangs Behaviour = "hangs" // its job never ends
	Dies  Behaviour = "dies"  // its job is done, and the unit failed a moment later
)

// Manager is the systemd.
type Manager struct {
	Address string // of its bus
	t       testing.TB
	conn    *dbus.Conn
	cmd     *exec.Cmd

	mu    sync.Mutex
	units map[string]*unit
	jobs  uint32
	Calls []string
}

type unit struct {
	behaviour Behaviour
	props     *prop.Properties
}

// Start starts a bus and a systemd on it, with units that are inactive. They end with the test.
func Start(t testing.TB, units map[string]Behaviour) *Manager {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "bus.conf")
	// D-Bus of one's own: nobody else is asked, everybody on it may do everything.
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &Manager{t: t, units: map[string]*unit{}, cmd: exec.Command(program, "--config-file="+file, "--nofork", "--print-address")}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-daemon: %v", err)
	}
	m.Address = strings.TrimSpace(line)
	if m.conn, err = dbus.Connect(m.Address); err != nil {
		t.Fatal(err)
	}
	for name, b := range units {
		m.add(name, b)
	}
	if err := m.conn.Export(methods{m}, managerPath, manager); err != nil {
		t.Fatal(err)
	}
	if r, err := m.conn.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own %s: %v %v", busName, r, err)
	}
	return m
}

// Stop ends it, bus and all.
func (m *Manager) Stop() {
	if m.conn != nil {
		m.conn.Close() //nolint:errcheck // it ends
	}
	m.cmd.Process.Kill() //nolint:errcheck // it may have ended
	m.cmd.Wait()         //nolint:errcheck // it was killed
}

func path(name string) dbus.ObjectPath {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "_%02x", c)
	}
	return managerPath + "/unit/" + dbus.ObjectPath(b.String())
}

func (m *Manager) add(name string, b Behaviour) {
	props, err := prop.Export(m.conn, path(name), prop.Map{unitFace: {
		"ActiveState": {Value: "inactive", Emit: prop.EmitFalse},
		"SubState":    {Value: "dead", Emit: prop.EmitFalse},
	}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.units[name] = &unit{b, props}
}

// Set sets the state of a unit.
func (m *Manager) Set(name, active, sub string) {
	u := m.units[name]
	u.props.SetMust(unitFace, "ActiveState", active)
	u.props.SetMust(unitFace, "SubState", sub)
}

// Called is what was asked for, in order.
func (m *Manager) Called() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.Calls...)
}

// methods are those of the D-Bus interface.
type methods struct{ m *Manager }

// Subscribe is systemd's.
func (methods) Subscribe() *dbus.Error { return nil }

// GetUnit is systemd's.
func (x methods) GetUnit(name string) (dbus.ObjectPath, *dbus.Error) { return path(name), nil }

// LoadUnit is systemd's.
func (x methods) LoadUnit(name string) (dbus.ObjectPath, *dbus.Error) { return path(name), nil }

// StartUnit is systemd's.
func (x methods) StartUnit(name, mode string) (dbus.ObjectPath, *dbus.Error) {
	return x.m.job("start "+name+" "+mode, name, true)
}

// StopUnit is systemd's.
func (x methods) StopUnit(name, mode string) (dbus.ObjectPath, *dbus.Error) {
	return x.m.job("stop "+name+" "+mode, name, false)
}

func (m *Manager) job(call, name string, start bool) (dbus.ObjectPath, *dbus.Error) {
	m.mu.Lock()
	m.Calls = append(m.Calls, call)
	m.jobs++
	id := m.jobs
	u := m.units[name]
	m.mu.Unlock()
	if u == nil {
		return "", dbus.NewError(busName+".NoSuchUnit", []any{"Unit " + name + " not found."})
	}
	job := managerPath + dbus.ObjectPath(fmt.Sprintf("/job/%d", id))
	done := func(result string) {
		time.Sleep(20 * time.Millisecond)                                      // the caller has its answer first
		m.conn.Emit(managerPath, manager+".JobRemoved", id, job, name, result) //nolint:errcheck // the test will miss it
	}
	switch {
	case !start:
		go func() { m.Set(name, "inactive", "dead"); done("done") }()
	case u.behaviour == Good:
		go func() {
			m.Set(name, "activating", "start")
			done("done")
			time.Sleep(50 * time.Millisecond) // on its way for a moment
			m.Set(name, "active", "running")
		}()
	case u.behaviour == Fails:
		go func() { m.Set(name, "failed", "failed"); done("failed") }()
	case u.behaviour == Dies:
		go func() {
			m.Set(name, "activating", "start")
			done("done")
			m.Set(name, "failed", "exit-code")
		}()
	case u.behaviour == Hangs:
		m.Set(name, "activating", "start")
	}
	return job, nil
}
