// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// DNS answers queries with REFUSED (RFC 1035 §4.1.1), after which resolvers ask their next server. Others would not do:
// after FORMERR, NXDOMAIN or an empty answer they stop. It is for resolvers with unconnected sockets, which ICMP errors do
// not reach. As a [Stream] it answers all queries of a connection (RFC 7766 §6.2.1).
type DNS struct{}

const (
	dnsHeader  = 12
	dnsRefused = 5
	dnsOPT     = 41
	dnsPayload = 1232 // that an answer may have, as it is said in OPT
)

// Answer implements [Datagram].
func (*DNS) Answer(_ *Facts, request, out []byte) ([]byte, bool) {
	question, opt, ok := dnsQuery(request)
	if !ok {
		return out, false
	}
	start := len(out)
	out = append(out, request[:dnsHeader]...)
	head := out[start:]
	head[2] = 0x80 | request[2]&0x79        // an answer; opcode and "recursion desired" are copied
	head[3] = request[3]&0x10 | dnsRefused  // "checking disabled" is copied
	binary.BigEndian.PutUint16(head[4:], 1) // one question
	clear(head[6:])
	out = append(out, request[dnsHeader:question]...)
	if opt && len(request) >= len(out)-start+11 {
		out[start+11] = 1
		out = append(out, 0, 0, dnsOPT, dnsPayload>>8, dnsPayload&0xff, 0, 0, 0, 0, 0, 0) // RFC 6891 §6.1.2
	}
	return out, true
}

// Hear implements [Stream]: messages with their length before them.
func (a *DNS) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	used := 0
	for {
		rest := heard[used:]
		if len(rest) < 2 {
			return out, used, Wait
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n < dnsHeader {
			return out, used, Reset
		}
		if len(rest) < 2+n {
			return out, used, Wait
		}
		start := len(out)
		reply, ok := a.Answer(f, rest[2:2+n], append(out, 0, 0))
		if !ok {
			return out, used, Reset
		}
		binary.BigEndian.PutUint16(reply[start:], uint16(len(reply)-start-2)) //nolint:gosec // no longer than the query
		out, used = reply, used+2+n
	}
}

// dnsQuery finds the end of a query's question, and whether it has OPT; not ok if it is none, or has more than one question
// (RFC 9619).
func dnsQuery(b []byte) (question int, opt, ok bool) {
	if len(b) < dnsHeader || b[2]&0x80 != 0 || binary.BigEndian.Uint16(b[4:]) != 1 || binary.BigEndian.Uint16(b[6:]) != 0 {
		return 0, false, false
	}
	if question = dnsSkipName(b, dnsHeader); question < 0 || question+4 > len(b) {
		return 0, false, false
	}
	question += 4
	at := question
	records := int(binary.BigEndian.Uint16(b[8:])) + int(binary.BigEndian.Uint16(b[10:]))
	for range min(records, 8) {
		at = dnsSkipName(b, at)
		if at < 0 || at+10 > len(b) {
			break // what is behind the question need not make sense
		}
		if binary.BigEndian.Uint16(b[at:]) == dnsOPT {
			return question, true, true
		}
		at += 10 + int(binary.BigEndian.Uint16(b[at+8:]))
		if at > len(b) {
			break
		}
	}
	return question, false, true
}

// dnsSkipName returns where the name at an offset ends; -1 if it does not. A question's name is not compressed.
func dnsSkipName(b []byte, at int) int {
	for start := at; at < len(b) && at-start < 255; {
		switch n := int(b[at]); {
		case n == 0:
			return at + 1
		case n > 63:
			return -1
		default:
			at += 1 + n
		}
	}
	return -1
}
