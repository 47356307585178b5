// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/policy"
)

// serviceText is a service of db1 that is started where it is performed. Its interval keeps the Skew_Times of two standbys 8 ms
// apart: at 100 ms it would be 1.6 ms, and a busy machine could let the second be first.
const serviceText = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "500ms"
owner = "db1"
standbys = ["db2", "db3"]
takeover = "allow"
@MORE@
[[service.check]]
tcp = "127.0.0.1:5432"
interval = "100ms"
timeout = "500ms"
fall = 2
[service.control]
start = ["@DIR@/start"]
stop = ["@DIR@/stop"]
start_timeout = "2s"
stop_timeout = "5s"
`

func serviceWith(more string) string { return strings.Replace(serviceText, "@MORE@", more, 1) }

// (a) The owner is gone, takeover is allowed: the first standby performs the service at the inherited address. Until its
// check passes it refuses: the client gets an answer all the time.
func TestStandbyPerformsTheServiceOfAnOwnerThatIsGone(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, serviceWith("")).start()
	c.answers("db1")
	c.scripts(strings.Replace(startScript, "port=", "sleep 1; port=", 1), stopScript)
	p := c.poll(c.client)
	p.sees("db1")
	c.kill("db1")
	c.answers("db2")
	seen := p.end("db2")
	if got := strings.Join(compact(seen), " "); got != "db1 refused db2" && got != "db1 silence refused db2" {
		t.Errorf("the client saw %q, want db1, then refusals, then db2", got)
	}
	if p.longest > 3*time.Second { // an Active_Down_Interval of 1.5 s, and the second for which a client waits
		t.Errorf("no answer for %s", p.longest)
	}
	if n := strings.Count(c.calls("db2"), "start"); n != 1 {
		t.Errorf("the service was started %d times on db2", n)
	}
	if c.calls("db3") != "" {
		t.Errorf("db3 was told: %s", c.calls("db3"))
	}
}

// (b) Takeover is forbidden: the address is inherited and refused, and the service never started.
func TestForbiddenServiceIsRefusedAndNeverServed(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, strings.Replace(serviceWith(""), `takeover = "allow"`, `takeover = "forbid"`, 1)).start()
	c.answers("db1")
	c.kill("db1")
	c.answers("refused")
	c.keepsAnswering("refused", 2*time.Second)
	for _, n := range []string{"db2", "db3"} {
		if got := c.calls(n); got != "" {
			t.Errorf("%s was told: %s", n, got)
		}
	}
	c.hosts["db2"].until("an alert that nobody may perform it", 5*time.Second, func() bool {
		return c.hosts["db2"].logged("RG1306")+c.hosts["db3"].logged("RG1306") == 1
	})
}

// (c) serve_at own: the inherited address refuses, the instructed standby performs the service at its own address.
func TestInstructedStandbyPerformsTheServiceAtItsOwnAddress(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, serviceWith(`serve_at = "own"`)).overloaded("db2").start()
	c.answers("db1")
	c.hosts["db2"].until("overloaded", 5*time.Second, func() bool { return c.hosts["db2"].logged("RG1310") == 1 })
	c.kill("db1")
	c.hosts["db2"].is("orders", "ipv4", "active")
	c.answers("refused")
	c.answersAt("10.99.0.3", "db3", 15*time.Second)
	c.keepsAnswering("refused", time.Second)
	if got := c.calls("db2"); got != "" {
		t.Errorf("db2 was told: %s", got)
	}
	// The owner returns: it takes the service back when the standby has stopped.
	c.power("db1")
	c.answers("db1")
	c.answersAt("10.99.0.3", "refused", 10*time.Second)
}

// The inheritor that gave the instruction dies: its heir goes on with the same standby, which never stops.
func TestHeirOfTheInheritorGoesOnWithTheInstruction(t *testing.T) {
	t.Parallel()
	text := strings.Replace(serviceWith(`serve_at = "own"`), `["db2", "db3"]`, `["db2", "db3", "db4"]`, 1)
	c := newCast(t, 4, text).overloaded("db2", "db3").start()
	c.answers("db1")
	for _, n := range []string{"db2", "db3"} {
		c.hosts[n].until("overloaded", 5*time.Second, func() bool { return c.hosts[n].logged("RG1310") == 1 })
	}
	c.kill("db1")
	c.answersAt("10.99.0.4", "db4", 15*time.Second)
	c.hosts["db2"].is("orders", "ipv4", "active")
	c.kill("db2")
	c.hosts["db3"].until("an heir", 10*time.Second, func() bool { // which of the two is as good
		a, _ := c.hosts["db3"].service("orders", "ipv4")
		b, _ := c.hosts["db4"].service("orders", "ipv4")
		return a.State == "active" || b.State == "active"
	})
	c.answers("refused")
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got := ask1(c.client, "10.99.0.4:5432"); got != "db4" {
			t.Fatalf("db4 answers %q after its inheritor died%s", got, c.logs())
		}
	}
	if got := strings.Count(c.calls("db4"), "start"); got != 1 {
		t.Errorf("started %d times on db4", got)
	}
}

// (d) The owner's setting reaches the others before it dies, and they keep it across a restart.
func TestTakeoverSetOnTheOwnerIsObeyedAfterItsDeath(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, serviceWith("")).start()
	c.answers("db1")
	out := c.must("db1", "takeover", "orders", "forbid")
	if !strings.Contains(out, "acknowledged by db1, db2, db3") {
		t.Errorf("the command said %q", out)
	}
	c.restart("db2")
	c.kill("db1")
	c.answers("refused")
	c.keepsAnswering("refused", 2*time.Second)
	if c.calls("db2")+c.calls("db3") != "" {
		t.Errorf("started in spite of it: db2 %q, db3 %q", c.calls("db2"), c.calls("db3"))
	}
	// What an operator forbade an operator allows again, on whatever node.
	c.must("db3", "takeover", "orders", "allow")
	c.answersOneOf("db2", "db3") // whichever is Active serves
}

// (d) The list of standbys lives with the owner: a new one in its file alone reaches the others.
func TestStandbysOfTheOwnersFileReachTheOthers(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, serviceWith("")).start()
	c.answers("db1")
	db1 := c.hosts["db1"]
	db1.configure(strings.Replace(c.text, `standbys = ["db2", "db3"]`, `standbys = ["db3"]`, 1))
	db1.reload()
	for _, n := range []string{"db2", "db3"} {
		c.hosts[n].until("the new list", 5*time.Second, func() bool { return c.hosts[n].logged("RG1307") > 0 })
	}
	c.kill("db1")
	c.answers("db3")
	if c.calls("db2") != "" {
		t.Errorf("db2 was told: %s", c.calls("db2"))
	}
}

// The command names a living standby that has not said that it has the new setting.
func TestTakeoverNamesWhoHasNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, strings.Replace(serviceWith(""), `["db2", "db3"]`, `["db2"]`, 1)).start()
	c.answers("db1")
	c.kill("db2")
	out, err := c.regent("db1", "takeover", "orders", "forbid")
	if err == nil && !strings.Contains(out, "not alive, to be told when they return: db2") || err != nil && !strings.Contains(out, "not acknowledged by db2") {
		t.Errorf("the command said %q, %v", out, err)
	}
}

// (e) An overloaded first standby is passed over.
func TestOverloadedStandbyIsPassedOver(t *testing.T) {
	t.Parallel()
	c := newCast(t, 3, serviceWith("")).overloaded("db2").start()
	c.answers("db1")
	c.hosts["db2"].until("overloaded", 5*time.Second, func() bool { return c.hosts["db2"].logged("RG1310") == 1 })
	c.hosts["db3"].until("first in order", 5*time.Second, func() bool {
		v, ok := c.hosts["db3"].service("orders", "ipv4")
		return ok && v.EffectivePriority == 240
	})
	c.kill("db1")
	c.answers("db3")
	if c.calls("db2") != "" {
		t.Errorf("db2 was told: %s", c.calls("db2"))
	}
}

// compact leaves out what is no stable answer: a connection that was cut in the middle.
func compact(seen []string) []string {
	var out []string
	for _, s := range seen {
		if s == "EOF" || strings.Contains(s, "no route") || len(out) > 0 && out[len(out)-1] == s {
			continue
		}
		out = append(out, s)
	}
	return out
}

// twoOwners is two services whose owners are db1 and db2, with db3 and db4 as their standbys; db3 has room for both, db4 for
// one.
const twoOwners = `
[nodes.db1]
address = "10.99.0.1"
[nodes.db2]
address = "10.99.0.2"
[nodes.db3]
address = "10.99.0.3"
capacity = 100
[nodes.db4]
address = "10.99.0.4"
capacity = 60

