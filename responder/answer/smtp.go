// SPDX-License-Identifier: Apache-2.0

package answer

// SMTP greets with 421 (RFC 5321 §3.8, §4.2.2; 4.3.2 of RFC 3463: "system not accepting network messages"): a mail server
// tries the next MX, or keeps the mail and tries again. It is said before the client has said anything, and so it serves
// submission (587) and LMTP too; where TLS comes first (465), nobody could read it.
type SMTP struct{}

const smtpDomainLimit = 255 // RFC 5321 §4.5.3.1.2

// Hear implements [Stream].
func (*SMTP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	out = append(out, "421 4.3.2 "...)
	out = append(smtpDomain(out, f), "Service not available, closing transmission channel\r\n"...)
	return out, len(heard), Close
}

// smtpDomain appends who speaks, and a blank: the service, as one word of a domain's letters; without a name the address
// (RFC 5321 §4.1.3).
func smtpDomain(out []byte, f *Facts) []byte {
	start := len(out)
	for _, r := range f.Service {
		if len(out)-start == smtpDomainLimit {
			break
		}
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			out = append(out, byte(r))
		default:
			out = append(out, '-')
		}
	}
	if a := f.Local.Addr(); len(out) == start && a.IsValid() {
		a = a.Unmap().WithZone("")
		out = append(out, '[')
		if a.Is6() {
			out = append(out, "IPv6:"...)
		}
		out = append(a.AppendTo(out), ']')
	}
	if len(out) == start {
		return out
	}
	return append(out, ' ')
}
