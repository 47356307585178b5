// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
)

// Bounds of a record.
const (
	RecordLimit  = 1 << 20 // bytes
	serviceLimit = 4096
	nodeLimit    = 1024 // standbys
	nameLimit    = 255
)

// AppendRecord encodes a record. One that others would refuse is an error here already.
func AppendRecord(b []byte, r *Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, fmt.Errorf("record: %w", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return b, fmt.Errorf("record: %w", err)
	}
	if len(text) > RecordLimit {
		return b, fmt.Errorf("record of %d bytes, at most %d can be told", len(text), RecordLimit)
	}
	return append(b, text...), nil
}

// ParseRecord decodes a record and refuses one that makes no sense.
func ParseRecord(b []byte) (Record, error) {
	var r Record
	if len(b) > RecordLimit {
		return Record{}, fmt.Errorf("record of %d bytes, at most %d are read", len(b), RecordLimit)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

func (r *Record) check() error {
	switch {
	case !name(r.Node):
		return errors.New("no node")
	case len(r.Digest) > nameLimit:
		return errors.New("digest is too long")
	case math.IsNaN(r.Load) || math.IsInf(r.Load, 0) || r.Load < 0:
		return fmt.Errorf("load %g", r.Load)
	case len(r.Services) > serviceLimit:
		return fmt.Errorf("%d services, at most %d", len(r.Services), serviceLimit)
	}
	for i := range r.Services {
		if i > 0 && r.Services[i-1].Service >= r.Services[i].Service {
			return errors.New("services are not in order")
		}
		if err := r.Services[i].check(); err != nil {
			return fmt.Errorf("service %.40q: %w", r.Services[i].Service, err)
		}
	}
	return nil
}

func (s *Standing) check() error {
	switch {
	case !name(s.Service):
		return errors.New("no name")
	case s.State != "initialize" && s.State != "backup" && s.State != "active":
		return fmt.Errorf("state %.20q", s.State)
	case s.Duty != None && s.Duty != Refuse && s.Duty != Serve:
		return fmt.Errorf("duty %.20q", s.Duty)
	case s.Failures < 0:
		return fmt.Errorf("%d failures", s.Failures)
	case s.Mark != nil && (!name(s.Mark.Node) || s.Mark.Group != "" && !name(s.Mark.Group) || !epoch(s.Mark.Epoch)):
		return errors.New("mark makes no sense")
	case s.Ward != nil && (!name(s.Ward.By) || !epoch(s.Ward.Epoch)):
		return errors.New("instruction makes no sense")
	case s.Terms == nil:
		return nil
	case s.Terms.Takeover != Allow && s.Terms.Takeover != Forbid:
		return fmt.Errorf("takeover %.20q", s.Terms.Takeover)
	case !name(s.Terms.Node) || len(s.Terms.File) > nameLimit || len(s.Terms.Standbys) > nodeLimit || !epoch(s.Terms.Epoch):
		return errors.New("terms make no sense")
	}
	for _, n := range s.Terms.Standbys {
		if !name(n) {
			return errors.New("standby without a name")
		}
	}
	return nil
}

// name is one that can be shown to people: names from afar go into logs and onto terminals.
func name(s string) bool {
	return s != "" && len(s) <= nameLimit && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
}

// epoch is one that leaves room for later ones: a forged last epoch would stay in force for ever.
func epoch(e uint64) bool { return e > 0 && e < 1<<62 }
