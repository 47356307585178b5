// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"errors"
	"net"
	"time"
)

// receive serves a datagram socket until it is closed.
func (s *Speaker) receive(c *net.UDPConn) {
	request, control := make([]byte, 64<<10), make([]byte, 256)
	var out, packet []byte
	for {
		n, m, flags, remote, err := c.ReadMsgUDPAddrPort(request, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || truncated(flags) {
			continue
		}
		local, ok := destination(control[:m])
		if !ok {
			continue
		}
		l := s.line(local, UDP)
		if l == nil || l.Datagram == nil {
			continue // not handed over by the table
		}
		f := l.facts(local, remote, time.Now())
		reply, answered := l.Datagram.Answer(&f, request[:n], out[:0])
		out = reply[:0]
		if answered = answered && len(reply) > 0 && len(reply) <= n; answered {
			packet = appendUDP(packet[:0], f.Local, f.Remote, reply)
		} else {
			packet = appendUnreachable(packet[:0], f.Local, f.Remote, request[:n])
		}
		switch err := s.raw.send(remote, packet); {
		case err != nil:
			s.log.Debug("the speaker cannot reply", "to", remote, "error", err)
		case answered:
			l.answers.Add(1)
		default:
			l.unreachables.Add(1)
		}
	}
}