[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "500ms"
owner = "db1"
standbys = ["db3", "db4"]
demand = 50

[[service]]
name = "parts"
interface = "eth0"
virtual_router_id = 52
addresses = ["10.99.0.102/24"]
advert_interval = "500ms"
owner = "db2"
standbys = ["db3", "db4"]
demand = 50
`

// serves waits until a node says that it performs a service at its address.
func (h *host) serves(name string) {
	h.t.Helper()
	h.until("serving "+name, 15*time.Second, func() bool {
		v, ok := h.service(name, "ipv4")
		return ok && v.Duty == "serve"
	})
}

// (f) Two services land on one standby, whose capacity is then spent, and the node that is left has room for one of them
// only: both are forbidden, with one alert each; when that standby dies too they are refused. (g) When capacity is back they
// are released, by whoever is Active then: what a dead node wrote blocks nothing.
func TestServicesWithoutRoomAreForbiddenUntilThereIsSome(t *testing.T) {
	t.Parallel()
	c := newCast(t, 4, twoOwners+"\n[alerts]\nexec = [\"@DIR@/alert\"]\n").with("", "").listeners()
	c.write("alert", "#!/bin/sh\nhere=$(dirname \"$0\"); node=$(cat \"$here/$(readlink /proc/self/ns/net)\")\ncat >/dev/null; echo \"$REGENT_NAME $REGENT_SERVICE\" >>\"$here/$node.alerts\"\n", 0o755)
	c.start()
	db3, db4 := c.hosts["db3"], c.hosts["db4"]
	c.hosts["db1"].serves("orders")
	c.hosts["db2"].serves("parts")
	c.kill("db1")
	db3.serves("orders")
	if n := db3.logged("RG1301"); n != 0 {
		t.Errorf("%d alerts while there is room for what db3 performs", n)
	}
	c.kill("db2")
	db3.serves("parts")
	db3.until("one alert for each service", 15*time.Second, func() bool { return db3.logged("RG1301") == 2 })
	db4.until("both forbidden", 5*time.Second, func() bool {
		a, _ := db4.service("orders", "ipv4")
		b, _ := db4.service("parts", "ipv4")
		return a.ForbiddenBy == "forecast" && b.ForbiddenBy == "forecast"
	})
	for _, line := range []string{"orders", "parts"} {
		if strings.Count(db3.log(), "event=RG1301 name=service_unprotected alert=true service="+line) != 1 {
			t.Errorf("not one alert for %s%s", line, c.logs())
		}
	}
	db3.until("both alerts at the command", 5*time.Second, func() bool {
		b, err := os.ReadFile(filepath.Join(c.dir, "db3.alerts"))
		return err == nil && strings.Count(string(b), "service_unprotected orders\n") == 1 && strings.Count(string(b), "service_unprotected parts\n") == 1
	})
	c.restart("db4") // it remembers
	c.kill("db3")
	for _, s := range []string{"orders", "parts"} {
		db4.is(s, "ipv4", "active")
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, addr := range []string{"10.99.0.101:5432", "10.99.0.102:5432"} {
			if got := ask1(c.client, addr); got != "refused" {
				t.Fatalf("%s answers %q although it is forbidden%s", addr, got, c.logs())
			}
		}
	}
	// The owner of one returns: there is room for the other.
	c.power("db1")
	c.hosts["db1"].serves("orders")
	db4.serves("parts")
	db4.until("a word about the release", 2*time.Second, func() bool { return db4.logged("RG1302") > 0 })
}

// (h) A service that dies, or hangs, on a living owner goes to the standby; the client gets an answer all the time.
func TestServiceThatDiesOnALivingOwnerGoesToTheStandby(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"dies", "hangs"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			// A process that hangs still accepts: the check has to hear a word.
			text := strings.NewReplacer(`["db2", "db3"]`, `["db2"]`, `tcp = "127.0.0.1:5432"`,
				`exec = ["/bin/sh", "-c", "nc -w 1 127.0.0.1 5432 </dev/null | grep -q db"]`).Replace(serviceWith(""))
			c := newCast(t, 2, text).start()
			c.answers("db1")
			pid := c.servicePID("db1")
			if how == "dies" {
				c.hosts["db1"].kill(pid, unix.SIGKILL)
			} else {
				c.hosts["db1"].kill(pid, unix.SIGSTOP)
			}
			c.answers("db2")
			if n := c.hosts["db1"].logged("RG1304"); n != 1 {
				t.Errorf("%d records of the failure, want 1%s", n, c.logs())
			}
		})
	}
}

// (h) The owner loses its carrier, or its worker hangs.
func TestOwnerThatLosesItsLinkOrHangsIsTakenOver(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"carrier", "worker"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, 2, strings.Replace(serviceWith(""), `["db2", "db3"]`, `["db2"]`, 1)).start()
			c.answers("db1")
			if how == "carrier" {
				if err := c.hosts["db1"].LinkDown(); err != nil {
					t.Fatal(err)
				}
			} else {
				c.hosts["db1"].kill(c.hosts["db1"].worker(), unix.SIGSTOP)
			}
			c.answers("db2")
		})
	}
}

// (i) The owner returns.
func TestOwnerThatReturnsTakesItsServiceBackAsTheFileSays(t *testing.T) {
	t.Parallel()
	for how, more := range map[string]string{
		"automatic": `failback = "automatic"`,
		"manual":    `failback = "manual"`,
		"delay":     "failback = \"delay\"\nfailback_delay = \"3s\"",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, 2, strings.Replace(serviceWith(more), `["db2", "db3"]`, `["db2"]`, 1)).start()
			c.answers("db1")
			c.kill("db1")
			c.answers("db2")
			c.power("db1")
			returned := time.Now()
			switch how {
			case "manual":
				c.keepsAnswering("db2", 3*time.Second)
				c.must("db1", "failback", "orders")
			case "delay":
				c.keepsAnswering("db2", 2*time.Second)
			}
			p := c.poll(c.client)
			c.answers("db1")
			if how == "delay" && time.Since(returned) < 3*time.Second {
				t.Errorf("back after %s", time.Since(returned))
			}
			seen := compact(p.end("db1"))
			if last := seen[len(seen)-1]; last != "db1" {
				t.Errorf("the client saw %q", seen)
			}
			if p.longest > 2*time.Second { // one lost SYN is sent again after a second
				t.Errorf("no answer for %s", p.longest)
			}
			// Never served twice: db2 had stopped before db1 was started again.
			if n := strings.Count(c.calls("db2"), "stop"); n != 1 {
				t.Errorf("db2 was told to stop %d times", n)
			}
		})
	}
}

// (j) A start that fails, hangs or is never proved is stopped and counted, and the next candidate performs the service.
func TestStartThatFailsMakesTheNextCandidatePerform(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"fails", "hangs", "mute"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, 3, serviceWith("")).start()
			c.answers("db1")
			c.misbehave("db2", how)
			p := c.poll(c.client)
			c.kill("db1")
			c.answers("db3")
			p.end("db3")
			if p.longest > 3*time.Second { // an Active_Down_Interval of 1.5 s, and the second for which a client waits
				t.Errorf("no answer for %s", p.longest)
			}
			if got := c.calls("db2"); strings.Count(got, "start") != 1 || strings.Count(got, "stop") != 1 {
				t.Errorf("db2 was told %q, want one start and one stop", got)
			}
			if n := c.hosts["db2"].logged("RG1304"); n != 1 {
				t.Errorf("%d alerts of the failed start, want 1", n)
			}
		})
	}
}

// (m) A node that is not among inheritors never takes part.
func TestNodeThatIsNoInheritorNeverTakesPart(t *testing.T) {
	t.Parallel()
	text := strings.Replace(serviceWith(`inheritors = ["db2"]`), `["db2", "db3"]`, `["db2"]`, 1)
	c := newCast(t, 3, text).start()
	c.answers("db1")
	c.kill("db1")
	c.answers("db2")
	c.kill("db2")
	db3 := c.hosts["db3"]
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if db3.holds(virtual) {
			t.Fatal("db3 inherited")
		}
	}
	if _, ok := db3.service("orders", "ipv4"); ok {
		t.Error("db3 has a virtual router for it")
	}
}

// Drained nodes give their services away, and get them back when they are undrained.
func TestDrainedNodeGivesItsServicesAway(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, strings.Replace(serviceWith(""), `["db2", "db3"]`, `["db2"]`, 1)).start()
	c.answers("db1")
	p := c.poll(c.client)
	c.must("db2", "drain", "db1")
	c.answers("db2")
	if out, err := c.regent("db1", "drain", "db2"); err == nil {
		t.Errorf("the last node that can perform it was drained: %s", out)
	}
	c.must("db1", "undrain")
	c.answers("db1")
	p.end("db1")
	if p.longest > 2*time.Second { // one lost SYN is sent again after a second
		t.Errorf("no answer for %s", p.longest)
	}
}

// startEtcd runs etcd on a node of its own and returns how it is reached.
func (c *cast) startEtcd() *netlab.Cmd {
	c.t.Helper()
	netlab.Require(c.t, "etcd")
	n, err := c.lab.Node("etcd", "10.99.0.50/24")
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := n.Command(context.Background(), "etcd", "--data-dir", c.t.TempDir(), "--listen-client-urls", "http://10.99.0.50:2379",
		"--advertise-client-urls", "http://10.99.0.50:2379", "--listen-peer-urls", "http://10.99.0.50:2380", "--unsafe-no-fsync")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, err := c.client.Dial(ctx, "tcp", "10.99.0.50:2379")
		cancel()
		if err == nil {
			conn.Close()
			return cmd
		}
		if time.Now().After(end) {
			c.t.Fatalf("etcd cannot be reached: %v", err)
		}
	}
}

const byEtcd = "arbiter = \"etcd\"\netcd = { endpoints = [\"http://10.99.0.50:2379\"] }"

// stateless is a service that runs on every node and is never started by Regent.
const stateless = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
owner = "db1"
standbys = ["db2"]
`

// (k) With an arbiter the side that is cut off refuses before the other side serves. The cut-off side has a client of its own
// on the node itself; both are judged by captures.
func TestCutOffSideRefusesBeforeTheOtherServes(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).with(byEtcd, "").listeners()
	c.startEtcd()
	c.start()
	db1, db2 := c.hosts["db1"], c.hosts["db2"]
	db1.serves("orders")
	c.answers("db1")
	lo, err := db1.Capture("lo", "db1-lo", "tcp port 5432")
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := c.poll(db1.Node), c.poll(c.client)
	for end := time.Now().Add(5 * time.Second); ask1(db1.Node, virtual+":5432") != "db1" && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // polls another process
	}
	if err := db1.Cut(); err != nil {
		t.Fatal(err)
	}
	cut := time.Now()
	db2.is("orders", "ipv4", "active")
	c.answers("refused")
	db2.serves("orders")
	c.answers("db2")
	inside.end("refused")
	outside.end("db2")
	refuses, serves := lastGreeting(lo.Frames(), cut), firstGreeting(c.wire.Frames(), cut)
	t.Logf("after the cut: db1 served last at %s, db2 first at %s", refuses.Sub(cut), serves.Sub(cut))
	if refuses.IsZero() || serves.IsZero() || !refuses.Before(serves) {
		t.Errorf("db1 served until %s after the cut, db2 from %s on%s", refuses.Sub(cut), serves.Sub(cut), c.logs())
	}
	if db1.logged("RG1314") == 0 {
		t.Errorf("db1 raised no alert about its lease%s", c.logs())
	}
}

