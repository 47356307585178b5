// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/binary"
	"strings"
)

// MQTT answers CONNECT with CONNACK "server unavailable": return code 3 (MQTT 3.1.1 §3.2.2.3), reason code 0x88 (MQTT 5
// §3.2.2.2). With Refer, a client of version 5 is told to use another server ([Facts.Next]; §4.11).
type MQTT struct {
	Refer bool
}

const (
	mqttConnect     = 1 << 4
	mqttConnAck     = 2 << 4
	mqttLimit       = 8 << 10
	mqttUnavailable = 3
	mqttServerGone  = 0x88
	mqttUseAnother  = 0x9c
	mqttReference   = 0x1c
)

// Hear implements [Stream].
func (a *MQTT) Hear(f *Facts, heard, out []byte) ([]byte, int, Verdict) {
	if len(heard) == 0 {
		return out, 0, Wait
	}
	if heard[0] != mqttConnect { // the first packet is CONNECT, its flags are 0
		return out, 0, Reset
	}
	length, n := mqttLength(heard[1:])
	switch {
	case n < 0, length > mqttLimit:
		return out, 0, Reset
	case n == 0, len(heard) < 1+n+length:
		return out, 0, Wait
	}
	level, ok := mqttLevel(heard[1+n : 1+n+length])
	if !ok {
		return out, 0, Reset
	}
	used := 1 + n + length
	switch {
	case level < 5:
		return append(out, mqttConnAck, 2, 0, mqttUnavailable), used, Close
	case a.Refer && f.Next != "" && len(f.Next) <= 100:
		out = append(out, mqttConnAck, byte(6+len(f.Next)), 0, mqttUseAnother, byte(3+len(f.Next)), mqttReference)
		out = binary.BigEndian.AppendUint16(out, uint16(len(f.Next))) //nolint:gosec // at most 100
		return append(out, f.Next...), used, Close
	}
	return append(out, mqttConnAck, 3, 0, mqttServerGone, 0), used, Close
}

// mqttLength reads a variable byte integer: its value and length; length 0: it is cut short, -1: it is none.
func mqttLength(b []byte) (value, n int) {
	for i := 0; i < 4; i++ {
		if i == len(b) {
			return 0, 0
		}
		value |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, -1
}

// mqttLevel reads protocol name and level of CONNECT.
func mqttLevel(b []byte) (level byte, ok bool) {
	if len(b) < 2 {
		return 0, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n+1 {
		return 0, false
	}
	name := string(b[2 : 2+n])
	return b[2+n], strings.EqualFold(name, "MQTT") || name == "MQIsdp"
}
