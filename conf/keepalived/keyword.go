// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
)

// Class says how often a keyword is met.
type Class byte

// The classes.
const (
	Everywhere Class = 'E' // in nearly every deployment
	Common     Class = 'C'
	Rare       Class = 'R'
	Foreign    Class = 'X' // of the load balancer, or obsolete
)

// String returns the letter.
func (c Class) String() string { return string(rune(c)) }

// Support says what Regent does with a keyword.
type Support uint8

// The answers.
const (
	Supported Support = iota // as keepalived does
	Accepted                 // read; it has nothing to act on here, and the Note says why
	Warned                   // read, has no effect, and each use is named: somebody may miss it
	Refused                  // an error: Regent cannot do it, and to go on without would be wrong
)

// String returns the answer as the documentation has it.
func (s Support) String() string {
	switch s {
	case Supported:
		return "supported"
	case Accepted:
		return "accepted without effect"
	case Warned:
		return "accepted with a warning"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("support(%d)", uint8(s))
}

// Keyword is one keyword in one block.
type Keyword struct {
	Block   string // empty for those outside of every block
	Name    string
	Class   Class
	Args    string // what follows the name
	Since   string // the version of keepalived that had it first, where that is later than 2.2.7
	Support Support
	Note    string
	Example string // a line or block that is good

	needs int  // arguments
	limit int  // arguments that are read, -1 for any number
	block bool // a block follows
	loose bool // a block may follow
	do    func(*node)
}

// Keywords returns every keyword that is known, in the order of the documentation: what the parser reads is what the
// documentation shows.
func Keywords() []Keyword {
	table := newParser(&log{}, Options{}).keywords()
	for i := range table {
		table[i].do = nil
	}
	return table
}

// action is what the parser does for a keyword.
type action struct {
	needs, limit int
	block, loose bool
	do           func(*node)
}

// kw returns a keyword: its example follows its arguments.
func kw(name string, class Class, args, example string, a action, more ...func(*Keyword)) Keyword {
	k := Keyword{Name: name, Class: class, Args: args, Example: example, needs: a.needs, limit: a.limit, block: a.block, loose: a.loose, do: a.do}
	if k.Example == "" {
		k.Example = name
	} else {
		k.Example = name + " " + example
	}
	for _, m := range more {
		m(&k)
	}
	return k
}

func since(version string) func(*Keyword) { return func(k *Keyword) { k.Since = version } }

func accepted(why string) func(*Keyword) {
	return func(k *Keyword) { k.Support, k.Note = Accepted, why }
}

func warned(why string) func(*Keyword) {
	return func(k *Keyword) { k.Support, k.Note = Warned, why }
}

func refused(why string) func(*Keyword) {
	return func(k *Keyword) { k.Support, k.Note = Refused, why }
}

func note(text string) func(*Keyword) { return func(k *Keyword) { k.Note = text } }

// in puts keywords into a block.
func in(block string, ks ...Keyword) []Keyword {
	for i := range ks {
		ks[i].Block = block
	}
	return ks
}
