// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Keys of tests, as their files have them.
var trailerKeys = []string{"the first key, of thirty-two char", "hex:" + strings.Repeat("5a", 64)}

// guarded configures a node with trailers: those of the keys are known, and one of them is sent.
func (h *host) guarded(priority, active int, keys ...int) {
	h.t.Helper()
	text := fmt.Sprintf(`
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24", "2001:db8:99::101/64"]
advert_interval = "200ms"
priority = %d
`, priority)
	if active > 0 {
		text += fmt.Sprintf("[service.hmac]\nactive_key = %d\n", active)
	}
	for _, k := range keys {
		file := filepath.Join(h.dir, fmt.Sprintf("key%d", k))
		if err := os.WriteFile(file, []byte(trailerKeys[k-1]+"\n"), 0o600); err != nil {
			h.t.Fatal(err)
		}
		text += fmt.Sprintf("[[service.hmac.key]]\nid = %d\nkey_file = %q\n", k, file)
	}
	h.configure(text)
}

// moves is how often a node became Active for a family.
func (h *host) moves(family string) uint64 {
	h.t.Helper()
	v, ok := h.service("orders", family)
	if !ok {
		h.t.Fatalf("%s has no %s side\n%s", h.Name(), family, h.log())
	}
	return v.Counters.MasterTransitions
}

func TestNodesWithKeysElectAmongThemselves(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	var hosts []*host
	for i, name := range []string{"db1", "db2", "db3"} {
		hosts = append(hosts, newHost(t, lab, name, fmt.Sprintf("10.99.0.%d/24", i+1), fmt.Sprintf("2001:db8:99::%d/64", i+1)))
	}
	db1, db2, db3 := hosts[0], hosts[1], hosts[2]
	families := []string{"ipv4", "ipv6"}
	db1.guarded(150, 1, 1)
	db1.start()
	for _, f := range families {
		db1.is("orders", f, "active")
	}
	db2.guarded(100, 1, 1)
	db2.start()
	for _, f := range families {
		db2.is("orders", f, "backup")
	}

	// One that has no key has the highest priority, and moves nobody.
	db3.guarded(254, 0)
	db3.start()
	for _, f := range families {
		for _, h := range hosts[:2] {
			h.until("refusing what has no trailer", 10*time.Second, func() bool {
				v, _ := h.service("orders", f)
				return v.Counters.AuthenticationErrors >= 5
			})
		}
		db1.is("orders", f, "active")
		db2.is("orders", f, "backup")
	}
	if err := db3.cmd.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}

	// Keys are rolled over by reloads, in any order of the nodes.
	refused := map[*host]uint64{}
	for _, h := range hosts[:2] {
		v, _ := h.service("orders", "ipv4")
		refused[h] = v.Counters.AuthenticationErrors
	}
	step := 0
	for _, keys := range [][]int{{1, 1, 2}, {2, 1, 2}, {2, 2}} {
		for i, h := range hosts[:2] {
			step++
			h.guarded(150-50*i, keys[0], keys[1:]...)
			h.reload()
			h.until("reloaded", 10*time.Second, func() bool { return h.logged("RG1003") == (step+1)/2 })
			heard, _ := db2.service("orders", "ipv6")
			db2.until("hearing db1", 10*time.Second, func() bool {
				v, _ := db2.service("orders", "ipv6")
				return v.Counters.AdvertisementRcvd >= heard.Counters.AdvertisementRcvd+3
			})
		}
	}
	for _, f := range families {
		if one, two := db1.moves(f), db2.moves(f); one != 1 || two != 0 {
			t.Errorf("%s: db1 became active %d times and db2 %d times, want once and never", f, one, two)
		}
	}
	for _, h := range hosts[:2] {
		if v, _ := h.service("orders", "ipv4"); v.Counters.AuthenticationErrors != refused[h] {
			t.Errorf("%s refused %d adverts during the rollover", h.Name(), v.Counters.AuthenticationErrors-refused[h])
		}
	}

	// The last will of a dead worker is signed, and its heir is heard by the trailer.
	db1.kill(db1.worker(), unix.SIGKILL)
	for _, f := range families {
		db2.is("orders", f, "active")
	}
	if v, _ := db2.service("orders", "ipv4"); !strings.Contains(v.Reason, "released") {
		t.Errorf("db2 is active because of %q, want a release", v.Reason)
	}
	db1.until("free of the addresses", 2*time.Second, func() bool { return !db1.holds(virtual) && !db1.holds(virtual6) })
	db1.until("hearing its heir", 2*time.Second, func() bool { return strings.Contains(db1.log(), "10.99.0.2 inherited it") })
	for _, h := range hosts[:2] {
		h.keepsSecrets()
	}
}

// keepsSecrets looks for the keys in everything that the daemon wrote and says.
func (h *host) keepsSecrets() {
	h.t.Helper()
	secrets := [][]byte{[]byte(trailerKeys[0]), []byte(trailerKeys[1]), bytes.Repeat([]byte{0x5a}, 64), []byte("WlpaWlpa")}
	search := func(where string, text []byte) {
		for _, s := range secrets {
			if bytes.Contains(text, s) {
				h.t.Errorf("%s: a key is in %s", h.Name(), where)
			}
		}
	}
	search("the log", []byte(h.log()))
	cmd := h.Command(context.Background(), os.Args[0], "status", "--json", "--run-dir", filepath.Join(h.dir, "run"))
	cmd.Env = append(os.Environ(), asRegent+"=1")
	text, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Errorf("status: %v: %s", err, text)
	}
	search("its status", text)
	err = filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || slices.Contains([]string{"key1", "key2"}, d.Name()) {
			return err
		}
		text, err := os.ReadFile(path)
		search(path, text)
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

func TestKeyFilesThatOthersMayReadAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, file := filepath.Join(dir, "orders.key"), filepath.Join(dir, "regent.toml")
	if err := os.WriteFile(key, []byte(trailerKeys[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "node = \"db1\"\n[[service]]\nname = \"orders\"\ninterface = \"eth0\"\nvirtual_router_id = 51\naddresses = [\"10.99.0.101/24\"]\npriority = 100\n" +
		"[service.hmac]\nactive_key = 1\n[[service.hmac.key]]\nid = 1\nkey_file = \"" + key + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, diags := loadConfig(file, confOptions("db1")); diags.Err() != nil {
		t.Fatal(diags)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	_, diags := loadConfig(file, confOptions("db1"))
	if got := diags.String(); !strings.Contains(got, file+":12:12: error: ") || !strings.Contains(got, "has mode 0640: others may read it (chmod 600)") {
		t.Errorf("got %s", got)
	}
}
