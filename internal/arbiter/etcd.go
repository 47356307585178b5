// SPDX-License-Identifier: Apache-2.0

package arbiter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	etcd "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// EtcdOptions is how to reach etcd.
type EtcdOptions struct {
	Cluster   string // of Regent: part of the keys
	Node      string
	Endpoints []string
	User      string
	Password  string
	CAFile    string
	CertFile  string
	KeyFile   string
	TTL       time.Duration // of a lease, whole seconds; 0: 5 s
	Logger    *slog.Logger
}

// Margin is the share of a lease that is not used: clocks may run differently by a hundredth each, and ending takes time.
const Margin = 10 // a tenth

// validity is how long a service may be served after a request for a lease of ttl left.
func validity(ttl time.Duration) time.Duration { return ttl - ttl/Margin }

// engine is the arbiter over etcd.
type engine struct {
	o       EtcdOptions
	client  *etcd.Client
	out     *outbox
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	wishes map[string]context.CancelFunc
	ends   map[string]chan struct{} // of the wish before, until its lease is given back
}

// NewEtcd returns the arbiter over etcd. It does not wait for etcd to be there.
func NewEtcd(o EtcdOptions) (Arbiter, error) {
	if o.TTL == 0 {
		o.TTL = 5 * time.Second
	}
	if o.TTL < 2*time.Second || o.TTL%time.Second != 0 {
		return nil, fmt.Errorf("etcd lease of %s: whole seconds, 2 at least", o.TTL)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	config := etcd.Config{Endpoints: o.Endpoints, DialTimeout: time.Second, DialKeepAliveTime: o.TTL / 3, DialKeepAliveTimeout: o.TTL / 3,
		Username: o.User, Password: o.Password, Logger: zap.NewNop()}
	var err error
	if config.TLS, err = o.tls(); err != nil {
		return nil, err
	}
	e := &engine{o: o, out: newOutbox(), wishes: map[string]context.CancelFunc{}, ends: map[string]chan struct{}{}}
	if o.User != "" {
		// The client logs in while it is made; without etcd that fails, so it is made when it is first used.
		config.DialTimeout = o.TTL / 3
	}
	if e.client, err = etcd.New(config); err != nil {
		e.out.close()
		return nil, fmt.Errorf("etcd at %v: %w", o.Endpoints, err)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e, nil
}

func (o *EtcdOptions) tls() (*tls.Config, error) {
	if o.CAFile == "" && o.CertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("etcd ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("etcd ca_file %s: no certificate in it", o.CAFile)
		}
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("etcd cert_file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Events are what became of leases.
func (e *engine) Events() <-chan Event { return e.out.events }

// Want asks for a service.
func (e *engine) Want(service string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wishes[service] != nil || e.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(e.ctx)
	before, done := e.ends[service], make(chan struct{})
	e.wishes[service], e.ends[service] = cancel, done
	e.running.Go(func() {
		defer close(done)
		defer cancel()
		if before != nil { // its lease would be in our way
			<-before
		}
		e.pursue(ctx, service)
	})
}

// Drop gives a service back.
func (e *engine) Drop(service string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cancel := e.wishes[service]; cancel != nil {
		cancel()
		delete(e.wishes, service)
	}
}

// Close gives everything back and ends.
func (e *engine) Close() error {
	e.cancel()
	e.running.Wait()
	e.out.close()
	if err := e.client.Close(); err != nil && !errors.Is(err, context.Canceled) { // it had broken off already
		return err
	}
	return nil
}

// pursue gets the lease of a service and keeps it, again and again, until ctx ends.
func (e *engine) pursue(ctx context.Context, service string) {
	told := ""
	pause := 100 * time.Millisecond
	for ctx.Err() == nil {
		held, err := e.hold(ctx, service)
		if ctx.Err() != nil {
			return
		}
		if held {
			pause, told = 100*time.Millisecond, err.Error() // it was said
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			e.out.put(Event{Service: service, Err: err})
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func (e *engine) key(service string) string { return "regent/" + e.o.Cluster + "/" + service }

// hold waits for the lease of a service to be free, takes it, and keeps it as long as it can. held tells whether it ever
// had it; err why not, or why no longer.
func (e *engine) hold(ctx context.Context, service string) (held bool, err error) {
	ask, cancel := context.WithTimeout(ctx, e.o.TTL/3)
	defer cancel()
	asked := time.Now()
	lease, err := e.client.Grant(ask, int64(e.o.TTL/time.Second))
	if err != nil {
		return false, e.reason(err)
	}
	defer e.revoke(lease.ID)
	key := e.key(service)
	got, err := e.client.Txn(ask).
		If(etcd.Compare(etcd.CreateRevision(key), "=", 0)).
		Then(etcd.OpPut(key, e.o.Node, etcd.WithLease(lease.ID))).
		Else(etcd.OpGet(key)).Commit()
	if err != nil {
		return false, e.reason(err)
	}
	if !got.Succeeded {
		who := "another node"
		if r := got.Responses[0].GetResponseRange(); len(r.Kvs) > 0 {
			who = string(r.Kvs[0].Value)
		}
		e.revoke(lease.ID)
		err := fmt.Errorf("%s holds the lease", who)
		e.out.put(Event{Service: service, Err: err})
		e.await(ctx, key, got.Header.Revision+1)
		return false, err
	}
	until := asked.Add(validity(e.o.TTL))
	if !time.Now().Before(until) {
		return false, errors.New("etcd answered too late")
	}
	e.out.put(Event{Service: service, Held: true, Until: until})
	err = e.keep(ctx, service, lease.ID, until)
	if ctx.Err() == nil { // before the lease is given back, which may take a while
		e.out.put(Event{Service: service, Err: err})
	}
	return true, err
}

// keep renews a lease until it cannot be renewed in time. It is lost not later than until.
func (e *engine) keep(ctx context.Context, service string, lease etcd.LeaseID, until time.Time) error {
	tick := time.NewTicker(e.o.TTL / 3)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-time.After(time.Until(until)):
			if last == nil {
				last = errors.New("not renewed in time")
			}
			return last
		}
		asked := time.Now()
		ask, cancel := context.WithDeadline(ctx, minTime(until, asked.Add(e.o.TTL/3)))
		r, err := e.client.KeepAliveOnce(ask, lease)
		cancel()
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil && time.Now().Before(until) && !gone(err):
			last = e.reason(err) // the next one may get through
		case err != nil:
			return e.reason(err)
		case r.TTL <= 0:
			return errors.New("the lease has run out in etcd")
		default:
			last = nil
			until = asked.Add(validity(min(e.o.TTL, time.Duration(r.TTL)*time.Second)))
			e.out.put(Event{Service: service, Held: true, Until: until})
		}
	}
}

// revoke gives a lease back without waiting long.
func (e *engine) revoke(lease etcd.LeaseID) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := e.client.Revoke(ctx, lease); err != nil && !gone(err) {
		e.o.Logger.Debug("etcd: revoke", "error", err)
	}
}

// awaitLimit is when a key that is held is looked at again although no change of it was heard.
const awaitLimit = 5 * time.Second

// await waits for a key to be deleted.
func (e *engine) await(ctx context.Context, key string, revision int64) {
	ctx, cancel := context.WithTimeout(etcd.WithRequireLeader(ctx), awaitLimit)
	defer cancel()
	for r := range e.client.Watch(ctx, key, etcd.WithRev(revision)) {
		if r.Err() != nil {
			return
		}
		for _, ev := range r.Events {
			if ev.Type == etcd.EventTypeDelete {
				return
			}
		}
	}
}

// reason says in words why etcd did not do as asked.
func (e *engine) reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer from etcd at %v", e.o.Endpoints)
	}
	return fmt.Errorf("etcd: %w", err)
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
