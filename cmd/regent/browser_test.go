// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/browser"
	"github.com/regent-ha/regent/internal/netlab"
)

// screenshots, if set, is where pictures of the page go: docs.
const screenshots = "REGENT_SCREENSHOTS"

// A page that was opened once shows a failover within a second of it, without being loaded again.
func TestPageShowsAFailoverAsItHappens(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "chromium")
	c := newCast(t, 3, "[status]\nlisten = \"127.0.0.1:9166\"\n"+serviceWith("")).start()
	db2 := c.hosts["db2"]
	cmd := db2.Command(context.Background(), "chromium", browser.Arguments(browser.Profile(t))...)
	b, err := browser.Start(cmd.Cmd, cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // the test is over
	if err := b.Size(1280, 900, false); err != nil {
		t.Fatal(err)
	}
	if err := b.Open("http://127.0.0.1:9166/"); err != nil {
		t.Fatal(err)
	}
	// What is seen is noted with its time by the page itself.
	if err := b.Ask(`window.seen = null; new MutationObserver(() => {
		if (!window.seen && document.querySelector(".service.serve, .service.refuse")) window.seen = Date.now();
	}).observe(document.getElementById("main"), {childList: true, subtree: true, characterData: true})`, nil); err != nil {
		t.Fatal(err)
	}
	db2.until("live", 10*time.Second, func() bool {
		var live string
		return b.Ask(`document.getElementById("live").textContent`, &live) == nil && live == "Live."
	})
	var seen *int64
	if err := b.Ask("window.seen", &seen); err != nil || seen != nil {
		t.Fatalf("before the failover: %v %v", seen, err)
	}
	c.kill("db1")
	db2.until("seen", 20*time.Second, func() bool { return b.Ask("window.seen", &seen) == nil && seen != nil })
	moved := regexp.MustCompile(`(?m)^time=(\S+) .*event=RG1101 .*service=orders `).FindStringSubmatch(db2.log())
	if moved == nil {
		t.Fatalf("no record of the failover\n%s", db2.log())
	}
	at, err := time.Parse(time.RFC3339Nano, moved[1])
	if err != nil {
		t.Fatal(err)
	}
	late := time.UnixMilli(*seen).Sub(at)
	t.Logf("shown %s after the failover", late)
	if late > time.Second || late < -time.Second {
		t.Errorf("shown %s after the failover, want a second at most", late)
	}
	db2.until("serving, and the others dead or alive", 20*time.Second, func() bool {
		var text string
		return b.Ask("document.body.innerText", &text) == nil && strings.Contains(text, "active, serve") && strings.Contains(text, "dead")
	})
	var loads int
	if err := b.Ask(`performance.getEntriesByType("navigation").length`, &loads); err != nil || loads != 1 {
		t.Errorf("the page was loaded %d times: %v", loads, err)
	}
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	for _, shot := range []struct {
		name          string
		width, height int
		phone         bool
	}{{"status.png", 1280, 900, false}, {"status-phone.png", 390, 844, true}} {
		if err := b.Size(shot.width, shot.height, shot.phone); err != nil {
			t.Fatal(err)
		}
		picture, err := b.Picture()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, shot.name), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
