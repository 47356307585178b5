// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// presetTLS is what a client says first that speaks TLS to any of these.
const presetTLS = "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"

// Those whose server greets say their words at once; the others say them to clients of the protocol, and to nobody else.
func TestPresetsSpeakAtTheRightMoment(t *testing.T) {
	t.Parallel()
	away := " not available here\r\n"
	notice := string(raw("<30 24 02 01 00 78 1f 0a 01 34 04 00 04 00 8a 16>1.3.6.1.4.1.1466.20036"))
	tried := map[string]bool{}
	for _, c := range []struct {
		name, says, want string
		end              Verdict
	}{
		{"ftp", "", "421 Service not available, closing control connection.\r\n", Close},
		{"imap", "", "* BYE [UNAVAILABLE] Service" + away, Close},
		{"pop3", "", "-ERR [SYS/TEMP] Service" + away, Close},
		{"nntp", "", "400 Service" + away, Close},
		{"ssh", "", "Service" + away, Close},
		{"redis", "", "", Wait},
		{"redis", "*1\r\n$4\r\nPING\r\n", "-LOADING Service" + away, Close},
		{"redis", "PING\r\n", "-LOADING Service" + away, Close},
		{"redis", "ping\r\n", "-LOADING Service" + away, Close},
		{"redis", presetTLS, "", Reset},
		{"redis", "$4\r\n", "", Reset},
		{"memcached", "", "", Wait},
		{"memcached", "get a\r\n", "SERVER_ERROR service" + away, Close},
		{"memcached", "mn\r\n", "SERVER_ERROR service" + away, Close},
		{"memcached", "\x80\x00\x00\x01\x00\x00\x00\x00", "", Reset},
		{"memcached", presetTLS, "", Reset},
		{"ldap", "", "", Wait},
		{"ldap", string(raw("<30 0c 02 01 01 60 07 02 01 03 04 00 80 00>")), notice, Close},
		{"ldap", string(raw("<30 84 00 00 00 0c 02 01 01>")), notice, Close},
		{"ldap", presetTLS, "", Reset},
		{"amqp", "", "", Wait},
		{"amqp", "AMQP\x00\x00\x09\x01", "AMQP\x00\x00\x09\x01", Close},
		{"amqp", "AMQP\x03\x01\x00\x00", "AMQP\x00\x00\x09\x01", Close},
		{"amqp", "AMQ", "", Wait},
		{"amqp", "AMP", "", Reset},
		{"amqp", presetTLS, "", Reset},
		{"tls-alert", "", "", Wait},
		{"tls-alert", "\x16", "", Wait},
		{"tls-alert", presetTLS, "\x15\x03\x03\x00\x02\x02\x50", Close},
		{"tls-alert", "\x16\x02", "", Reset},
		{"tls-alert", "\x15\x03\x03\x00\x02\x02\x50", "", Reset},
		{"tls-alert", "GET / HTTP/1.1\r\n", "", Reset},
	} {
		tried[c.name] = true
		reply, v := dbCut(t, preset(t, c.name), facts(), []byte(c.says))
		if d := cmp.Diff(c.want, string(reply)); d != "" || v != c.end {
			t.Errorf("%s to %q: want %v, got %v; reply (-want +got):\n%s", c.name, c.says, c.end, v, d)
		}
	}
	for _, name := range Presets() {
		if !tried[name] {
			t.Errorf("%s was not tried", name)
		}
	}
}

// Words that end a line are in one line, of ASCII: anything else would be more than one reply.
func TestPresetsSayOneLine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ftp", "imap", "pop3", "nntp", "ssh", "redis", "memcached"} {
		reply, _ := dbHold(t, preset(t, name), facts(), []byte("get a\r\n"))
		text, ended := strings.CutSuffix(string(reply), "\r\n")
		if !ended || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: %q", name, reply)
		}
	}
	// RFC 4253 §4.2: lines before the identification do not begin as it does.
	if reply, _ := dbHold(t, preset(t, "ssh"), facts()); strings.HasPrefix(string(reply), "SSH-") {
		t.Errorf("ssh: %q", reply)
	}
}

func TestPresetsAreReadByWireshark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		port   uint16
		says   string
		fields []string
		want   string
	}{
		{"ftp", 21, "", []string{"ftp.response.code", "ftp.response.arg"}, "421|Service not available, closing control connection."},
		{"imap", 143, "", []string{"imap.line"}, `* BYE [UNAVAILABLE] Service not available here\r\n`},
		{"pop3", 110, "", []string{"pop.response.indicator", "pop.response.description"}, "-ERR|[SYS/TEMP] Service not available here"},
		{"redis", 6379, "*1\r\n$4\r\nPING\r\n", []string{"tcp.payload"}, "2d4c4f4144494e472053657276696365206e6f7420617661696c61626c6520686572650d0a"},
		{"ldap", 389, string(raw("<30 0c 02 01 01 60 07 02 01 03 04 00 80 00>")), []string{"ldap.messageID", "ldap.protocolOp", "ldap.resultCode", "ldap.responseName"}, "0|24|52|1.3.6.1.4.1.1466.20036"},
		{"tls-alert", 443, presetTLS, []string{"tls.record.content_type", "tls.record.version", "tls.alert_message.level", "tls.alert_message.desc"}, "21|0x0303|2|80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, _ := dbHold(t, preset(t, c.name), facts(), []byte(c.says))
			if got := dbDissect(t, c.port, []byte(c.says), reply, c.fields...); got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}

func FuzzPresets(f *testing.F) {
	f.Add([]byte("AMQP\x00\x00\x09\x01"), uint16(2))
	f.Add([]byte(presetTLS), uint16(1))
	f.Add([]byte("get a\r\n"), uint16(1))
	f.Fuzz(func(t *testing.T, says []byte, cut uint16) {
		at := min(int(cut), len(says))
		for _, name := range Presets() {
			s, _ := Preset(name)
			whole, end := dbHold(t, s, facts(), says)
			if len(whole) > 100 || (len(whole) > 0) != (end == Close) {
				t.Errorf("%s: %v, %q", name, end, whole)
			}
			if got, v := dbHold(t, s, facts(), says[:at], says[at:]); string(got) != string(whole) || v != end {
				t.Errorf("%s, cut at %d: %q, %v; whole: %q, %v", name, at, got, v, whole, end)
			}
		}
	})
}
