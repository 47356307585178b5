// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// DNS answers queries with REFUSED (RFC 1035 §4.1.1). It is for resolvers with unconnected sockets, which ICMP errors do not
// reach. As a [Stream] it answers all queries of a connection (RFC 7766 §6.2.1); who ends it is the caller.
//
// Why REFUSED: resolvers ask their next server. So they do after SERVFAIL and NOTIMP, but some first ask this one again
// without EDNS, and remember that of it when the service is back. FORMERR, NXDOMAIN and an empty answer are believed, and
// end the search. Only who sends an UPDATE takes REFUSED as the last word, and goes on after SERVFAIL (RFC 2136 §4.5, §4.6).
//
// Nothing is said that the query did not say, so an answer is never longer: the question, OPT if there was one (RFC 6891
// §6.1.1), and in it the cookie with which the client knows its server (RFC 7873). Without that a client which remembers one
// would ask again over TCP.
type DNS struct {
	RCode int // 2 (SERVFAIL), 4 (NOTIMP) or 5 (REFUSED), in answers to all but UPDATE. Others would not do, and are 5
}

const (
	dnsHeader  = 12
	dnsUpdate  = 5 // opcode
	dnsOPT     = 41
	dnsOPTSize = 11   // without options
	dnsDO      = 0x80 // "DNSSEC answer OK", in the third octet of OPT's TTL
	dnsCookie  = 10   // option of OPT
	dnsPayload = 1232 // that an answer may have, as it is said in OPT
	dnsName    = 255  // the longest

	dnsServFail = 2
	dnsNotImp   = 4
	dnsRefused  = 5
)

// dnsQuery is what an answer repeats.
type dnsQuery struct {
	end    int // of the question
	edns   bool
	do     byte   // dnsDO or 0: it is copied (RFC 3225 §3)
	cookie []byte // of client and server; nil if the client knows none of the server's
}

// Answer implements [Datagram].
func (a *DNS) Answer(_ *Facts, request, out []byte) ([]byte, bool) {
	q, ok := dnsRead(request)
	if !ok {
		return out, false
	}
	start := len(out)
	out = append(out, request[:q.end]...)
	head := out[start : start+dnsHeader]
	head[2] = 0x80 | request[2]&0x79             // an answer; opcode and "recursion desired" are copied
	head[3] = request[3]&0x10 | a.rcode(request) // "checking disabled" is copied
	clear(head[6:])
	if !q.edns {
		return out, true
	}
	head[11] = 1
	out = append(out, 0, 0, dnsOPT, dnsPayload>>8, dnsPayload&0xff, 0, 0, q.do, 0) // version 0
	if q.cookie == nil {
		return append(out, 0, 0), true
	}
	out = append(out, 0, byte(4+len(q.cookie)), 0, dnsCookie, 0, byte(len(q.cookie))) //nolint:gosec // 40 at most
	return append(out, q.cookie...), true
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

// rcode is what moves the client on.
func (a *DNS) rcode(request []byte) byte {
	update := request[2]>>3&0x0f == dnsUpdate
	switch {
	case a.RCode == dnsNotImp:
		return dnsNotImp
	case a.RCode == dnsServFail, update:
		return dnsServFail
	}
	return dnsRefused
}

// dnsRead reads a query. It is none with more than one question (RFC 9619 §4; FORMERR, which that deserves, is never said).
// Without any it asks for a cookie (RFC 7873 §5.4). What is behind the question need not make sense.
func dnsRead(b []byte) (q dnsQuery, ok bool) {
	if len(b) < dnsHeader || b[2]&0x80 != 0 {
		return q, false
	}
	q.end = dnsHeader
	switch binary.BigEndian.Uint16(b[4:]) {
	case 0:
	case 1:
		if q.end = dnsSkip(b, dnsHeader, false); q.end < 0 || q.end+4 > len(b) {
			return q, false
		}
		q.end += 4
	default:
		return q, false
	}
	before := int(binary.BigEndian.Uint16(b[6:])) + int(binary.BigEndian.Uint16(b[8:])) // IXFR, NOTIFY and UPDATE have some
	more := int(binary.BigEndian.Uint16(b[10:]))
	at := q.end
	for i := range before + more { // each has 11 octets or more: they end with the message
		name := at
		if at = dnsSkip(b, at, true); at < 0 || at+10 > len(b) {
			return q, true
		}
		fixed, data := b[at:at+10], at+10
		at = data + int(binary.BigEndian.Uint16(fixed[8:]))
		if at > len(b) {
			return q, true
		}
		if i >= before && b[name] == 0 && binary.BigEndian.Uint16(fixed) == dnsOPT {
			q.edns, q.do, q.cookie = true, fixed[6]&dnsDO, dnsCookieOf(b[data:at])
			return q, true
		}
	}
	return q, true
}

// dnsCookieOf finds the cookie of client and server in the options of OPT.
func dnsCookieOf(options []byte) []byte {
	for len(options) >= 4 {
		n := int(binary.BigEndian.Uint16(options[2:]))
		if len(options) < 4+n {
			return nil
		}
		if binary.BigEndian.Uint16(options) == dnsCookie {
			if n < 16 || n > 40 {
				return nil
			}
			return options[4 : 4+n]
		}
		options = options[4+n:]
	}
	return nil
}

// dnsSkip returns where the name at an offset ends; -1 if it does not. A question's is not compressed.
func dnsSkip(b []byte, at int, compressed bool) int {
	for start := at; at < len(b) && at-start < dnsName; {
		switch n := int(b[at]); {
		case n == 0:
			return at + 1
		case n >= 0xc0 && compressed && at+1 < len(b):
			return at + 2
		case n > 63:
			return -1
		default:
			at += 1 + n
		}
	}
	return -1
}
