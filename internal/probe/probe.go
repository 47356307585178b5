// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/regent-ha/regent/requestor"
)

// Options of a probe.
type Options struct {
	// Timeout bounds the silence of one address; 0 means 2 s.
	Timeout time.Duration
	// Request is what UDP addresses are asked. Absent: an empty datagram. They answer by any reply.
	Request []byte
	// Dial makes the connections. Absent: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Each, if set, is told of each attempt as it ends.
	Each func(Attempt)
}

// Attempt is one address's answer. Its form is fixed.
type Attempt struct {
	Address string            `json:"address"`
	Outcome requestor.Outcome `json:"outcome"`
	// Milliseconds until the outcome.
	Milliseconds float64 `json:"ms"`
	// Detail says more, in words; "" if there is nothing to say.
	Detail string `json:"detail"`
}

// Report of a probe. Its form is fixed.
type Report struct {
	Attempts []Attempt `json:"attempts"`
	// Answered is the address that answered; nil if none did.
	Answered *string `json:"answered"`
}

// Run tries the addresses in their order until one answers. An address is
// "host:port", "tcp/host:port", "udp/host:port", "dns/host:port",
// "postgresql://host:port" or a URL of http or https; those that name a
// protocol are asked in its words, and whoever says in them that the service
// is not to be had has not answered. The error is about the
// addresses themselves: that nobody answers is not one.
func Run(ctx context.Context, addresses []string, o Options) (Report, error) {
	report := Report{Attempts: []Attempt{}}
	targets, err := parse(addresses)
	if err != nil {
		return report, err
	}
	for _, t := range targets {
		if ctx.Err() != nil {
			break
		}
		a := t.try(ctx, o)
		report.Attempts = append(report.Attempts, a)
		if o.Each != nil {
			o.Each(a)
		}
		if a.Outcome == requestor.Answered {
			report.Answered = &a.Address
			break
		}
	}
	return report, nil
}

// target is a parsed address.
type target struct {
	given   string
	network string // tcp, udp; and dns, postgresql, http, https
	address string
}

// protocols are those with words of their own, by how an address begins.
var protocols = map[string]bool{"dns": true, "postgresql": true, "http": true, "https": true}

// parse reports all that is wrong with the addresses at once.
func parse(addresses []string) ([]target, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no addresses to probe")
	}
	var errs []error
	targets := make([]target, len(addresses))
	for i, given := range addresses {
		t := target{given: given, network: "tcp", address: given}
		if network, rest, ok := strings.Cut(given, "://"); ok && (network == "http" || network == "https") {
			t.network = network
			u, err := url.Parse(given)
			if err != nil || u.Host == "" {
				errs = append(errs, fmt.Errorf("address %q: not a URL with a host", given))
			}
			targets[i] = t
			continue
		} else if ok {
			t.network, t.address = network, strings.SplitN(rest, "/", 2)[0]
		} else if network, rest, ok := strings.Cut(given, "/"); ok {
			t.network, t.address = network, rest
		}
		if t.network != "tcp" && t.network != "udp" && !protocols[t.network] {
			errs = append(errs, fmt.Errorf("address %q: unknown protocol %q: want tcp, udp, dns, postgresql, http or https", given, t.network))
		} else if host, port, err := net.SplitHostPort(t.address); err != nil {
			errs = append(errs, fmt.Errorf("address %q: want host:port: %w", given, err))
		} else if host == "" || port == "" {
			errs = append(errs, fmt.Errorf("address %q: want host:port: host or port is missing", given))
		}
		targets[i] = t
	}
	return targets, errors.Join(errs...)
}

// try asks one address, with the client's own code.
func (t target) try(ctx context.Context, o Options) Attempt {
	if protocols[t.network] {
		return t.talk(ctx, o)
	}
	var result requestor.Attempt
	d := &requestor.Dialer{
		Timeout: o.Timeout, Dial: o.Dial,
		Trace: func(a requestor.Attempt) { result = a },
	}
	detail := ""
	if t.network == "udp" {
		if reply, err := d.Exchange(ctx, t.address, o.Request); err == nil {
			detail = fmt.Sprintf("reply of %d bytes", len(reply))
		}
	} else if conn, err := d.DialContext(ctx, t.network, t.address); err == nil {
		detail = "connected to " + conn.RemoteAddr().String()
		conn.Close() //nolint:errcheck // nothing was written
	}
	if result.Err != nil {
		detail = explain(result)
	}
	return Attempt{
		Address: t.given, Outcome: result.Outcome, Detail: detail,
		Milliseconds: milliseconds(result.Elapsed),
	}
}

// explain is the innermost part of an error, which does not repeat the address.
func explain(a requestor.Attempt) string {
	if a.Outcome == requestor.Timeout {
		return "no answer"
	}
	var op *net.OpError
	if errors.As(a.Err, &op) {
		return op.Err.Error()
	}
	return a.Err.Error()
}

// milliseconds with three decimals.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// WriteText prints attempts as lines: outcome, milliseconds, address, detail.
func (r Report) WriteText(w io.Writer) error {
	for _, a := range r.Attempts {
		if err := a.WriteText(w); err != nil {
			return err
		}
	}
	last := "no address answered"
	if r.Answered != nil {
		last = "answered: " + *r.Answered
	}
	_, err := fmt.Fprintln(w, last)
	return err
}

// WriteText prints one attempt as a line.
func (a Attempt) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-11s %9.3f ms  %s  %s\n", a.Outcome, a.Milliseconds, a.Address, a.Detail)
	return err
}
