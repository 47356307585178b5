// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// subjectLimit is how many bytes of the sentence stand in the subject.
const subjectLimit = 160

// message is the mail of an alert. No byte of the alert can begin a header: the subject is one encoded line, the rest
// is in the body.
func (m *mailer) message(a *Alert) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", m.from.String())
	to := make([]string, len(m.to))
	for i, t := range m.to {
		to[i] = t.String()
	}
	header("To", strings.Join(to, ",\r\n "))
	subject := mime.QEncoding.Encode("utf-8", line("[regent] "+a.Node+": "+a.Text, subjectLimit))
	header("Subject", strings.ReplaceAll(subject, "?= =?", "?=\r\n =?")) // encoded words stand on short lines
	header("Date", a.Time.Format(time.RFC1123Z))
	header("Message-ID", "<"+a.ID+"@"+m.hello+">") // the same when it is sent again
	header("Auto-Submitted", "auto-generated")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	fmt.Fprintf(w, "%s\n\n%s\n\n", cut(a.Text, valueLimit), a.Meaning)
	for _, row := range [][2]string{
		{"time", a.Time.Format(time.RFC3339Nano)}, {"event", a.Event}, {"name", a.Name}, {"node", a.Node}, {"service", a.Service},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s: %s\n", row[0], row[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		fmt.Fprintf(w, "%s: %s\n", line(name, 255), line(fmt.Sprint(a.Fields[name]), valueLimit))
	}
	fmt.Fprintf(w, "alert: %s\n", a.ID)
	w.Close() //nolint:errcheck // a buffer takes everything
	return b.Bytes()
}

// address reads one address of the file.
func address(s string) (*mail.Address, error) {
	if line(s, len(s)) != s {
		return nil, fmt.Errorf("%q has control characters or blanks around it", s)
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no mail address", s)
	}
	return a, nil
}