// greets tells whether a frame carries data of the service.
func greets(f netlab.Frame) bool {
	_, _, proto, segment, ok := f.IP()
	if !ok || proto != 6 || len(segment) < 20 {
		return false
	}
	data := segment[min(len(segment), int(segment[12]>>4)*4):]
	return segment[0] == 5432>>8 && segment[1] == 5432&0xff && strings.HasPrefix(string(data), "db")
}

func firstGreeting(frames []netlab.Frame, after time.Time) time.Time {
	for _, f := range frames {
		if f.Time.After(after) && greets(f) {
			return f.Time
		}
	}
	return time.Time{}
}

func lastGreeting(frames []netlab.Frame, after time.Time) (last time.Time) {
	for _, f := range frames {
		if f.Time.After(after) && greets(f) {
			last = f.Time
		}
	}
	return last
}

// (k) Without etcd nothing is served; what was is refused when its lease ends, with an alert.
func TestWithoutTheArbiterNothingIsServed(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).with(byEtcd, "").listeners()
	etcd := c.startEtcd()
	c.start()
	c.answers("db1")
	etcd.Kill()
	c.answers("refused")
	c.keepsAnswering("refused", time.Second)
	c.hosts["db1"].until("an alert", 5*time.Second, func() bool { return c.hosts["db1"].logged("RG1314") > 0 })
	c.kill("db1")
	c.hosts["db2"].is("orders", "ipv4", "active")
	c.answers("refused")
}

