// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMailHasTheWordsOfKeepalived(t *testing.T) {
	t.Parallel()
	m := Mail{From: "a@example.org", To: []string{"b@example.org", "c@example.org"}, RouterID: "LVS\r\nBcc: x", Faults: true}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nFrom: a@example.org\r\n" +
		"Subject: [LVS  Bcc: x] VRRP Instance VI_1 - Entering MASTER state\r\nX-Mailer: Keepalived\r\nTo: b@example.org, c@example.org\r\n\r\n" +
		"=> VRRP Instance is now owning VRRP VIPs <=\r\n"
	if diff := cmp.Diff(want, string(m.compose(Change{Instance, "VI_1", Master, 100}, at))); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
	for c, want := range map[Change]string{
		{Instance, "V", Backup, 1}:         "VRRP Instance V - Entering BACKUP state|=> VRRP Instance is no longer owning VRRP VIPs <=",
		{Instance, "V", Stop, 1}:           "VRRP Instance V - Stopping|=> VRRP Instance stopping <=",
		{Instance, "V", Deleted, 1}:        "VRRP Instance V - Deleted|=> VRRP Deleted at reload <=",
		{Group, "G", Fault, 0}:             "VRRP Group G - Entering FAULT state|=> All VRRP group instances are now in FAULT state <=",
		{Group, "G", Stop, 0}:              "VRRP Group G - Stopping|=> All VRRP group instances are now stopping <=",
		{Instance, "V", LowerPriority, 1}:  "",
		{Instance, "V", BackupPriority, 1}: "",
	} {
		subject, body, ok := m.words(c)
		if got := subject + "|" + body; ok && got != want || !ok && want != "" {
			t.Errorf("%v: %q, want %q", c, got, want)
		}
	}
	m.Faults = false
	if _, _, ok := m.words(Change{Instance, "V", Fault, 1}); ok {
		t.Error("a fault is mailed that must not be")
	}
}

// postOffice speaks SMTP with whoever comes, and tells what was said.
func postOffice(t *testing.T) (address string, said chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	said = make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "220 here\r\n")
			lines, data := bufio.NewScanner(c), false
			for lines.Scan() {
				line := lines.Text()
				said <- line
				switch {
				case data && line != ".":
				case data:
					data = false
					fmt.Fprint(c, "250 taken\r\n")
				case line == "DATA":
					data = true
					fmt.Fprint(c, "354 go on\r\n")
				case strings.HasPrefix(line, "EHLO"):
					fmt.Fprint(c, "502 too old\r\n")
				case line == "QUIT":
					fmt.Fprint(c, "221 bye\r\n")
				default:
					fmt.Fprint(c, "250 fine\r\n")
				}
			}
			c.Close()
		}
	}()
	return l.Addr().String(), said
}

func TestChangesAreMailedInOrder(t *testing.T) {
	t.Parallel()
	address, said := postOffice(t)
	p := NewPoster(Mail{Server: address, From: "Regent <a@example.org>", To: []string{"b@example.org"}, RouterID: "R", Helo: "h", Timeout: 5 * time.Second}, slog.Default())
	p.Post(Change{Instance, "V", Backup, 100})
	p.Post(Change{Instance, "V", Fault, 100}) // not wanted
	p.Post(Change{Instance, "V", Master, 100})
	p.Close(5 * time.Second)
	close(said)
	var heard []string
	for line := range said {
		if strings.HasPrefix(line, "HELO") || strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "RCPT") || strings.HasPrefix(line, "Subject") {
			heard = append(heard, line)
		}
	}
	one := func(state string) []string {
		return []string{"HELO h", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "Subject: [R] VRRP Instance V - Entering " + state + " state"}
	}
	if diff := cmp.Diff(append(one("BACKUP"), one("MASTER")...), heard); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

func TestMailServerThatIsAwayHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var log logs
	p := NewPoster(Mail{Server: l.Addr().String(), From: "a@b", To: []string{"c@d"}, Timeout: time.Hour}, slog.New(slog.NewTextHandler(&log, nil)))
	for range letters + 5 {
		p.Post(Change{Instance, "V", Master, 1})
	}
	p.Close(10 * time.Millisecond)
	if !strings.Contains(log.String(), "too many mails wait") || !strings.Contains(log.String(), "a change of state is not mailed") {
		t.Errorf("nothing is said of mails that were lost: %s", &log)
	}
}
