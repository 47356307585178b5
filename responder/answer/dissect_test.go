// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// capture writes conversations as a capture: raw IPv4, one file, each conversation between ports of its own.
type capture struct {
	b    []byte
	next uint16
}

func newCapture() *capture {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
	return &capture{binary.LittleEndian.AppendUint32(b, 101), 40000} // LINKTYPE_RAW
}

// packet adds a packet between client and server.
func (c *capture) packet(toServer bool, protocol byte, transport []byte) {
	header := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0}
	binary.BigEndian.PutUint16(header[2:], uint16(20+len(transport)))
	a, b := []byte{10, 0, 0, 9}, []byte{10, 0, 0, 101}
	if !toServer {
		a, b = b, a
	}
	n := uint32(20 + len(transport))
	c.b = append(c.b, make([]byte, 8)...)
	c.b = binary.LittleEndian.AppendUint32(c.b, n)
	c.b = binary.LittleEndian.AppendUint32(c.b, n)
	c.b = append(append(append(append(c.b, header...), a...), b...), transport...)
}

// tcp adds a conversation: the hand-shake, what the client says, what it hears.
func (c *capture) tcp(port uint16, says, hears []byte) {
	c.next++
	segment := func(toServer bool, seq, ack uint32, flags byte, data []byte) {
		from, to := c.next, port
		if !toServer {
			from, to = to, from
		}
		b := binary.BigEndian.AppendUint16(nil, from)
		b = binary.BigEndian.AppendUint16(b, to)
		b = binary.BigEndian.AppendUint32(b, seq)
		b = binary.BigEndian.AppendUint32(b, ack)
		b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
		c.packet(toServer, 6, append(b, data...))
	}
	segment(true, 100, 0, 0x02, nil)
	segment(false, 500, 101, 0x12, nil)
	segment(true, 101, 501, 0x10, nil)
	if len(says) > 0 {
		segment(true, 101, 501, 0x18, says)
	}
	segment(false, 501, 101+uint32(len(says)), 0x18, hears)
	segment(false, 501+uint32(len(hears)), 101+uint32(len(says)), 0x11, nil)
}

// udp adds a question and its answer.
func (c *capture) udp(port uint16, says, hears []byte) {
	c.next++
	datagram := func(toServer bool, data []byte) {
		from, to := c.next, port
		if !toServer {
			from, to = to, from
		}
		b := binary.BigEndian.AppendUint16(nil, from)
		b = binary.BigEndian.AppendUint16(b, to)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
		c.packet(toServer, 17, append(append(b, 0, 0), data...))
	}
	datagram(true, says)
	datagram(false, hears)
}