// (l) Protocol 112 is lost one way while the owner serves: taking over is put off once, with an alert, and nobody else answers
// for the address meanwhile.
func TestFilteredAdvertsPutTheTakeoverOffOnce(t *testing.T) {
	t.Parallel()
	text := strings.Replace(stateless, `"100ms"`, `"1s"`, 1)
	c := newCast(t, 2, text).listeners().start()
	db2 := c.hosts["db2"]
	c.answers("db1")
	db2.is("orders", "ipv4", "backup")
	if out, err := db2.Run(context.Background(), "nft", "add table inet test; add chain inet test in { type filter hook prerouting priority -400; }; add rule inet test in ip protocol 112 drop"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	filtered := time.Now()
	db2.until("an alert", 6*time.Second, func() bool { return db2.logged("RG1316") == 1 })
	if db2.holds(virtual) {
		t.Fatal("db2 inherited before it asked")
	}
	db2.is("orders", "ipv4", "active")
	took := time.Since(filtered)
	// Two Active_Down_Intervals of some 3.06 s, counted from the last advert that was heard.
	if took < 5*time.Second || took > 8*time.Second {
		t.Errorf("taken over after %s, want two Active_Down_Intervals", took)
	}
	if n := db2.logged("RG1316"); n != 1 {
		t.Errorf("put off %d times", n)
	}
	// During the hold only db1 announced the address.
	link, err := c.hosts["db1"].Netlink().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.wire.Frames() {
		if f.Time.After(filtered) && f.Time.Before(filtered.Add(took-500*time.Millisecond)) && f.Announces(netip.MustParseAddr(virtual)) &&
			!bytes.Equal(f.SourceMAC(), link.Attrs().HardwareAddr) {
			t.Errorf("the address was announced %s after the filter by %s", f.Time.Sub(filtered), f.SourceMAC())
		}
	}
}

// channelCut takes the cluster channel from a node.
const channelCut = "add table inet test; add chain inet test in { type filter hook prerouting priority -400; }; " +
	"add rule inet test in meta l4proto { tcp, udp } th dport 7946 drop; add rule inet test in meta l4proto tcp tcp sport 7946 drop"

// Stopping the cluster channel moves no address; without it the standby still takes over, by what it knows.
func TestChannelThatIsCutMovesNothing(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).listeners().start()
	db1, db2 := c.hosts["db1"], c.hosts["db2"]
	c.answers("db1")
	before, _ := db2.service("orders", "ipv4")
	for _, h := range []*host{db1, db2} {
		if out, err := h.Run(context.Background(), "nft", channelCut); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	p := c.poll(c.client)
	for _, h := range []*host{db1, db2} {
		h.until("noticing that the other is not heard", 15*time.Second, func() bool { return h.logged("RG1802") > 0 })
	}
	c.keepsAnswering("db1", 2*time.Second)
	if seen := p.end("db1"); len(seen) != 1 {
		t.Errorf("the client saw %q", seen)
	}
	after, _ := db2.service("orders", "ipv4")
	if after.State != "backup" || after.Counters.MasterTransitions != before.Counters.MasterTransitions {
		t.Errorf("db2 is %s after %d transitions, %d before", after.State, after.Counters.MasterTransitions, before.Counters.MasterTransitions)
	}
	c.kill("db1")
	c.answers("db2")
}

// A node with another key, and garbage, are counted and change nothing.
func TestStrangersOnTheChannelAreCounted(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).listeners().start("db1")
	c.write("other.key", "ZmVkY2JhOTg3NjU0MzIxMA==\n", 0o600)
	db2 := c.hosts["db2"]
	db2.configure(strings.Replace(c.text, "cluster.key", "other.key", 1))
	db2.start()
	db1 := c.hosts["db1"]
	db1.until("counting what it refuses", 20*time.Second, func() bool { return db1.logged("RG1805") > 0 })
	if s, err := db1.status(); err != nil || s.Nodes[1].Alive {
		t.Errorf("db2 was let in: %+v %v", s.Nodes, err)
	}
	if !strings.Contains(db1.log(), "WrongKey:") {
		t.Errorf("the record does not say what was refused:%s", c.logs())
	}
	db1.is("orders", "ipv4", "active")
}

