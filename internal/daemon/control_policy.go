// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/policy/agent"
)

// patience is how long a command waits for other nodes.
const patience = 5 * time.Second

// DrainRequest is the body of POST /v1/drain.
type DrainRequest struct {
	Node  string `json:"node"` // empty: this one
	Undo  bool   `json:"undo"`
	Force bool   `json:"force"` // although services would be left without anybody to perform them
}

// TermsRequest is the body of POST /v1/terms. What is empty stays as it is.
type TermsRequest struct {
	Service  string          `json:"service"`
	Takeover policy.Takeover `json:"takeover"`
	Standbys []string        `json:"standbys"`
}

// TermsAnswer is its answer: who has the new terms on disk. Missing are living nodes that did not say so in time; absent
// ones are not alive.
type TermsAnswer struct {
	Epoch        uint64          `json:"epoch"`
	Takeover     policy.Takeover `json:"takeover"`
	Standbys     []string        `json:"standbys"`
	Acknowledged []string        `json:"acknowledged"`
	Missing      []string        `json:"missing"`
	Absent       []string        `json:"absent"`
}

// handlePolicy adds the commands about policy to the control socket.
func (d *Daemon) handlePolicy(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/explain", reply(func(ctx context.Context, r *http.Request) (any, error) {
		return d.explain(ctx, r.URL.Query().Get("service"), r.URL.Query()["if"])
	}))
	mux.HandleFunc("POST /v1/drain", reply(func(ctx context.Context, r *http.Request) (any, error) {
		var q DrainRequest
		if err := body(r, &q); err != nil {
			return nil, err
		}
		return struct{}{}, d.drain(ctx, q)
	}))
	mux.HandleFunc("POST /v1/terms", reply(func(ctx context.Context, r *http.Request) (any, error) {
		var q TermsRequest
		if err := body(r, &q); err != nil {
			return nil, err
		}
		return d.setTerms(ctx, q)
	}))
	mux.HandleFunc("POST /v1/failback", reply(func(ctx context.Context, r *http.Request) (any, error) {
		var q struct {
			Service string `json:"service"`
		}
		if err := body(r, &q); err != nil {
			return nil, err
		}
		return struct{}{}, d.failback(ctx, q.Service)
	}))
}

// bodyLimit bounds what a request may say.
const bodyLimit = 64 << 10

func body(r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, bodyLimit))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// reply makes a handler of a function whose error is the caller's fault or bad luck.
func reply(f func(context.Context, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience+3*time.Second)
		defer cancel()
		v, err := f(ctx, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v) //nolint:errcheck // the client went away
	}
}

// explain explains one service, or all.
func (d *Daemon) explain(ctx context.Context, service string, suppose []string) (out []policy.Explanation, err error) {
	out = []policy.Explanation{}
	asked := d.ask(ctx, func() {
		v, me := d.mind.View(), d.mind.Me()
		if me < 0 {
			err = fmt.Errorf("node %q is not in [nodes]", d.cfg.Node)
			return
		}
		for _, s := range suppose {
			name, what, _ := strings.Cut(s, "=")
			i := v.Cluster.Node(name)
			if i < 0 {
				err = fmt.Errorf("--if %s: no node %q in [nodes]", s, name)
				return
			}
			if v, err = policy.Suppose(v, i, what); err != nil {
				err = fmt.Errorf("--if %s: %w", s, err)
				return
			}
		}
		if service != "" && v.Cluster.Service(service) < 0 {
			err = fmt.Errorf("%q is not a service with an owner", service)
			return
		}
		for i := range v.Cluster.Services {
			if service == "" || v.Cluster.Services[i].Name == service {
				out = append(out, policy.Explain(v, i, me))
			}
		}
	})
	return out, errors.Join(asked, err)
}

// drain drains a node, or undoes it, and waits until it says so.
func (d *Daemon) drain(ctx context.Context, q DrainRequest) (err error) {
	if q.Node == "" {
		q.Node = d.cfg.Node
	}
	asked := d.ask(ctx, func() {
		v := d.mind.View()
		i := v.Cluster.Node(q.Node)
		switch {
		case i < 0:
			err = fmt.Errorf("no node %q in [nodes]", q.Node)
		case i != d.mind.Me() && v.Sights[i].Presence != policy.Alive:
			err = fmt.Errorf("%s is not heard over the cluster channel: drain it by a command on it", q.Node)
		case !q.Undo && !q.Force:
			if alone := orphans(v, i); len(alone) > 0 {
				err = fmt.Errorf("nobody could perform %s then, it would be refused (drain all the same with --force)", strings.Join(alone, ", "))
			}
		}
		if err != nil {
			return
		}
		if i == d.mind.Me() {
			d.mind.SetDrained(clock(), !q.Undo)
			return
		}
		d.send(q.Node, agent.Message{Kind: agent.Drain, Yes: !q.Undo})
	})
	if err := errors.Join(asked, err); err != nil {
		return err
	}
	done := d.wait(ctx, func() bool {
		v := d.mind.View()
		i := v.Cluster.Node(q.Node)
		return i >= 0 && v.Sights[i].Record.Drained != q.Undo
	})
	if !done {
		return fmt.Errorf("%s has not said that it did so within %s", q.Node, patience)
	}
	return nil
}

// orphans are the services that a node performs and nobody else could.
func orphans(v *policy.View, node int) []string {
	then, err := policy.Suppose(v, node, "drained")
	if err != nil {
		return nil
	}
	var out []string
	for i := range v.Cluster.Services {
		st := v.Sights[node].Record.Standing(v.Cluster.Services[i].Name)
		if st != nil && st.Performs && len(policy.Decide(then, i, node).Candidates) == 0 {
			out = append(out, v.Cluster.Services[i].Name)
		}
	}
	return out
}

// setTerms changes the terms of a service and waits until every living node that they concern has them on its disk.
func (d *Daemon) setTerms(ctx context.Context, q TermsRequest) (a TermsAnswer, err error) {
	if q.Takeover != "" && q.Takeover != policy.Allow && q.Takeover != policy.Forbid {
		return a, fmt.Errorf("takeover %q: allow or forbid", q.Takeover)
	}
	var terms policy.Terms
	asked := d.ask(ctx, func() { terms, err = d.mind.SetTerms(clock(), q.Service, q.Takeover, q.Standbys) })
	if err := errors.Join(asked, err); err != nil {
		return a, err
	}
	a = TermsAnswer{Epoch: terms.Epoch, Takeover: terms.Takeover, Standbys: append([]string{}, terms.Standbys...)}
	d.wait(ctx, func() bool {
		a.Acknowledged, a.Missing, a.Absent = d.mind.Acknowledged(q.Service, terms.Epoch)
		return len(a.Missing) == 0
	})
	for _, list := range []*[]string{&a.Acknowledged, &a.Missing, &a.Absent} {
		*list = append([]string{}, slices.Clone(*list)...)
	}
	return a, nil
}

// failback lets this node take back a service that it owns.
func (d *Daemon) failback(ctx context.Context, service string) (err error) {
	asked := d.ask(ctx, func() {
		if !d.mind.Failback(clock(), service) {
			err = fmt.Errorf("this node is not the owner of %q: give the command there", service)
		}
	})
	return errors.Join(asked, err)
}

// wait asks the actor again and again, for a while.
func (d *Daemon) wait(ctx context.Context, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		is := false
		if err := d.ask(ctx, func() { is = done() }); err != nil {
			return false
		}
		if is {
			return true
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
}
