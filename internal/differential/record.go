// SPDX-License-Identifier: Apache-2.0

package differential

// Kind of what is observed and compared.
type Kind string

// The kinds. The first four may never be in [Allowed].
const (
	Owner    Kind = "owner"    // which nodes hold an address
	Address  Kind = "address"  // interfaces and their addresses
	Notify   Kind = "notify"   // calls of notify programs
	FIFO     Kind = "fifo"     // lines of a FIFO
	Route    Kind = "route"    // routes of all tables
	Rule     Kind = "rule"     // policy routing rules
	Log      Kind = "log"      // lines that operators' tools match
	JSON     Kind = "json"     // keepalived.json
	Wire     Kind = "wire"     // adverts and announcements
	Kernel   Kind = "kernel"   // sysctls of interfaces
	Progress Kind = "progress" // what a step waited for in vain
)

// kinds in the order of reports.
var kinds = [...]Kind{Progress, Owner, Address, Notify, FIFO, Route, Rule, Kernel, Wire, Log, JSON}

// strict kinds may not differ, whatever the reason.
func strict(k Kind) bool {
	return k == Owner || k == Address || k == Notify || k == FIFO
}

// Observation is lines of text by kind and by what they are about (an instance, a program, a file; "" for sets that
// have one subject only). Lines of sets are sorted.
type Observation map[Kind]map[string][]string

func (o Observation) add(kind Kind, about string, lines ...string) {
	if o[kind] == nil {
		o[kind] = map[string][]string{}
	}
	o[kind][about] = append(o[kind][about], lines...)
}

// Record is what was observed: by step, and by node ("" for what is not one node's).
type Record struct {
	Program string
	Steps   []StepRecord
}

// StepRecord is what was observed when a step was over.
type StepRecord struct {
	Name  string
	Nodes map[string]Observation
}
