// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/regent-ha/regent/requestor"
)

// silence is how long one address may be silent if the options do not say.
const silence = 2 * time.Second

// verdict is what an address said in the words of its protocol.
type verdict struct {
	outcome requestor.Outcome
	detail  string
}

// failure is what an error of package net comes to.
func failure(err error) verdict {
	o := requestor.Classify(err)
	return verdict{o, explain(requestor.Attempt{Outcome: o, Err: err})}
}

// talk asks one address in the words of its protocol.
func (t target) talk(ctx context.Context, o Options) Attempt {
	limit := o.Timeout
	if limit <= 0 {
		limit = silence
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	start := time.Now()
	var v verdict
	switch t.network {
	case "postgresql":
		v = exchange(ctx, dial, "tcp", t.address, startup(), pgJudge)
	case "dns":
		v = exchange(ctx, dial, "udp", t.address, dnsQuery, dnsJudge)
	default:
		v = fetch(ctx, dial, t.given)
	}
	return Attempt{Address: t.given, Outcome: v.outcome, Detail: v.detail, Milliseconds: milliseconds(time.Since(start))}
}

// exchange sends a request and lets judge look at what comes back, until it knows enough.
func exchange(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, address string, request []byte,
	judge func(reply []byte) (verdict, bool),
) verdict {
	c, err := dial(ctx, network, address)
	if err != nil {
		return failure(err)
	}
	defer c.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return failure(err)
		}
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a connection that is gone needs none
	defer stop()
	if _, err := c.Write(request); err != nil {
		return failure(err)
	}
	reply := make([]byte, 0, 4096)
	for {
		n, err := c.Read(reply[len(reply):cap(reply)])
		reply = reply[:len(reply)+n]
		if n > 0 {
			if v, done := judge(reply); done {
				return v
			}
		}
		switch {
		case err != nil && len(reply) > 0 && requestor.Classify(err) == requestor.Failed:
			return verdict{requestor.Failed, "the answer ends in the middle"}
		case err != nil:
			return failure(err)
		case len(reply) == cap(reply):
			return verdict{requestor.Failed, "the answer is too long"}
		}
	}
}

// fetch asks for a page. A server that cannot serve now (5xx) has not answered.
func fetch(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), page string) verdict {
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return failure(err)
	}
	response, err := client.Do(r)
	if err != nil {
		return failure(err)
	}
	defer response.Body.Close()
	v := verdict{requestor.Answered, response.Status}
	if response.StatusCode >= 500 {
		v.outcome = requestor.Failed
	}
	if after := response.Header.Get("Retry-After"); after != "" {
		v.detail += fmt.Sprintf(", try again after %.20q", after)
	}
	if to := response.Header.Get("Location"); to != "" {
		v.detail += fmt.Sprintf(", to %.200q", to)
	}
	return v
}

// dnsQuery asks for the servers of the root: every server that serves at all has an answer to that, or a reason not to.
var dnsQuery = []byte{0x4e, 0x5a, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, byte(dnsmessage.TypeNS), 0, 1}

// dnsJudge takes every answer for one but those that say "ask somebody else".
func dnsJudge(reply []byte) (verdict, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(reply)
	switch {
	case err != nil || !h.Response || reply[0] != dnsQuery[0] || reply[1] != dnsQuery[1]:
		return verdict{requestor.Failed, "not an answer of DNS"}, true
	case h.RCode == dnsmessage.RCodeRefused:
		return verdict{requestor.Refused, "REFUSED"}, true
	case h.RCode == dnsmessage.RCodeServerFailure, h.RCode == dnsmessage.RCodeNotImplemented:
		return verdict{requestor.Failed, h.RCode.String()}, true
	}
	return verdict{requestor.Answered, h.RCode.String()}, true
}
