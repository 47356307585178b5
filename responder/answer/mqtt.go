// SPDX-License-Identifier: Apache-2.0

package answer

import "encoding/binary"

// MQTT answers CONNECT with CONNACK "server unavailable": return code 3 (MQTT 3.1.1 §3.2.2.3, 3.1 alike), reason code 0x88
// (MQTT 5 §3.2.2.2). It does so as soon as it knows the version: what follows, such as a long will, is not needed. All else
// is reset.
type MQTT struct {
	// Refer tells a client of version 5 to use another server for the time being (reason code 0x9c), which is [Facts.Next]
	// (§4.11). The property has room for a name and a port; without Next, or with more than that, the server is unavailable.
	Refer bool
}

const (
	mqttConnect      = 1 << 4
	mqttConnAck      = 2 << 4
	mqttUnavailable  = 3    // return code
	mqttGone         = 0x88 // reason codes
	mqttUseAnother   = 0x9c
	mqttReference    = 0x1c // property "server reference"
	mqttReferenceMax = 300  // a name has 253 octets at most
	mqttBridge       = 0x80 // brokers that connect to a broker mark the level so
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
	case n < 0:
		return out, 0, Reset
	case n == 0:
		return out, 0, Wait
	}
	level, v := mqttLevel(heard[1+n:], length)
	if v != Close {
		return out, 0, v
	}
	used := min(1+n+length, len(heard))
	switch {
	case level < 5:
		return append(out, mqttConnAck, 2, 0, mqttUnavailable), used, Close
	case a.Refer && f.Next != "" && len(f.Next) <= mqttReferenceMax:
		return mqttRefer(f, out), used, Close
	}
	return append(out, mqttConnAck, 3, 0, mqttGone, 0), used, Close
}

// mqttRefer appends a CONNACK with the server to use instead.
func mqttRefer(f *Facts, out []byte) []byte {
	properties := 3 + len(f.Next)
	lengthOf := 1 // octets of the length of the properties
	if properties > 0x7f {
		lengthOf = 2
	}
	out = append(out, mqttConnAck)
	out = mqttAppendLength(out, 2+lengthOf+properties)
	out = append(out, 0, mqttUseAnother)
	out = mqttAppendLength(out, properties)
	out = append(out, mqttReference)
	out = binary.BigEndian.AppendUint16(out, uint16(len(f.Next))) //nolint:gosec // bounded above
	return appendClean(out, f.Next)
}

// mqttAppendLength appends a variable byte integer below 2¹⁴ (MQTT 5 §1.5.5).
func mqttAppendLength(out []byte, n int) []byte {
	if n > 0x7f {
		return append(out, byte(n)|0x80, byte(n>>7))
	}
	return append(out, byte(n))
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

// mqttLevel reads the version of a CONNECT whose variable header and payload have that length: its protocol level without
// the mark of bridges, and Close if it is known. Wait: it is cut short. Reset: it is none.
func mqttLevel(b []byte, length int) (level byte, v Verdict) {
	if len(b) < 2 {
		return 0, Wait
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n != len("MQTT") && n != len("MQIsdp"):
		return 0, Reset
	case length < 2+n+4: // name, level, flags, keep alive
		return 0, Reset
	case len(b) < 2+n+1:
		return 0, Wait
	}
	level = b[2+n]
	switch name := b[2 : 2+n]; {
	case string(name) == "MQIsdp" && level&^mqttBridge == 3:
	case string(name) == "MQTT" && (level&^mqttBridge == 4 || level == 5):
	default:
		return 0, Reset
	}
	return level &^ mqttBridge, Close
}
