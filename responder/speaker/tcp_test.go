// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/responder/answer"
)

// lines answers each line, and ends after "quit", or resets after "reset".
type lines struct{}

func (lines) Hear(_ *answer.Facts, heard, out []byte) ([]byte, int, answer.Verdict) {
	i := bytes.IndexByte(heard, '\n')
	if i < 0 {
		return out, 0, answer.Wait
	}
	switch word := string(heard[:i]); word {
	case "quit":
		return append(out, "bye\n"...), i + 1, answer.Close
	case "reset":
		return out, i + 1, answer.Reset
	default:
		return append(append(out, strings.ToUpper(word)...), '\n'), i + 1, answer.Wait
	}
}

// meet connects a client to a conversation with limits.
func meet(t *testing.T, o Options) (client *net.TCPConn, counted *counts) {
	t.Helper()
	return meetWith(t, lines{}, o)
}

func meetWith(t *testing.T, stream answer.Stream, o Options) (client *net.TCPConn, counted *counts) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	s := &Speaker{o: o}
	line := &line{Line{Stream: stream}, &counts{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.converse(server, line, answer.Facts{}, time.Now().Add(o.Time))
	}()
	t.Cleanup(func() {
		c.Close() //nolint:errcheck // a second time
		<-done
	})
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), line.counts
}

func TestConversationEndsAsTheAnswerSays(t *testing.T) {
	t.Parallel()
	patient := Options{Heard: 1000, Time: 5 * time.Second, Drain: 5 * time.Second}
	for _, c := range []struct {
		name, says  string
		half        bool // the client ends its half
		o           Options
		hears       string
		reset       bool
		answered, r uint64
	}{
		{name: "one after the other", says: "a\nb\nquit\n", o: patient, hears: "A\nB\nbye\n", answered: 1},
		{name: "unread words do not destroy the reply", says: "quit\n" + strings.Repeat("x", 100000), o: patient, hears: "bye\n", answered: 1},
		{name: "reset", says: "reset\n", o: patient, reset: true, r: 1},
		{name: "the client ends its half", says: "a\n", half: true, o: patient, hears: "A\n", answered: 1},
		{name: "silent for too long", o: Options{Heard: 1000, Time: 50 * time.Millisecond, Drain: time.Second}, reset: true, r: 1},
		{name: "silent for too long after an answer", says: "a\n", o: Options{Heard: 1000, Time: 200 * time.Millisecond, Drain: time.Second}, hears: "A\n", answered: 1},
		{name: "says too much", says: strings.Repeat("x", 2000), o: patient, reset: true, r: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, counted := meet(t, c.o)
			if _, err := client.Write([]byte(c.says)); err != nil && !c.reset {
				t.Fatal(err)
			}
			if c.half {
				if err := client.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(client)
			if string(got) != c.hears || errors.Is(err, unix.ECONNRESET) != c.reset || err != nil && !c.reset {
				t.Errorf("hears %q, %v", got, err)
			}
			if a, r := counted.answers.Load(), counted.resets.Load(); a != c.answered || r != c.r {
				t.Errorf("counted %d answers, %d resets", a, r)
			}
		})
	}
}

// loud answers each octet with many.
type loud struct{}

func (loud) Hear(_ *answer.Facts, heard, out []byte) ([]byte, int, answer.Verdict) {
	if len(heard) == 0 {
		return out, 0, answer.Wait
	}
	return append(out, make([]byte, 4096)...), 1, answer.Wait
}

// A few octets of a client are not worth any number of ours.
func TestWhatIsSaidIsBounded(t *testing.T) {
	t.Parallel()
	client, _ := meetWith(t, loud{}, Options{Heard: 16 << 10, Time: 5 * time.Second, Drain: time.Second})
	if _, err := client.Write(make([]byte, 10000)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(client)
	if len(got) > saidLimit || !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%d octets, %v: want %d at most, and a reset", len(got), err, saidLimit)
	}
}

// A client that never stops talking is not listened to for ever.
func TestEndIsBounded(t *testing.T) {
	t.Parallel()
	client, _ := meet(t, Options{Heard: 1000, Time: 5 * time.Second, Drain: 100 * time.Millisecond})
	start := time.Now()
	_, err := client.Write([]byte("quit\n"))
	for err == nil && time.Since(start) < 5*time.Second {
		_, err = client.Write([]byte("and one more thing\n"))
		time.Sleep(time.Millisecond) // a client that talks, not a flood
	}
	if took := time.Since(start); err == nil || took > 3*time.Second {
		t.Errorf("it was listened to for %v (%v)", took, err)
	}
}
