// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// closedPort returns an address of this host at which nothing listens.
func closedPort(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// silentPort returns an address that neither accepts nor refuses: its queue of length 0 is full.
func silentPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 3}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	at := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 3), Port: name.(*syscall.SockaddrInet4).Port}).String()
	filler, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { filler.Close() })
	return at
}

func TestHTTPClientMovesToTheSecondAddress(t *testing.T) {
	t.Parallel()
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "second for "+r.Host) }))
	defer second.Close()
	var attempts atomic.Int32
	d := &Dialer{
		Addresses: []string{closedPort(t, "127.0.0.2"), silentPort(t), second.Listener.Addr().String()},
		Timeout:   100 * time.Millisecond,
		Trace:     func(Attempt) { attempts.Add(1) },
	}
	transport := &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}
	for i, want := range []int32{3, 4} { // the second request starts where the first has found it
		r, err := (&http.Client{Transport: transport}).Get("http://orders/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(body) != "second for orders" {
			t.Errorf("request %d: %q, %v", i, body, err)
		}
		if got := attempts.Load(); got != want {
			t.Errorf("request %d: %d attempts so far, want %d", i, got, want)
		}
	}
}

// replies serves UDP: nil is silence.
func replies(t *testing.T, host string, f func(n int, request string) []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 2048)
		for i := 1; ; i++ {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if answer := f(i, string(b[:n])); answer != nil {
				c.WriteTo(answer, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func closedUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func TestExchangeMovesOnWhenRefused(t *testing.T) {
	t.Parallel()
	echo := replies(t, "127.0.0.4", func(_ int, r string) []byte { return []byte("reply to " + r) })
	start := time.Now()
	got, err := Exchange(t.Context(), []string{closedUDP(t), echo}, []byte("question"))
	if err != nil || string(got) != "reply to question" {
		t.Errorf("%q, %v", got, err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v: the refusal was not noticed", took)
	}
}

func TestExchangeSendsAgainAndRemembers(t *testing.T) {
	t.Parallel()
	forgetful := replies(t, "127.0.0.4", func(n int, _ string) []byte {
		if n == 1 {
			return nil
		}
		return []byte{byte('0' + n)}
	})
	mute := replies(t, "127.0.0.5", func(int, string) []byte { return nil })
	var tried []string
	d := &Dialer{Addresses: []string{mute, forgetful}, Timeout: 200 * time.Millisecond,
		Trace: func(a Attempt) { tried = append(tried, a.Address+" "+string(a.Outcome)) }}
	for _, want := range []string{"2", "3"} {
		got, err := d.Exchange(t.Context(), "time:123", nil)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	want := []string{mute + " timeout", forgetful + " answered", forgetful + " answered"}
	if strings.Join(tried, "\n") != strings.Join(want, "\n") {
		t.Errorf("tried %v, want %v", tried, want)
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	mute := replies(t, "127.0.0.5", func(int, string) []byte { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := Exchange(ctx, []string{mute, mute}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Exchange(t.Context(), nil, nil); err == nil {
		t.Error("no addresses, no error")
	}
}

// TestOutcomesOnTheWire has a real network answer in each of its ways.
func TestOutcomesOnTheWire(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "nft")
	lab := netlab.Test(t)
	client, err := lab.Node("client", "10.99.0.1/24", "fd99::1/64")
	if err != nil {
		t.Fatal(err)
	}
	server, err := lab.Node("server", "10.99.0.2/24", "fd99::2/64")
	if err != nil {
		t.Fatal(err)
	}
	rules := `table inet answers { chain in { type filter hook input priority 0;
		tcp dport 1 reject with icmpx type host-unreachable
		tcp dport 2 reject with icmpx type admin-prohibited
		tcp dport 3 drop
		tcp dport 4 reject with tcp reset
		tcp dport 5 reject with icmpx type port-unreachable
	}
	}`
	script := t.TempDir() + "/rules.nft"
	if err := os.WriteFile(script, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Run(t.Context(), "nft", "-f", script); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.99.0.2", "fd99::2"} {
		l, err := server.Listen("tcp", net.JoinHostPort(host, "9"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for port, want := range map[string]Outcome{
			"1": Unreachable, "2": Unreachable, "3": Timeout, "4": Refused, "5": Refused, "7": Refused, "9": Answered,
		} {
			var got Attempt
			d := &Dialer{Dial: client.Dial, Timeout: 3 * time.Second, Trace: func(a Attempt) { got = a }}
			if want == Timeout {
				d.Timeout = 100 * time.Millisecond
			}
			conn, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
			if err == nil {
				conn.Close()
			}
			if got.Outcome != want {
				t.Errorf("%s port %s: %v, want %s", host, port, got, want)
			}
		}
	}
}
