// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// mqttHello is a CONNECT of version 5.
var mqttHello = string(raw("<10 0d 0004>MQTT<05 02 003c 00 0000>"))

func TestMQTTRefusesAsABrokerThatIsUnavailable(t *testing.T) {
	t.Parallel()
	dbGolden(t, "mqtt", func(name string) Stream { return &MQTT{Refer: strings.HasPrefix(name, "refer")} })
}

// A name of any length that names have is referred to, and the two lengths around it are right.
func TestMQTTReferenceOfAnyLength(t *testing.T) {
	t.Parallel()
	for n := range mqttReferenceMax + 2 {
		f := facts()
		f.Next = strings.Repeat("a", n)
		reply, v := dbHold(t, &MQTT{Refer: true}, f, []byte(mqttHello))
		if v != Close {
			t.Fatalf("%d octets: %v", n, v)
		}
		if n == 0 || n > mqttReferenceMax {
			if string(reply) != "\x20\x03\x00\x88\x00" {
				t.Errorf("%d octets: %x", n, reply)
			}
			continue
		}
		remaining, a := mqttLength(reply[1:])
		body := reply[1+a:]
		if a < 1 || remaining != len(body) || string(body[:2]) != "\x00\x9c" {
			t.Fatalf("%d octets: %x", n, reply)
		}
		properties, b := mqttLength(body[2:])
		body = body[2+b:]
		if b < 1 || properties != len(body) || body[0] != mqttReference || int(binary.BigEndian.Uint16(body[1:])) != n || string(body[3:]) != f.Next {
			t.Fatalf("%d octets: %x", n, reply)
		}
	}
}

// Only versions that exist are answered, and each in its own words.
func TestMQTTAnswersTheVersionsThatExist(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"MQTT", "MQIsdp", "mqtt", "MQTTMQ", "HTTP"} {
		for level := range 256 {
			body := append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...)
			body = append(body, byte(level), 2, 0, 60, 0, 0, 0)
			says := append([]byte{mqttConnect, byte(len(body))}, body...)
			var want string
			switch id := fmt.Sprint(name, " ", level&^mqttBridge); {
			case id == "MQIsdp 3", id == "MQTT 4":
				want = "\x20\x02\x00\x03"
			case id == "MQTT 5" && level == 5:
				want = "\x20\x03\x00\x88\x00"
			}
			reply, v := dbHold(t, &MQTT{}, facts(), says)
			if string(reply) != want || (v == Close) != (want != "") || (v == Reset) != (want == "") {
				t.Errorf("%s %d: %x, %v", name, level, reply, v)
			}
		}
	}
}

func TestMQTTIsReadByWireshark(t *testing.T) {
	t.Parallel()
	long := facts()
	long.Next = strings.Repeat("a.", 126) + "a:1883"
	for _, c := range []struct {
		name   string
		says   string
		refer  bool
		facts  *Facts
		fields []string
		want   string
	}{
		{"3.1", string(raw("<10 10 0006>MQIsdp<03 02 003c 0002>ab")), true, facts(), []string{"mqtt.msgtype", "mqtt.conack.val"}, "2|3"},
		{"5", mqttHello, false, facts(), []string{"mqtt.msgtype", "mqtt.connack.reason_code"}, "2|136"},
		{"5, referred", mqttHello, true, long, []string{"mqtt.msgtype", "mqtt.connack.reason_code", "mqtt.property_id", "mqtt.prop_string"}, "2|156|0x1c|" + long.Next},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reply, _ := dbHold(t, &MQTT{Refer: c.refer}, c.facts, []byte(c.says))
			if got := dbDissect(t, 1883, []byte(c.says), reply, c.fields...); got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}

func FuzzMQTT(f *testing.F) {
	dbFuzz(f, "mqtt", func(int) int { return 320 }, &MQTT{}, &MQTT{Refer: true})
}
