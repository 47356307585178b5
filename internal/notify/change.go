// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"strconv"
	"strings"
)

// Kind is what changes its state.
type Kind string

// Kinds, in the words of keepalived, which scripts and readers know.
const (
	Instance Kind = "INSTANCE"
	Group    Kind = "GROUP"
)

// State is a state in the words of keepalived.
type State string

// States. FAULT is Initialize for want of a link, STOP the end of the daemon or of the service.
const (
	Master State = "MASTER"
	Backup State = "BACKUP"
	Fault  State = "FAULT"
	Stop   State = "STOP"
	// Deleted: a reload took the instance out of the configuration.
	Deleted State = "DELETED"
)

// Words that only readers of a FIFO hear, beside the states: an Active heard an advert of lower priority; the priority changed.
const (
	LowerPriority  State = "MASTER_RX_LOWER_PRI"
	MasterPriority State = "MASTER_PRIORITY"
	BackupPriority State = "BACKUP_PRIORITY"
)

// Change is a change of state.
type Change struct {
	Kind     Kind
	Name     string
	State    State
	Priority int // in force; 0 for a Group
}

// Arguments are the four that a generic program gets behind its own.
func (c Change) Arguments() []string {
	return []string{string(c.Kind), c.Name, string(c.State), strconv.Itoa(c.Priority)}
}

// Line is what readers of a FIFO get: INSTANCE "NAME" STATE PRIORITY and a line end.
func (c Change) Line() string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == 0x7f {
			return ' ' // it would end the name, or the line
		}
		return r
	}, c.Name)
	return string(c.Kind) + ` "` + name + `" ` + string(c.State) + " " + strconv.Itoa(c.Priority) + "\n"
}
