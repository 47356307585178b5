// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestMailSaysWhatHappened(t *testing.T) {
	t.Parallel()
	m := &mailer{from: &mail.Address{Name: "Regent", Address: "regent@example.org"}, hello: "db1.example.org",
		to: []*mail.Address{{Address: "ops@example.org"}, {Name: "Jörg", Address: "joerg@example.org"}}}
	a := anAlert()
	a.Text += ": größer"
	want := strings.ReplaceAll(`From: "Regent" <regent@example.org>
To: <ops@example.org>,
 =?utf-8?q?J=C3=B6rg?= <joerg@example.org>
Subject: =?utf-8?q?[regent]_db1:_orders_has_no_other_node_with_room_for_it:_gr?=
 =?utf-8?q?=C3=B6=C3=9Fer?=
Date: Sun, 01 Mar 2026 12:00:00 +0000
Message-ID: <3Q7ZJ4N2X5VFYB6KD8MTC1RWHA@db1.example.org>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

orders has no other node with room for it: gr=C3=B6=C3=9Fer

If the node that performs the service failed, no other one has room for it;=
 it is configured as not to be taken over. Add capacity, or bring a standby=
 back.

time: 2026-03-01T12:00:00.25Z
event: RG1301
name: service_unprotected
node: db1
service: orders
candidates: [db2 db3]
demand: 40
reason: db2 has 10 of 40 left
alert: 3Q7ZJ4N2X5VFYB6KD8MTC1RWHA
`, "\n", "\r\n")
	if diff := cmp.Diff(want, string(m.message(a))); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
}

// Whatever an alert holds, the mail has exactly its own headers, short lines, and the sentence in its body.
func FuzzMailKeepsItsHeaders(f *testing.F) {
	for _, s := range []string{"", "plain", "a\r\nBcc: evil@example.org", "\r\n\r\nbody", "\n.\n", "ä\xff\u2028\x00", "=?utf-8?q?x?=", strings.Repeat("long ", 2000)} {
		f.Add(s, s, s, s)
	}
	m := &mailer{from: &mail.Address{Address: "a@example.org"}, to: []*mail.Address{{Address: "b@example.org"}}, hello: "db1"}
	want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	f.Fuzz(func(t *testing.T, text, node, name, value string) {
		a := anAlert()
		a.Text, a.Node, a.Fields[name] = text, line(node, valueLimit), value
		raw := m.message(a)
		for row := range bytes.Lines(raw) {
			if len(row) > 998+2 || !bytes.HasSuffix(row, []byte("\r\n")) || bytes.ContainsRune(row[:len(row)-2], '\r') {
				t.Fatalf("line %q", row)
			}
		}
		got, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if names := slices.Sorted(maps.Keys(got.Header)); !slices.Equal(names, want) {
			t.Fatalf("headers %v", names)
		}
		for name, values := range got.Header {
			if len(values) != 1 {
				t.Fatalf("%s stands %d times", name, len(values))
			}
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if err != nil || !strings.HasPrefix(subject, "[regent]") {
			t.Fatalf("subject %q: %v", subject, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
		if err != nil || !utf8.Valid(body) || !strings.Contains(string(body), "\r\nevent: RG1301\r\n") {
			t.Fatalf("body %q: %v", body, err)
		}
	})
}
