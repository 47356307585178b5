// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/requestor"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// simulate answers each address as told after a millisecond; nil accepts.
func simulate(by map[string]error) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		err, ok := by[address]
		select {
		case <-time.After(map[bool]time.Duration{true: time.Millisecond, false: time.Hour}[ok]):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		near, far := net.Pipe()
		far.Close()
		return near, nil
	}
}

func TestReportHasItsFixedForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := simulate(map[string]error{
			"10.0.0.1:1": os.NewSyscallError("connect", syscall.ECONNREFUSED),
			"10.0.0.2:1": os.NewSyscallError("connect", syscall.ECONNRESET),
			"10.0.0.3:1": os.NewSyscallError("connect", syscall.EHOSTUNREACH),
			"10.0.0.5:1": errors.New("lookup failed"),
			"10.0.0.6:1": nil,
		})
		list := []string{"10.0.0.1:1", "tcp/10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1", "10.0.0.5:1", "10.0.0.6:1", "10.0.0.7:1"}
		told := 0
		report, err := Run(t.Context(), list, Options{Dial: dial, Timeout: 100 * time.Millisecond, Each: func(Attempt) { told++ }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(report, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want := `{
 "attempts": [
  {
   "address": "10.0.0.1:1",
   "outcome": "refused",
   "ms": 1,
   "detail": "connect: connection refused"
  },
  {
   "address": "tcp/10.0.0.2:1",
   "outcome": "reset",
   "ms": 1,
   "detail": "connect: connection reset by peer"
  },
  {
   "address": "10.0.0.3:1",
   "outcome": "unreachable",
   "ms": 1,
   "detail": "connect: no route to host"
  },
  {
   "address": "10.0.0.4:1",
   "outcome": "timeout",
   "ms": 100,
   "detail": "no answer"
  },
  {
   "address": "10.0.0.5:1",
   "outcome": "error",
   "ms": 1,
   "detail": "lookup failed"
  },
  {
   "address": "10.0.0.6:1",
   "outcome": "answered",
   "ms": 1,
   "detail": "connected to pipe"
  }
 ],
 "answered": "10.0.0.6:1"
}`
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if told != 6 {
			t.Errorf("told of %d attempts", told)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := simulate(map[string]error{"10.0.0.1:1": syscall.ECONNREFUSED})
		report, err := Run(t.Context(), []string{"10.0.0.1:1"}, Options{Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"attempts":[{"address":"10.0.0.1:1","outcome":"refused","ms":1,"detail":"connection refused"}],"answered":null}`
		if string(doc) != want {
			t.Errorf("got\n%s\nwant\n%s", doc, want)
		}
		var text bytes.Buffer
		if err := report.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if want := "refused         1.000 ms  10.0.0.1:1  connection refused\nno address answered\n"; text.String() != want {
			t.Errorf("text\n%s\nwant\n%s", text.String(), want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if report, err := Run(ctx, []string{"10.0.0.1:1"}, Options{Dial: dial}); err != nil || len(report.Attempts) != 0 {
			t.Errorf("cancelled: %+v, %v", report, err)
		}
	})
}

func TestAllBadAddressesAreNamedAtOnce(t *testing.T) {
	_, err := Run(t.Context(), []string{"10.0.0.1:1", "sctp/10.0.0.1:1", "10.0.0.2", ":80", "udp/host:"}, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 4 {
		t.Errorf("%d lines for 4 bad addresses:\n%v", got, err)
	}
	if _, err := Run(t.Context(), nil, Options{}); err == nil {
		t.Error("no addresses, no error")
	}
}

func TestDatagramsOnTheWire(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			server.WriteTo(b[:n], from)
		}
	}()
	closed, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	report, err := Run(t.Context(), []string{"udp/" + closed.LocalAddr().String(), "udp/" + server.LocalAddr().String()},
		Options{Request: []byte("ping")})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Attempts) != 2 || report.Attempts[0].Outcome != requestor.Refused || report.Attempts[1].Detail != "reply of 4 bytes" {
		t.Errorf("report %+v", report)
	}
}