// What explain says of a running cluster, and of what has not happened.
func TestExplainSaysWhyAndWhatIf(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).listeners().start()
	c.answers("db1")
	if out := c.must("db1", "explain", "orders"); !strings.Contains(out, "duty serve when active, priority 250") || !strings.Contains(out, "if db1 fails: orders on db2") {
		t.Errorf("explain said %s", out)
	}
	var e policy.Explanation
	if err := json.Unmarshal([]byte(c.must("db1", "explain", "orders", "--json", "--if", "db2=down")), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Forecast) != 1 || e.Forecast[0].NodeDown != "db1" || len(e.Forecast[0].Unprotected) != 1 {
		t.Errorf("with db2 down: %+v", e)
	}
	for _, args := range [][]string{{"explain", "parts"}, {"explain", "--if", "db9=down"}, {"explain", "--if", "db1=purple"}, {"failback", "parts"}, {"drain", "db9"}, {"takeover", "parts", "allow"}} {
		if out, err := c.regent("db1", args...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
	if out := c.must("db1", "status"); !strings.Contains(out, "PERFORMS") || !strings.Contains(out, "db2") {
		t.Errorf("status said %s", out)
	}
}

// A failing check of a service with a priority by hand: the other node takes over; when both fail, one refuses.
func TestFaultByHandGivesTheAddressUpAndRefusesIfNobodyTakesIt(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
priority = 100
[[service.check]]
exec = ["@DIR@/well"]
interval = "100ms"
fall = 1
`)
	c.write("well", "#!/bin/sh\nhere=$(dirname \"$0\"); node=$(cat \"$here/$(readlink /proc/self/ns/net)\")\n[ ! -e \"$here/$node.ill\" ]\n", 0o755)
	c.listeners().start()
	c.answers("db1")
	c.write("db1.ill", "", 0o644)
	c.answers("db2")
	c.write("db2.ill", "", 0o644)
	c.answers("refused")
	c.keepsAnswering("refused", time.Second)
	if err := os.Remove(filepath.Join(c.dir, "db1.ill")); err != nil {
		t.Fatal(err)
	}
	c.answers("db1")
}

// A service that needs no stop is served until the heir is heard: a planned stop refuses nobody.
func TestPlannedStopOfAServiceWithoutControlServesToTheEnd(t *testing.T) {
	t.Parallel()
	c := newCast(t, 2, stateless).listeners().start()
	c.answers("db1")
	if err := c.hosts["db1"].cmd.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	c.answers("db2")
	if log := c.hosts["db1"].log(); !strings.Contains(log, "from=serve duty=none") || strings.Contains(log, "duty=refuse") {
		t.Errorf("db1 refused before it left:%s", c.logs())
	}
}
