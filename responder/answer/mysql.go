// SPDX-License-Identifier: Apache-2.0

package answer

// MySQL answers as a server that is shutting down (error 1053, SQLSTATE 08S01), in place of its greeting: at once, since here
// the server speaks first. Drivers go on to their next host after an error of class 08. Nothing that the client says matters.
type MySQL struct {
	Message string // for people; "": one about the service
}

const mysqlShutdown = 1053 // ER_SERVER_SHUTDOWN

// Hear implements [Stream].
func (a *MySQL) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	start := len(out)
	out = append(out, 0, 0, 0, 0) // length of 3 octets, sequence number
	out = append(out, 0xff, mysqlShutdown&0xff, mysqlShutdown>>8)
	out = append(out, "#08S01"...)
	out = appendClean(out, f.words(a.Message))
	n := len(out) - start - 4
	out[start], out[start+1], out[start+2] = byte(n), byte(n>>8), byte(n>>16)
	return out, len(heard), Close
}
