// SPDX-License-Identifier: Apache-2.0

package answer

// SMTP greets with 421 (RFC 5321 §3.8, RFC 3463 code 4.3.2): a mail server tries the next MX, or keeps the mail for later.
type SMTP struct{}

// Hear implements [Stream].
func (*SMTP) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	out = append(out, "421 4.3.2 "...)
	if f.Service != "" {
		out = appendASCII(out, f.Service)
		out = append(out, ' ')
	}
	return append(out, "Service not available, closing transmission channel\r\n"...), len(heard), Close
}
