// SPDX-License-Identifier: Apache-2.0

package agent

// Doubts is corroboration: a Backup that misses adverts asks the other nodes whether the Active one is there after all.
// It keeps nothing but the number of the question that is open for each service, so that an answer to an older one, or one
// that comes twice, holds nothing back.
type Doubts struct {
	open map[string]uint64
	last uint64
}

// Suspect opens a question about a service and returns it, for all nodes.
func (d *Doubts) Suspect(service string) Message {
	if d.open == nil {
		d.open = map[string]uint64{}
	}
	d.last++
	d.open[service] = d.last
	return Message{Kind: Question, Service: service, Number: d.last}
}

// Settle closes the question about a service: an advert was heard, or the state changed.
func (d *Doubts) Settle(service string) { delete(d.open, service) }

// Answer answers a question: whether this node is Active and serves.
func Answer(q Message, activeAndServing bool) Message {
	return Message{Kind: Reply, Service: q.Service, Number: q.Number, Yes: activeAndServing}
}

// Hears takes in an answer and reports whether the takeover is to be held back, which it says once a question.
func (d *Doubts) Hears(m Message) bool {
	if n, ok := d.open[m.Service]; !ok || n != m.Number || !m.Yes {
		return false
	}
	delete(d.open, m.Service)
	return true
}
