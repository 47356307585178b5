// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// errUnsettled is an election that went otherwise than it should: the machine was too busy for the daemons.
var errUnsettled = errors.New("the election is unsettled")

// soonest is after the loss of n1 that n2 can take over, with an advert each 100 ms and none for three intervals.
const soonest = 150 * time.Millisecond

// limit is how long a client may try.
const limit = 15 * time.Second

// A client has names of its own. It becomes the client when it is told to go, or at once, if it says by itself that it is ready.
const (
	named  = `mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && `
	gate   = named + `echo ready && read -r go && exec "$@" </dev/null`
	opened = named + `exec "$@"`
)

// runner is a client that waits to start.
type runner struct {
	cmd *netlab.Cmd
	in  *os.File
	out *output
	dir string // which nobody wants to read of
}

// output of a process, which can be read while it is written.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

// text is what was printed after the gate was ready; false: it is not ready.
func (o *output) text() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.CutPrefix(o.all.String(), "ready\n")
}

// prepare brings a client that knows a first address to its gate.
func (s *Site) prepare(ctx context.Context, c Client, n Names, first string) (*runner, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer in.Close()
	r := &runner{in: out, out: &output{}, dir: s.dir}
	n.First, n.Second, n.Dir = first, Second, s.dir
	script := gate
	if c.Held {
		script = opened
	}
	args := []string{"-m", "sh", "-c", script, "sh", s.hostsFile(first), s.resolvFile(first)}
	r.cmd = s.client.Command(ctx, "unshare", append(args, n.fill(c.Command)...)...)
	r.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", "HOME=" + s.dir, "LC_ALL=C"}
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = in, r.out, r.out
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	err = poll(ctx, c.Name+" is ready to start", func() bool { _, ok := r.out.text(); return ok })
	if err != nil {
		said, _ := r.out.text()
		return nil, errors.Join(fmt.Errorf("%w: %s", err, said), r.discard())
	}
	return r, nil
}

// discard ends a client that was not let go.
func (r *runner) discard() error {
	r.cmd.Kill()
	return r.in.Close()
}

// run lets the client go and judges its end.
func (r *runner) run(ctx context.Context, c Client) (o Outcome, end time.Time, said string) {
	r.in.Write([]byte("\n")) //nolint:errcheck // if the client is gone its end tells
	r.in.Close()             //nolint:errcheck // likewise
	timer := time.NewTimer(limit)
	defer timer.Stop()
	o = Stops
	select {
	case <-r.cmd.Done():
		end = time.Now()
	case <-timer.C:
		o, end = Hangs, time.Now()
		r.cmd.Kill()
	case <-ctx.Done():
		o, end = Hangs, time.Now()
		r.cmd.Kill()
	}
	said, _ = r.out.text()
	if o == Stops && c.served(r.cmd.ProcessState.ExitCode(), said) {
		o = Moved
	}
	return o, end, strings.TrimSpace(strings.ReplaceAll(said, r.dir, ""))
}

// Undisturbed runs a client while nothing is lost, and returns how long it took.
func (s *Site) Undisturbed(ctx context.Context, c Client, n Names) (time.Duration, error) {
	return s.calm(ctx, c, n, firsts()[0])
}

// AtSecond runs a client that knows the second address alone: it has to be served there.
func (s *Site) AtSecond(ctx context.Context, c Client, n Names) (time.Duration, error) {
	return s.calm(ctx, c, n, Second)
}

func (s *Site) calm(ctx context.Context, c Client, n Names, first string) (time.Duration, error) {
	r, err := s.prepare(ctx, c, n, first)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	o, end, said := r.run(ctx, c)
	if o != Moved {
		return 0, fmt.Errorf("%s %s although nothing is lost (status %d): %s", c.Label(), o, r.cmd.ProcessState.ExitCode(), said)
	}
	return end.Sub(start), nil
}

// Try takes n1 away, lets the client start as soon as n2 has taken over, and brings n1 back. The round is that of the answer.
func (s *Site) Try(ctx context.Context, c Client, n Names, round int) (t Trial, err error) {
	first := firsts()[round]
	if err := s.acquaint(ctx, first); err != nil {
		return t, err
	}
	r, err := s.prepare(ctx, c, n, first)
	if err != nil {
		return t, err
	}
	stray, lost := s.strayed.Load(), time.Now()
	if err := s.owner.Cut(); err != nil {
		return t, errors.Join(err, r.discard())
	}
	defer func() { err = errors.Join(err, s.restore(ctx)) }()
	takeover, err := s.takeover(ctx, lost, round)
	if err == nil && takeover.Sub(lost) < soonest {
		err = fmt.Errorf("%w: n2 took over %v after n1 was lost", errUnsettled, takeover.Sub(lost))
	}
	if err != nil {
		return t, errors.Join(err, r.discard())
	}
	var end time.Time
	t.Outcome, end, t.Said = r.run(ctx, c)
	t.MS = float64(end.Sub(takeover).Microseconds()) / 1000
	if s.strayed.Load() != stray {
		t.Outcome = Wrong
	}
	t.Got, err = s.got(ctx, c, first, takeover)
	return t, err
}

// got reads the capture, which may be a moment late.
func (s *Site) got(ctx context.Context, c Client, first string, since time.Time) (got Got, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		got, err = Trace(s.wire.Frames(), netip.MustParseAddr(clientAddress), netip.MustParseAddr(first), c.Port, since)
		if err != nil || got != NotAsked && got != Nothing {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// takeover waits until n2 has told its neighbours that the address of a round is its own, and returns when it said so first: by an
// advert, which leaves a few milliseconds before.
func (s *Site) takeover(ctx context.Context, since time.Time, round int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mac, address := s.heir.Port("eth0").MAC().String(), netip.MustParseAddr(firsts()[round])
	advert, err := s.wire.Wait(ctx, since, func(f netlab.Frame) bool {
		id, priority, ok := f.VRRP()
		return ok && int(id) == firstVRID+round && priority > 0 && f.SourceMAC().String() == mac
	})
	if err == nil {
		_, err = s.wire.Wait(ctx, since, func(f netlab.Frame) bool { return f.Announces(address) && f.SourceMAC().String() == mac })
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: no takeover by n2: %w", errUnsettled, err)
	}
	return advert.Time, nil
}

// restore brings n1 back and waits until n2 has given the addresses up.
func (s *Site) restore(ctx context.Context) error {
	if err := s.owner.Heal(); err != nil {
		return err
	}
	err := poll(ctx, "n2 gives the addresses back", func() bool { return s.holds(s.heir, false) && s.holds(s.owner, true) })
	if err != nil {
		return fmt.Errorf("%w: %w", errUnsettled, err)
	}
	return nil
}

// acquaint lets the client learn that an address is at n1, as one that has been there lately knows.
func (s *Site) acquaint(ctx context.Context, first string) error {
	if _, err := s.client.Run(ctx, "ip", "neigh", "flush", "dev", "eth0"); err != nil {
		return err
	}
	for _, a := range []string{first, Second} {
		c, err := s.client.Dial(ctx, "udp", net.JoinHostPort(a, "9"))
		if err != nil {
			return err
		}
		_, err = c.Write([]byte("x"))
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}
