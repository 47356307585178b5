// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MessageKind says what a [Message] is.
type MessageKind string

// Kinds of message between nodes.
const (
	Instruct MessageKind = "instruct" // perform Service at your own address, for Lease
	Withdraw MessageKind = "withdraw" // no longer
	Accepted MessageKind = "accepted" // answers Instruct
	Refused  MessageKind = "declined" // answers Instruct, with Reason
	Question MessageKind = "question" // are you Active for Service, and do you serve it?
	Reply    MessageKind = "reply"    // answers Question: Yes, or not
	Drain    MessageKind = "drain"    // drain yourself (Yes), or undo it
)

// Message is what one node tells another one directly. It may be lost, late, doubled or out of order.
type Message struct {
	Kind    MessageKind   `json:"kind"`
	Service string        `json:"service,omitempty"`
	Epoch   uint64        `json:"epoch,omitempty"`
	Lease   time.Duration `json:"lease,omitempty"`
	Number  uint64        `json:"number,omitempty"` // of a Question, and of the Reply to it
	Yes     bool          `json:"yes,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

// Bounds of a message.
const (
	messageLimit = 1024
	nameLimit    = 255
	leaseLimit   = time.Minute
)

// AppendMessage encodes a message. A reason that is too long is cut.
func AppendMessage(b []byte, m Message) ([]byte, error) {
	if len(m.Reason) > nameLimit {
		m.Reason = strings.ToValidUTF8(m.Reason[:nameLimit], "")
	}
	text, err := json.Marshal(m)
	return append(b, text...), err
}

// ParseMessage decodes a message and refuses one that makes no sense.
func ParseMessage(b []byte) (Message, error) {
	var m Message
	if len(b) > messageLimit {
		return m, fmt.Errorf("message of %d bytes, at most %d are read", len(b), messageLimit)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, fmt.Errorf("message: %w", err)
	}
	switch m.Kind {
	case Instruct, Withdraw, Accepted, Refused, Question, Reply:
		if m.Service == "" || len(m.Service) > nameLimit {
			return Message{}, errors.New("message without a service")
		}
	case Drain:
	default:
		return Message{}, fmt.Errorf("message of unknown kind %.20q", m.Kind)
	}
	if m.Lease < 0 || m.Lease > leaseLimit || m.Kind == Instruct && m.Lease == 0 {
		return Message{}, fmt.Errorf("message with a lease of %s", m.Lease)
	}
	if len(m.Reason) > nameLimit {
		return Message{}, errors.New("message with too long a reason")
	}
	return m, nil
}