// The dissectors of Wireshark read each answer as it is meant.
func TestDissectorsReadTheAnswersAsMeant(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal("no tshark (make setup)")
		}
		t.Skip("no tshark (make setup)")
	}
	streams := map[string]talk{}
	for _, c := range talks(t) {
		streams[c.name] = c
	}
	data := datagrams(t)
	for _, c := range []struct {
		name, datagram string
		port           uint16
		says           []byte // of a datagram
		decode         string // as which protocol, where the port alone does not say
		fields         []string
		want           string
	}{
		{name: "postgresql", port: 5432, fields: []string{"pgsql.severity", "pgsql.code", "pgsql.message"}, want: "FATAL|57P03|" + said},
		{name: "mysql", port: 3306, fields: []string{"mysql.error_code", "mysql.sqlstate", "mysql.error.message"}, want: "1053|08S01|" + said},
		{name: "tns", port: 1521, fields: []string{"tns.type", "tns.refuse_data"}, want: "4|" + tnsText},
		{name: "cql", port: 9042, fields: []string{"cql.version", "cql.opcode", "cql.stream", "cql.error_code"}, want: "0x84|0|7|4098"},
		{name: "mqtt 3.1.1", port: 1883, fields: []string{"mqtt.msgtype", "mqtt.conack.val"}, want: "2|3"},
		{name: "mqtt 5, referred", port: 1883, fields: []string{"mqtt.msgtype", "mqtt.property_id", "mqtt.prop_string"}, want: "2|0x1c|10.0.0.102:5432"},
		{name: "smtp", port: 25, fields: []string{"smtp.response.code", "smtp.rsp.parameter"}, want: "421|4.3.2 orders Service not available, closing transmission channel"},
		{name: "http, head, try again", port: 80, fields: []string{"http.response.code", "http.connection", "http.cache_control"}, want: "503|close|no-store"},
		{name: "http, redirected", port: 80, fields: []string{"http.response.code", "http.location"}, want: "307|http://10.0.0.102/a?b=c"},
		{name: "dns", port: 53, fields: []string{"dns.flags.response", "dns.flags.rcode", "dns.qry.name"}, want: "1|5|www.example"},
		{name: "sip", port: 5060, fields: []string{"sip.Status-Code", "sip.Retry-After", "sip.Call-ID"}, want: "503|5|77@a"},
		{name: "ftp", port: 21, fields: []string{"ftp.response.code"}, want: "421"},
		{name: "imap", port: 143, fields: []string{"imap.line"}, want: `* BYE [UNAVAILABLE] Service not available here\r\n`},
		{name: "pop3", port: 110, fields: []string{"pop.response.indicator"}, want: "-ERR"},
		{name: "nntp", port: 119, fields: []string{"nntp.response"}, want: "1"},
		{name: "redis", port: 6379, fields: []string{"tcp.payload"}, want: fmt.Sprintf("%x", "-LOADING Service not available here\r\n")},
		{name: "ldap", port: 389, fields: []string{"ldap.resultCode", "ldap.responseName"}, want: "52|1.3.6.1.4.1.1466.20036"},
		{name: "amqp", port: 5672, fields: []string{"_ws.col.Protocol", "tcp.payload"}, want: fmt.Sprintf("AMQP|%x", "AMQP\x00\x00\x09\x01")},
		{name: "tls-alert", port: 443, fields: []string{"tls.record.content_type", "tls.alert_message.level", "tls.alert_message.desc"}, want: "21|2|80"},
		{name: "memcached", port: 11211, fields: []string{"_ws.col.Protocol", "tcp.payload"}, want: fmt.Sprintf("MEMCACHE|%x", "SERVER_ERROR service not available here\r\n")},
		{name: "ssh", port: 22, fields: []string{"tcp.payload"}, want: fmt.Sprintf("%x", "Service not available here\r\n")},
		{name: "dns over udp", datagram: "dns", port: 53, says: raw("<1234 2130 0001 0000 0000 0001 03>www<07>example<00 0001 0001 00 0029 04d0 00000000 0000>"),
			fields: []string{"dns.flags.response", "dns.flags.rcode", "dns.rr.udp_payload_size"}, want: "1|5|1232"},
		{name: "quic", datagram: "quic", port: 443, says: quicFirst(), fields: []string{"quic.version", "quic.dcid", "quic.scid", "quic.supported_version"},
			want: "0x00000000|a1a2a3a4|1112131415161718|0x8aaacaea"},
		{name: "sip over udp", datagram: "sip", port: 5060, says: padded(600), fields: []string{"sip.Status-Code", "sip.to.tag"}, want: "503|2mhw3dhcjz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newCapture()
			source := "tcp.srcport"
			if c.datagram != "" {
				reply, ok := data[c.datagram].Answer(facts(), c.says, nil)
				if !ok {
					t.Fatal("no reply")
				}
				w.udp(c.port, c.says, reply)
				source = "udp.srcport"
			} else {
				talk, ok := streams[c.name]
				if !ok {
					t.Fatalf("no conversation %q", c.name)
				}
				w.tcp(c.port, raw(talk.says), raw(talk.want))
			}
			file := filepath.Join(t.TempDir(), "answer.pcap")
			if err := os.WriteFile(file, w.b, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"-r", file, "-Y", fmt.Sprintf("%s == %d and (tcp.len > 0 or udp)", source, c.port), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"}
			for _, f := range c.fields {
				args = append(args, "-e", f)
			}
			cmd := exec.CommandContext(t.Context(), tshark, args...)
			var errors strings.Builder
			cmd.Stderr = &errors
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, errors.String())
			}
			if got := strings.TrimSpace(string(out)); got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}
